//! The only door into the identity tables, but for what a single file asks of them.
//!
//! A key, a name or a token first says which tenant it belongs to; that tenant's tables are asked in a second statement.
//! Every change that a replica may remember is announced in the same transaction, under [`CHANNEL`].

mod accounts;
mod agencies;
mod announcements;
mod keys;
mod projects;
mod tokens;
mod users;

pub use accounts::*;
pub use agencies::*;
pub use announcements::*;
pub use keys::*;
pub use projects::*;
pub use tokens::*;
pub use users::*;
