//! The only door into the coupons' tables. In which order they are locked says [`ledger`](crate::ledger).

pub mod books;
pub mod coupons;
pub mod partners;
pub mod quotas;
pub mod search;
pub mod split;
