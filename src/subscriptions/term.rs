//! When what was bought for a time ends, how much of it is used, and what a part of a month costs.
//!
//! From the vendor's manual: a period ends at 23:59:59 of UTC+8 on the same day of the month; a renewal begins at the old
//! end, also when it comes late; what was bought on the 31st ends on the 30th of a short month and on the 31st of the next
//! long one. A part of a month is the days in it by the days of that calendar month, the day of the change left out
//! (changed on 18 April, until 8 May: 12/30 + 8/31), with eight decimals at least.
//!
//! Ours, as the manual says nothing: the unified day is the first one on or after the normal end, and the days until then
//! cost the same part of a month.

use crate::pricing::model::{Period, PeriodType};
use crate::pricing::rating::Rounding;
use crate::values::time::{Day, FAR_FUTURE};
use rust_decimal::{Decimal, RoundingStrategy};
use time::{Date, Duration, Month, OffsetDateTime};

/// How everything that a subscription costs or gives back is rounded.
pub const CENTS: Rounding = Rounding::Purchase;
/// The digits of a number of months.
const MONTH_DIGITS: u32 = 8;

/// The day of the month on which something was bought first. Short months do not move it.
pub fn anchor_of(opened: OffsetDateTime) -> u8 {
    Day::of(opened).0.day()
}

/// When a period ends that begins at `start`: an opening, or the end of the period before.
///
/// The anchor counts only where a short month has cut the day of `start`. A period of hours, which nothing is sold by,
/// ends to the second. What would end after the year 9999 ends with it.
pub fn end_of(start: OffsetDateTime, period: Period, anchor: u8) -> OffsetDateTime {
    let date = Day::of(start).0;
    let num = i64::from(period.num);
    let last = match period.kind {
        PeriodType::Hour => return start.checked_add(Duration::hours(num)).unwrap_or(FAR_FUTURE),
        PeriodType::Day => date.checked_add(Duration::days(num)),
        PeriodType::Month => months_later(date, num, anchor),
        PeriodType::Year => months_later(date, 12 * num, anchor),
    };
    last.filter(|last| *last < Date::MAX).map_or(FAR_FUTURE, last_second)
}

fn months_later(date: Date, months: i64, anchor: u8) -> Option<Date> {
    let is_cut = date.day() == date.month().length(date.year());
    let day = if is_cut { anchor.max(date.day()) } else { date.day() };
    let index = i64::from(date.year()) * 12 + i64::from(u8::from(date.month())) - 1 + months;
    let year = i32::try_from(index.div_euclid(12)).ok()?;
    let month = Month::January.nth_next(u8::try_from(index.rem_euclid(12)).expect("a year has twelve months"));
    Date::from_calendar_date(year, month, day.min(month.length(year))).ok()
}

fn last_second(date: Date) -> OffsetDateTime {
    Day(date).end() - Duration::SECOND
}

/// The day of the month on which all resources of an account shall end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnifiedDay {
    /// This one, from 1 to 28.
    Day(u8),
    /// The last one.
    Last,
}

impl UnifiedDay {
    /// By the vendor's number: 1 to 28, or -1 for the last.
    pub fn from_number(number: i16) -> Option<Self> {
        match number {
            -1 => Some(Self::Last),
            1..=28 => Some(Self::Day(u8::try_from(number).expect("it is one of 28"))),
            _ => None,
        }
    }

    /// The anchor of a resource that ends on it.
    pub fn anchor(self) -> u8 {
        match self {
            Self::Day(day) => day,
            Self::Last => 31,
        }
    }

    /// The first such day on or after a date.
    fn on_or_after(self, date: Date) -> Date {
        let length = date.month().length(date.year());
        let missing = match self {
            Self::Last => length - date.day(),
            Self::Day(day) if day >= date.day() => day - date.day(),
            Self::Day(day) => length - date.day() + day,
        };
        date.checked_add(Duration::days(missing.into())).unwrap_or(date)
    }
}

/// An end that was moved to the unified day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unified {
    /// The end.
    pub end: OffsetDateTime,
    /// What it is later than the normal end, in months.
    pub extra_months: Decimal,
}

/// Moves the end of a period to the unified day. The resource's anchor is that day's from then on.
pub fn unified(end: OffsetDateTime, day: UnifiedDay) -> Unified {
    let moved = last_second(day.on_or_after(Day::of(end).0));
    Unified { end: moved, extra_months: remaining_months(end, moved) }
}

/// The months from a day, which does not count, to the end, whose day does: the days in each calendar month by its length.
pub fn remaining_months(at: OffsetDateTime, end: OffsetDateTime) -> Decimal {
    let last = Day::of(end).0;
    let mut months = Decimal::ZERO;
    let mut first = Day::of(at).0.next_day();
    while let Some(day) = first.filter(|day| *day <= last) {
        let length = day.month().length(day.year());
        let month_end = day.replace_day(length).expect("every month has its last day");
        let days = month_end.min(last).day() - day.day() + 1;
        months += Decimal::from(days) / Decimal::from(length);
        first = month_end.next_day();
    }
    months.round_dp_with_strategy(MONTH_DIGITS, RoundingStrategy::MidpointAwayFromZero)
}

