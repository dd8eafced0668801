//! What there is to export, each with its columns. Names of columns are those of the lists that show the same.

pub mod bills;
pub mod coupons;
pub mod customers;
pub mod focus;
pub mod funds;
pub mod orders;
pub mod resellers;
pub mod resources;
