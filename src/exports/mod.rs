//! Exports: lists that are too long to be asked for page by page, as files.
//!
//! Who asks gets an id at once. A task of whichever replica is free ([`work`]) reads the rows by their keys, a page at a time, and
//! writes each page as a piece of the file, together with the place it ends at, in one transaction ([`store`]): so another replica
//! goes on where one has died, memory holds a page however long the file is, and no row is there twice or missing. What there is to
//! export is a folder of [`kinds`]; a [`table`] of columns for each is all that formats need to know ([`mod@format`]). Files go after
//! seven days, and links to them end earlier ([`link`]).

pub mod columnar;
pub mod events;
pub mod file;
pub mod format;
pub mod kinds;
pub mod link;
pub mod model;
pub mod reading;
pub mod refusal;
pub mod source;
pub mod state;
pub mod store;
pub mod table;
#[cfg(test)]
mod tests;
pub mod work;
