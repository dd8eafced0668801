//! The only door into the coupons' tables.
//!
//! Locks are taken in one order: customers, quotas, coupons, accounts of the ledger, books, partners; within each by id. So
//! no two transactions wait for each other in a circle.

pub mod books;
pub mod coupons;
pub mod partners;
pub mod quotas;
pub mod search;
