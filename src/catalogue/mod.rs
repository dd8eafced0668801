//! The dictionaries of `reference` and `products` and the price book of `pricing`, in memory.
//!
//! A replica keeps one [`Catalogue`](memory::Catalogue) and replaces it as a whole when its version in the database has changed
//! ([`crate::background::invalidation`]). No request queries it, and only operators write it: by [sheets](sheet), imported as a whole
//! ([`mod@import`]).

pub mod command;
pub mod import;
pub mod memory;
pub mod sheet;