/// What a part of a month costs, or months and a part.
pub fn fee_of(month_price: Decimal, months: Decimal) -> Decimal {
    CENTS.apply(month_price * months)
}

/// What a larger specification costs until the end of what is paid for, before discounts. Prices are those of a month.
pub fn upgrade_fee(old_price: Decimal, new_price: Decimal, months: Decimal) -> Decimal {
    fee_of(new_price - old_price, months)
}

/// The hours of a period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hours {
    /// All of them; at least one.
    pub total: i64,
    /// Those that are over.
    pub used: i64,
}

impl Hours {
    /// Of a period, at this instant: both are counted from the full hour in which it began. The vendor's example is 758 of
    /// 2024-01-01 10:30 to 02-01 23:59:59, of which 344 are used on 01-15 at 18:40.
    ///
    /// A renewal begins at the last second of a day, the old end; its first hour is the one after.
    pub fn of(start: OffsetDateTime, end: OffsetDateTime, at: OffsetDateTime) -> Self {
        let is_old_end = start == last_second(Day::of(start).0);
        let first = full_hour(if is_old_end { start + Duration::SECOND } else { start });
        let total = (full_hour(end + Duration::SECOND) - first).whole_hours().max(1);
        let used = (full_hour(at) - first).whole_hours().clamp(0, total);
        Self { total, used }
    }
}

/// The begin of an hour; those of UTC+8 are those of UTC.
fn full_hour(instant: OffsetDateTime) -> OffsetDateTime {
    instant
        - Duration::seconds(instant.unix_timestamp().rem_euclid(3600))
        - Duration::nanoseconds(instant.nanosecond().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn months(num: u32) -> Period {
        Period { kind: PeriodType::Month, num }
    }

    #[test]
    fn the_day_of_purchase_is_one_of_utc_plus_8() {
        assert_eq!(anchor_of(datetime!(2019-06-20 16:10:30 UTC)), 21);
    }

    #[test]
    fn the_anchor_comes_back_after_a_short_month_and_does_not_undo_a_unified_day() {
        let february = end_of(datetime!(2023-01-31 09:00 +8), months(1), 31);
        assert_eq!(february, datetime!(2023-02-28 23:59:59 +8));
        assert_eq!(end_of(february, months(1), 31), datetime!(2023-03-31 23:59:59 +8));
        assert_eq!(end_of(datetime!(2024-07-01 23:59:59 +8), months(1), 20), datetime!(2024-08-01 23:59:59 +8));
    }

    #[test]
    fn days_and_hours_are_counted_as_they_are() {
        let start = datetime!(2024-02-28 10:30 +8);
        let of = |kind, num| end_of(start, Period { kind, num }, 28);
        assert_eq!(of(PeriodType::Day, 2), datetime!(2024-03-01 23:59:59 +8));
        assert_eq!(of(PeriodType::Hour, 2), datetime!(2024-02-28 12:30 +8));
    }

    #[test]
    fn nothing_ends_after_the_year_9999() {
        let start = datetime!(2024-01-01 00:00 UTC);
        for kind in [PeriodType::Hour, PeriodType::Day, PeriodType::Month, PeriodType::Year] {
            assert_eq!(end_of(start, Period { kind, num: u32::MAX }, 1), FAR_FUTURE);
        }
    }

    #[test]
    fn a_unified_day_is_1_to_28_or_the_last() {
        assert_eq!(UnifiedDay::from_number(-1), Some(UnifiedDay::Last));
        assert_eq!(UnifiedDay::from_number(28), Some(UnifiedDay::Day(28)));
        assert_eq!([0, 29, -2].map(UnifiedDay::from_number), [None; 3]);
    }

    #[test]
    fn resources_that_end_on_the_last_day_go_on_doing_so_at_no_extra_price() {
        let first = unified(datetime!(2024-05-31 23:59:59 +8), UnifiedDay::Last);
        assert_eq!((first.end, first.extra_months), (datetime!(2024-05-31 23:59:59 +8), Decimal::ZERO));
        let june = end_of(first.end, months(1), UnifiedDay::Last.anchor());
        let july = end_of(june, months(1), UnifiedDay::Last.anchor());
        assert_eq!(june, datetime!(2024-06-30 23:59:59 +8));
        assert_eq!(july, datetime!(2024-07-31 23:59:59 +8));
        assert_eq!(unified(july, UnifiedDay::Last).extra_months, Decimal::ZERO);
    }

    #[test]
    fn full_months_count_one_and_the_day_of_the_change_does_not_count() {
        // The vendor's example: 7/31 + 2 + 15/30.
        let months = remaining_months(datetime!(2021-08-24 10:00 +8), datetime!(2021-11-15 23:59:59 +8));
        assert_eq!(months.to_string(), "2.72580645");
    }

    #[test]
    fn a_renewal_has_the_hours_of_its_days() {
        let hours = Hours::of(
            datetime!(2024-02-01 23:59:59 +8),
            datetime!(2024-03-01 23:59:59 +8),
            datetime!(2024-02-02 01:30 +8),
        );
        assert_eq!(hours, Hours { total: 29 * 24, used: 1 });
    }
}
