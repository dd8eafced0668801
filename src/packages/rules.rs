//! The rules of packages, over values alone: which cycle it is, how a package stands, which of several gives what.

use super::model::{Deduction, PackageStatus, Reset, ResetBy, ResetCycle, Share, Span};
use crate::values::id::{PackageId, PackageItemId};
use crate::values::time::CHINA;
use rust_decimal::Decimal;
use time::macros::time;
use time::{Date, Duration, Month, OffsetDateTime, Time};

/// For how long after it has expired a package is listed.
const LISTED_MONTHS: i32 = 18;
/// For how many days what was taken out of packages is listed.
pub const RECORDS_DAYS: i64 = 90;
/// When a period ends on its last day: the last second of UTC+8, as that of everything that is bought for a time.
const END_OF_DAY: Time = time!(23:59:59);
/// The smallest step of time.
const STEP: Duration = Duration::NANOSECOND;

/// The cycle at an instant, cut to the package's life; before and after it the first and the last. What does not come back has
/// one, its life.
pub fn cycle(life: Span, reset: Option<Reset>, at: OffsetDateTime) -> Span {
    let Some(reset) = reset else { return life };
    let at = at.min(life.until.saturating_sub(STEP)).max(life.from);
    let whole = match reset.by {
        ResetBy::Calendar => calendar_cycle(reset.cycle, at),
        ResetBy::Purchase => purchase_cycle(life.from, reset.cycle, at),
    };
    Span { from: whole.from.max(life.from), until: whole.until.min(life.until) }
}

fn calendar_cycle(cycle: ResetCycle, at: OffsetDateTime) -> Span {
    let local = at.to_offset(CHINA);
    let today = local.date();
    let begin = |date: Date| date.with_time(Time::MIDNIGHT).assume_offset(CHINA);
    let (first, next) = match cycle {
        ResetCycle::Hour => {
            let from = local.replace_time(Time::from_hms(local.hour(), 0, 0).expect("it is an hour"));
            return Span { from, until: from.saturating_add(Duration::HOUR) };
        }
        ResetCycle::Day => (today, today.saturating_add(Duration::DAY)),
        ResetCycle::Week => {
            let monday = today.saturating_sub(Duration::days(today.weekday().number_days_from_monday().into()));
            (monday, monday.saturating_add(Duration::WEEK))
        }
        ResetCycle::Month => {
            let first = today.replace_day(1).expect("each month has a first day");
            (first, months_after(first, 1))
        }
        ResetCycle::Year => {
            let first = Date::from_calendar_date(today.year(), Month::January, 1).expect("each year has a first day");
            (first, months_after(first, 12))
        }
    };
    Span { from: begin(first), until: begin(next) }
}

/// The cycles that begin when the package takes effect. All but hours end with the last second of a day, as the package does:
/// a day that both share would else be one more cycle.
fn purchase_cycle(from: OffsetDateTime, cycle: ResetCycle, at: OffsetDateTime) -> Span {
    let (first, today) = (from.to_offset(CHINA).date(), at.to_offset(CHINA).date());
    let days = i32::try_from((today - first).whole_days()).unwrap_or(i32::MAX);
    let years = today.year() - first.year();
    let months = years * 12 + i32::from(u8::from(today.month())) - i32::from(u8::from(first.month()));
    let passed = match cycle {
        ResetCycle::Hour => {
            let from = from.saturating_add(Duration::hours((at - from).whole_hours()));
            return Span { from, until: from.saturating_add(Duration::HOUR) };
        }
        ResetCycle::Day => days,
        ResetCycle::Week => days / 7,
        ResetCycle::Month => months,
        ResetCycle::Year => years,
    };
    let after = |count: i32| match cycle {
        ResetCycle::Hour | ResetCycle::Day => first.saturating_add(Duration::days(count.into())),
        ResetCycle::Week => first.saturating_add(Duration::weeks(count.into())),
        ResetCycle::Month => months_after(first, count),
        ResetCycle::Year => months_after(first, 12 * count),
    };
    let began = |count: i32| if count == 0 { from } else { after(count).with_time(END_OF_DAY).assume_offset(CHINA) };
    // That of today may still be to come.
    let current = if began(passed) <= at { passed } else { passed - 1 };
    Span { from: began(current), until: began(current + 1) }
}

/// The same day of a later month, or of an earlier one where `months` is below 0; the month's last where it has no such day.
fn months_after(date: Date, months: i32) -> Date {
    let month = i32::from(u8::from(date.month())) - 1 + months;
    let year = date.year() + month.div_euclid(12);
    let month = u8::try_from(month.rem_euclid(12) + 1).expect("it is from 1 to 12");
    let month = Month::try_from(month).expect("it is from 1 to 12");
    Date::from_calendar_date(year, month, date.day().min(month.length(year))).unwrap_or(Date::MAX)
}

/// How a package is shown. `used_up_until` is when something comes back to one of which nothing is left.
pub fn shown_status(
    life: Span,
    used_up_until: Option<OffsetDateTime>,
    unsubscribed_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> PackageStatus {
    if unsubscribed_at.is_some() {
        PackageStatus::Unsubscribed
    } else if life.until <= now {
        PackageStatus::Expired
    } else if now < life.from {
        PackageStatus::Future
    } else if used_up_until.is_some_and(|until| now < until) {
        PackageStatus::UsedUp
    } else {
        PackageStatus::Effective
    }
}

/// Lists show no package that expired at this instant or before: eighteen months ago.
pub fn listed_since(now: OffsetDateTime) -> OffsetDateTime {
    now.replace_date(months_after(now.date(), -LISTED_MONTHS))
}

/// What is left of an item in a cycle: all, unless something was taken from it since the cycle began.
pub fn left(original: Decimal, (remaining, since): (Decimal, OffsetDateTime), cycle: Span) -> Decimal {
    if since < cycle.from { original } else { remaining }
}

/// What makes a package be asked before others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// It serves one enterprise project alone.
    Bound,
    /// It serves one scenario alone.
    Scenario,
    /// It was given.
    Promotional,
    /// It was bought.
    Bought,
}

impl Class {
    /// That of a package.
    pub fn of(is_bound: bool, has_scenario: bool, is_promotional: bool) -> Self {
        match (is_bound, has_scenario, is_promotional) {
            (true, ..) => Self::Bound,
            (_, true, _) => Self::Scenario,
            (_, _, true) => Self::Promotional,
            _ => Self::Bought,
        }
    }
}

/// An item that can cover usage. They are asked in their own order: by class, then the one that expires first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Candidate {
    /// What kind of package it is in.
    pub class: Class,
    /// When that expires.
    pub expires_at: OffsetDateTime,
    /// That package.
    pub package: PackageId,
    /// The item.
    pub item: PackageItemId,
    /// What is left of it.
    pub left: Decimal,
}

/// Takes a quantity out of these items, as far as they have it.
pub fn deduct(quantity: Decimal, mut candidates: Vec<Candidate>) -> Deduction {
    candidates.sort_unstable();
    let mut rest = quantity;
    let mut shares = Vec::new();
    for Candidate { package, item, left: available, .. } in candidates {
        let used = available.min(rest);
        if used > Decimal::ZERO {
            rest -= used;
            shares.push(Share { package, item, available, used });
        }
    }
    Deduction { shares, rest }
}
