//! Snapshots and copies of a tenant: row by row the same, and nobody sees another's.

use axum::http::{Method, StatusCode};
use bss_gateway::operators::store::Role;
use bss_gateway::sandbox::snapshots;
use bss_gateway::testing::{Client, TestApp};
use bss_gateway::values::time::write_instant;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

const ALLOCATE: &str = "/v2/accounts/partner-accounts/adjust-amount";

async fn sandbox(pool: &PgPool) -> TestApp {
    snapshots::install(&mut pool.acquire().await.expect("a connection")).await.expect("the functions fit");
    TestApp::new(pool.clone()).await
}

/// Every row of a tenant by table, sorted.
async fn rows(app: &TestApp, pool: &PgPool, account: &str) -> BTreeMap<String, Vec<String>> {
    let tenant = app.world.account(account).tenant;
    let tables: Vec<String> =
        sqlx::query_scalar("select t::text from sandbox.tables() t").fetch_all(pool).await.expect("the tables");
    let mut rows = BTreeMap::new();
    for table in tables {
        // SAFE: the names are the schema's own.
        let all = sqlx::AssertSqlSafe(format!("select t::text from {table} t where tenant_id = $1 order by 1"));
        let found = sqlx::query_scalar(all).bind(tenant.0).fetch_all(pool).await.expect("the rows");
        rows.insert(table, found);
    }
    rows
}

/// Gives demo-customer a phone and a verified name.
async fn verify_name(app: &TestApp, pool: &PgPool) {
    let (vault, customer) = (&app.app.vault, app.world.account("demo-customer"));
    let statement = "update customers set sealed_phone = $2, sealed_name = $3, name_grams = $4 where domain_id = $1";
    let update = sqlx::query(statement)
        .bind(customer.domain)
        .bind(vault.seal("13812345678", customer.domain))
        .bind(vault.seal("Sample", customer.domain))
        .bind(vault.name_grams(customer.tenant, "Sample"));
    update.execute(pool).await.expect("it is changed");
}

async fn allocate(partner: &Client<'_>, customer: &Value, amount: i64) {
    partner.post(ALLOCATE, &json!({"customer_id": customer, "amount": amount})).await.ok();
}

#[sqlx::test]
async fn a_hundred_changes_are_taken_back_row_by_row(pool: PgPool) {
    let app = sandbox(&pool).await;
    let operator = app.operator(Role::Admin).await;
    let partner = app.client("demo-partner");
    let customer = json!(app.world.account("demo-customer").domain);
    allocate(&partner, &customer, 5).await;
    let before = rows(&app, &pool, "demo-partner").await;
    assert!(before["transfers"].len() > 1 && before["domains"].len() > 2);
    let snapshot = "/admin/v1/accounts/demo-customer/snapshots/before";
    let saved = operator.call(Method::PUT, snapshot, &[], "").await.ok();
    assert_eq!(saved["rows"], json!(before.values().map(Vec::len).sum::<usize>()));

    for amount in 1..=95 {
        allocate(&partner, &customer, amount).await;
    }
    for name in ["one", "two", "three"] {
        operator.post("/admin/v1/accounts/demo-partner/users", &json!({"name": name})).await.ok();
    }
    operator.post("/admin/v1/clock", &json!({"account": "demo-partner", "action": "FREEZE"})).await.ok();
    let key = "/admin/v1/accounts/demo-partner/users/one/keys";
    operator.call(Method::POST, key, &[], "").await.ok();
    let changed = rows(&app, &pool, "demo-partner").await;
    let elsewhere = rows(&app, &pool, "other-partner").await;
    assert_eq!(changed["transfers"].len(), before["transfers"].len() + 95);

    let restored = operator.post(&format!("{snapshot}/restore"), &json!({})).await.ok();
    assert_eq!(restored["rows"], saved["rows"]);
    assert_eq!(rows(&app, &pool, "demo-partner").await, before);
    assert_eq!(rows(&app, &pool, "other-partner").await, elsewhere);
    app.app.directory.forget_all();
    allocate(&partner, &customer, 1).await;
    let report = bss_gateway::ledger::verify::all(&mut pool.acquire().await.expect("a connection")).await;
    assert_eq!(report.expect("it is proved").wrong, Vec::<String>::new());

    let listed = operator.get("/admin/v1/accounts/demo-partner/snapshots").await.ok();
    assert_eq!(listed["snapshots"][0]["name"], "before");
    let gone = operator.call(Method::DELETE, snapshot, &[], "").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let missing = operator.post(&format!("{snapshot}/restore"), &json!({})).await;
    assert_eq!(missing.refusal(), (400, "CBC.0100", "Not done: there is no snapshot before."));
}

