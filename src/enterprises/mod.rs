//! Enterprises: a master account's organisation, its member accounts, and what it may do with them.
//!
//! A member is a customer's account of the master's tenant: one ledger holds both, so money moves between them in one transfer.
//! That a request names one of the master's own members is decided by [`store::member_of`] and nowhere else.
//!
//! What moves between a master and its members is a [`task`]: [`funds`] moves money, [`coupons`] moves coupons, and
//! [`money_store`] keeps what neither the ledger nor the coupons know.

pub mod administration;
#[cfg(test)]
mod cases;
pub mod claim_enterprise_multi_account_coupon;
pub mod command;
pub mod coupons;
pub mod create_enterprise_project_auth;
pub mod create_sub_enterprise_account;
pub mod features;
pub mod funds;
pub mod list_enterprise_multi_account;
pub mod list_enterprise_organizations;
pub mod list_enterprise_sub_customers;
pub mod list_multi_account_retrieve_coupons;
pub mod list_multi_account_transfer_coupons;
pub mod members;
pub mod model;
pub mod money_store;
pub mod organisation;
pub mod reclaim_enterprise_multi_account_coupon;
pub mod reclaim_sub_enterprise_amount;
pub mod refusal;
pub mod sandbox;
pub mod send_sms_verification_code;
pub mod show_multi_account_transfer_amount;
pub mod store;
pub mod task;
#[cfg(test)]
pub(crate) mod tests;
pub mod update_sub_enterprise_amount;

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
        show_multi_account_transfer_amount::show_multi_account_transfer_amount,
        update_sub_enterprise_amount::update_sub_enterprise_amount,
        list_enterprise_multi_account::list_enterprise_multi_account,
        reclaim_sub_enterprise_amount::reclaim_sub_enterprise_amount,
        list_multi_account_transfer_coupons::list_multi_account_transfer_coupons,
        claim_enterprise_multi_account_coupon::claim_enterprise_multi_account_coupon,
        list_multi_account_retrieve_coupons::list_multi_account_retrieve_coupons,
        reclaim_enterprise_multi_account_coupon::reclaim_enterprise_multi_account_coupon,
    );
}
