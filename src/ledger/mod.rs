//! The ledger: accounts, and immutable transfers between them. All that is worth money is a transfer here, and nothing else
//! writes balances.
//!
//! A transfer takes an amount above zero from one account and gives it to another, of the same tenant and currency, so the
//! sum of all balances of a tenant is zero for ever. The other side of a top-up or of revenue is an account of the tenant
//! itself. An account has a floor that its balance never goes below.
//!
//! # The order of locks
//!
//! Transactions that wait for each other in a circle end in a deadlock, so each takes its locks in one order, and within a
//! step by id: customers, each with the master account that keeps its finances, resource packages, coupons, the quotas that they
//! are issued from, lots of credit, accounts of the ledger, the journals in which coupons are recorded, and last the counters: of a
//! partner's customers, coupons and orders, of a document's users. What a step needs is locked at once, so a transaction posts
//! once: with [`post`], or with [`lock`] and [`post_locked`] where what is moved depends on a balance.
//!
//! Three things have no place in the order. Who changes what belongs to one customer, its budget, its applications, its
//! association, its orders and resources, locks the customer first, and waits for nobody then. Nobody else can lock a row
//! that a transaction has only just made. Work that passes over locked rows (`skip locked`) does not wait for them, and goes
//! on in the order.
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

pub use model::{AccountKind, PartnerSide, Posting, Purse, TransferKind, number, parse_number};
pub use posting::{PostError, lock, post, post_each, post_locked, purses};
