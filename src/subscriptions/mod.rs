//! Resources that customers have bought for a time. Orders buy, renew and change them; operators can enter them at the command
//! line.
//!
//! A primary resource is renewed together with its secondaries, a server with its disks. Two primaries can be associated
//! as well, a server and its public address: they are renewed together only when a request says so.
//!
//! When a period ends ([`term`]), what becomes of a resource then ([`lifecycle`]) and what comes back of a payment
//! ([`refund`]) are pure functions; the worked cases in `cases/` go through all three.

pub mod lifecycle;
pub mod list_renew_rate_on_period;
pub mod model;
pub mod refund;
pub mod renewal;
pub mod sandbox;
pub mod search;
pub mod store;
pub mod term;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod properties;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "pricing": list_renew_rate_on_period::list_renew_rate_on_period);
}
