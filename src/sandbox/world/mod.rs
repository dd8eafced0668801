//! The world of the sandbox, the same for the same seed, scale and day.
//!
//! [`accounts`] says who is there, [`situations`] and [`scenarios`] add accounts to start a test from. Unless the scale is bare,
//! `history` is what happened in the months before, `people` who the accounts are; `trade` is what customers bought and used
//! in these months, in `deeds` that follow each other as time goes on, and `enterprise` what a master gave its members. What an
//! account holds is made by the domain it belongs to.

pub mod accounts;
mod calendar;
mod deeds;
mod dice;
mod enterprise;
mod history;
pub mod model;
mod people;
pub mod scenarios;
pub mod situations;
mod trade;
mod trade_scenarios;
mod writing;

pub use model::{AGENCY, Scale, World};
