//! What is sold: cloud service types, their resource types, what of them is measured, and their specifications.
//!
//! All of it is served from memory ([`crate::catalogue`]); lists are in the order of their codes.

pub mod list_resource_specs;
pub mod list_resource_types;
pub mod list_service_resources;
pub mod list_service_types;
pub mod list_usage_types;
pub mod model;
pub mod store;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "products":
        list_service_types::list_service_types,
        list_resource_types::list_resource_types,
        list_service_resources::list_service_resources,
        list_usage_types::list_usage_types,
        list_resource_specs::list_resource_specs,
    );
}
