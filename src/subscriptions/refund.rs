//! What comes back when a resource is unsubscribed from, out of which pocket, and to whom.
//!
//! From the vendor's manual: of what was paid (cash coupons apart) the used hours and a fee by the bought term are kept, and
//! cash coupons do not come back. Everything comes back, cash coupons too, within five days of a purchase on the Chinese
//! site, for ten instances in a calendar year; and of a renewal that has not begun, and of what could not be provisioned.
//! Discount coupons never come back, so they are no part of a payment here.
//!
//! Ours, where the manual is silent: what was used and the fee are rounded to whole cents, a half up, and what comes back
//! is the rest, so that the three are what was paid; a fee that is more than the rest is cut to it; and what comes back is
//! split over the pockets in proportion to what each had paid.
//!
//! A smaller specification gives back what is left of the payments less what it costs for the rest of the time, without a fee
//! and never a cash coupon. What was used by then is settled with it: what remains of the payments pays for what is left.

use super::term::{CENTS, Hours};
use crate::pricing::model::{Period, PeriodType};
use crate::values::site::Site;
use crate::values::time::Day;
use rust_decimal::Decimal;
use std::ops::Add;
use time::{Duration, OffsetDateTime};

/// Money by the pockets it is paid from. All are whole cents.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Paid {
    /// A cash coupon, which counts as no payment.
    pub cash_coupon: Decimal,
    /// Flexi-purchase coupons.
    pub flexi: Decimal,
    /// Stored-value cards.
    pub card: Decimal,
    /// The credit of the account.
    pub credit: Decimal,
    /// Its balance.
    pub cash: Decimal,
}

impl Paid {
    /// What counts as paid: all but the cash coupon.
    pub fn charged(&self) -> Decimal {
        self.flexi + self.card + self.credit + self.cash
    }

    /// All of it.
    pub fn total(&self) -> Decimal {
        self.cash_coupon + self.charged()
    }

    /// A part of what counts as paid, from each pocket in proportion.
    fn part(&self, part: Decimal) -> Self {
        let shares = in_proportion(part, &[self.flexi, self.card, self.credit, self.cash]);
        Self { cash_coupon: Decimal::ZERO, flexi: shares[0], card: shares[1], credit: shares[2], cash: shares[3] }
    }
}

/// An amount, shared out in proportion to others.
///
/// Each gets what the shares up to it come to, rounded, less what those before it got: so none gets less than nothing, together
/// they get the amount, to the cent, and none gets more than it is if all are whole cents and not less than the amount.
pub fn in_proportion(amount: Decimal, to: &[Decimal]) -> Vec<Decimal> {
    let total: Decimal = to.iter().sum();
    let (mut up_to, mut given) = (Decimal::ZERO, Decimal::ZERO);
    let mut share = |one: &Decimal| {
        up_to += one;
        let so_far = CENTS.apply((amount * up_to).checked_div(total).unwrap_or_default());
        let own = so_far - given;
        given = so_far;
        own
    };
    to.iter().map(&mut share).collect()
}

impl Add for Paid {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            cash_coupon: self.cash_coupon + other.cash_coupon,
            flexi: self.flexi + other.flexi,
            card: self.card + other.card,
            credit: self.credit + other.credit,
            cash: self.cash + other.cash,
        }
    }
}

/// A period of a resource, bought by one order.
#[derive(Clone, Copy, Debug)]
pub struct Bought {
    /// What the resource had paid of the order.
    pub paid: Paid,
    /// For how long it was bought.
    pub period: Period,
    /// When it begins: a renewal at the end of the period before.
    pub start: OffsetDateTime,
    /// From when on this payment is used up: the beginning, or since a change has given back a part of it.
    pub settled_at: Option<OffsetDateTime>,
    /// When it ends.
    pub end: OffsetDateTime,
}

/// How far a period is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// It has not begun.
    Ahead,
    /// It has begun.
    Running,
    /// It has ended.
    Over,
}

impl Bought {
    /// How far it is at this instant.
    pub fn stage(&self, at: OffsetDateTime) -> Stage {
        if at < self.start {
            Stage::Ahead
        } else if at < self.end {
            Stage::Running
        } else {
            Stage::Over
        }
    }

    /// Its hours. Those that a change has settled are no part of them.
    fn hours(&self, at: OffsetDateTime) -> Hours {
        Hours::of(self.settled_at.unwrap_or(self.start), self.end, at)
    }

