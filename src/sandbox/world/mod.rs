//! The world of the sandbox, the same for the same seed, scale and day.
//!
//! [`accounts`] says who is there, [`scenarios`] adds partners to start a test from, and `history` what happened in the
//! months before and `people` who the accounts are, unless the scale is bare. What an account holds is made by the domain it
//! belongs to.

pub mod accounts;
mod history;
pub mod model;
mod people;
pub mod scenarios;
mod writing;

pub use model::{AGENCY, Scale, World};
