//! The rules over values.

use crate::packages::model::{PackageStatus, Reset, ResetBy, ResetCycle, Span};
use crate::packages::rules::{Candidate, Class, cycle, deduct, left, listed_since, shown_status};
use crate::values::id::{PackageId, PackageItemId};
use proptest::prelude::*;
use proptest::sample::select;
use rust_decimal::Decimal;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

const CYCLES: [ResetCycle; 5] =
    [ResetCycle::Hour, ResetCycle::Day, ResetCycle::Week, ResetCycle::Month, ResetCycle::Year];

#[test]
fn a_month_of_the_calendar_is_cut_to_the_life_of_the_package() {
    // The vendor's own example: bought for a month on the evening of the 26th of August.
    let life = Span { from: datetime!(2019-08-26 18:00 +8), until: datetime!(2019-09-26 23:59:59 +8) };
    let months = Some(Reset { cycle: ResetCycle::Month, by: ResetBy::Calendar });
    let first = Span { from: life.from, until: datetime!(2019-09-01 00:00 +8) };
    assert_eq!(cycle(life, months, datetime!(2019-08-27 00:00 +8)), first);
    let second = Span { from: first.until, until: life.until };
    assert_eq!(cycle(life, months, datetime!(2019-09-02 00:00 +8)), second);
    assert_eq!(cycle(life, months, first.until), second, "the first instant is the new cycle's");
    assert_eq!(cycle(life, months, datetime!(2019-08-01 00:00 +8)), first, "before it takes effect");
    assert_eq!(cycle(life, months, datetime!(2020-01-01 00:00 +8)), second, "after it has expired");
    assert_eq!(cycle(life, None, datetime!(2019-09-02 00:00 +8)), life, "what does not come back has one cycle");
}

#[test]
fn cycles_by_the_calendar_begin_in_utc_plus_8() {
    let life = Span { from: datetime!(2024-01-01 00:00 +8), until: datetime!(2030-01-01 00:00 +8) };
    // A Friday in UTC, a Saturday in UTC+8.
    let at = datetime!(2024-05-31 16:20 UTC);
    for (every, from, until) in [
        (ResetCycle::Hour, datetime!(2024-06-01 00:00 +8), datetime!(2024-06-01 01:00 +8)),
        (ResetCycle::Day, datetime!(2024-06-01 00:00 +8), datetime!(2024-06-02 00:00 +8)),
        (ResetCycle::Week, datetime!(2024-05-27 00:00 +8), datetime!(2024-06-03 00:00 +8)),
        (ResetCycle::Month, datetime!(2024-06-01 00:00 +8), datetime!(2024-07-01 00:00 +8)),
        (ResetCycle::Year, datetime!(2024-01-01 00:00 +8), datetime!(2025-01-01 00:00 +8)),
    ] {
        assert_eq!(
            cycle(life, Some(Reset { cycle: every, by: ResetBy::Calendar }), at),
            Span { from, until },
            "{every:?}"
        );
    }
}

#[test]
fn cycles_from_the_purchase_end_as_what_is_bought_for_that_time_does() {
    let life = Span { from: datetime!(2024-01-31 10:30 +8), until: datetime!(2027-01-31 23:59:59 +8) };
    for (every, at, from, until) in [
        (
            ResetCycle::Hour,
            datetime!(2024-01-31 12:29 +8),
            datetime!(2024-01-31 11:30 +8),
            datetime!(2024-01-31 12:30 +8),
        ),
        (ResetCycle::Day, datetime!(2024-02-01 09:00 +8), life.from, datetime!(2024-02-01 23:59:59 +8)),
        (
            ResetCycle::Week,
            datetime!(2024-02-08 09:00 +8),
            datetime!(2024-02-07 23:59:59 +8),
            datetime!(2024-02-14 23:59:59 +8),
        ),
        (ResetCycle::Month, datetime!(2024-02-29 23:59:58 +8), life.from, datetime!(2024-02-29 23:59:59 +8)),
        (
            ResetCycle::Month,
            datetime!(2024-02-29 23:59:59 +8),
            datetime!(2024-02-29 23:59:59 +8),
            datetime!(2024-03-31 23:59:59 +8),
        ),
        (
            ResetCycle::Year,
            datetime!(2026-06-01 00:00 +8),
            datetime!(2026-01-31 23:59:59 +8),
            datetime!(2027-01-31 23:59:59 +8),
        ),
    ] {
        assert_eq!(
            cycle(life, Some(Reset { cycle: every, by: ResetBy::Purchase }), at),
            Span { from, until },
            "{every:?} {at}"
        );
    }
}

#[test]
fn a_package_is_shown_as_it_stands() {
    let life = Span { from: datetime!(2024-01-01 00:00 UTC), until: datetime!(2024-03-01 00:00 UTC) };
    let (before, within, later) =
        (datetime!(2023-12-31 23:59:59 UTC), datetime!(2024-01-20 00:00 UTC), datetime!(2024-02-01 00:00 UTC));
    for (now, used_up_until, unsubscribed_at, status) in [
        (before, None, None, PackageStatus::Future),
        (life.from, None, None, PackageStatus::Effective),
        (within, Some(later), None, PackageStatus::UsedUp),
        (later, Some(later), None, PackageStatus::Effective),
        (life.until, Some(life.until), None, PackageStatus::Expired),
        (before, None, Some(before), PackageStatus::Unsubscribed),
        (life.until, None, Some(within), PackageStatus::Unsubscribed),
    ] {
        assert_eq!(shown_status(life, used_up_until, unsubscribed_at, now), status, "{now}");
    }
}

