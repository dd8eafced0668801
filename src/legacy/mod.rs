//! The forms that operations had in version 1.0 of the vendor's API, and earlier in version 2: older clients still send them.
//!
//! Each reads the old form, calls what the operation of today calls, and answers in the old form; no rule stands here. What all
//! have in common is in [`form`]: the account in the path is the caller's own, and success is 200 with `CBC.0000` in the body.

pub mod cancel_order_v1;
pub mod disable_auto_renewal_v1;
pub mod enable_auto_renewal_v1;
pub mod form;
pub mod funds;
pub mod list_on_demand_resources_v1;
pub mod list_order_resources_v1;
pub mod list_orders_v1;
pub mod list_resources_v1;
pub mod order;
pub mod pay_order_v1;
pub mod pay_order_v2;
pub mod renew_resources_v1;
pub mod retrieve_amount_v1;
pub mod show_order_v1;
pub mod show_refund_order_v1;
pub mod show_retrieve_amount_v1;
pub mod show_transfer_amount_v1;
#[cfg(test)]
mod tests;
pub mod transfer_amount_v1;
pub mod unsubscribe_order_v1;
pub mod unsubscribe_resources_v1;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The old forms.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "legacy":
        list_orders_v1::list_orders_v1,
        show_order_v1::show_order_v1,
        list_order_resources_v1::list_order_resources_v1,
        show_refund_order_v1::show_refund_order_v1,
        pay_order_v1::pay_order_v1,
        pay_order_v2::pay_order_v2,
        cancel_order_v1::cancel_order_v1,
        unsubscribe_order_v1::unsubscribe_order_v1,
        list_resources_v1::list_resources_v1,
        renew_resources_v1::renew_resources_v1,
        unsubscribe_resources_v1::unsubscribe_resources_v1,
        enable_auto_renewal_v1::enable_auto_renewal_v1,
        disable_auto_renewal_v1::disable_auto_renewal_v1,
        list_on_demand_resources_v1::list_on_demand_resources_v1,
        show_transfer_amount_v1::show_transfer_amount_v1,
        transfer_amount_v1::transfer_amount_v1,
        show_retrieve_amount_v1::show_retrieve_amount_v1,
        retrieve_amount_v1::retrieve_amount_v1,
    );
}
