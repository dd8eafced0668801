//! Whatever customers, services, staff and time do to orders and resources, one after the other: no cent is lost or made, and no
//! order goes a way that the table of statuses has not.
//!
//! `ORDER_SEQUENCES` says how many sequences are tried; then they are others each time.

use super::super::change::{self, How, Return};
use super::super::changing::{self, Change};
use super::super::family::Held;
use super::super::refusal::Failure;
use super::super::renewing::{self, Renewal};
use super::laws::BROKEN;
use super::means::{Means, ordering};
use crate::background::due;
use crate::coupons::model::CouponKind;
use crate::database;
use crate::ledger::verify;
use crate::orders::administration::{self, OrderDecision};
use crate::orders::cancel;
use crate::orders::fulfil;
use crate::orders::model::{By, OrderStatus, SourceType};
use crate::orders::offers::{self, OfferKind};
use crate::orders::outcome::Provided;
use crate::orders::pay::{self, Chosen, Way};
use crate::orders::refusal::NotDone;
use crate::orders::state::{self, Event, Stage};
use crate::orders::tests::{CUSTOMER, Stall};
use crate::pricing::model::{Period, PeriodType, Size};
use crate::pricing::quote;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use std::cell::RefCell;
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime};

/// How many sequences are tried unless said otherwise, and how long a sequence and its time are at most.
const SEQUENCES: u32 = 120;
const ACTS: usize = 20;
const DAYS: i64 = 200;

/// What happens. What it happens to is drawn from all that is there then.
#[derive(Clone, Debug)]
enum Act {
    Place { lines: Vec<(u32, bool, Option<i64>)>, begins: Event, auto: bool },
    Decide(Index, OrderDecision),
    Pay { order: Index, discount: Option<Index>, coupons: Vec<Index>, mislabelled: bool, card: bool },
    Cancel(Index),
    Report(Index, Vec<Option<bool>>),
    Renew { resource: Index, months: u32, auto: bool },
    Change { resource: Index, to: usize, begins: Event, auto: bool },
    GiveBack(Index, How),
    Wait(i64),
}

/// What servers become, from the smallest to the largest; and how large disks.
const SPECS: [&str; 4] = ["s6.medium.2.linux", "s6.large.2.linux", "s6.large.4.linux", "s6.xlarge.4.linux"];
const SIZES: [i32; 4] = [10, 40, 41, 700];

impl Act {
    fn name(&self) -> &'static str {
        match self {
            Self::Place { .. } => "place",
            Self::Decide(..) => "decide",
            Self::Pay { .. } => "pay",
            Self::Cancel(_) => "cancel",
            Self::Report(..) => "report",
            Self::Renew { .. } => "renew",
            Self::Change { .. } => "change",
            Self::GiveBack(_, How::Unsubscribe) => "unsubscribe",
            Self::GiveBack(_, How::OnlyRenewals) => "unsubscribe from renewals",
            Self::GiveBack(_, How::ToOnDemand) => "turn to pay-per-use",
            Self::Wait(_) => "wait",
        }
    }
}

/// How often each act was done, and not refused.
type Tally = BTreeMap<&'static str, u32>;

fn act() -> impl Strategy<Value = Act> {
    let line = (1_u32..=3, any::<bool>(), prop::option::weighted(0.2, 0_i64..20_000));
    let begins =
        prop_oneof![4 => Just(Event::Placed), 1 => Just(Event::PlacedForReview), 1 => Just(Event::PlacedByStaff)];
    let begins_change =
        prop_oneof![6 => Just(Event::Placed), 1 => Just(Event::PlacedForReview), 1 => Just(Event::PlacedByStaff)];
    let decision = select(vec![OrderDecision::Approve, OrderDecision::Refuse, OrderDecision::Confirm]);
    let how = select(vec![How::Unsubscribe, How::OnlyRenewals, How::ToOnDemand]);
    let hours = prop_oneof![3 => 0_i64..20, 3 => 20_i64..150, 1 => 500_i64..1000];
    prop_oneof![
        4 => (vec(line, 1..3), begins, any::<bool>()).prop_map(|(lines, begins, auto)| Act::Place { lines, begins, auto }),
        1 => (any::<Index>(), decision).prop_map(|(order, decision)| Act::Decide(order, decision)),
        6 => (any::<Index>(), prop::option::of(any::<Index>()), vec(any::<Index>(), 0..3), prop::bool::weighted(0.1), any::<bool>())
            .prop_map(|(order, discount, coupons, mislabelled, card)| Act::Pay { order, discount, coupons, mislabelled, card }),
        1 => any::<Index>().prop_map(Act::Cancel),
        5 => (any::<Index>(), vec(prop::option::weighted(0.9, prop::bool::weighted(0.7)), 6))
            .prop_map(|(order, said)| Act::Report(order, said)),
        3 => (any::<Index>(), 1_u32..=2, any::<bool>()).prop_map(|(resource, months, auto)| Act::Renew { resource, months, auto }),
        6 => (any::<Index>(), 0..SPECS.len(), begins_change, any::<bool>())
            .prop_map(|(resource, to, begins, auto)| Act::Change { resource, to, begins, auto }),
        3 => (any::<Index>(), how).prop_map(|(resource, how)| Act::GiveBack(resource, how)),
        3 => hours.prop_map(Act::Wait),
    ]
}