#[sqlx::test]
async fn what_is_brought_back_is_of_one_save(pool: PgPool) {
    let app = sandbox(&pool).await;
    let operator = app.operator(Role::Admin).await;
    let partner = app.client("demo-partner");
    let customer = json!(app.world.account("demo-customer").domain);
    let snapshot = "/admin/v1/accounts/demo-customer/snapshots/busy";
    operator.call(Method::PUT, snapshot, &[], "").await.ok();
    let back = format!("{snapshot}/restore");
    let (clock, freeze) = ("/admin/v1/clock", json!({"account": "demo-partner", "action": "FREEZE"}));
    for amount in 1..=6 {
        allocate(&partner, &customer, amount).await;
        let save = || operator.call(Method::PUT, snapshot, &[], "");
        let nothing = json!({});
        let (one, other, restored, frozen) =
            tokio::join!(save(), save(), operator.post(&back, &nothing), operator.post(clock, &freeze));
        for answer in [one, other, restored, frozen] {
            assert!([200, 503].contains(&answer.status.as_u16()), "{}: {}", answer.status, answer.body);
        }
        app.app.directory.forget_all();
        let report = bss_gateway::ledger::verify::all(&mut pool.acquire().await.expect("a connection")).await;
        assert_eq!(report.expect("it is proved").wrong, Vec::<String>::new());
    }
}

#[sqlx::test]
async fn a_clock_goes_back_behind_nothing_that_happened(pool: PgPool) {
    let app = sandbox(&pool).await;
    let operator = app.operator(Role::Admin).await;
    let partner = app.client("demo-partner");
    let customer = json!(app.world.account("demo-customer").domain);
    let snapshot = "/admin/v1/accounts/demo-partner/snapshots/before";
    let set = async |change: Value| {
        let mut body = json!({"account": "demo-partner"});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let answer = operator.post("/admin/v1/clock", &body).await;
        // As a replica that hears of it.
        app.app.clocks.reload(&mut *app.app.database.control().await.expect("a connection")).await.expect("it is read");
        answer
    };
    operator.call(Method::PUT, snapshot, &[], "").await.ok();
    let day = 86_400;
    for change in [json!({"action": "ADVANCE", "days": 40}), json!({"action": "RESET"})] {
        set(change).await.ok();
    }

    set(json!({"action": "ADVANCE", "days": 40})).await.ok();
    allocate(&partner, &customer, 5).await;
    let allocated = write_instant(app.app.now(app.world.demo().tenant).replace_nanosecond(0).expect("a second"));
    for change in [json!({"action": "RESET"}), json!({"action": "OFFSET", "offset_seconds": 39 * day})] {
        let refused = set(change.clone()).await;
        let (status, code, told) = refused.refusal();
        assert_eq!((status, code), (400, "CBC.0100"), "{change}");
        assert!(told.starts_with("Not done: the clock would go back behind what happened at "), "{told}");
        assert!(told.contains(&allocated[..10]) && told.contains("snapshot"), "{told}");
    }
    // Forward it goes, and back as far as nothing has happened.
    set(json!({"action": "ADVANCE", "days": 10})).await.ok();
    set(json!({"action": "OFFSET", "offset_seconds": 41 * day})).await.ok();
    for action in ["FREEZE", "RUN"] {
        set(json!({"action": action})).await.ok();
    }

    operator.post(&format!("{snapshot}/restore"), &json!({})).await.ok();
    let shown = operator.get("/admin/v1/clock?account=demo-partner").await.ok();
    assert_eq!(shown["offset_seconds"], 0);
    app.app.clocks.reload(&pool).await.expect("it is read");
    app.app.directory.forget_all();
    allocate(&partner, &customer, 7).await;
    let records = partner.get("/v3/accounts/partner-accounts/adjust-records").await.ok();
    assert_eq!(records["records"][0]["amount"], "7.00", "the default list shows it");
}