#[test]
fn lists_reach_back_eighteen_months_by_the_calendar() {
    for (now, since) in [
        (datetime!(2026-03-28 10:00 UTC), datetime!(2024-09-28 10:00 UTC)),
        (datetime!(2025-08-31 10:00 UTC), datetime!(2024-02-29 10:00 UTC)),
    ] {
        assert_eq!(listed_since(now), since);
    }
}

#[test]
fn what_was_taken_in_an_earlier_cycle_is_back() {
    let cycle = Span { from: datetime!(2024-02-01 00:00 UTC), until: datetime!(2024-03-01 00:00 UTC) };
    let (all, some) = (Decimal::from(40), Decimal::from(3));
    assert_eq!(left(all, (some, datetime!(2024-01-01 00:00 UTC)), cycle), all);
    assert_eq!(left(all, (some, cycle.from), cycle), some);
}

#[test]
fn the_order_is_bound_scenario_gift_bought_and_then_expiry() {
    let expiries = [datetime!(2024-02-01 00:00 UTC), datetime!(2024-01-01 00:00 UTC)];
    let kinds = [(false, false, false), (false, false, true), (false, true, false), (true, true, true)];
    let mut candidates = Vec::new();
    for (is_bound, has_scenario, is_promotional) in kinds {
        for expires_at in expiries {
            let class = Class::of(is_bound, has_scenario, is_promotional);
            candidates.push(candidate((class, expires_at), candidates.len(), Decimal::ONE));
        }
    }
    let asked = deduct(Decimal::from(9), candidates);
    let items: Vec<u128> = asked.shares.iter().map(|share| share.item.0.as_u128()).collect();
    assert_eq!(items, [7, 6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(asked.rest, Decimal::ONE);
}

fn candidate((class, expires_at): (Class, OffsetDateTime), place: usize, left: Decimal) -> Candidate {
    let id = Uuid::from_u128(u128::try_from(place).expect("it is small"));
    Candidate { class, expires_at, package: PackageId(id), item: PackageItemId(id), left }
}

fn quantity() -> impl Strategy<Value = Decimal> {
    (0_i64..100_000_000_000, 0_u32..=8).prop_map(|(digits, scale)| Decimal::new(digits, scale))
}

prop_compose! {
    fn any_candidates()(
        all in prop::collection::vec(
            (select(vec![Class::Bound, Class::Scenario, Class::Promotional, Class::Bought]), 0_i64..3, quantity()),
            0..9,
        ),
    ) -> Vec<Candidate> {
        let candidate = |(place, (class, days, left))| {
            candidate((class, datetime!(2024-01-01 00:00 UTC) + Duration::days(days)), place, left)
        };
        all.into_iter().enumerate().map(candidate).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn cycles_follow_each_other_from_the_first_instant_to_the_last(
        begin in 0_i64..200_000_000,
        length in 1_i64..40_000_000,
        at in 0.0_f64..1.0,
        every in select(CYCLES.to_vec()),
        by in select(vec![ResetBy::Calendar, ResetBy::Purchase]),
    ) {
        let from = datetime!(2019-01-01 00:00 UTC) + Duration::seconds(begin);
        let life = Span { from, until: from + Duration::seconds(length) };
        let at = from + Duration::seconds(length) * at;
        let reset = Some(Reset { cycle: every, by });
        let current = cycle(life, reset, at);
        prop_assert!(life.from <= current.from && current.until <= life.until);
        prop_assert!(current.from <= at && (at < current.until || at == life.until));
        prop_assert_eq!(cycle(life, reset, current.from), current);
        prop_assert_eq!(cycle(life, reset, current.until - Duration::NANOSECOND), current);
        if current.until < life.until {
            prop_assert_eq!(cycle(life, reset, current.until).from, current.until);
        }
        if current.from > life.from {
            prop_assert_eq!(cycle(life, reset, current.from - Duration::NANOSECOND).until, current.from);
        }
    }

    #[test]
    fn no_quantity_is_lost_and_none_comes_from_nowhere(wanted in quantity(), candidates in any_candidates()) {
        let deduction = deduct(wanted, candidates.clone());
        let taken: Decimal = deduction.shares.iter().map(|share| share.used).sum();
        prop_assert_eq!(taken + deduction.rest, wanted);
        for share in &deduction.shares {
            let of = candidates.iter().find(|candidate| candidate.item == share.item).expect("it was asked");
            prop_assert!(share.used > Decimal::ZERO && share.used <= of.left && share.available == of.left);
        }
        let all: Decimal = candidates.iter().map(|candidate| candidate.left).sum();
        prop_assert_eq!(deduction.rest, (wanted - all).max(Decimal::ZERO));
    }

    #[test]
    fn nobody_is_asked_before_who_comes_earlier_is_empty(wanted in quantity(), candidates in any_candidates()) {
        let shares = deduct(wanted, candidates.clone()).shares;
        let used = |of: &Candidate| shares.iter().find(|share| share.item == of.item).map_or(Decimal::ZERO, |s| s.used);
        let key = |of: &Candidate| (of.class, of.expires_at, of.package);
        for earlier in &candidates {
            for later in candidates.iter().filter(|later| key(later) > key(earlier)) {
                prop_assert!(used(later).is_zero() || used(earlier) == earlier.left);
            }
        }
    }
}