/// A sequence on its way, in a transaction that is taken back.
struct Walk<'a> {
    connection: &'a mut PgConnection,
    means: &'a Means,
    now: OffsetDateTime,
    tally: &'a mut Tally,
}

/// Why an act was not done: a rule forbids it, or there is nothing that it could be done to.
enum Undone {
    Refused,
    Failed(String),
}

impl From<NotDone> for Undone {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Refused(_) => Self::Refused,
            other => Self::Failed(format!("{other:?}")),
        }
    }
}

impl From<Failure> for Undone {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(_) => Self::Refused,
            Failure::Order(not_done) => not_done.into(),
            Failure::Database(error) => Self::Failed(error.to_string()),
        }
    }
}

impl From<sqlx::Error> for Undone {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Walk<'_> {
    /// One of those that are there, by id.
    async fn one_of(&mut self, what: &'static str, index: Index) -> Result<String, Undone> {
        let (tenant, customer) = self.means.account;
        let ids: Vec<String> =
            sqlx::query_scalar(what).bind(tenant.0).bind(customer.0).fetch_all(&mut *self.connection).await?;
        if ids.is_empty() { Err(Undone::Refused) } else { Ok(index.get(&ids).clone()) }
    }

    /// An order of any status, those that wait for what is to happen first: so that most of what is drawn can be done.
    async fn order(&mut self, index: Index, waiting: OrderStatus) -> Result<String, Undone> {
        let ids: Vec<(String, i16)> = sqlx::query_as(
            "select order_id, status from orders where tenant_id = $1 and domain_id = $2 and order_type in (1, 2, 3)
             order by created_at desc, order_id",
        )
        .bind(self.means.account.0.0)
        .bind(self.means.account.1.0)
        .fetch_all(&mut *self.connection)
        .await?;
        let waits = |(_, status): &&(String, i16)| *status == waiting.code();
        let waiting: Vec<&(String, i16)> = ids.iter().filter(waits).collect();
        let found =
            if waiting.is_empty() { ids.get(index.index(ids.len().max(1))) } else { Some(*index.get(&waiting)) };
        found.map(|(id, _)| id.clone()).ok_or(Undone::Refused)
    }

    async fn resource(&mut self, index: Index) -> Result<String, Undone> {
        let all = "select resource_id from subscriptions where tenant_id = $1 and domain_id = $2 and order_id <> ''
                   order by is_main desc, created_at, resource_id";
        self.one_of(all, index).await
    }

    /// Does it, or nothing.
    async fn act(&mut self, act: &Act) -> Result<(), TestCaseError> {
        // Of the walk's own: what is tried makes savepoints itself.
        sqlx::raw_sql("savepoint step").execute(&mut *self.connection).await.expect("a savepoint");
        let done = self.attempt(act).await;
        let end = if done.is_ok() { "release savepoint step" } else { "rollback to savepoint step" };
        sqlx::raw_sql(end).execute(&mut *self.connection).await.expect(end);
        match done {
            Err(Undone::Failed(why)) => return Err(TestCaseError::fail(why)),
            Err(Undone::Refused) => {}
            Ok(()) => *self.tally.entry(act.name()).or_default() += 1,
        }
        Ok(())
    }

