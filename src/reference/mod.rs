//! Dictionaries that belong to no product: administrative divisions of China, units and their conversions.
//!
//! All of it is served from memory ([`crate::catalogue`]); lists are in the order of their codes.

pub mod list_cities;
pub mod list_conversions;
pub mod list_counties;
pub mod list_measure_units;
pub mod list_provinces;
pub mod model;
pub mod store;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "reference":
        list_provinces::list_provinces,
        list_cities::list_cities,
        list_counties::list_counties,
        list_conversions::list_conversions,
        list_measure_units::list_measure_units,
    );
}
