//! Those who run the vendor's side: who they are and what each may do.

pub mod administration;
pub mod store;
