//! The ledger: accounts, and immutable transfers between them. All that is worth money is a transfer here, and nothing else
//! writes balances.
//!
//! A transfer takes an amount above zero from one account and gives it to another, of the same tenant and currency, so the
//! sum of all balances of a tenant is zero for ever. The other side of a top-up or of revenue is an account of the tenant
//! itself. An account has a floor that its balance never goes below.
//!
//! [`books`] decides, purely; [`store`] reads and writes; [`post`] joins them inside a transaction. [`writer`] does the same
//! for many commands at once, for the operations that have to be fast. [`verify`] proves the result, [`checkpoints`] what is new of it.

pub mod books;
pub mod checkpoints;
pub mod coalesce;
pub mod entries;
pub mod model;
pub mod posting;
pub mod store;
pub mod verify;
pub mod writer;

pub use model::{AccountKind, PartnerSide, Posting, Purse, TransferKind, allocated, number, parse_number};
pub use posting::{PostError, post, post_each};
