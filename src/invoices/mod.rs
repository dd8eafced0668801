//! Invoices: what of what was paid is invoiced to whom, and what becomes of each request for one.
//!
//! What may be invoiced is kept with the charges ([`invoiceable`](crate::charges::invoiceable)): what cash, credit,
//! flexi-purchase coupons and cards paid; cash coupons are no payment. A request takes all that is open of a month or of orders
//! ([`requesting`]), and with it what refunds have given back since: that lowers the next invoice, whatever it is of. Which step may
//! follow which is one table ([`state`]). The vendor's staff issue invoices outside of this server and say under which number
//! ([`steps`]). What is withdrawn, refused or returned is open again.

pub mod events;
pub mod list_invoices;
pub mod model;
pub mod print;
pub mod refusal;
pub mod requesting;
pub mod sandbox;
pub mod state;
pub mod steps;
pub mod store;
#[cfg(test)]
mod tests;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "invoices": list_invoices::list_invoices);
}
