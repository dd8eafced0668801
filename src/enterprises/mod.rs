//! Enterprises: a master account's organisation, its member accounts, and what it may do with them.
//!
//! A member is a customer's account of the master's tenant. That a request names one of the master's own members is decided by
//! [`store::member_of`] and nowhere else.
//!
//! What moves between a master and its members is a [`task`]: [`funds`] moves money, [`coupons`] moves coupons, and
//! [`money_store`] keeps what neither the ledger nor the coupons know.

#[cfg(test)]
mod cases;
pub mod claim_enterprise_multi_account_coupon;
pub mod coupons;
pub mod funds;
pub mod list_enterprise_multi_account;
pub mod list_multi_account_retrieve_coupons;
pub mod list_multi_account_transfer_coupons;
pub mod model;
pub mod money_store;
#[cfg(test)]
pub mod money_tests;
pub mod reclaim_enterprise_multi_account_coupon;
pub mod reclaim_sub_enterprise_amount;
pub mod refusal;
pub mod show_multi_account_transfer_amount;
pub mod store;
pub mod task;
pub mod update_sub_enterprise_amount;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "enterprises":
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
