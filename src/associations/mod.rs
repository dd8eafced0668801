//! What needs several domains to happen: an account becomes a partner's customer, changes its kind, or leaves; it joins an
//! enterprise. Funds, coupons, budgets, orders and real names have their part in it.

pub mod administration;
pub mod command;
pub mod lifecycle;
pub mod members;
#[cfg(test)]
mod tests;
