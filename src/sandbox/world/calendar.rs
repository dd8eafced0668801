//! The months before the world's day.

use time::{Date, Duration, OffsetDateTime, Time};

/// When the history of a world of this day begins that has so many months of it.
pub(super) fn beginning(months: usize, now: OffsetDateTime) -> OffsetDateTime {
    let first = (0..months).fold(first_of_month(now.date()), |first, _| {
        first_of_month(first.previous_day().expect("the sandbox's day is far from the calendar's ends"))
    });
    first.with_time(Time::MIDNIGHT).assume_utc()
}

fn first_of_month(day: Date) -> Date {
    day.replace_day(1).expect("each month has a first day")
}

/// The first instants of the months from the beginning on, the one that has begun included.
pub(super) fn months(count: usize, now: OffsetDateTime) -> Vec<OffsetDateTime> {
    let next = |month: &OffsetDateTime| Some(next_month(*month));
    std::iter::successors(Some(beginning(count, now)), next).take_while(|month| *month <= now).collect()
}

/// The first instant of the month after the one that begins now.
fn next_month(first: OffsetDateTime) -> OffsetDateTime {
    first_of_month((first + Duration::days(31)).date()).midnight().assume_utc()
}

/// A month of the history, as far as it has passed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Month {
    /// Its first instant.
    pub(super) first: OffsetDateTime,
    /// The world's day.
    pub(super) now: OffsetDateTime,
}

impl Month {
    /// An instant of it.
    pub(super) fn at(&self, day: i64, hour: i64) -> OffsetDateTime {
        self.first + Duration::days(day - 1) + Duration::hours(hour)
    }

    /// Its end, or the world's day.
    pub(super) fn end(&self) -> OffsetDateTime {
        next_month(self.first).min(self.now)
    }

    /// Whether this day of it is over.
    pub(super) fn has_passed(&self, day: i64) -> bool {
        self.at(day + 1, 0) <= self.now
    }

    /// So many instants, spread evenly from a day to another.
    pub(super) fn spread(&self, (from, to): (i64, i64), count: usize) -> impl Iterator<Item = OffsetDateTime> {
        let begin = self.at(from, 0);
        let step = (self.at(to + 1, 0) - begin) / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        // On whole seconds, as the interfaces show them.
        let step = Duration::seconds(step.whole_seconds().max(1));
        (0..count).map(move |number| begin + step * u32::try_from(number).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn eighteen_months_and_the_one_that_has_begun() {
        let now = datetime!(2026-11-21 00:00 UTC);
        let all = months(18, now);
        assert_eq!((all.len(), all[0]), (19, datetime!(2025-05-01 00:00 UTC)));
        assert_eq!(all.last(), Some(&datetime!(2026-11-01 00:00 UTC)));
        assert_eq!(months(18, datetime!(2026-03-31 00:00 UTC))[0], datetime!(2024-09-01 00:00 UTC));
    }

    #[test]
    fn a_day_has_passed_when_the_next_one_begins() {
        let month = Month { first: datetime!(2026-11-01 00:00 UTC), now: datetime!(2026-11-21 00:00 UTC) };
        assert_eq!((month.has_passed(20), month.has_passed(21)), (true, false));
        let instants: Vec<_> = month.spread((5, 20), 4).collect();
        assert_eq!((instants[0], instants.len()), (datetime!(2026-11-05 00:00 UTC), 4));
        assert!(instants.is_sorted() && instants[3] < month.at(21, 0));
    }

    #[test]
    fn a_month_is_over_when_the_next_one_begins_or_the_day_has_come() {
        let end = |first| Month { first, now: datetime!(2026-11-21 00:00 UTC) }.end();
        assert_eq!(end(datetime!(2026-02-01 00:00 UTC)), datetime!(2026-03-01 00:00 UTC));
        assert_eq!(end(datetime!(2026-11-01 00:00 UTC)), datetime!(2026-11-21 00:00 UTC));
    }
}
