//! Who calls: accounts ("domains" on the wire), their users, projects, access keys and tokens.
//!
//! [`authenticate`] tells the caller of a request, from what [`directory`] keeps in memory. The operations are the ones the
//! vendor's SDK calls by itself and those that give, check and revoke tokens.
//!
//! Invariant: a secret key is stored sealed, a password hashed, a token hashed; none is ever logged.

pub mod administration;
pub mod authenticate;
pub mod check_token;
pub mod create_temporary_access_key;
pub mod create_token;
pub mod directory;
pub mod get_caller_identity;
pub mod key_uses;
pub mod kind;
pub mod list_auth_domains;
pub mod list_auth_projects;
pub mod list_projects;
pub mod list_regions;
pub mod model;
pub mod password;
pub mod proof;
pub mod revoke_token;
pub mod sandbox;
pub mod second_factor;
pub mod show_permanent_access_key;
pub mod show_token;
pub mod show_user;
pub mod store;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "identity":
        create_token::keystone_create_token,
        show_token::keystone_show_token,
        check_token::keystone_check_token,
        revoke_token::keystone_revoke_token,
        list_auth_domains::keystone_list_auth_domains,
        list_projects::keystone_list_projects,
        list_auth_projects::keystone_list_auth_projects,
        list_regions::keystone_list_regions,
        create_temporary_access_key::create_temporary_access_key,
        get_caller_identity::get_caller_identity,
        show_permanent_access_key::show_permanent_access_key,
        show_user::show_user,
    );
}
