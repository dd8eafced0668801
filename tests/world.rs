//! The sandbox's world: it holds what it says, and is whole after eighteen months of history.

use axum::http::StatusCode;
use bss_gateway::ledger::verify;
use bss_gateway::operators::store::Role;
use bss_gateway::sandbox::snapshots;
use bss_gateway::sandbox::world::{Scale, World};
use bss_gateway::testing::{Client, TestApp};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const QUOTAS: &str = "/v2/partners/coupon-quotas/query";
const COUPONS: &str = "/v2/promotions/benefits/partner-coupons";
const OWN_COUPONS: &str = "/v2/promotions/benefits/coupons";
const CUSTOMERS: &str = "/v2/partners/sub-customers/query";
const ADJUST_RECORDS: &str = "/v3/accounts/partner-accounts/adjust-records";
const BALANCES: &str = "/v2/accounts/customer-accounts/balances";
const ALLOCATE: &str = "/v2/accounts/partner-accounts/adjust-amount";

async fn sandbox(pool: &PgPool) -> TestApp {
    snapshots::install(&mut pool.acquire().await.expect("a connection")).await.expect("the functions fit");
    TestApp::new(pool.clone()).await
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn each_user_may_do_what_its_items_say(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let calls = async |name: &str| {
        let user = app.world.user(name);
        let client = app.client_with_key(&user.access_key, &user.secret_key);
        let funds = client.get(ADJUST_RECORDS).await.status;
        let customers = client.post(CUSTOMERS, &json!({})).await.status;
        let quotas = client.post(QUOTAS, &json!({})).await.status;
        [funds, customers, quotas].map(|status| status == StatusCode::OK)
    };
    assert_eq!(calls("finance-clerk").await, [true, false, false]);
    assert_eq!(calls("customer-clerk").await, [false, true, false]);
    assert_eq!(calls("coupon-clerk").await, [false, false, true]);
    assert_eq!(calls("nothing-clerk").await, [false, false, false]);
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn there_is_an_operator_of_each_role(pool: PgPool) {
    let app = TestApp::new(pool).await;
    for operator in &app.world.operators {
        let client = app.operator_with(&operator.token);
        let statuses = [
            client.get("/admin/v1/accounts").await.status,
            client.post("/admin/v1/accounts/demo-partner/funds/top-ups", &json!({"amount": "1"})).await.status,
            client
                .post("/admin/v1/operators", &json!({"name": format!("{}-2", operator.name), "role": "read"}))
                .await
                .status,
        ];
        let allowed = [Role::Read, Role::Operate, Role::Admin].map(|role| role <= operator.role);
        assert_eq!(statuses.map(|status| status == StatusCode::OK), allowed, "{}", operator.name);
    }
}

/// A copy of a scenario.
struct Copy<'a> {
    app: &'a TestApp,
    keys: Value,
}

impl Copy<'_> {
    /// A client of one of its accounts, by the original's name.
    fn client(&self, account: &str) -> Client<'_> {
        let key = self.key(account);
        let text = |field: &str| key[field].as_str().expect("it is shown");
        self.app.client_with_key(text("access_key"), text("secret_key"))
    }

    fn id(&self, account: &str) -> &Value {
        &self.key(account)["domain_id"]
    }

    fn key(&self, account: &str) -> &Value {
        let name = format!("{account}.suite");
        let keys = self.keys.as_array().expect("keys");
        keys.iter().find(|key| key["account"] == json!(name)).unwrap_or_else(|| panic!("{name} has no key"))
    }
}