    /// What is left of what counts as paid, for the hours that are left: not rounded.
    fn left(&self, at: OffsetDateTime) -> Decimal {
        let hours = self.hours(at);
        self.paid.charged() * Decimal::from(hours.total - hours.used) / Decimal::from(hours.total)
    }
}

/// When a resource ends without its renewals that lie ahead: where the first of them begins. `None` if it has none.
pub fn end_without_renewals(periods: &[Bought], at: OffsetDateTime) -> Option<OffsetDateTime> {
    periods.iter().filter(|period| period.stage(at) == Stage::Ahead).map(|period| period.start).min()
}

/// Why a running period is given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// Within the five days, or it could not be provisioned: all comes back.
    Undone,
    /// It is unsubscribed from: use and fee are kept.
    Unsubscribed(Site),
    /// It is charged by use from now on, or a framework contract waives the fee: use is kept.
    WithoutFee,
}

/// What is kept of a payment, and what comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Refund {
    /// For what was used: `consumed_amount`.
    pub consumed: Decimal,
    /// The fee: `commission_amount`.
    pub fee: Decimal,
    /// What comes back, to where it came from. To a coupon that has expired since nothing does, which is not known here; a card's
    /// balance grows, but it cannot be used.
    pub returned: Paid,
}

impl Refund {
    /// Of one period at this instant: what lies ahead comes back in full, what is over gives nothing, and what is running
    /// gives what the reason says.
    pub fn of(bought: &Bought, reason: Reason, at: OffsetDateTime) -> Self {
        match (bought.stage(at), reason) {
            (Stage::Over, _) => Self::default(),
            (Stage::Ahead, _) | (Stage::Running, Reason::Undone) => Self { returned: bought.paid, ..Self::default() },
            (Stage::Running, Reason::WithoutFee) => Self::kept(bought, at, Decimal::ZERO),
            (Stage::Running, Reason::Unsubscribed(site)) => {
                Self::kept(bought, at, fee_rate(site, bought.period, at - bought.start))
            }
        }
    }

    fn kept(bought: &Bought, at: OffsetDateTime, fee_rate: Decimal) -> Self {
        let paid = bought.paid.charged();
        let hours = bought.hours(at);
        let consumed = CENTS.apply(paid * Decimal::from(hours.used) / Decimal::from(hours.total));
        let fee = CENTS.apply(paid * fee_rate).min(paid - consumed);
        Self { consumed, fee, returned: bought.paid.part(paid - consumed - fee) }
    }

    /// Of a part that a change gives back at this instant: what was used by then is kept, and the rest of it goes on paying.
    pub fn in_part(bought: &Bought, part: Decimal, at: OffsetDateTime) -> Self {
        let paid = bought.paid.charged();
        let consumed = CENTS.apply(paid - bought.left(at)).min(paid - part);
        Self { consumed, fee: Decimal::ZERO, returned: bought.paid.part(part) }
    }

    /// The amounts that `ShowRefundOrderDetails` shows of it, without those that are nothing: less all that had been paid
    /// (of a cash coupon only what comes back), plus what was used, plus the fee. Their sum is less what comes back.
    pub fn rows(&self) -> Vec<Decimal> {
        let paid = self.returned.total() + self.consumed + self.fee;
        [-paid, self.consumed, self.fee].into_iter().filter(|amount| !amount.is_zero()).collect()
    }
}

/// What a smaller specification gives back of the payments for a time in which all of them run, or which lies ahead of all: what
/// is left of them less what it costs until the end. Never less than nothing; of each in proportion to what is left of it.
pub fn downgrade(payments: &[Bought], cost: Decimal, at: OffsetDateTime) -> Vec<Refund> {
    let left: Vec<Decimal> = payments.iter().map(|bought| bought.left(at)).collect();
    let back = CENTS.apply(left.iter().sum::<Decimal>() - cost).max(Decimal::ZERO);
    let parts = payments.iter().zip(in_proportion(back, &left));
    parts.map(|(bought, part)| Refund::in_part(bought, part.min(bought.paid.charged()), at)).collect()
}

