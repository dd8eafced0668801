//! Enterprises: a master account's organisation, its member accounts, and what it may do with them.
//!
//! A member is a customer's account of the master's tenant: one ledger holds both, so money moves between them in one transfer.
//! That a request names one of the master's own members is decided by [`store::member_of`] and nowhere else.

pub mod administration;
pub mod command;
pub mod create_enterprise_project_auth;
pub mod create_sub_enterprise_account;
pub mod features;
pub mod list_enterprise_organizations;
pub mod list_enterprise_sub_customers;
pub mod members;
pub mod model;
pub mod organisation;
pub mod refusal;
pub mod sandbox;
pub mod send_sms_verification_code;
pub mod store;
#[cfg(test)]
mod tests;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "enterprises":
        list_enterprise_organizations::list_enterprise_organizations,
        list_enterprise_sub_customers::list_enterprise_sub_customers,
        create_sub_enterprise_account::create_sub_enterprise_account,
        send_sms_verification_code::send_sms_verification_code,
        create_enterprise_project_auth::create_enterprise_project_auth,
    );
}
