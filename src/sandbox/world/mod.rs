//! The world of the sandbox, the same for the same seed, scale and day.
//!
//! [`accounts`] says who is there, [`scenarios`] adds partners to start a test from, and `history` what happened in the
//! eighteen months before, where the scale asks for it. What an account holds is made by the domain it belongs to.

pub mod accounts;
mod history;
pub mod model;
pub mod scenarios;
mod writing;

pub use model::{AGENCY, Scale, World};
