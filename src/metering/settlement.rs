//! What usage costs: pure. Records of one resource, usage type and period are settled together; the amount is cut to cents
//! there, and nowhere else.

use super::model::{Interval, Waiting, full_hour, full_hour_after, is_peak};
use super::peaks;
use crate::pricing::rating::charge;
use crate::values::site::Site;
use crate::values::time::Month;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime};

/// Records that are settled together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    /// The records.
    pub records: Vec<Waiting>,
    /// How much was used; of points that are charged by a 95th percentile that percentile.
    pub quantity: Decimal,
    /// How much of the price it costs: of a 95th percentile, whose price is a month's, the part of the month that there are points
    /// of.
    pub share: Decimal,
    /// The full hour at which it begins.
    pub from: OffsetDateTime,
    /// The full hour at which it ends.
    pub until: OffsetDateTime,
}

impl Settled {
    /// One of the records, for what all have in common.
    pub fn first(&self) -> &Waiting {
        &self.records[0]
    }
}

/// Puts records together: those of one resource, usage type, unit, scenario and period of settlement, the earliest period first.
/// In which order they came makes no difference.
pub fn together(records: Vec<Waiting>, interval: impl Fn(&Waiting) -> Interval) -> Vec<Settled> {
    type Key = (OffsetDateTime, String, String, i32, Option<String>);
    let mut groups: BTreeMap<Key, Vec<Waiting>> = BTreeMap::new();
    for record in records {
        let period = interval(&record).settled_at(record.until);
        let usage_type = record.usage_type.to_ascii_lowercase();
        let key = (period, record.of.resource_id.clone(), usage_type, record.measure_id, record.scenario.clone());
        groups.entry(key).or_default().push(record);
    }
    let settled = |mut records: Vec<Waiting>| {
        records.sort_by(|one, other| (one.from, &one.record_id).cmp(&(other.from, &other.record_id)));
        let from = records.iter().map(|record| record.from).min().expect("a group has a record");
        let until = records.iter().map(|record| record.until).max().expect("a group has a record");
        let (quantity, share) = if is_peak(&records[0].usage_type) {
            let days = peaks::days(i64::try_from(records.len()).unwrap_or(i64::MAX));
            let points = records.iter().map(|record| record.quantity).collect();
            (peaks::bandwidth(points), days / Decimal::from(Month::of(from).days()))
        } else {
            (records.iter().map(|record| record.quantity).sum(), Decimal::ONE)
        };
        Settled { quantity, share, from: full_hour(from), until: full_hour_after(until), records }
    };
    groups.into_values().map(settled).collect()
}

/// A metered amount as it is charged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Amounts {
    /// At list prices.
    pub official: Decimal,
    /// Less by discounts.
    pub discount: Decimal,
    /// Cut off.
    pub erase: Decimal,
    /// What is to be paid.
    pub consume: Decimal,
}

/// Cuts what is left after discounts to cents. On the international site nothing is cut off: only a month's total is rounded
/// there.
pub fn amounts(official: Decimal, after_discounts: Decimal, site: Site) -> Amounts {
    let (consume, erase) = match site {
        Site::Intl => (after_discounts, Decimal::ZERO),
        Site::Cn | Site::Both => {
            let cut = charge(after_discounts);
            (cut.charged, cut.erased)
        }
    };
    Amounts { official, discount: official - after_discounts, erase, consume }
}

/// When a month is closed: its figures never change from then on. The vendor's page names the third, ten o'clock.
pub fn closes_at(cycle: Month) -> OffsetDateTime {
    cycle.next().start() + Duration::days(2) + Duration::hours(10)
}

/// In which month usage is billed that is settled now: that in which it began, or, once that is closed, the current one.
pub fn cycle(from: OffsetDateTime, now: OffsetDateTime) -> Month {
    let used_in = Month::of(from);
    if now < closes_at(used_in) { used_in } else { Month::of(now) }
}

/// What of the parts that were cut off is whole cents: it is charged when a month is closed. Nothing if it is less than one.
pub fn made_up(erased: Decimal) -> Option<Amounts> {
    let cents = charge(erased).charged;
    (cents > Decimal::ZERO).then_some(Amounts {
        official: Decimal::ZERO,
        discount: Decimal::ZERO,
        erase: -cents,
        consume: cents,
    })
}
