//! Coupons and the quotas they are issued from.
//!
//! The vendor grants a partner a quota; a distributor may split it among its resellers; coupons are issued to customers out
//! of it, and pay for orders. What is left of a quota or a coupon is an account of the [`ledger`](crate::ledger), so each
//! of these steps is a transfer, and what ends gives back what is left. [`issue`] and [`choice`] hold the rules, purely;
//! [`jobs`] does what the clock demands.

pub mod administration;
pub mod choice;
pub mod command;
pub mod create_partner_coupons;
pub mod events;
pub mod issue;
pub mod jobs;
pub mod limits;
pub mod list_coupon_quotas_records;
pub mod list_customer_coupon_change_records;
pub mod list_issued_coupon_quotas;
pub mod list_issued_partner_coupons;
pub mod list_partner_coupons_record;
pub mod list_quota_coupons;
pub mod list_sub_customer_coupons;
pub mod model;
pub mod reclaim_coupon_quotas;
pub mod reclaim_partner_coupons;
pub mod refunds;
pub mod refusal;
pub mod returns;
pub mod sandbox;
pub mod split;
pub mod store;
#[cfg(test)]
mod tests;
pub mod update_coupon_quotas;
pub mod usage;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "coupons":
        list_quota_coupons::list_quota_coupons,
        list_issued_coupon_quotas::list_issued_coupon_quotas,
        update_coupon_quotas::update_coupon_quotas,
        reclaim_coupon_quotas::reclaim_coupon_quotas,
        list_coupon_quotas_records::list_coupon_quotas_records,
        create_partner_coupons::create_partner_coupons,
        list_issued_partner_coupons::list_issued_partner_coupons,
        reclaim_partner_coupons::reclaim_partner_coupons,
        list_partner_coupons_record::list_partner_coupons_record,
        list_sub_customer_coupons::list_sub_customer_coupons,
        list_customer_coupon_change_records::list_customer_coupon_change_records,
    );
}