    async fn attempt(&mut self, act: &Act) -> Result<(), Undone> {
        let (account, by) = (self.means.account, By { user: None, now: self.now });
        let desk = &self.means.desk;
        match act {
            Act::Place { lines, begins, auto } => {
                let ordering = ordering(lines, *begins, *auto);
                administration::order(self.connection, desk, (account, &ordering), by).await?;
            }
            Act::Decide(order, decision) => {
                let id = self.order(*order, OrderStatus::Reviewing).await?;
                administration::decide(self.connection, desk, (account, &id), *decision, by).await?;
            }
            Act::Pay { order, discount, coupons, mislabelled, card } => {
                self.pay((*order, *discount), coupons, (*mislabelled, *card)).await?;
            }
            Act::Cancel(order) => {
                let id = self.order(*order, OrderStatus::PendingPayment).await?;
                let (order, _) = cancel::lock(self.connection, account, &id).await?;
                cancel::end(self.connection, order, Event::Cancelled, by).await?;
            }
            Act::Report(order, said) => {
                let id = self.order(*order, OrderStatus::Processing).await?;
                let (order, customer) = cancel::lock(self.connection, account, &id).await?;
                let said: Vec<Option<Provided>> = said.iter().map(|said| said.map(provided)).collect();
                fulfil::report(self.connection, desk, (order, &customer), &said, by).await?;
            }
            Act::Renew { resource, months, auto } => {
                let ids = vec![self.resource(*resource).await?];
                let held = Held::lock(self.connection, account, &ids, desk.site).await?;
                let period = Period { kind: PeriodType::Month, num: *months };
                let (source, user_name) = (SourceType::Customer, CUSTOMER.to_owned());
                let renewal = Renewal { account, ids, period, is_auto_pay: *auto, source, user_name };
                renewing::renew(self.connection, desk, (&renewal, &held), by).await?;
            }
            Act::Change { resource, to, begins, auto } => {
                let resource = self.resource(*resource).await?;
                let held = Held::lock(self.connection, account, std::slice::from_ref(&resource), desk.site).await?;
                let is_disk = held.find(&resource).is_some_and(|resource| resource.size.is_some());
                let change = Change {
                    resource,
                    spec: (!is_disk).then(|| SPECS[*to].to_owned()),
                    size: is_disk.then(|| Size { size: SIZES[*to], measure_id: 17 }),
                    user_name: CUSTOMER.to_owned(),
                    source: SourceType::Customer,
                    is_auto_pay: *auto,
                    begins: *begins,
                };
                changing::change(self.connection, desk, (account, &change, &held), by).await?;
            }
            Act::GiveBack(resource, how) => {
                let ids = vec![self.resource(*resource).await?];
                let held = Held::lock(self.connection, account, &ids, desk.site).await?;
                let wish = Return { account, ids, how: *how, user_name: CUSTOMER.to_owned() };
                change::give_back(self.connection, desk, (&wish, &held), by).await?;
            }
            Act::Wait(hours) => {
                let until = (self.now + Duration::hours(*hours)).min(self.means.now + Duration::days(DAYS));
                self.now = until;
                let done = due::run(self.connection, &desk.clone().into(), account.0, until).await;
                done.map_err(|error| Undone::Failed(format!("{error:#}")))?;
            }
        }
        Ok(())
    }

    /// Pays with what is drawn: a discount of those that are offered or of nobody's, coupons that may be called what they are not.
    async fn pay(
        &mut self,
        (order, discount): (Index, Option<Index>),
        coupons: &[Index],
        (mislabelled, card): (bool, bool),
    ) -> Result<(), Undone> {
        let (account, by) = (self.means.account, By { user: None, now: self.now });
        let desk = &self.means.desk;
        let id = self.order(order, OrderStatus::PendingPayment).await?;
        let (order, customer) = cancel::lock(self.connection, account, &id).await?;
        let mut chosen = Chosen {
            discount: None,
            coupons: coupons
                .iter()
                .map(|one| *one.get(&self.means.coupons))
                .map(|(id, kind)| (id, Some(kind)))
                .collect(),
            cards: if card { vec![self.means.card] } else { Vec::new() },
        };
        if mislabelled && let Some((_, kind)) = chosen.coupons.first_mut() {
            *kind = Some(if *kind == Some(CouponKind::Cash) { CouponKind::Flexi } else { CouponKind::Cash });
        }
        if let Some(index) = discount {
            let terms = quote::terms_of(self.connection, account, desk.currency(), by.now).await;
            let terms = terms.map_err(NotDone::from)?;
            let offered = offers::offers(&desk.catalogue, &terms, &order, by.now);
            let mut offered: Vec<(String, OfferKind)> = offered
                .map_err(|fault| Undone::Failed(format!("{fault:?}")))?
                .into_iter()
                .map(|offer| (offer.id, offer.kind))
                .collect();
            offered.push(("nobody's".to_owned(), OfferKind::Partner));
            chosen.discount = Some(index.get(&offered).clone());
        }
        pay::pay(self.connection, desk, (&order, &customer), &Way::Chosen(chosen), by).await?;
        Ok(())
    }

