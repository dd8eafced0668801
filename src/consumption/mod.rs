//! What a partner's customers may consume together. It is weighed against funds, coupons and budgets, so it stands above all of
//! these.

pub mod show_partner_consumption_quota;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations. The document lists them with those of customers.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "customers": show_partner_consumption_quota::show_partner_consumption_quota);
}
