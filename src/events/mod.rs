//! What accounts are told, and how it reaches them.
//!
//! A change writes its event to the [`outbox`](crate::outbox) in its own transaction, so none is lost and none is told of what
//! did not happen. [`places`] then gives each a position and says which endpoints it goes to; [`deliver`] posts it there until
//! it is taken; [`poll`] answers it to who asks. [`catalogue`] lists the kinds there are.

pub mod catalogue;
pub mod cleanup;
pub mod command;
pub mod deliver;
pub mod deliveries;
pub mod endpoints;
pub mod metadata;
pub mod model;
pub mod places;
pub mod poll;
pub mod post;
