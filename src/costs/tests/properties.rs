//! Whatever is bought, renewed and given back: what counts over all days is what was paid, by whomever, and each day counts what
//! one finds who goes from day to day.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use rust_decimal::{Decimal, RoundingStrategy};
use sqlx::{PgConnection, PgPool};
use std::cell::RefCell;
use std::collections::BTreeMap;
use time::macros::date;
use time::{Date, Duration};

const CASES: u32 = 150;
const BEGIN: Date = date!(2024 - 01 - 15);

/// What happens to a resource.
#[derive(Clone, Debug)]
enum Act {
    /// It is bought, or bought on, for so many days and cents, of which coupons pay a part in a thousand.
    Buy { days: i64, cents: i64, by_coupons: i64 },
    /// After so many days all that is not over is given back, and a part in a thousand of it comes back.
    GiveBack { after: i64, returns: i64 },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (1_i64..800, 0_i64..1_000_000, 0_i64..=1000)
            .prop_map(|(days, cents, by_coupons)| Act::Buy { days, cents, by_coupons }),
        1 => (0_i64..400, 0_i64..=1000).prop_map(|(after, returns)| Act::GiveBack { after, returns }),
    ]
}

/// A charge with the days over which it counts.
#[derive(Clone, Debug)]
struct Charge {
    amount: Decimal,
    coupon: Decimal,
    first: Date,
    last: Date,
    ends: Date,
}

fn part(cents: i64, in_thousand: i64) -> Decimal {
    Decimal::new(cents * in_thousand / 1000, 2)
}

/// The charges of a sequence.
fn charges(acts: &[Act]) -> Vec<Charge> {
    let mut charges: Vec<Charge> = Vec::new();
    let (mut end, mut now) = (BEGIN, BEGIN);
    for act in acts {
        match *act {
            Act::Buy { days, cents, by_coupons } => {
                let first = end.max(now);
                let last = first + Duration::days(days - 1);
                let (amount, coupon) = (Decimal::new(cents, 2), part(cents, by_coupons));
                charges.push(Charge { amount, coupon, first, last, ends: last });
                end = last + Duration::DAY;
            }
            Act::GiveBack { after, returns } => {
                now += Duration::days(after);
                let mut refunds = Vec::new();
                for charge in charges.iter_mut().filter(|charge| charge.ends > now && charge.first != charge.last) {
                    charge.ends = now;
                    let amount =
                        -(charge.amount * Decimal::new(returns, 3)).round_dp_with_strategy(2, RoundingStrategy::ToZero);
                    refunds.push(Charge { amount, coupon: Decimal::ZERO, first: now, last: now, ends: now });
                }
                charges.extend(refunds);
                end = now + Duration::DAY;
            }
        }
    }
    charges
}

/// What counts on each day, going from day to day.
fn by_days(charges: &[Charge]) -> BTreeMap<Date, Decimal> {
    let mut days: BTreeMap<Date, Decimal> = BTreeMap::new();
    for charge in charges {
        let length = Decimal::from((charge.last - charge.first).whole_days() + 1);
        let each = (charge.amount / length).round_dp_with_strategy(8, RoundingStrategy::ToZero);
        let (mut left, mut day) = (charge.amount, charge.first);
        while day < charge.ends {
            *days.entry(day).or_default() += each;
            left -= each;
            day = day.next_day().expect("a day");
        }
        *days.entry(charge.ends).or_default() += left;
    }
    days
}

/// What has counted at the end of each of these days, and what of it coupons paid, as the database says.
async fn counted(connection: &mut PgConnection, charges: &[Charge], days: &[Date]) -> Vec<(Decimal, Decimal)> {
    let dates = |of: fn(&Charge) -> Date| charges.iter().map(of).collect::<Vec<_>>();
    let counted = sqlx::query_as(
        "select coalesce(sum(s.counted), 0), coalesce(sum(amortised_part(c.coupon, c.amount, 0, s.counted)), 0)
         from unnest($6::date[]) with ordinality as d (day, place)
         left join unnest($1::numeric[], $2::numeric[], $3::date[], $4::date[], $5::date[])
             as c (amount, coupon, first_day, last_day, ends_on) on true
         cross join lateral (select amortised(c.amount, c.first_day, c.last_day, c.ends_on, d.day) as counted) s
         group by d.place order by d.place",
    );
    let counted = counted
        .bind(charges.iter().map(|charge| charge.amount).collect::<Vec<_>>())
        .bind(charges.iter().map(|charge| charge.coupon).collect::<Vec<_>>())
        .bind(dates(|charge| charge.first))
        .bind(dates(|charge| charge.last))
        .bind(dates(|charge| charge.ends))
        .bind(days);
    counted.fetch_all(connection).await.expect("it is computed")
}

async fn check(connection: &mut PgConnection, acts: &[Act]) -> Result<(), TestCaseError> {
    let charges = charges(acts);
    let expected = by_days(&charges);
    let Some((first, last)) = expected.keys().next().zip(expected.keys().last()) else { return Ok(()) };
    // The days on which something begins or ends, those beside them, and some between.
    let mut days: Vec<Date> = charges
        .iter()
        .flat_map(|charge| [charge.first, charge.last, charge.ends])
        .flat_map(|day| [day - Duration::DAY, day, day + Duration::DAY])
        .chain((0..=(*last - *first).whole_days()).step_by(97).map(|days| *first + Duration::days(days)))
        .collect();
    days.sort();
    let found = counted(connection, &charges, &days).await;
    for (day, (counted, coupons)) in days.iter().zip(&found) {
        let naive: Decimal = expected.range(..=*day).map(|(_, amount)| amount).sum();
        prop_assert_eq!(*counted, naive, "{}", day);
        prop_assert!(*coupons >= Decimal::ZERO);
    }
    let paid: Decimal = charges.iter().map(|charge| charge.amount).sum();
    let by_coupons: Decimal = charges.iter().map(|charge| charge.coupon).sum();
    prop_assert_eq!(found.last().copied(), Some((paid, by_coupons)), "all of it counts");
    Ok(())
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn all_days_together_count_what_was_paid(pool: PgPool) {
    let connection = RefCell::new(pool.acquire().await.expect("a connection").detach());
    let runtime = tokio::runtime::Handle::current();
    // The runner is synchronous and shrinks by itself; it blocks a thread that nobody else needs.
    let ran = tokio::task::spawn_blocking(move || {
        let config = Config {
            cases: CASES,
            failure_persistence: None,
            // The same sequences in every run, so that a failure is one of the change at hand.
            rng_seed: RngSeed::Fixed(1),
            ..Config::default()
        };
        let result = TestRunner::new(config)
            .run(&vec(act(), 1..12), |acts| runtime.block_on(check(&mut connection.borrow_mut(), &acts)));
        result.map_err(|failure| failure.to_string())
    });
    ran.await.expect("it does not panic outside the runner").expect("every sequence adds up");
}
