//! When files fall due, and what is in them.

use crate::exports::model::ExportKind;
use crate::values::time::{Day, Month};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime, Weekday};
use utoipa::ToSchema;

/// A day's file is made so long after its end: what was used on it is settled by then.
const AFTER_MIDNIGHT: Duration = Duration::hours(4);
/// A week's file is made when this day of the next week begins: it is promised by the end of that day, so that there is a day for
/// what may go wrong.
const DAY_OF_WEEK: Weekday = Weekday::Wednesday;
/// So many days after a month has ended its bills may still change: they are closed on the third.
const OPEN_AFTER_MONTH: Duration = Duration::days(3);

/// How often a file is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Rhythm {
    /// Each day of UTC+8, at 04:00 of the next one.
    Daily,
    /// Each week from Monday to Sunday of UTC+8, delivered on the Wednesday after it.
    Weekly,
}

/// Days, from the first to the last.
pub type Span = (Day, Day);

impl Rhythm {
    /// The first instant after another at which a file falls due.
    pub fn next(self, after: OffsetDateTime) -> OffsetDateTime {
        match self {
            // The day that is not over for files until they are made.
            Self::Daily => Day::of(after - AFTER_MIDNIGHT).end() + AFTER_MIDNIGHT,
            Self::Weekly => Day(Day::of(after).0.next_occurrence(DAY_OF_WEEK)).start(),
        }
    }

    /// Of which days the file is that falls due at an instant.
    pub fn span(self, due: OffsetDateTime) -> Span {
        let (first, last) = match self {
            Self::Daily => (1, 1),
            Self::Weekly => (9, 3),
        };
        let before = |days| Day(Day::of(due).0 - Duration::days(days));
        (before(first), before(last))
    }
}

/// Of which days the rows of a kind are in the file of a span. Lists of what there is are whole, as they stand then. Bills are
/// those of the months in which the span lies, and of a month as long as it is not closed and once after that, so that its last
/// file is final.
pub fn rows(kind: ExportKind, (first, last): Span) -> Option<Span> {
    match kind {
        ExportKind::Customers | ExportKind::Resellers | ExportKind::Resources => None,
        ExportKind::Orders | ExportKind::Coupons | ExportKind::Funds => Some((first, last)),
        ExportKind::Bills | ExportKind::Focus => {
            let begin = Month::of_day(Day(first.0 - OPEN_AFTER_MONTH));
            Some((Day(begin.first_day()), Day(Month::of_day(last).last_day())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, datetime};

    #[test]
    fn a_days_file_falls_due_in_the_next_morning() {
        let due = datetime!(2026-03-29 04:00 +8);
        for after in [datetime!(2026-03-28 04:00 +8), datetime!(2026-03-28 23:00 +8), datetime!(2026-03-29 03:59:59 +8)]
        {
            assert_eq!(Rhythm::Daily.next(after), due, "{after}");
        }
        assert_eq!(Rhythm::Daily.next(due), due + Duration::DAY);
        assert_eq!(Rhythm::Daily.span(due), (Day(date!(2026 - 03 - 28)), Day(date!(2026 - 03 - 28))));
    }

    #[test]
    fn a_weeks_file_falls_due_as_the_wednesday_after_it_begins() {
        // 2026-04-01 is a Wednesday.
        let due = datetime!(2026-04-01 00:00 +8);
        for after in
            [datetime!(2026-03-25 00:00 +8), datetime!(2026-03-29 12:00 +8), datetime!(2026-03-31 15:59:59 UTC)]
        {
            assert_eq!(Rhythm::Weekly.next(after), due, "{after}");
        }
        assert_eq!(Rhythm::Weekly.next(due), due + Duration::WEEK);
        assert_eq!(Rhythm::Weekly.span(due), (Day(date!(2026 - 03 - 23)), Day(date!(2026 - 03 - 29))));
    }

    #[test]
    fn spans_follow_each_other_without_a_gap() {
        for rhythm in [Rhythm::Daily, Rhythm::Weekly] {
            let mut due = rhythm.next(datetime!(2027-12-20 00:00 UTC));
            for _ in 0..20 {
                let next = rhythm.next(due);
                assert_eq!(rhythm.span(due).1.end(), rhythm.span(next).0.start(), "{due}");
                due = next;
            }
        }
    }

    #[test]
    fn bills_are_of_months_until_these_are_closed() {
        let days = |first, last| (Day(first), Day(last));
        let bills = |first, last| rows(ExportKind::Bills, days(first, last)).expect("they are of months");
        let (march, both) =
            (days(date!(2026 - 03 - 01), date!(2026 - 03 - 31)), days(date!(2026 - 02 - 01), date!(2026 - 03 - 31)));
        assert_eq!(bills(date!(2026 - 03 - 04), date!(2026 - 03 - 04)), march);
        assert_eq!(bills(date!(2026 - 03 - 03), date!(2026 - 03 - 03)), both, "closed on that day, and final");
        assert_eq!(bills(date!(2026 - 02 - 23), date!(2026 - 03 - 01)), both);
        let week = days(date!(2026 - 03 - 23), date!(2026 - 03 - 29));
        assert_eq!((rows(ExportKind::Orders, week), rows(ExportKind::Customers, week)), (Some(week), None));
    }
}
