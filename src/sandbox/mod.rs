//! The one-command world for developers: what it holds, what can be done to it, and the command that runs it.

pub mod command;
pub mod snapshots;
mod welcome;
pub mod world;
