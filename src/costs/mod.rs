//! Costs: when what was paid counts. A charge of use counts on its day, and what was paid for a period, day by day of it.
//!
//! The rule of amortisation is two functions of the database, [`amortised` and `amortised_part`](amortisation), as sums over
//! many charges are made where the charges are, and a rule that stood here as well would be a second one. Of each line of an
//! order the days are kept over which it counts (`amortisations`, written with the charges); its shares are computed when they
//! are asked for, since a share for each day would be hundreds of rows a line. Everything else is read from the totals of
//! charges by the day and by the cycle. So a read finds, by index, what counts in its days and what ends after them, and costs
//! always add up to bills.
//!
//! Months follow bills: what was used before its cycle (which was closed then) counts on the cycle's first day.

pub mod amortisation;
pub mod analysis;
pub mod dimension;
pub mod list_costs;
pub mod list_customer_bills_monthly_break_down;
pub mod shares;
#[cfg(test)]
mod tests;
pub mod walk;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "costs":
        list_customer_bills_monthly_break_down::list_customer_bills_monthly_break_down,
        list_costs::list_costs,
    );
}
