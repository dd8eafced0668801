//! Charges: what was taken from a customer for what, and who paid it. Orders and settlements of usage write them, bills read
//! them.
//!
//! A charge is cut to cents once, where it is made; whatever bills show is a sum of charges, so all of them agree. The sums
//! are kept with the charges, in the same transaction. Who writes charges has locked the customer.

pub mod invoiceable;
pub mod model;
pub mod store;
