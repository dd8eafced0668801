//! What holds of terms, courses and refunds for all times and amounts.

use super::lifecycle::{CustomerLevel, DaysBefore, ExpirePolicy, Leniency, ResourceStatus, next_attempt, next_change};
use super::refund::{Bought, Paid, Reason, Refund, downgrade};
use super::term::{UnifiedDay, anchor_of, end_of, remaining_months, unified};
use crate::pricing::model::{Period, PeriodType};
use crate::values::site::Site;
use crate::values::time::{CHINA, Day};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use rust_decimal::Decimal;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const POLICIES: [ExpirePolicy; 6] = [
    ExpirePolicy::Grace,
    ExpirePolicy::ToOnDemand,
    ExpirePolicy::Delete,
    ExpirePolicy::AutoRenew,
    ExpirePolicy::Freeze,
    ExpirePolicy::DeleteAfterRetention,
];

/// Any second of thirty years, leap years among them.
fn instant() -> impl Strategy<Value = OffsetDateTime> {
    (0_i64..30 * 366 * 86_400).prop_map(|seconds| datetime!(2020-01-01 00:00 UTC) + Duration::seconds(seconds))
}

fn period() -> impl Strategy<Value = Period> {
    (select(vec![PeriodType::Day, PeriodType::Month, PeriodType::Year]), 1_u32..=11)
        .prop_map(|(kind, num)| Period { kind, num })
}

/// Cents of each pocket, often none.
fn paid() -> impl Strategy<Value = Paid> {
    let pocket =
        || prop_oneof![Just(0_i64), 1_i64..10, 1_i64..100_000_000_000].prop_map(|cents| Decimal::new(cents, 2));
    (pocket(), pocket(), pocket(), pocket(), pocket()).prop_map(|(cash_coupon, flexi, card, credit, cash)| Paid {
        cash_coupon,
        flexi,
        card,
        credit,
        cash,
    })
}

fn months(start: OffsetDateTime, num: u32, anchor: u8) -> OffsetDateTime {
    end_of(start, Period { kind: PeriodType::Month, num }, anchor)
}

