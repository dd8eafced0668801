//! A busy day: what is done by many at once, or while the database gives way, ends as if each had been alone.

use axum::http::Method;
use bss_gateway::config::RateText;
use bss_gateway::coupons::administration::{self, Grant};
use bss_gateway::coupons::limits::Limits;
use bss_gateway::coupons::model::{QuotaKind, Terms, Validity};
use bss_gateway::database;
use bss_gateway::ledger::verify;
use bss_gateway::operators::store::Role;
use bss_gateway::sandbox::snapshots;
use bss_gateway::testing::{Answer, Client, TestApp, all};
use bss_gateway::values::amount::PositiveAmount;
use bss_gateway::values::id::QuotaId;
use bss_gateway::values::money::Currency;
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use std::cell::Cell;
use std::time::{Duration, Instant};

const ALLOCATE: &str = "/v2/accounts/partner-accounts/adjust-amount";
const RECLAIM: &str = "/v2/accounts/partner-accounts/reclaim";
const FREEZE: &str = "/v2/partners/sub-customers/freeze";
const UNFREEZE: &str = "/v2/partners/sub-customers/unfreeze";
const ISSUE: &str = "/v2/promotions/benefits/partner-coupons";

/// A pool that is larger than a test's own.
async fn large(pool: &PgPool) -> PgPool {
    let options = (*pool.connect_options()).clone();
    PgPoolOptions::new().max_connections(16).connect_with(options).await.expect("the database is there")
}

async fn alone(pool: &PgPool) -> PgConnection {
    PgConnection::connect_with(&pool.connect_options()).await.expect("the database is there")
}

fn customer(app: &TestApp) -> Value {
    json!(app.world.account("demo-customer").domain)
}

