//! The rule of amortisation, as parts of statements: what has counted at the end of a day, and what of it who had paid.
//!
//! The vendor's page on its rule says by days of UTC+8, both ends counted. Ours, where it is silent: a day's amount is cut to 8
//! decimals, and the last day takes the rest; a refund is the last day of what it gives back. All is told by what has counted
//! *by* a day, of which shares are differences: so the shares of whatever days, months and payers add up to what was paid.

use std::fmt::Write as _;

/// The first and the last month of which amortised costs are answered: this one and those before it.
pub const MONTHS: u8 = 18;

/// Who pays, in the order in which the cents are shared out: cash takes the rest.
const PAYERS: [&str; 6] =
    ["coupon_amount", "flexi_amount", "card_amount", "bonus_amount", "credit_amount", "cash_amount"];

/// What of `column` has counted at the end of `day`, where `days` has the days over which it does.
pub fn counted(column: &str, days: &str, day: &str) -> String {
    format!("amortised({column}, {days}.first_day, {days}.last_day, {days}.ends_on, {day})")
}

/// What cash coupons had paid of what counts between `before` and `after`, of a row `c`.
pub fn coupons(before: &str, after: &str) -> String {
    format!("amortised_part(c.coupon_amount, c.consume_amount, {before}, {after})")
}

/// What each who pays had paid of that, as columns.
///
/// Each gets what those up to it come to, less what those before it got: so together they get everything that was paid.
pub fn payers(before: &str, after: &str) -> String {
    let part = |paid: &str| format!("amortised_part({paid}, c.consume_amount, {before}, {after})");
    let (mut columns, mut paid) = (String::new(), "0".to_owned());
    for payer in PAYERS {
        let up_to = format!("{paid} + c.{payer}");
        write!(columns, ", {} - {} as {payer}", part(&up_to), part(&paid)).expect("a text takes everything");
        paid = up_to;
    }
    columns
}