/// What part of the payment the fee is, by the years of the order (begun ones are whole) and those that are used, of 365
/// days.
///
/// The international table has one to three years, and its rows serve the Chinese site too, of which only the five years
/// were readable, and of those not the last. Ours: the fifth year costs 5 %, four years are like the first four of five,
/// and more than three on the international site are like three.
pub fn fee_rate(site: Site, period: Period, used: Duration) -> Decimal {
    let bought = match period.kind {
        PeriodType::Year => period.num,
        PeriodType::Month => period.num.div_ceil(12),
        PeriodType::Day => period.num.div_ceil(365),
        PeriodType::Hour => period.num.div_ceil(365 * 24),
    };
    let percent: &[i64] = match (site, bought) {
        (_, ..=1) => &[10],
        (_, 2) => &[15, 10],
        (_, 3) | (Site::Intl, _) => &[15, 10, 5],
        _ => &[30, 40, 30, 15, 5],
    };
    let year = Duration::days(365).whole_seconds();
    // The first year includes its last second.
    let years = usize::try_from((used.whole_seconds() - 1).div_euclid(year)).unwrap_or(0);
    Decimal::new(percent[years.min(percent.len() - 1)], 2)
}

/// How many instances a year are given back in full.
const QUOTA: i64 = 10;

/// Whether all comes back because it was bought less than five days ago. `used` is how many instances already were given
/// back so in [`quota_year`]; who gives back several at once counts those before this one.
pub fn five_days(site: Site, is_new_purchase: bool, opened: OffsetDateTime, at: OffsetDateTime, used: i64) -> bool {
    site != Site::Intl && is_new_purchase && at < opened + Duration::days(5) && used < QUOTA
}

/// The service types that give back whole orders only: virtual desktops. The vendor names no others.
const BY_ORDER: [&str; 1] = ["hws.service.type.vdi"];

/// What counts as one instance of those that are given back in full.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Instance {
    /// A primary, with all its secondaries.
    Primary(String),
    /// All that an order bought of a service that gives back whole orders.
    Order(String),
}

impl Instance {
    /// As what a primary counts.
    pub fn of(service_type: &str, order: &str, primary: &str) -> Self {
        if BY_ORDER.contains(&service_type) { Self::Order(order.to_owned()) } else { Self::Primary(primary.to_owned()) }
    }
}

/// The calendar year of UTC+8 for which an instant counts.
pub fn quota_year(at: OffsetDateTime) -> i16 {
    i16::try_from(Day::of(at).0.year()).expect("a year has four digits")
}

/// Whose money it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payer {
    /// The customer's.
    Customer,
    /// Its partner's.
    Partner,
}