async fn copy<'a>(app: &'a TestApp, operator: &Client<'_>, scenario: &str) -> Copy<'a> {
    let forks = format!("/admin/v1/accounts/{scenario}/forks");
    let made = operator.post(&forks, &json!({"name": "suite"})).await.ok();
    // A running server hears of the copy's clock.
    app.app.clocks.reload(&mut *app.app.database.control().await.expect("a connection")).await.expect("it is read");
    Copy { app, keys: made["keys"].clone() }
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn each_scenario_is_copied_by_its_name_and_holds_what_it_says(pool: PgPool) {
    let app = sandbox(&pool).await;
    let operator = app.operator(Role::Admin).await;
    let listed = operator.get("/admin/v1/scenarios").await.ok();
    let scenarios = listed["scenarios"].as_array().expect("scenarios");
    let names: Vec<&str> = scenarios.iter().filter_map(|scenario| scenario["name"].as_str()).collect();
    let [empty, out_of_balance, almost_used, expiring] = names[..] else { panic!("{listed}") };
    for scenario in scenarios {
        let account = app.world.account(scenario["name"].as_str().expect("a name"));
        assert_eq!((&scenario["domain_id"], &scenario["tenant_id"]), (&json!(account.domain), &json!(account.tenant)));
    }

    let partner = copy(&app, &operator, empty).await;
    let partner = partner.client(empty);
    assert_eq!(partner.post(CUSTOMERS, &json!({})).await.ok()["count"], 0);
    assert_eq!(partner.get(ADJUST_RECORDS).await.ok()["total_count"], 0);
    assert_eq!(partner.post(QUOTAS, &json!({})).await.ok()["total_count"], 0);

    let scenario = copy(&app, &operator, out_of_balance).await;
    let customer = scenario.client("out-of-balance-customer");
    let amount = async || customer.get(BALANCES).await.ok()["account_balances"][0]["amount"].to_string();
    assert_eq!(amount().await, "0");
    let partner = scenario.client(out_of_balance);
    assert_eq!(partner.get(ADJUST_RECORDS).await.ok()["total_count"], 2);
    let wanted = json!({"customer_id": scenario.id("out-of-balance-customer"), "amount": 500});
    partner.post(ALLOCATE, &wanted).await.ok();
    assert_eq!(amount().await, "500");
    assert_eq!(partner.post(ALLOCATE, &wanted).await.refusal().1, "CBC.99005003");

    let scenario = copy(&app, &operator, almost_used).await;
    let partner = scenario.client(almost_used);
    let quota = partner.post(QUOTAS, &json!({})).await.ok()["quotas"][0].clone();
    assert_eq!(quota["balance"].to_string(), "10");
    assert_eq!(partner.get(COUPONS).await.ok()["total_count"], 11);
    let issue = |face_value: u32| json!({"quota_id": quota["quota_id"], "customer_ids": [scenario.id("almost-used-customer-2")], "face_value": face_value});
    let short = partner.post(COUPONS, &issue(11)).await.ok();
    assert_eq!(short["coupon_infos"], json!([]), "{short}");
    let last = partner.post(COUPONS, &issue(10)).await.ok();
    assert_eq!(last["coupon_infos"].as_array().map(Vec::len), Some(1), "{last}");

    let scenario = copy(&app, &operator, expiring).await;
    let customer = scenario.client("expiring-coupon-customer");
    let status = async || customer.get(OWN_COUPONS).await.ok()["user_coupons"][0]["status"].clone();
    // A day later by the system's clock it is as it was.
    app.app.clock.set(app.app.clock.now() + time::Duration::days(2));
    assert_eq!(status().await, 2);
    let advance = json!({"account": format!("{expiring}.suite"), "action": "ADVANCE", "days": 1});
    let moved = operator.post("/admin/v1/clock", &advance).await.ok();
    assert!(moved.to_string().contains("expire"), "{moved}");
    app.app.clocks.reload(&pool).await.expect("it is read");
    assert_eq!(status().await, 4);
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn each_list_filter_and_mask_of_the_default_world_shows_something(pool: PgPool) {
    let world = World::new(1, Scale::default());
    let app = TestApp::with_world(pool.clone(), Cow::Owned(world), bss_gateway::operations, |_| {}).await;
    let seller = app.client("demo-partner");
    let customers = seller.post(CUSTOMERS, &json!({"limit": 100})).await.ok();
    let rows = customers["customer_infos"].as_array().expect("a list");
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let demo = rows.iter().find(|row| row["account_name"] == "demo-customer").expect("it is there");
    for name in ["customer", "label", "telephone", "email", "xaccount_id", "xaccount_type", "country_code"] {
        assert_ne!(text(demo, name), "", "{name} of {demo}");
    }
    let seen = app.operator(Role::Read).await.get("/admin/v1/accounts/demo-customer/customer").await.ok().to_string();
    assert!(!seen.contains(&text(demo, "telephone")), "hidden from operators: {seen}");
    assert_ne!(demo["account_managers"], json!([]));
    // Of each kind some, and not all.
    let kinds = |name: &str| rows.iter().map(|row| row[name].to_string()).collect::<BTreeSet<_>>().len();
    for name in ["association_type", "label", "is_frozen", "customer_type", "verified_status"] {
        assert!(kinds(name) > 1, "{name}");
    }
    for filter in
        [json!({"label": "Gold"}), json!({"association_type": "1"}), json!({"customer": text(demo, "customer")})]
    {
        let found = seller.post(CUSTOMERS, &filter).await.ok();
        assert!(found["count"].as_u64().is_some_and(|count| count > 0), "{filter}");
    }

    let mut empty = Vec::new();
    for (account, target) in [
        ("demo-partner", ADJUST_RECORDS.to_owned()),
        ("demo-partner", format!("{ADJUST_RECORDS}?operation_type=SOURCE_OPERATION_BERETRIEVE")),
        (
            "demo-partner",
            "/v2/accounts/partner-accounts/account-change-records?balance_type=BALANCE_TYPE_DEBIT".to_owned(),
        ),
        ("demo-partner", COUPONS.to_owned()),
        ("demo-partner", format!("{COUPONS}?status=4")),
        ("demo-partner", format!("{COUPONS}?status=5")),
        ("demo-partner", format!("{COUPONS}/records/query?operation_types=1")),
        ("demo-partner", format!("{COUPONS}/records/query?operation_types=2")),
        ("demo-partner", format!("{COUPONS}/records/query?operation_types=4")),
        ("demo-distributor", "/v2/partners/coupon-quotas/records".to_owned()),
        ("demo-distributor", "/v2/partners/issued-coupon-quotas".to_owned()),
        (
            "demo-customer",
            "/v2/accounts/customer-accounts/account-change-records?balance_type=BALANCE_TYPE_DEBIT".to_owned(),
        ),
        ("demo-customer", "/v2/promotions/benefits/stored-value-cards?status=1".to_owned()),
        ("demo-customer", OWN_COUPONS.to_owned()),
    ] {
        let answer = app.client(account).get(&target).await.ok();
        let total = ["total_count", "count"].iter().find_map(|name| answer[*name].as_u64());
        if total.unwrap_or_default() == 0 {
            empty.push(format!("{account} {target}"));
        }
    }
    assert_eq!(empty, Vec::<String>::new());
    let resellers = app.client("demo-distributor").post("/v2/partners/indirect-partners/query", &json!({})).await.ok();
    assert_eq!((&resellers["count"], resellers.to_string().contains("Wang Fang")), (&json!(3), true), "{resellers}");
    let report = verify::all(&mut pool.acquire().await.expect("a connection")).await.expect("it is proved");
    assert_eq!(report.wrong, Vec::<String>::new());
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn in_production_there_are_no_scenarios(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    sqlx::query("delete from sandbox_world").execute(&pool).await.expect("it is no sandbox any more");
    let listed = app.operator(Role::Read).await.get("/admin/v1/scenarios").await;
    assert_eq!(listed.refusal(), (400, "CBC.0100", "Not done: scenarios are there in a sandbox only."));
}

/// Of a copy's cost and the history's truth, in one test: making the world takes a while.
///
/// `cargo test --test main eighteen_months -- --nocapture` prints how long a copy takes. The time is asserted with a wide
/// margin, because other tests run beside it.
#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn eighteen_months_of_history_are_whole_and_copied_in_seconds(pool: PgPool) {
    snapshots::install(&mut pool.acquire().await.expect("a connection")).await.expect("the functions fit");
    let world = World::new(1, Scale::Medium);
    let app = TestApp::with_world(pool.clone(), Cow::Owned(world), bss_gateway::operations, |_| {}).await;
    let mut connection = pool.acquire().await.expect("a connection");
    let report = verify::all(&mut connection).await.expect("it is proved");
    assert_eq!(report.wrong, Vec::<String>::new());
    // What is counted is what is there.
    let (tenant, partner) = app.world.demo().ids();
    let counted = "select (select listed from coupon_partners where tenant_id = $1 and partner_id = $2),
                          (select count(*) from coupons where tenant_id = $1 and partner_id = $2 and listed)";
    let counted = sqlx::query_as(counted).bind(tenant.0).bind(partner.0).fetch_one(&pool).await;
    let (listed, there): (i64, i64) = counted.expect("they are counted");
    assert_eq!(listed, there);
    // Nobody has been allocated more than was paid in, and no list is empty.
    let seller = app.client("demo-partner");
    assert_eq!(seller.post(CUSTOMERS, &json!({})).await.ok()["count"], 305);
    let total = |answer: Value| answer["total_count"].as_u64().unwrap_or_else(|| panic!("{answer}"));
    for list in [ADJUST_RECORDS, COUPONS] {
        let total = total(seller.get(list).await.ok());
        assert!(total > 500, "{list}: {total}");
    }
    let distributor = app.client("demo-distributor");
    let split = distributor.get("/v2/partners/coupon-quotas/records").await.ok();
    assert!(total(split) > 50);

    let operator = app.operator(Role::Admin).await;
    let snapshot = "/admin/v1/accounts/demo-partner/snapshots/before";
    let mut slowest = Duration::ZERO;
    let mut timed = async |what: &str, call: &mut (dyn Future<Output = Value> + Unpin)| {
        let started = Instant::now();
        let rows = call.await["rows"].as_u64().expect("rows");
        let elapsed = started.elapsed();
        let each = elapsed * 10_000 / u32::try_from(rows).expect("some thousands");
        println!("{what}: {rows} rows in {elapsed:.2?}, {each:.2?} for 10,000");
        assert!(rows >= 10_000, "{what}: {rows}");
        slowest = slowest.max(each);
    };
    let save = async { operator.call(axum::http::Method::PUT, snapshot, &[], "").await.ok() };
    timed("save", &mut Box::pin(save)).await;
    let restore = async { operator.post(&format!("{snapshot}/restore"), &json!({})).await.ok() };
    timed("restore", &mut Box::pin(restore)).await;
    let fork = async { operator.post("/admin/v1/accounts/demo-partner/forks", &json!({"name": "suite"})).await.ok() };
    timed("fork", &mut Box::pin(fork)).await;
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    let report = verify::all(&mut connection).await.expect("it is proved");
    assert_eq!(report.wrong, Vec::<String>::new());
}
