//! Enterprises: a master account's organisation, its member accounts, and what it may do with them.
//!
//! A member is a customer's account of the master's tenant. That a request names one of the master's own members is decided by
//! [`store::member_of`] and nowhere else.

pub mod model;
pub mod refusal;
pub mod store;
