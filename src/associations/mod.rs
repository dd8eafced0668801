//! What needs several domains to happen: an account becomes a partner's customer, changes its kind, or leaves. Funds, coupons,
//! budgets and real names have their part in it.

pub mod administration;
pub mod command;
pub mod lifecycle;