/// The same input in every run, so that a failure is one of the change at hand.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_comes_back_what_was_used_and_the_fee_are_what_was_paid_and_no_pocket_owes(
        paid in paid(), start in instant(), period in period(), permille in -100_i64..1000,
        reason in select(vec![
            Reason::Undone, Reason::WithoutFee, Reason::Unsubscribed(Site::Cn), Reason::Unsubscribed(Site::Intl),
        ]),
    ) {
        let bought = Bought { paid, period, start, settled_at: None, end: end_of(start, period, anchor_of(start)) };
        let at = start + Duration::seconds((bought.end - start).whole_seconds() * permille / 1000);
        let refund = Refund::of(&bought, reason, at);
        let Refund { consumed, fee, returned } = refund;
        prop_assert_eq!(returned.charged() + consumed + fee, paid.charged());
        prop_assert!(consumed >= Decimal::ZERO && fee >= Decimal::ZERO);
        for (got, had) in [
            (returned.flexi, paid.flexi), (returned.card, paid.card), (returned.credit, paid.credit), (returned.cash, paid.cash),
        ] {
            prop_assert!(got >= Decimal::ZERO && got <= had && got.normalize().scale() <= 2, "{got} of {had}");
        }
        let all_back = at < start || reason == Reason::Undone;
        prop_assert_eq!(returned.cash_coupon, if all_back { paid.cash_coupon } else { Decimal::ZERO });
        prop_assert_eq!(refund.rows().into_iter().sum::<Decimal>(), -returned.total());
    }

    #[test]
    fn who_waits_gets_no_more(paid in paid(), start in instant(), period in period(), one in 0_i64..99, more in 0_i64..99) {
        let bought = Bought { paid, period, start, settled_at: None, end: end_of(start, period, anchor_of(start)) };
        let length = (bought.end - start).whole_seconds();
        let of = |percent: i64| {
            let at = start + Duration::seconds(length * percent.min(99) / 100);
            Refund::of(&bought, Reason::WithoutFee, at).returned.charged()
        };
        prop_assert!(of(one) >= of(one + more));
    }

    #[test]
    fn a_smaller_specification_gives_back_what_is_left_less_its_cost_and_no_payment_owes(
        first in paid(), second in paid(), start in instant(), period in period(), raised in 0_i64..100, more in 0_i64..100,
        cost in 0_i64..200_000_000_000,
    ) {
        let end = end_of(start, period, anchor_of(start));
        let after = |percent: i64| start + Duration::seconds((end - start).whole_seconds() * percent.min(99) / 100);
        let payments = [(first, start), (second, after(raised))]
            .map(|(paid, start)| Bought { paid, period, start, settled_at: None, end });
        let (at, cost) = (after(raised + more), Decimal::new(cost, 2));
        let refunds = downgrade(&payments, cost, at);
        let back: Decimal = refunds.iter().map(|refund| refund.returned.total()).sum();
        let left: Decimal = payments.iter().map(|one| Refund::of(one, Reason::WithoutFee, at).returned.charged()).sum();
        // What is left of each of the two is rounded there.
        prop_assert!((back - (left - cost).max(Decimal::ZERO)).abs() <= Decimal::new(2, 2), "{back} of {left} for {cost}");
        for (refund, Bought { paid, .. }) in refunds.iter().zip(payments) {
            let Refund { consumed, returned, .. } = refund;
            prop_assert!(*consumed >= Decimal::ZERO && consumed + returned.charged() <= paid.charged(), "{refund:?} of {paid:?}");
            for (got, had) in [
                (returned.flexi, paid.flexi), (returned.card, paid.card), (returned.credit, paid.credit), (returned.cash, paid.cash),
            ] {
                prop_assert!(got >= Decimal::ZERO && got <= had && got.normalize().scale() <= 2, "{got} of {had}");
            }
            prop_assert_eq!(returned.cash_coupon, Decimal::ZERO);
        }
    }

    #[test]
    fn a_period_ends_with_a_day_and_a_later_or_longer_one_never_ends_earlier(
        start in instant(), later in 0_i64..800 * 86_400, period in period(), anchor in 1_u8..=31,
    ) {
        let end = end_of(start, period, anchor);
        prop_assert!(start < end);
        prop_assert_eq!(Day::of(end).end() - Duration::SECOND, end);
        prop_assert!(end <= end_of(start + Duration::seconds(later), period, anchor));
        let longer = Period { num: period.num + 1, ..period };
        prop_assert!(end < end_of(start, longer, anchor));
    }

    #[test]
    fn renewed_by_the_month_a_resource_ends_as_if_bought_for_all_of_them(start in instant(), num in 1_u32..=36) {
        let anchor = anchor_of(start);
        let renewed = (0..num).fold(start, |end, _| months(end, 1, anchor));
        prop_assert_eq!(renewed, months(start, num, anchor));
        prop_assert_eq!(months(start, 12, anchor), end_of(start, Period { kind: PeriodType::Year, num: 1 }, anchor));
    }

    #[test]
    fn a_unified_end_is_on_its_day_within_a_month_and_stays_there_when_renewed(
        start in instant(), number in prop_oneof![Just(-1_i16), 1_i16..=28], num in 1_u32..=24,
    ) {
        let day = UnifiedDay::from_number(number).expect("it is one");
        let end = months(start, 1, anchor_of(start));
        let moved = unified(end, day);
        prop_assert!(moved.end >= end && moved.end < end + Duration::days(31));
        prop_assert!(moved.extra_months >= Decimal::ZERO && moved.extra_months < Decimal::from(2));
        let date = Day::of(moved.end).0;
        match day {
            UnifiedDay::Day(day) => prop_assert_eq!(date.day(), day),
            UnifiedDay::Last => prop_assert_eq!(date.day(), date.month().length(date.year())),
        }
        let renewed = months(moved.end, num, day.anchor());
        let again = unified(renewed, day);
        prop_assert_eq!((again.end, again.extra_months), (renewed, Decimal::ZERO));
    }

    #[test]
    fn parts_of_the_remaining_months_are_the_whole(start in instant(), first in 0_i64..800, second in 0_i64..800) {
        let (middle, end) = (start + Duration::days(first), start + Duration::days(first + second));
        let parts = remaining_months(start, middle) + remaining_months(middle, end);
        // Each of the three is rounded in the eighth place.
        prop_assert!((parts - remaining_months(start, end)).abs() <= Decimal::new(1, 8));
    }

    #[test]
    fn every_course_goes_forward_and_ends_closed(
        expiry in instant(), policy in select(&POLICIES), grace in 0_u8..=15, retention in 0_u8..=15,
    ) {
        let leniency = Leniency { grace, retention };
        let (mut status, mut last, mut steps) = (ResourceStatus::InUse, None, 0);
        while let Some((at, becomes)) = next_change(status, policy, expiry, leniency) {
            prop_assert!(at >= expiry && last.is_none_or(|last| last < at));
            prop_assert!(at <= leniency.retention_end(expiry));
            (status, last, steps) = (becomes.status(), Some(at), steps + 1);
            prop_assert!(steps <= 3);
        }
        prop_assert_eq!(status, ResourceStatus::Closed);
    }

    #[test]
    fn attempts_are_at_three_o_clock_after_the_last_and_before_the_retention_ends(
        expiry in instant(), before in -100_i64..100 * 86_400, days in 2_i16..=7,
        level in select(vec![CustomerLevel::V0, CustomerLevel::V5]), site in select(vec![Site::Cn, Site::Intl]),
    ) {
        let leniency = Leniency::of_period(site, level);
        let days_before = DaysBefore::from_number(days).expect("it is one");
        let after = expiry - Duration::seconds(before);
        let at = next_attempt(after, expiry, days_before, leniency);
        // One day of grace and one of retention always have one more three o'clock.
        let at = at.expect("there is time");
        prop_assert!(at > after && at < leniency.retention_end(expiry));
        let local = at.to_offset(CHINA);
        prop_assert_eq!((local.hour(), local.minute(), local.second()), (3, 0, 0));
        prop_assert!((Day::of(expiry).0 - local.date()).whole_days() <= days.into());
    }
}
