//! Real-name authentication: a customer's documents are sent, reviewed, and passed or refused.
//!
//! [`application`] is the one way in for persons and companies, [`review`] the one way out, for the operator and for the
//! automatic review of the sandbox. A customer has at most one application under review; the database sees to it.

pub mod application;
pub mod change_enterprise_realname_authentication;
pub mod command;
pub mod company;
pub mod create_enterprise_realname_authentication;
pub mod create_personal_realname_auth;
pub mod model;
pub mod review;
pub mod sandbox;
pub mod show_real_name_auth_qr_code;
pub mod show_real_name_auth_status;
pub mod show_realname_authentication_review_result;
pub mod store;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "real-name":
        create_personal_realname_auth::create_personal_realname_auth,
        create_enterprise_realname_authentication::create_enterprise_realname_authentication,
        change_enterprise_realname_authentication::change_enterprise_realname_authentication,
        show_realname_authentication_review_result::show_realname_authentication_review_result,
        show_real_name_auth_qr_code::show_real_name_auth_qr_code,
        show_real_name_auth_status::show_real_name_auth_status,
    );
}
