//! The ledger on real PostgreSQL: the bank run, a model beside it, the proof, and history that cannot be changed.

use bss_gateway::database;
use bss_gateway::ledger::books::Refusal;
use bss_gateway::ledger::{self, AccountKind, PostError, Posting, Purse, TransferKind, verify};
use bss_gateway::testing::{Answer, TestApp};
use bss_gateway::values::id::{DomainId, TenantId};
use bss_gateway::values::money::Currency;
use futures_util::stream::{self, StreamExt};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgPool};
use std::collections::HashMap;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

const ALLOCATE: &str = "/v2/accounts/partner-accounts/adjust-amount";
const RECLAIM: &str = "/v2/accounts/partner-accounts/reclaim";
const NOW: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

async fn proved(connection: &mut PgConnection) -> verify::Report {
    let report = verify::all(connection).await.expect("the proof runs");
    assert_eq!(report.wrong, Vec::<String>::new());
    report
}

async fn transfers(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from transfers").fetch_one(pool).await.expect("it answers")
}

async fn balance(pool: &PgPool, owner: DomainId, kind: &str) -> Decimal {
    sqlx::query_scalar("select coalesce(sum(balance), 0) from accounts where owner_id = $1 and kind = $2")
        .bind(owner.0)
        .bind(kind)
        .fetch_one(pool)
        .await
        .expect("it answers")
}

/// A linear congruential generator: the run is the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[derive(Clone)]
struct Step {
    replica: usize,
    target: &'static str,
    body: Value,
    key: String,
}

fn steps(app: &TestApp, seed: u64, count: u64) -> Vec<Step> {
    let mut dice = Dice(seed);
    let customer = app.world.account("demo-customer").domain;
    (0..count)
        .map(|number| Step {
            replica: usize::try_from(dice.roll(2)).expect("it is small"),
            target: if dice.roll(3) == 0 { RECLAIM } else { ALLOCATE },
            body: json!({ "customer_id": customer, "amount": format!("{}.{:02}", dice.roll(900), dice.roll(99) + 1) }),
            // Every fifth key is one that was used before, mostly with another body.
            key: format!("key-{}", if dice.roll(5) == 0 { dice.roll(number + 1) } else { number }),
        })
        .collect()
}

async fn take(replicas: &[TestApp], step: &Step, cancel: bool) -> Option<Answer> {
    let client = replicas[step.replica].client("demo-partner");
    let (key, body) = ([("idempotency-key", step.key.as_str())], step.body.to_string());
    let call = client.call(axum::http::Method::POST, step.target, &key, &body);
    if !cancel {
        return Some(call.await);
    }
    // The client goes away in the middle.
    tokio::time::timeout(std::time::Duration::from_micros(500), call).await.ok()
}

