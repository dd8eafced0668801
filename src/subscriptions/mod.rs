//! Resources that customers have bought for a time. So far operators enter them at the command line; what buys and renews
//! them is not built yet.
//!
//! A primary resource is renewed together with its secondaries, a server with its disks. Two primaries can be associated
//! as well, a server and its public address: they are renewed together only when a request says so.

pub mod administration;
pub mod model;
pub mod store;