/// To whom a refund goes: to who paid; but what a resale customer paid itself goes to its partner once they are no longer
/// associated as resale.
pub fn destination(paid_by: Payer, was_resale: bool, is_still_so: bool) -> Payer {
    if was_resale && !is_still_so { Payer::Partner } else { paid_by }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn cents(cents: i64) -> Decimal {
        Decimal::new(cents, 2)
    }

    fn period(kind: PeriodType, num: u32) -> Period {
        Period { kind, num }
    }

    fn bought() -> Bought {
        Bought {
            paid: Paid { cash: cents(10_000), cash_coupon: cents(2_000), ..Paid::default() },
            period: period(PeriodType::Month, 1),
            start: datetime!(2024-01-01 10:30 +8),
            settled_at: None,
            end: datetime!(2024-02-01 23:59:59 +8),
        }
    }

    #[test]
    fn four_equal_pockets_share_two_cents_without_owing_one() {
        let even = Paid { flexi: cents(1), card: cents(1), credit: cents(1), cash: cents(1), ..Paid::default() };
        let part = even.part(cents(2));
        assert_eq!((part.flexi, part.card, part.credit, part.cash), (cents(1), cents(0), cents(1), cents(0)));
        assert_eq!(Paid::default().part(Decimal::ZERO), Paid::default());
    }

    #[test]
    fn periods_follow_each_other_without_gap_or_overlap() {
        let bought = bought();
        let (start, end) = (bought.start, bought.end);
        assert_eq!(bought.stage(start - Duration::SECOND), Stage::Ahead);
        assert_eq!(bought.stage(start), Stage::Running);
        assert_eq!(bought.stage(end - Duration::SECOND), Stage::Running);
        assert_eq!(bought.stage(end), Stage::Over);
    }

    #[test]
    fn what_is_over_gives_nothing_and_shows_nothing() {
        let refund = Refund::of(&bought(), Reason::Undone, bought().end);
        assert_eq!((refund, refund.rows()), (Refund::default(), Vec::new()));
    }

    #[test]
    fn a_coupon_alone_paid_nothing_that_comes_back() {
        let mut bought = bought();
        bought.paid.cash = Decimal::ZERO;
        let refund = Refund::of(&bought, Reason::Unsubscribed(Site::Cn), bought.start);
        assert_eq!((refund, refund.rows()), (Refund::default(), Vec::new()));
    }

    #[test]
    fn a_change_gives_back_no_more_than_is_left_and_what_remains_is_used_up_from_then_on() {
        let bought = bought();
        let at = datetime!(2024-01-15 18:40 +8);
        let [refund] = downgrade(&[bought], cents(2_461), at)[..] else { panic!("one for each payment") };
        assert_eq!(
            (refund.consumed, refund.returned.charged(), refund.fee),
            (cents(4_538), cents(3_001), Decimal::ZERO)
        );
        assert_eq!(refund.returned.cash_coupon, Decimal::ZERO);
        let rest = Paid { cash: cents(10_000) - refund.consumed - refund.returned.cash, ..bought.paid };
        let after = Bought { paid: rest, settled_at: Some(at), ..bought };
        assert_eq!(rest.cash, cents(2_461), "what the smaller one costs");
        let again = Refund::of(&after, Reason::WithoutFee, at);
        assert_eq!((again.consumed, again.returned.cash), (Decimal::ZERO, rest.cash));
        let [nothing] = downgrade(&[bought], cents(5_463), at)[..] else { panic!("one for each payment") };
        assert_eq!((nothing.returned, nothing.consumed), (Paid::default(), cents(4_538)));
    }

    #[test]
    fn what_a_change_gives_back_is_shared_by_all_that_pays_for_the_time() {
        let (first, at) = (bought(), datetime!(2024-01-15 18:40 +8));
        let raised = Paid { card: cents(5_000), ..Paid::default() };
        let second = Bought { paid: raised, start: at, ..first };
        let refunds = downgrade(&[first, second], cents(462), at);
        let back: Vec<Decimal> = refunds.iter().map(|refund| refund.returned.charged()).collect();
        // 54.62 and 50.00 are left, of which 4.62 are kept.
        assert_eq!(back, [cents(5_221), cents(4_779)]);
        assert_eq!((refunds[1].consumed, refunds[1].returned.card), (Decimal::ZERO, cents(4_779)));
    }

    #[test]
    fn the_first_year_of_the_fee_includes_its_end_and_begun_years_are_bought_whole() {
        let of = |site, kind, num, used| fee_rate(site, period(kind, num), used).to_string();
        let year = Duration::days(365);
        assert_eq!(of(Site::Intl, PeriodType::Year, 2, Duration::ZERO), "0.15");
        assert_eq!(of(Site::Intl, PeriodType::Year, 2, year), "0.15");
        assert_eq!(of(Site::Intl, PeriodType::Year, 2, year + Duration::SECOND), "0.10");
        assert_eq!(of(Site::Intl, PeriodType::Year, 2, year * 9), "0.10");
        assert_eq!(of(Site::Cn, PeriodType::Month, 12, year), "0.10");
        assert_eq!(of(Site::Cn, PeriodType::Month, 13, year), "0.15");
        assert_eq!(of(Site::Cn, PeriodType::Day, 366, year), "0.15");
        assert_eq!(of(Site::Cn, PeriodType::Year, 5, year * 5), "0.05");
        assert_eq!(of(Site::Cn, PeriodType::Year, 4, year * 3), "0.30");
        assert_eq!(of(Site::Intl, PeriodType::Year, 5, year), "0.15");
    }

    #[test]
    fn five_days_are_for_new_purchases() {
        let opened = datetime!(2024-01-01 10:30 +8);
        assert!(five_days(Site::Both, true, opened, opened, 9));
        assert!(!five_days(Site::Both, false, opened, opened, 0));
    }

    #[test]
    fn the_quotas_year_begins_at_midnight_of_utc_plus_8() {
        assert_eq!(quota_year(datetime!(2024-12-31 15:59:59 UTC)), 2024);
        assert_eq!(quota_year(datetime!(2024-12-31 16:00 UTC)), 2025);
    }
}
