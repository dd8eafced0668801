//! What customers do with the resources that they have: list and renew them, let them be renewed by themselves, give them back,
//! turn them to pay-per-use.
//!
//! The resources are the matter of [`subscriptions`](crate::subscriptions), which also has the rules; what is paid or given back
//! is an order. So this stands above both. Each step is a part of a transaction that has locked the customer; [`jobs`] does what
//! happens to resources by itself.

pub mod administration;
pub mod arrears;
pub mod auto_renewal_resources;
pub mod cancel_auto_renewal_resources;
pub mod cancel_resources_subscription;
pub mod change;
pub mod changing;
pub mod events;
pub mod family;
pub mod jobs;
pub mod list_customer_on_demand_resources;
pub mod list_pay_per_use_customer_resources;
pub mod on_demand;
pub mod refusal;
pub mod renewal_resources;
pub mod renewing;
pub mod sandbox;
pub mod set_resources_renew_config;
#[cfg(test)]
mod tests;
pub mod update_period_to_on_demand;
pub mod update_period_to_on_demand_instantly;
pub mod walk;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "resources":
        list_pay_per_use_customer_resources::list_pay_per_use_customer_resources,
        renewal_resources::renewal_resources,
        auto_renewal_resources::auto_renewal_resources,
        cancel_auto_renewal_resources::cancel_auto_renewal_resources,
        set_resources_renew_config::set_resources_renew_config,
        cancel_resources_subscription::cancel_resources_subscription,
        update_period_to_on_demand::update_period_to_on_demand,
        update_period_to_on_demand_instantly::update_period_to_on_demand_instantly,
        list_customer_on_demand_resources::list_customer_on_demand_resources,
    );
}
