//! Metering: what services report as used becomes charges.
//!
//! [`intake`] takes records, [`settlement`] says what they cost, [`settle`] takes it from packages, coupons and purses,
//! [`debts`] collects what was missing then, and [`closing`] ends a month. [`verify`] proves the result.

#[cfg(test)]
mod cases;
pub mod closing;
pub mod command;
pub mod debts;
pub mod events;
pub mod intake;
pub mod jobs;
pub mod model;
pub mod peaks;
pub mod reported;
pub mod sandbox;
pub mod settle;
pub mod settlement;
pub mod sheet;
pub mod store;
#[cfg(test)]
mod tests;
pub mod verify;