/// Freezes and unfreezes a customer and moves its money, until it is enough; how many writes, and how long the slowest took.
async fn write_until(partner: &Client<'_>, customer: &Value, enough: &Cell<bool>) -> (usize, Duration) {
    let (mut writes, mut slowest) = (0, Duration::ZERO);
    while !enough.get() {
        let frozen = json!({"customer_ids": [customer], "reason": "busy"});
        let money = json!({"customer_id": customer, "amount": 1});
        for (target, body) in [(FREEZE, &frozen), (ALLOCATE, &money), (UNFREEZE, &frozen), (RECLAIM, &money)] {
            let started = Instant::now();
            let answer = partner.post(target, body).await;
            assert!(answer.status.as_u16() < 500, "{target}: {} {}", answer.status, answer.body);
            slowest = slowest.max(started.elapsed());
            writes += 1;
        }
    }
    (writes, slowest)
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn two_replicas_open_months_while_others_write_and_nobody_notices(pool: PgPool) {
    let app = TestApp::new(large(&pool).await).await;
    let (partner, customer) = (app.client("demo-partner"), customer(&app));
    let enough = Cell::new(false);
    let openers = async {
        let now = app.app.clock.now();
        let months: Vec<_> = (4_i32..28).map(|month| (now + time::Duration::days(30) * month).date()).collect();
        let open = async |mut connection: PgConnection| {
            for month in &months {
                database::open_months(&mut connection, *month, *month).await.expect("the month is opened");
            }
        };
        tokio::join!(open(alone(&pool).await), open(alone(&pool).await));
        enough.set(true);
    };
    let writers = all((0..6).map(|_| write_until(&partner, &customer, &enough)));
    let ((), writers) = tokio::join!(openers, writers);
    let slowest = writers.iter().map(|(_, slowest)| *slowest).max().expect("there are writers");
    assert!(writers.iter().all(|(writes, _)| *writes > 0), "each wrote meanwhile");
    assert!(slowest < Duration::from_secs(2), "a write waited for {slowest:?}");
    let missing = "select count(*) from pg_partitioned_table p join pg_class c on c.oid = p.partrelid
                   where (select count(*) from pg_inherits i where i.inhparent = c.oid) < 24 and c.relkind = 'p'";
    let missing: i64 = sqlx::query_scalar(missing).fetch_one(&pool).await.expect("they are counted");
    assert_eq!(missing, 0, "tables without all months");
    let writable = "select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid
                    where c.relkind = 'r' and has_table_privilege('bss_gateway', c.oid, 'update')";
    let writable: i64 = sqlx::query_scalar(writable).fetch_one(&pool).await.expect("they are counted");
    assert_eq!(writable, 0, "months in which the gateway could change history");
}

async fn assert_ledger_is_right(pool: &PgPool) {
    let report = verify::all(&mut alone(pool).await).await.expect("it is proved");
    assert!(report.wrong.is_empty(), "{:#?}", report.wrong);
}

/// Moves money back and forth until it is enough.
async fn pay_until(partner: &Client<'_>, customer: &Value, enough: &Cell<bool>) -> usize {
    let mut paid = 0;
    while !enough.get() {
        for target in [ALLOCATE, RECLAIM] {
            let answer = partner.post(target, &json!({"customer_id": customer, "amount": 1})).await;
            assert!(answer.status.as_u16() < 500, "{target}: {} {}", answer.status, answer.body);
            paid += usize::from(answer.status.is_success());
        }
    }
    paid
}

#[sqlx::test]
async fn a_tenant_is_saved_copied_and_brought_back_while_its_money_moves(pool: PgPool) {
    snapshots::install(&mut alone(&pool).await).await.expect("the functions fit");
    let app = TestApp::new(large(&pool).await).await;
    let operator = app.operator(Role::Admin).await;
    let (partner, customer) = (app.client("demo-partner"), customer(&app));
    partner.post(ALLOCATE, &json!({"customer_id": customer, "amount": 50})).await.ok();
    let enough = Cell::new(false);
    let snapshot = "/admin/v1/accounts/demo-partner/snapshots/busy";
    let restore = format!("{snapshot}/restore");
    let operate = async {
        for round in 0..6 {
            operator.call(Method::PUT, snapshot, &[], "").await.ok();
            operator
                .post("/admin/v1/accounts/demo-partner/forks", &json!({"name": format!("busy-{round}")}))
                .await
                .ok();
            operator.post(&restore, &json!({})).await.ok();
            assert_ledger_is_right(&pool).await;
        }
        enough.set(true);
    };
    let writers = all((0..7).map(|_| pay_until(&partner, &customer, &enough)));
    let ((), writers) = tokio::join!(operate, writers);
    assert!(writers.iter().all(|paid| *paid > 0), "each wrote meanwhile: {writers:?}");
    assert_ledger_is_right(&pool).await;
    // What was saved while money moved is right by itself.
    operator.post(&restore, &json!({})).await.ok();
    assert_ledger_is_right(&pool).await;
}

/// Has the next inserts into a table fail with this SQLSTATE, so many of them.
async fn give_way(pool: &PgPool, table: &str, state: &str, times: u8) {
    let statement = format!(
        "create sequence given_way;
         create function give_way() returns trigger language plpgsql as $$ begin
             if nextval('given_way') <= {times} then raise exception 'given way' using errcode = '{state}'; end if;
             return new;
         end $$;
         create trigger gives_way before insert on {table} for each row execute function give_way();"
    );
    // SAFE: the test's own words.
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(pool).await.expect("the trigger is made");
}

async fn no_longer(pool: &PgPool, table: &str) {
    let statement = format!("drop trigger gives_way on {table}; drop function give_way; drop sequence given_way;");
    // SAFE: the test's own words.
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(pool).await.expect("the trigger is dropped");
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_write_that_the_database_gave_up_for_another_is_done_again_and_once(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let operator = app.operator(Role::Admin).await;
    let (partner, customer) = (app.client("demo-partner"), customer(&app));
    for state in ["40P01", "40001"] {
        // Whose frame is the partners', the operators', the identity service's.
        give_way(&pool, "audit_events", state, 2).await;
        let frozen = json!({"customer_ids": [customer], "reason": state});
        partner.call(Method::POST, FREEZE, &[("idempotency-key", state)], &frozen.to_string()).await.ok();
        no_longer(&pool, "audit_events").await;
        give_way(&pool, "audit_events", state, 2).await;
        operator.post("/admin/v1/accounts/demo-partner/users", &json!({"name": format!("clerk-{state}")})).await.ok();
        no_longer(&pool, "audit_events").await;
        give_way(&pool, "tokens", state, 2).await;
        app.log_in("demo-partner").await;
        no_longer(&pool, "tokens").await;
        partner.post(UNFREEZE, &frozen).await.ok();
    }
    let told: i64 = sqlx::query_scalar("select count(*) from freeze_events").fetch_one(&pool).await.expect("counted");
    assert_eq!(told, 4, "frozen and unfrozen, twice");
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_write_that_the_database_gives_up_for_ever_is_put_off(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    give_way(&pool, "freeze_events", "40P01", 100).await;
    let frozen = json!({"customer_ids": [customer(&app)], "reason": "never"});
    let answer = app.client("demo-partner").post(FREEZE, &frozen).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some("1")), "{}", answer.body);
    let tries: i64 = sqlx::query_scalar("select last_value from given_way").fetch_one(&pool).await.expect("counted");
    assert!((3..20).contains(&tries), "{tries}");
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn while_the_database_can_do_nothing_all_are_told_to_come_back(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let operator = app.operator(Role::Admin).await;
    let (partner, customer) = (app.client("demo-partner"), customer(&app));
    let frozen = json!({"customer_ids": [customer], "reason": "full"});
    let user = |state: &str| json!({"name": format!("clerk-{state}")});
    let password = &app.world.account("demo-partner").password;
    // The disk is full, the memory; no connection is left; the server stops, has crashed, starts; may only be read; and
    // cannot read its files.
    for state in ["53100", "53200", "53300", "57P01", "57P02", "57P03", "25006", "58030"] {
        give_way(&pool, "audit_events", state, 30).await;
        let answers = [
            partner.post(FREEZE, &frozen).await,
            partner.post(ALLOCATE, &json!({"customer_id": customer, "amount": 1})).await,
            operator.post("/admin/v1/accounts/demo-partner/users", &user(state)).await,
        ];
        no_longer(&pool, "audit_events").await;
        give_way(&pool, "tokens", state, 9).await;
        let token =
            app.anonymous().post("/v3/auth/tokens", &bss_gateway::testing::login("demo-partner", password)).await;
        no_longer(&pool, "tokens").await;
        for answer in answers.iter().chain([&token]) {
            assert_eq!(answer.status.as_u16(), 503, "{state}: {}", answer.body);
            assert!(answer.header("retry-after").is_some(), "{state}: {}", answer.body);
        }
        let words = |answer: &Answer| answer.refusal().2.starts_with("Backend unavailable");
        assert!(answers.iter().chain([&token]).all(words), "{state}: {answers:?} {token:?}");
    }
    // What is our own fault stays one.
    give_way(&pool, "audit_events", "42703", 1).await;
    let answer = partner.post(FREEZE, &frozen).await;
    assert_eq!((answer.status.as_u16(), answer.refusal().1), (500, "CBC.0999"));
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn who_gets_no_connection_or_a_dead_one_is_told_to_come_back(pool: PgPool) {
    let options = (*pool.connect_options()).clone();
    let one =
        PgPoolOptions::new().max_connections(2).acquire_timeout(Duration::from_secs(2)).test_before_acquire(false);
    let narrow = one.connect_with(options).await.expect("the database is there");
    let app = TestApp::new(narrow.clone()).await;
    let frozen = json!({"customer_ids": [customer(&app)], "reason": "away"});
    let partner = app.client("demo-partner");
    partner.post(FREEZE, &frozen).await.ok();
    let held = (narrow.acquire().await.expect("one"), narrow.acquire().await.expect("the other"));
    let known = partner.post(FREEZE, &frozen).await;
    app.app.directory.forget_all();
    let unknown = partner.post(FREEZE, &frozen).await;
    drop(held);
    for exhausted in [known, unknown] {
        assert_eq!(exhausted.status.as_u16(), 503, "{}", exhausted.body);
        assert!(exhausted.header("retry-after").is_some());
    }
    let others = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                  where datname = current_database() and pid <> pg_backend_pid()";
    sqlx::query(others).execute(&mut alone(&pool).await).await.expect("they are ended");
    let mut put_off = 0;
    for _ in 0..4 {
        let answer = partner.post(FREEZE, &frozen).await;
        assert!(answer.status.is_success() || answer.status.as_u16() == 503, "{} {}", answer.status, answer.body);
        put_off += usize::from(!answer.status.is_success());
    }
    assert!((1..4).contains(&put_off), "a dead connection fails one request: {put_off}");
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_customer_is_changed_within_a_second_while_four_issue_coupons_to_it(pool: PgPool) {
    let app = TestApp::new(large(&pool).await).await;
    let now = app.app.clock.now();
    let grant = Grant {
        id: QuotaId::new(now),
        kind: QuotaKind::Cash,
        value: PositiveAmount::try_from("1000000").expect("an amount"),
        currency: Currency::Cny,
        validity: Validity { from: now, until: now + time::Duration::days(365) },
        limits: Limits::default(),
        terms: Terms::default(),
        memo: String::new(),
    };
    let owner = app.world.account("demo-partner").ids();
    administration::grant(&mut alone(&pool).await, owner, &grant, now).await.expect("it is granted");
    let (partner, customer) = (app.client("demo-partner"), customer(&app));
    let enough = Cell::new(false);
    let issue = async || {
        let mut issued = 0;
        while !enough.get() {
            let body = json!({"quota_id": grant.id, "customer_ids": [customer], "face_value": 1});
            partner.post(ISSUE, &body).await.ok();
            issued += 1;
        }
        issued
    };
    let change = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut slowest = Duration::ZERO;
        for target in [FREEZE, UNFREEZE].into_iter().cycle().take(10) {
            let started = Instant::now();
            let body = json!({"customer_ids": [customer], "reason": "now"});
            let answer = tokio::time::timeout(Duration::from_secs(10), partner.post(target, &body)).await;
            if let Ok(answer) = answer {
                answer.ok();
            }
            slowest = slowest.max(started.elapsed());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        enough.set(true);
        slowest
    };
    let issuers = all((0..4).map(|_| issue()));
    let (slowest, issued) = tokio::join!(change, issuers);
    assert!(issued.iter().all(|issued| *issued > 5), "they issued meanwhile: {issued:?}");
    assert!(slowest < Duration::from_secs(1), "it took {slowest:?}");
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_text_server_that_says_nothing_holds_up_nobody(pool: PgPool) {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = silent.local_addr().expect("it is bound");
    let app = TestApp::with(pool.clone(), bss_gateway::operations, |settings| {
        let high: RateText = "1000000/1".to_owned().try_into().expect("it is a rate");
        settings.quotas.overrides.insert("*".to_owned(), high);
        settings.messages.readable_codes = false;
        settings.messages.sms_url = format!("http://{address}/").into();
    })
    .await;
    let (partner, customer) = (app.client("demo-partner"), customer(&app));
    let started = Instant::now();
    let asking = all((0..12).map(async |number| {
        let body = json!({"receiver_type": 1, "mobile_phone": format!("138000000{number:02}")});
        partner.post("/v2/bases/verificationcode/send", &body).await
    }));
    let working = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let frozen = json!({"customer_ids": [customer], "reason": "meanwhile"});
        partner.post(FREEZE, &frozen).await.ok();
        started.elapsed()
    };
    let (asked, worked) = tokio::join!(asking, working);
    assert!(worked < Duration::from_secs(2), "another write took {worked:?}");
    assert!(started.elapsed() < Duration::from_secs(3), "nobody waits for the server");
    assert!(asked.iter().all(|answer| answer.status.as_u16() == 204), "{asked:?}");
}
