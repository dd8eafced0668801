//! All that happens by itself: nothing else in the process runs on its own.
//!
//! - [`tasks`] lists the tasks. Each has a name and is kept running by the [`supervisor`](crate::supervisor); while one is down `/readyz` fails
//!   and names it. A new task is one line there.
//! - [`invalidation`] keeps memory in step with the database. What is remembered of the database is forgotten by a follower of its
//!   channel: one line in the list there.
//! - [`due`] does what falls due in a tenant's time. Something new that falls due is a source: one line in the list there.
//! - [`cleanups`] removes what is of no use any more.

pub mod associations;
pub mod cleanups;
pub mod deliveries;
pub mod due;
pub mod exports;
pub mod files;
pub mod invalidation;
pub mod proof;
pub mod tasks;
