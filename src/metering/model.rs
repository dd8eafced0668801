//! Records of usage, and what they are settled by.

use crate::customers::model::AssociationType;
use crate::values::id::DomainId;
use crate::values::time::{CHINA, Day, Month};
use rust_decimal::Decimal;
use time::{Duration, OffsetDateTime};

/// What a service reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewUsage {
    /// Its own id for it.
    pub record_id: String,
    /// The resource.
    pub resource_id: String,
    /// What was measured.
    pub usage_type: String,
    /// How much.
    pub quantity: Decimal,
    /// In which unit.
    pub measure_id: i32,
    /// What for.
    pub scenario: Option<String>,
    /// From when on.
    pub from: OffsetDateTime,
    /// Until when; the same for what happens at once.
    pub until: OffsetDateTime,
}

/// A resource that is used, as settlements see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metered {
    /// Whose it is.
    pub customer: DomainId,
    /// Its id.
    pub resource_id: String,
    /// Its name.
    pub name: String,
    /// Its service type.
    pub service_type: String,
    /// Its type.
    pub resource_type: String,
    /// Its specification.
    pub spec: String,
    /// Its region.
    pub region: String,
    /// Its size and the unit of it, of linear products.
    pub size: Option<(i32, i32)>,
    /// The enterprise project; empty: none.
    pub enterprise_project: String,
}

/// A record that waits to be settled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// The record.
    pub record_id: String,
    /// From when on.
    pub from: OffsetDateTime,
    /// Until when.
    pub until: OffsetDateTime,
    /// What was measured.
    pub usage_type: String,
    /// How much.
    pub quantity: Decimal,
    /// In which unit.
    pub measure_id: i32,
    /// What for.
    pub scenario: Option<String>,
    /// Of which resource.
    pub of: Metered,
}

/// Whose customer it has been: from which instant on whose, and how; the earliest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Associations(pub Vec<(OffsetDateTime, Option<(DomainId, AssociationType)>)>);

impl Associations {
    /// Whose it was at an instant. Each partner sees what was consumed while it was the customer's.
    pub fn at(&self, instant: OffsetDateTime) -> Option<(DomainId, AssociationType)> {
        self.0.iter().rev().find(|(since, _)| *since <= instant)?.1
    }
}

/// How often usage is settled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Interval {
    /// Each hour.
    Hour,
    /// Each day of UTC+8.
    Day,
    /// Each month of UTC+8.
    Month,
}

/// The vendor's kind of units that count something.
const COUNTS: i32 = 4;
/// How long after a period it is settled, so that services have reported by then. The vendor charges within an hour.
const PATIENCE: Duration = Duration::minutes(20);
/// Likewise after a month: the vendor charges 95th percentiles on the first, at 20:00.
const PATIENCE_OF_MONTHS: Duration = Duration::hours(20);

impl Interval {
    /// How often usage of a type is settled that is measured in a unit of this kind. The vendor says it for each product: servers
    /// by the hour, calls by the day, 95th percentiles by the month. What is counted is settled like calls.
    pub fn of(usage_type: &str, measure_type: i32) -> Self {
        if is_peak(usage_type) {
            Self::Month
        } else if measure_type == COUNTS {
            Self::Day
        } else {
            Self::Hour
        }
    }

    /// The end of the period in which an instant lies.
    pub fn end(self, at: OffsetDateTime) -> OffsetDateTime {
        match self {
            Self::Hour => full_hour(at) + Duration::HOUR,
            Self::Day => Day::of(at).end(),
            Self::Month => Month::of(at).next().start(),
        }
    }

    /// When usage up to an instant is settled.
    pub fn settled_at(self, until: OffsetDateTime) -> OffsetDateTime {
        let last = until - Duration::MICROSECOND;
        self.end(last) + if self == Self::Month { PATIENCE_OF_MONTHS } else { PATIENCE }
    }
}

/// Whether a usage type is charged by the 95th percentile of its points.
pub fn is_peak(usage_type: &str) -> bool {
    usage_type.to_ascii_lowercase().contains("95peak")
}

/// The full hour of UTC+8 at or before an instant.
pub fn full_hour(at: OffsetDateTime) -> OffsetDateTime {
    let at = at.to_offset(CHINA);
    at.replace_time(time::Time::from_hms(at.hour(), 0, 0).expect("it is an hour of a day"))
}

/// The full hour at or after an instant.
pub fn full_hour_after(at: OffsetDateTime) -> OffsetDateTime {
    let hour = full_hour(at);
    if hour == at { hour } else { hour + Duration::HOUR }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn usage_is_settled_soon_after_its_hour_day_or_month() {
        let until = datetime!(2026-02-01 00:30 +8);
        for (interval, settled) in [
            (Interval::Hour, datetime!(2026-02-01 01:20 +8)),
            (Interval::Day, datetime!(2026-02-02 00:20 +8)),
            (Interval::Month, datetime!(2026-03-01 20:00 +8)),
        ] {
            assert_eq!(interval.settled_at(until), settled);
        }
        // What ends with an hour belongs to it.
        assert_eq!(Interval::Hour.settled_at(datetime!(2026-02-01 01:00 +8)), datetime!(2026-02-01 01:20 +8));
        assert_eq!(full_hour_after(datetime!(2026-02-01 11:20:11 +8)), datetime!(2026-02-01 12:00 +8));
        assert_eq!(full_hour_after(datetime!(2026-02-01 12:00 +8)), datetime!(2026-02-01 12:00 +8));
    }

    #[test]
    fn each_partner_has_what_was_used_while_it_was_its_customers() {
        let [old, new] = [1, 2].map(|id| DomainId(uuid::Uuid::from_u128(id)));
        let (began, moved, left) =
            (datetime!(2026-04-01 00:00 +8), datetime!(2026-04-16 00:00 +8), datetime!(2026-05-01 00:00 +8));
        let associations = Associations(vec![
            (began, Some((old, AssociationType::Resale))),
            (moved, Some((new, AssociationType::Referral))),
            (left, None),
        ]);
        let days = |partner: DomainId| {
            let of = |day: &i64| associations.at(began + Duration::days(*day)).is_some_and(|of| of.0 == partner);
            (0..30).filter(of).count()
        };
        assert_eq!((days(old), days(new)), (15, 15));
        assert_eq!(associations.at(moved - Duration::SECOND), Some((old, AssociationType::Resale)));
        assert_eq!(associations.at(began - Duration::SECOND), None);
        assert_eq!(associations.at(left), None);
    }

    #[test]
    fn servers_are_settled_by_the_hour_calls_by_the_day_peaks_by_the_month() {
        assert_eq!(Interval::of("Duration", 2), Interval::Hour);
        assert_eq!(Interval::of("calls", COUNTS), Interval::Day);
        assert_eq!(Interval::of("bandwidth95Peak", 3), Interval::Month);
    }
}