/// 64 clients over two replicas, repeated keys, clients that go away; the account of a small partner is empty most of the
/// time, so that floors are met.
#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_bank_run_conserves_every_cent_and_does_each_key_once(pool: PgPool) {
    let seed = std::env::var("BANK_RUN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(4711);
    let count = std::env::var("BANK_RUN_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(1500);
    println!("BANK_RUN_SEED={seed} BANK_RUN_STEPS={count}");
    let first = TestApp::new(pool.clone()).await;
    let second = first.replica(pool.clone()).await;
    let replicas = [first, second];
    let (partner, customer) = (replicas[0].world.demo().domain, replicas[0].world.account("demo-customer").domain);
    let total = balance(&pool, partner, "cash").await;
    let of_the_world = transfers(&pool).await;

    let steps = steps(&replicas[0], seed, count);
    let answers: Vec<Option<Answer>> = stream::iter(steps.iter().enumerate())
        .map(|(number, step)| take(&replicas, step, number % 7 == 0))
        .buffered(64)
        .collect()
        .await;
    let held = async || balance(&pool, partner, "cash").await + balance(&pool, customer, "allocated").await;
    assert_eq!(held().await, total, "seed {seed}");

    // Each key was done once, whoever asked how often, and whoever asks again gets the same answer.
    let mut first_answers: HashMap<(&str, &str), Value> = HashMap::new();
    for (step, answer) in steps.iter().zip(&answers) {
        let Some(answer) = answer.as_ref().filter(|answer| answer.status.is_success()) else { continue };
        let known = first_answers.entry((step.target, &step.key)).or_insert_with(|| answer.body.clone());
        assert_eq!(*known, answer.body, "seed {seed}, {}", step.key);
    }
    for (step, answer) in steps.iter().zip(&answers) {
        let again = take(&replicas, step, false).await.expect("nobody cancels it");
        match answer {
            Some(answer) if answer.status.is_success() => {
                assert_eq!(again.body, answer.body, "seed {seed}, {}", step.key);
            }
            // A refused or an unknown one happens now at the latest, or is still refused.
            _ => assert!(
                [200, 400, 422].contains(&again.status.as_u16()),
                "seed {seed}: {} {}",
                again.status,
                again.body
            ),
        }
    }
    assert_eq!(held().await, total, "seed {seed}");
    let mut connection = pool.acquire().await.expect("a connection");
    let report = proved(&mut connection).await;
    let keys: i64 = sqlx::query_scalar("select count(*) from idempotency_keys where status = 200")
        .fetch_one(&mut *connection)
        .await
        .expect("it answers");
    let made = transfers(&pool).await - of_the_world;
    assert_eq!(made, keys, "seed {seed}");
    assert!(report.transfers > made);
    let audited: i64 = sqlx::query_scalar("select count(*) from audit_events where status = 200")
        .fetch_one(&mut *connection)
        .await
        .expect("it answers");
    assert_eq!(audited, made, "seed {seed}");
}

#[derive(Clone, Debug)]
enum Act {
    Move { postings: Vec<(usize, usize, u32)> },
    Close { account: usize },
}

fn act() -> impl Strategy<Value = Act> {
    let posting = (0..ACCOUNTS, 0..ACCOUNTS, 1..60_u32).prop_filter("two accounts", |(from, to, _)| from != to);
    prop_oneof![
        12 => vec(posting, 1..4).prop_map(|postings| Act::Move { postings }),
        1 => (1..ACCOUNTS).prop_map(|account| Act::Close { account }),
    ]
}

const ACCOUNTS: usize = 5;
const SEQUENCES: u32 = 2000;

/// Whole yuan by account; the first is the vendor's, without a floor.
#[derive(Default)]
struct Model {
    balances: [i64; ACCOUNTS],
    closed: [bool; ACCOUNTS],
    entries: [i64; ACCOUNTS],
}

impl Model {
    fn post(&mut self, postings: &[(usize, usize, u32)]) -> Result<(), Refusal> {
        let (mut balances, mut entries) = (self.balances, self.entries);
        for (from, to, amount) in postings {
            if self.closed[*from] || self.closed[*to] {
                return Err(Refusal::Closed);
            }
            balances[*from] -= i64::from(*amount);
            balances[*to] += i64::from(*amount);
            if *from != 0 && balances[*from] < 0 {
                return Err(Refusal::Insufficient);
            }
            entries[*from] += 1;
            entries[*to] += 1;
        }
        (self.balances, self.entries) = (balances, entries);
        Ok(())
    }
}

fn purses(tenant: TenantId) -> [Purse; ACCOUNTS] {
    std::array::from_fn(|number| match number {
        0 => Purse::vendor(tenant, Currency::Cny),
        _ => Purse::new(tenant, Uuid::from_u128(number as u128), AccountKind::Cash, Currency::Cny),
    })
}

async fn replay(connection: &mut PgConnection, acts: &[Act]) -> sqlx::Result<()> {
    let tenant = TenantId::new(NOW);
    sqlx::query("insert into tenants (tenant_id, created_at) values ($1, $2)")
        .bind(tenant.0)
        .bind(NOW)
        .execute(&mut *connection)
        .await?;
    let (purses, mut model) = (purses(tenant), Model::default());
    for act in acts {
        match act {
            Act::Close { account } => {
                model.closed[*account] |= model.entries[*account] > 0;
                sqlx::query("update accounts set closed = true where tenant_id = $1 and account_id = $2")
                    .bind(tenant.0)
                    .bind(purses[*account].id().0)
                    .execute(&mut *connection)
                    .await?;
            }
            Act::Move { postings } => {
                let wanted: Vec<Posting> =
                    postings.iter().map(|(from, to, amount)| posting(purses[*from], purses[*to], *amount)).collect();
                let mut transaction = connection.begin().await?;
                let outcome = ledger::post(&mut transaction, tenant, &wanted, NOW).await;
                match (outcome, model.post(postings)) {
                    (Ok(_), Ok(())) => transaction.commit().await?,
                    (Err(PostError::Refused(found)), Err(expected)) => assert_eq!(found, expected),
                    (found, expected) => panic!("the ledger says {found:?}, the model {expected:?}"),
                }
            }
        }
    }
    let rows: Vec<(Uuid, Decimal, i64)> =
        sqlx::query_as("select account_id, balance, entries from accounts where tenant_id = $1")
            .bind(tenant.0)
            .fetch_all(connection)
            .await?;
    for (number, purse) in purses.iter().enumerate() {
        let row = rows.iter().find(|row| row.0 == purse.id().0).map_or((Decimal::ZERO, 0), |row| (row.1, row.2));
        assert_eq!(row, (model.balances[number].into(), model.entries[number]), "account {number}");
    }
    Ok(())
}

fn posting(from: Purse, to: Purse, amount: u32) -> Posting {
    Posting {
        kind: TransferKind::Adjust,
        from,
        to,
        amount: amount.into(),
        customer: None,
        reference: String::new(),
        memo: String::new(),
        user: None,
    }
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn any_sequence_of_transfers_does_what_the_model_does(pool: PgPool) {
    let mut connection = pool.acquire().await.expect("a connection").detach();
    bss_gateway::database::open_months(&mut connection, NOW.date(), NOW.date()).await.expect("the month is made");
    sqlx::query("set synchronous_commit = off").execute(&mut connection).await.expect("it is set");
    let runtime = tokio::runtime::Handle::current();
    // The runner is synchronous and shrinks by itself; it blocks a thread that nobody else needs.
    let ran = tokio::task::spawn_blocking(move || {
        let config = Config { cases: SEQUENCES, failure_persistence: None, ..Config::default() };
        let connection = std::cell::RefCell::new(connection);
        let result = TestRunner::new(config).run(&vec(act(), 1..10), |acts| {
            runtime.block_on(replay(&mut connection.borrow_mut(), &acts)).expect("the database answers");
            Ok(())
        });
        result.map_err(|failure| failure.to_string())
    });
    ran.await.expect("it does not panic outside the runner").expect("the ledger does what the model does");
    let mut connection = pool.acquire().await.expect("a connection");
    assert!(proved(&mut connection).await.tenants >= SEQUENCES as usize);
}

async fn some_transfers(pool: &PgPool) -> TestApp {
    let app = TestApp::new(pool.clone()).await;
    let customer = app.world.account("demo-customer").domain;
    for amount in ["10", "20", "30"] {
        app.client("demo-partner").post(ALLOCATE, &json!({"customer_id": customer, "amount": amount})).await.ok();
    }
    app
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn the_proof_finds_what_was_done_by_hand(pool: PgPool) {
    some_transfers(&pool).await;
    let mut connection = pool.acquire().await.expect("a connection");
    proved(&mut connection).await;
    for (forgery, finding) in [
        ("update accounts set balance = balance + 0.01 where kind = 'allocated' and balance > 0", "its entries say"),
        ("delete from transfers where amount = 20", "does not follow from the one before"),
        ("update transfers set amount = 20.01 where amount = 20", "does not follow from the one before"),
        ("delete from transfers where amount = 30", "it counts"),
        ("update transfers set happened_at = happened_at - interval '1 second' where amount = 30", "does not follow"),
        ("delete from accounts where kind = 'allocated' and balance > 0", "there is no such account"),
    ] {
        let mut transaction = connection.begin().await.expect("it begins");
        let done = sqlx::query(forgery).execute(&mut *transaction).await.expect("the owner may do anything");
        assert_eq!(done.rows_affected(), 1, "{forgery}");
        let wrong = verify::all(&mut transaction).await.expect("the proof runs").wrong;
        assert!(wrong.len() == 1 && wrong[0].contains(finding), "{forgery}: {wrong:?}");
        transaction.rollback().await.expect("it is taken back");
    }
    proved(&mut connection).await;
}

/// A writer remembers accounts: what somebody else does to them in the meantime still counts.
#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_writer_does_not_trust_what_it_remembers(pool: PgPool) {
    let app = some_transfers(&pool).await;
    let partner = app.client("demo-partner");
    let demo = app.world.demo();
    let customer = app.world.account("demo-customer").domain;
    let vendor = Purse::vendor(demo.tenant, Currency::Cny);
    let cash = Purse::of(demo.tenant, demo.domain, AccountKind::Cash, Currency::Cny);
    let allocate = async |amount: &str| {
        let answer = partner.post(ALLOCATE, &json!({"customer_id": customer, "amount": amount})).await;
        answer.body["error_code"].as_str().unwrap_or_default().to_owned()
    };
    let by_hand = async |statement: &str| {
        let done = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&pool).await.expect("it is done");
        assert_eq!(done.rows_affected(), 1, "{statement}");
    };
    let now = app.app.clock.now();
    let mut connection = pool.acquire().await.expect("a connection");
    let left = balance(&pool, demo.domain, "cash").await;

    // Another writer took everything, and gave some of it back.
    let take = Posting { amount: left, ..posting(cash, vendor, 0) };
    ledger::post(&mut connection, demo.tenant, &[take], now).await.expect("it is there");
    assert_eq!(allocate("0.01").await, "CBC.99005003");
    ledger::post(&mut connection, demo.tenant, &[posting(vendor, cash, 50)], now)
        .await
        .expect("the vendor has no floor");
    assert_eq!((allocate("30").await.as_str(), allocate("20.01").await.as_str()), ("", "CBC.99005003"));

    // Its floor was raised, and lowered again.
    by_hand("update accounts set floor = 20 where kind = 'cash' and balance = 20").await;
    assert_eq!(allocate("5").await, "CBC.99005003");
    by_hand("update accounts set floor = 0 where kind = 'cash' and balance = 20").await;
    assert_eq!(allocate("5").await, "");

    // The customer's account was closed, and opened again.
    by_hand("update accounts set closed = true where kind = 'allocated' and balance = 95").await;
    assert_eq!(allocate("5").await, "CBC.99000035");
    by_hand("update accounts set closed = false where kind = 'allocated' and balance = 95").await;
    assert_eq!(allocate("5").await, "");

    assert_eq!(balance(&pool, demo.domain, "cash").await, Decimal::from(10));
    proved(&mut connection).await;
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn the_gateways_own_role_cannot_change_history(pool: PgPool) {
    some_transfers(&pool).await;
    let mut connection = pool.acquire().await.expect("a connection");
    let child: String = sqlx::query_scalar("select tableoid::regclass::text from transfers limit 1")
        .fetch_one(&mut *connection)
        .await
        .expect("there is one");
    sqlx::query("set role bss_gateway").execute(&mut *connection).await.expect("the role is there");
    for table in ["transfers", "audit_events", child.as_str()] {
        let change = match table {
            "audit_events" => "update audit_events set status = 500".to_owned(),
            table => format!("update {table} set amount = 1"),
        };
        for statement in [change, format!("delete from {table}"), format!("truncate {table}")] {
            let refused = sqlx::query(sqlx::AssertSqlSafe(statement.clone())).execute(&mut *connection).await;
            let error = refused.expect_err(&statement);
            let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
            assert_eq!(code.as_deref(), Some("42501"), "{statement}");
        }
    }
    let entries: i64 =
        sqlx::query_scalar("select count(*) from entries").fetch_one(&mut *connection).await.expect("read");
    assert!(entries > 0);
    sqlx::query("reset role").execute(&mut *connection).await.expect("it is reset");
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn every_page_of_a_history_is_its_part_of_the_whole(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let client = app.client("demo-partner");
    let customer = app.world.account("demo-customer").domain;
    // Over nine months, of which one has nothing.
    let begin = app.app.clock.now();
    let mut connection = pool.acquire().await.expect("a connection");
    let end = begin.saturating_add(Duration::days(300));
    database::open_months(&mut connection, begin.date(), end.date()).await.expect("the months are opened");
    for number in 1..=23 {
        let pause = if number > 12 { 45 } else { 0 };
        app.app.clock.set(begin.saturating_add(Duration::days(number * 10 + pause)));
        let target = if number % 3 == 0 { RECLAIM } else { ALLOCATE };
        client.post(target, &json!({"customer_id": customer, "amount": number})).await.ok();
    }
    let base = "/v3/accounts/partner-accounts/adjust-records";
    let all = client.get(&format!("{base}?limit=100")).await.ok();
    assert_eq!(all["total_count"], 23);
    let whole = all["records"].as_array().expect("a list").clone();
    assert_eq!(whole.len(), 23);
    for (offset, limit) in [(0, 5), (5, 5), (20, 10), (22, 1), (23, 10), (400, 3)] {
        let page = client.get(&format!("{base}?offset={offset}&limit={limit}")).await.ok();
        let expected: Vec<Value> = whole.iter().skip(offset).take(limit).cloned().collect();
        assert_eq!((&page["records"], &page["total_count"]), (&json!(expected), &json!(23)), "{offset} {limit}");
    }
    // So is every page of a part of the time, which begins and ends on a record.
    for (newest, oldest) in [(0, 22), (3, 3), (2, 17), (9, 22), (0, 11), (10, 12)] {
        let time = |record: &Value| record["operation_time"].as_str().expect("a text").replace(':', "%3A");
        let (from, to) = (time(&whole[oldest]), time(&whole[newest]));
        let span = format!("{base}?operation_time_begin={from}&operation_time_end={to}");
        for (offset, limit) in [(0, 100), (0, 2), (1, 4), (6, 3), (30, 10)] {
            let page = client.get(&format!("{span}&offset={offset}&limit={limit}")).await.ok();
            let of_span = &whole[newest..=oldest];
            let expected: Vec<Value> = of_span.iter().skip(offset).take(limit).cloned().collect();
            let expected = (json!(expected), json!(of_span.len()));
            assert_eq!(
                (&page["records"], &page["total_count"]),
                (&expected.0, &expected.1),
                "{from} {to} {offset} {limit}"
            );
        }
    }
    // And of all entries, which are numbered apart from the adjustments.
    let span = format!("trade_time_begin={}&trade_time_end={}", begin.date(), end.date());
    let changes =
        format!("/v2/accounts/partner-accounts/account-change-records?balance_type=BALANCE_TYPE_DEBIT&{span}");
    let all = client.get(&format!("{changes}&limit=100")).await.ok();
    assert_eq!(all["total_count"], 24, "with the first top-up");
    let in_order =
        |list: &Value| list.as_array().map(|list| list.iter().map(|it| it["trade_id"].clone()).collect::<Vec<_>>());
    for (offset, limit) in [(0, 5), (9, 4), (18, 5)] {
        let page = client.get(&format!("{changes}&offset={offset}&limit={limit}")).await.ok();
        let expected = whole.iter().skip(offset).take(limit).map(|record| record["trans_id"].clone()).collect();
        assert_eq!(in_order(&page["records"]), Some(expected), "{offset} {limit}");
    }
    let amount = |record: &Value, field: &str| {
        let text = record[field].as_str().unwrap_or_else(|| panic!("{record} lacks {field}"));
        text.parse::<Decimal>().expect("a number")
    };
    for pair in all["records"].as_array().expect("a list").windows(2) {
        let change = amount(&pair[0], "balance_after_change") - amount(&pair[1], "balance_after_change");
        assert_eq!(change.abs(), amount(&pair[0], "change_amount"), "{pair:?}");
        assert_eq!(change.is_sign_positive(), pair[0]["type"] == "1", "{pair:?}");
    }
    // With a filter the same rows come another way.
    let of_customer = client.get(&format!("{base}?customer_id={customer}&limit=100")).await.ok();
    assert_eq!(of_customer["records"], json!(whole));
    let reclaims = client.get(&format!("{base}?operation_type=SOURCE_OPERATION_BERETRIEVE")).await.ok();
    assert_eq!(reclaims["total_count"], 7);
    let empty = client.get(&format!("{base}?operation_type=&customer_id=&trans_id=&operation_time_begin=")).await.ok();
    assert_eq!(empty["total_count"], 23);
    let later = client.get(&format!("{base}?operation_time_begin=2999-01-01T00%3A00%3A00Z")).await.ok();
    assert_eq!(later["total_count"], 0);
    // Two at once, of which one ends in the newest month and the other begins in an older one.
    let until = whole[12]["operation_time"].as_str().expect("a text").replace(':', "%3A");
    let targets = [format!("{base}?limit=1"), format!("{base}?limit=1&operation_time_end={until}")];
    let pages = tokio::join!(client.get(&targets[0]), client.get(&targets[1]));
    assert_eq!((&pages.0.ok()["records"][0], &pages.1.ok()["records"][0]), (&whole[0], &whole[12]));
    // Many pages that are asked for at once, also of other accounts, are read together: each goes to who asked for it.
    let (receiver, other) = (app.client("demo-customer"), app.client("other-partner"));
    let received =
        format!("/v2/accounts/customer-accounts/account-change-records?balance_type=BALANCE_TYPE_DEBIT&{span}");
    let asked = (0..90).map(async |number| {
        let (offset, limit) = (number % 25, 1 + number % 7);
        let part = number % 19..=22 - number % 3;
        let page = format!("offset={offset}&limit={limit}");
        let time = |record: &Value| record["operation_time"].as_str().expect("a text").replace(':', "%3A");
        let (from, until) = (time(&whole[*part.end()]), time(&whole[*part.start()]));
        let targets = [
            format!("{base}?{page}"),
            format!("{received}&{page}"),
            format!("{base}?{page}&operation_time_begin={from}&operation_time_end={until}"),
        ];
        let pages = tokio::join!(
            client.get(&targets[0]),
            receiver.get(&targets[1]),
            other.get(&targets[0]),
            client.get(&targets[2])
        );
        (offset, limit, part, pages.0.ok(), pages.1.ok(), pages.2.ok(), pages.3.ok())
    });
    for (offset, limit, part, given, received, others, of_part) in futures_util::future::join_all(asked).await {
        let expected: Vec<Value> = whole[part.clone()].iter().skip(offset).take(limit).cloned().collect();
        assert_eq!(
            (&of_part["records"], &of_part["total_count"]),
            (&json!(expected), &json!(part.clone().count())),
            "{offset} {limit} {part:?}"
        );
        let expected: Vec<Value> = whole.iter().skip(offset).take(limit).cloned().collect();
        assert_eq!((&given["records"], &given["total_count"]), (&json!(expected), &json!(23)), "{offset} {limit}");
        let expected = expected.iter().map(|record| record["trans_id"].clone()).collect();
        assert_eq!(in_order(&received["records"]), Some(expected), "{offset} {limit}");
        assert_eq!(others, json!({"records": [], "total_count": 0}));
    }
    // A page that is remembered changes with its account.
    for total in 23..26 {
        for _ in 0..3 {
            let page = client.get(&format!("{base}?limit=1")).await.ok();
            assert_eq!(
                (&page["total_count"], &page["records"][0]["amount"]),
                (&json!(total), &json!(format!("{total}.00")))
            );
        }
        client.post(ALLOCATE, &json!({"customer_id": customer, "amount": total + 1})).await.ok();
    }
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_transfer_that_waits_too_long_for_an_account_is_given_up_once_and_whole(pool: PgPool) {
    let limited = (*pool.connect_options()).clone().options([("statement_timeout", "1s")]);
    let limited = PgPoolOptions::new().max_connections(4).connect_with(limited).await.expect("it connects");
    let app = TestApp::new(limited).await;
    let customer = app.world.account("demo-customer").domain;
    let of_the_world = transfers(&pool).await;
    let mut lock = pool.begin().await.expect("a transaction");
    sqlx::query("select 1 from accounts for update").execute(&mut *lock).await.expect("they are locked");
    let (client, body) = (app.client("demo-partner"), json!({"customer_id": customer, "amount": 1}));
    let given_up = tokio::time::timeout(std::time::Duration::from_secs(4), client.post(ALLOCATE, &body)).await;
    let given_up = given_up.expect("it waits as long as one statement may, or two");
    assert_eq!((given_up.refusal().0, given_up.refusal().1), (504, "APIGW.0201"));
    lock.commit().await.expect("they are unlocked");
    assert_eq!(transfers(&pool).await, of_the_world);
    client.post(ALLOCATE, &body).await.ok();
    assert_eq!(transfers(&pool).await, of_the_world + 1);
}
