//! Orders: what customers buy, how it is paid, and what becomes of it.
//!
//! The vendor's interfaces have no "create order": cloud services place them, here by the operators' API, and renewals and
//! unsubscriptions do. [`state`] is the life of an order as a table, [`plan`] says who pays how much of which line, [`offers`]
//! what an order can be paid with: all three purely. [`pay`], [`fulfil`], [`change`], [`cancel`] and [`give_back`] are the steps, each
//! a part of somebody's transaction that has locked the customer and then the order; [`jobs`] does what the clock demands.

pub mod administration;
pub mod agent_payment;
pub mod cancel;
pub mod cancel_customer_order;
#[cfg(test)]
mod cases;
pub mod change;
pub mod charging;
pub mod courses;
pub mod desk;
pub mod events;
pub mod fulfil;
pub mod give_back;
pub mod jobs;
pub mod list_customer_orders;
pub mod list_order_coupons_by_order_id;
pub mod list_order_discounts;
pub mod model;
pub mod number;
pub mod offers;
pub mod ordered;
pub mod outcome;
pub mod pay;
pub mod pay_orders;
pub mod place;
pub mod plan;
pub mod record;
pub mod refusal;
pub mod sandbox;
pub mod show_customer_order_details;
pub mod show_refund_order_details;
pub mod sight;
pub mod state;
pub mod store;
pub mod sub_orders;
#[cfg(test)]
pub(crate) mod tests;
pub mod view;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "orders":
        list_customer_orders::list_customer_orders,
        show_customer_order_details::show_customer_order_details,
        pay_orders::pay_orders,
        cancel_customer_order::cancel_customer_order,
        show_refund_order_details::show_refund_order_details,
        list_order_discounts::list_order_discounts,
        list_order_coupons_by_order_id::list_order_coupons_by_order_id,
    );
}