#[sqlx::test]
async fn what_was_taken_back_is_in_no_list_even_if_as_much_happened_since(pool: PgPool) {
    let app = sandbox(&pool).await;
    let follower = app.follow();
    while !app.app.listening.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let operator = app.operator(Role::Admin).await;
    let partner = app.client("demo-partner");
    let customer = json!(app.world.account("demo-customer").domain);
    let snapshot = "/admin/v1/accounts/demo-partner/snapshots/before";
    let listed = async || {
        let records = partner.get("/v3/accounts/partner-accounts/adjust-records").await.ok();
        records["records"].as_array().expect("a list").iter().map(|it| it["amount"].clone()).collect::<Vec<_>>()
    };
    // All at the same instant.
    operator.post("/admin/v1/clock", &json!({"account": "demo-partner", "action": "FREEZE"})).await.ok();
    allocate(&partner, &customer, 5).await;
    operator.call(Method::PUT, snapshot, &[], "").await.ok();
    allocate(&partner, &customer, 6).await;
    assert_eq!(listed().await, ["6.00", "5.00"]);
    operator.post(&format!("{snapshot}/restore"), &json!({})).await.ok();
    allocate(&partner, &customer, 7).await;
    // The announcement may still be under way.
    let mut now = listed().await;
    for _ in 0..500 {
        if now == ["7.00", "5.00"] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        now = listed().await;
    }
    assert_eq!(now, ["7.00", "5.00"]);
    follower.abort();
}

#[sqlx::test]
async fn eight_copies_are_used_side_by_side(pool: PgPool) {
    let app = sandbox(&pool).await;
    let operator = app.operator(Role::Admin).await;
    let partner = app.client("demo-partner");
    allocate(&partner, &json!(app.world.account("demo-customer").domain), 7).await;
    verify_name(&app, &pool).await;
    let before = rows(&app, &pool, "demo-partner").await;
    let mut forks = Vec::new();
    for number in 1..=8 {
        let body = json!({"name": format!("suite-{number}")});
        forks.push(operator.post("/admin/v1/accounts/demo-partner/forks", &body).await.ok());
    }
    let users = forks.iter().enumerate().map(async |(number, fork)| {
        let keys = fork["keys"].as_array().expect("keys");
        let key = |account: &str| {
            let name = format!("{account}.suite-{}", number + 1);
            // An account's own user has its original's name.
            let own = |key: &&Value| key["account"] == json!(name) && key["user"] == json!(account);
            keys.iter().find(own).unwrap_or_else(|| panic!("{name} has no key"))
        };
        let client = |account: &str| {
            let text = |field: &str| key(account)[field].as_str().expect("it is shown").to_owned();
            app.client_with_key(&text("access_key"), &text("secret_key"))
        };
        let (partner, customer) = (client("demo-partner"), client("demo-customer"));
        let amount = i64::try_from(number).expect("a small number") + 1;
        for _ in 0..10 {
            allocate(&partner, &key("demo-customer")["domain_id"], amount).await;
        }
        let own = customer.get("/v2/accounts/customer-accounts/balances").await.ok();
        assert_eq!(own["account_balances"][0]["amount"].to_string(), (7 + 10 * amount).to_string());
        let records = partner.get("/v3/accounts/partner-accounts/adjust-records").await.ok();
        assert_eq!(records["total_count"], json!(11), "the original's and its own: {records}");
        // What is sealed was sealed for another account; what is found by hashes was another tenant's.
        let found = partner.post("/v2/partners/sub-customers/query", &json!({"customer": "mple"})).await.ok();
        assert_eq!((&found["count"], &found["customer_infos"][0]["telephone"]), (&json!(1), &json!("13812345678")));
        assert_eq!(found["customer_infos"][0]["customer"], "Sample", "{found}");
        // The original's customer is nobody's here.
        let foreign = json!({"customer_id": app.world.account("demo-customer").domain, "amount": 1});
        assert_eq!(partner.post(ALLOCATE, &foreign).await.status, StatusCode::BAD_REQUEST);
    });
    futures_util::future::join_all(users).await;
    assert_eq!(rows(&app, &pool, "demo-partner").await, before, "the original is as it was");
    let report = bss_gateway::ledger::verify::all(&mut pool.acquire().await.expect("a connection")).await;
    assert_eq!(report.expect("it is proved").wrong, Vec::<String>::new());

    let twice = operator.post("/admin/v1/accounts/demo-partner/forks", &json!({"name": "suite-1"})).await;
    assert_eq!(twice.refusal(), (400, "CBC.0100", "Not done: there is already a copy suite-1."));
    let gone = operator.call(Method::DELETE, "/admin/v1/forks/demo-customer.suite-1", &[], "").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let original = operator.call(Method::DELETE, "/admin/v1/forks/demo-partner", &[], "").await;
    assert_eq!(original.refusal(), (400, "CBC.0100", "Not done: demo-partner is no copy."));
    assert_eq!(rows(&app, &pool, "demo-partner").await, before);
}

#[sqlx::test]
async fn in_production_there_are_no_snapshots(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Admin).await;
    let saved = operator.call(Method::PUT, "/admin/v1/accounts/demo-partner/snapshots/x", &[], "").await;
    assert_eq!(saved.refusal(), (400, "CBC.0100", "Not done: snapshots are taken in a sandbox only."));
}
