//! Resource packages: so much of what is used that is paid for beforehand, or given. Usage is taken out of them before it is
//! charged.
//!
//! What is in a package may come back: each hour, day, week, month or year. Nothing runs for that. An item keeps what is left
//! of it and the cycle that this is about, so that a later cycle finds it whole again.

pub mod administration;
pub mod list_free_resource_infos;
pub mod list_free_resource_usages;
pub mod list_free_resources_usage_records;
pub mod lists;
pub mod model;
pub mod rules;
pub mod sandbox;
pub mod store;
#[cfg(test)]
mod tests;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "packages":
        list_free_resource_infos::list_free_resource_infos,
        list_free_resource_usages::list_free_resource_usages,
        list_free_resources_usage_records::list_free_resources_usage_records,
    );
}
