//! Prices: what usage, a purchase or a renewal costs a customer, and why.
//!
//! The price book ([`book`]) and the policies that limit discounts are in memory with the catalogue; a request reads only
//! the customer's own terms from the database. [`rating`] and [`discounts`] are pure functions, which orders and bills use
//! too; [`quote`] and [`crate::subscriptions::renewal`] put them together. Operators import sheets ([`sheet`], [`mod@import`]) and grant discounts
//! ([`administration`]) at the command line ([`command`]).
//!
//! Amounts are never computed in more than one currency at a time: an account has one, and the book is asked for its prices.

pub mod administration;
pub mod book;
pub mod command;
pub mod discounts;
pub mod import;
pub mod list_business_discount_info;
pub mod list_incentive_discount_policies;
pub mod list_on_demand_resource_ratings;
pub mod list_rate_on_period_detail;
pub mod list_resource_specs_price;
pub mod model;
pub mod quote;
pub mod rating;
pub mod samples;
pub mod sheet;
pub mod store;

#[cfg(test)]
mod cases;
pub mod memory;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod speed;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "pricing":
        list_on_demand_resource_ratings::list_on_demand_resource_ratings,
        list_rate_on_period_detail::list_rate_on_period_detail,
        list_incentive_discount_policies::list_incentive_discount_policies,
        list_business_discount_info::list_business_discount_info,
        list_resource_specs_price::list_resource_specs_price,
    );
}