    /// That all laws hold, and every order went by the table.
    async fn check(&mut self, after: &Act) -> Result<(), TestCaseError> {
        // SAFE: the statements are written in the source.
        let broken = sqlx::query_as(AssertSqlSafe(BROKEN.as_str())).fetch_all(&mut *self.connection).await;
        let broken: Vec<(String, String)> = broken.expect("the laws are read");
        prop_assert!(broken.is_empty(), "after {after:?}: {broken:?}");
        let (tenant, customer) = self.means.account;
        let steps: Vec<(String, Event, Option<i16>, i16, i16)> = sqlx::query_as(
            "select e.order_id, e.event, e.from_status, e.to_status, o.status
             from order_events e join orders o using (tenant_id, order_id)
             where e.tenant_id = $1 and o.domain_id = $2 order by e.order_id, e.number",
        )
        .bind(tenant.0)
        .bind(customer.0)
        .fetch_all(&mut *self.connection)
        .await
        .expect("they are read");
        let status = |code: i16| OrderStatus::try_from(i64::from(code)).expect("a status");
        for (place, (order, event, from, to, now)) in steps.iter().enumerate() {
            let stage = from.map(|code| Stage::from(status(code)));
            prop_assert_eq!(state::next(stage, *event).map(Stage::status), Some(status(*to)), "{}", order);
            let before = place.checked_sub(1).map(|before| &steps[before]).filter(|before| before.0 == *order);
            prop_assert_eq!(*from, before.map(|before| before.3), "{}", order);
            let is_last = steps.get(place + 1).is_none_or(|next| next.0 != *order);
            prop_assert!(!is_last || to == now, "{order} is {now} after {to}");
        }
        Ok(())
    }
}

fn provided(is_done: bool) -> Provided {
    if is_done { Provided::Done { resource_id: None, name: None } } else { Provided::Failed }
}

async fn walk(
    connection: &mut PgConnection,
    means: &Means,
    (only, acts): (Index, &[Act]),
    tally: &mut Tally,
) -> Result<(), TestCaseError> {
    let mut transaction = connection.begin().await.expect("it begins");
    let mut walk = Walk { connection: &mut transaction, means, now: means.now, tally };
    // A resource and an unpaid order to begin with: without them most acts would have nothing to act on.
    let server = |auto| Act::Place { lines: vec![(1, true, None)], begins: Event::Placed, auto };
    let first = [server(true), Act::Report(only, vec![Some(true); 2]), server(false)];
    for act in first.iter().chain(acts) {
        walk.act(act).await?;
        walk.check(act).await?;
        walk.now += Duration::SECOND;
    }
    let report = verify::all(&mut transaction).await.expect("the proof runs");
    prop_assert_eq!(report.wrong, Vec::<String>::new());
    transaction.rollback().await.expect("it is taken back");
    Ok(())
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn whatever_happens_no_cent_is_lost_and_no_order_leaves_the_table(pool: PgPool) {
    let stall = Stall::with_funds(pool.clone(), "1500").await;
    let means = Means::of(&stall).await;
    let mut connection = pool.acquire().await.expect("a connection").detach();
    let end = means.now + Duration::days(DAYS);
    database::open_months(&mut connection, means.now.date(), end.date()).await.expect("months are opened");
    sqlx::raw_sql("set synchronous_commit = off").execute(&mut connection).await.expect("it is set");
    let runtime = tokio::runtime::Handle::current();
    // The runner is synchronous and shrinks by itself; it blocks a thread that nobody else needs.
    let ran = tokio::task::spawn_blocking(move || {
        let wanted: Option<u32> = std::env::var("ORDER_SEQUENCES").ok().and_then(|number| number.parse().ok());
        let config = Config {
            cases: wanted.unwrap_or(SEQUENCES),
            failure_persistence: None,
            // The same sequences in every run, so that a failure is one of the change at hand.
            rng_seed: wanted.map_or(RngSeed::Fixed(1), |_| RngSeed::Random),
            ..Config::default()
        };
        let (connection, tally) = (RefCell::new(connection), RefCell::new(Tally::new()));
        let sequence = (any::<Index>(), vec(act(), 1..=ACTS));
        let result = TestRunner::new(config).run(&sequence, |(only, acts)| {
            let (mut connection, mut tally) = (connection.borrow_mut(), tally.borrow_mut());
            runtime.block_on(walk(&mut connection, &means, (only, &acts), &mut tally))
        });
        result.map(|()| tally.into_inner()).map_err(|failure| failure.to_string())
    });
    let tally = ran.await.expect("it does not panic outside the runner").expect("all laws hold");
    assert!(
        tally.len() >= 10 && tally["change"] > 20 && tally["pay"] > 20 && tally["report"] > 20,
        "the sequences lead through all acts: {tally:?}"
    );
}
