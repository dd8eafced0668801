//! File subscriptions: exports that are made by themselves, each day or each week, and brought to where their account wants them.
//!
//! When a file falls due, and of which days it is, follows from the subscription's rhythm alone ([`schedule`]). A source of what
//! falls due ([`jobs`]) writes down that there is a file to deliver, once for each span. From then on whichever replica is free
//! ([`work`]) has it made as an export ([`crate::exports`]), and brings it part by part into a bucket of an S3-compatible store
//! ([`bucket`], [`upload`]) or into a folder of this server ([`folder`]); behind it go its sums and a [`manifest`], last of all.
//! How far it is stands in the database after each part, and nobody holds a connection while a store is waited for. What fails is
//! tried again at growing pauses, for three days.

pub mod administration;
pub mod bucket;
pub mod deliveries;
pub mod events;
pub mod folder;
pub mod jobs;
pub mod manifest;
pub mod model;
pub mod refusal;
pub mod schedule;
pub mod state;
pub mod store;
#[cfg(test)]
mod tests;
pub mod upload;
pub mod work;
