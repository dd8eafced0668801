//! What operators set for all callers, and of coupons and discounts: seen through the partner API, done once under a key,
//! refused to the wrong role, audited.

use axum::http::{Method, StatusCode};
use bss_gateway::operators::store::Role;
use bss_gateway::testing::{Answer, Client, TestApp};
use bss_gateway::values::time::write_instant;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::time::Instant;
use time::Duration;

const CATALOGUE: &str = "/admin/v1/catalogue";
const MAINTENANCE: &str = "/admin/v1/maintenance";
const PARTNER: &str = "/admin/v1/accounts/demo-partner";
const CUSTOMER: &str = "/admin/v1/accounts/demo-customer";

/// Sends a write twice under one key: the second answer is the first one, marked.
async fn twice(client: &Client<'_>, method: Method, target: &str, body: &str) -> Answer {
    let headers = [("idempotency-key", target)];
    let first = client.call(method.clone(), target, &headers, body).await;
    assert!(first.status.is_success(), "{target}: {} {}", first.status, first.body);
    let second = client.call(method, target, &headers, body).await;
    assert_eq!(second.header("idempotency-replayed"), Some("true"), "{target}");
    assert_eq!((first.status, &first.text), (second.status, &second.text), "{target}");
    first
}

/// An operator of the role below the one that is needed is refused.
async fn needs(app: &TestApp, role: Role, method: Method, target: &str, body: &str) {
    let below = match role {
        Role::Admin => Role::Operate,
        Role::Operate | Role::Read => Role::Read,
    };
    let refused = app.operator(below).await.call(method, target, &[], body).await;
    assert_eq!(refused.refusal(), (403, "CBC.0151", "Access denied."), "{target}");
}

/// The trace of an operation's successes: what each was about.
async fn subjects(client: &Client<'_>, operation: &str) -> Vec<String> {
    let events = client.get(&format!("/admin/v1/audit-events?operation={operation}")).await.ok();
    let events = events["events"].as_array().expect("a list").iter();
    let done = events.filter(|event| event["error_code"] == "");
    done.map(|event| event["subject"].as_str().expect("a text").to_owned()).collect()
}

/// All rows of a list, read in pages of two.
async fn paged(client: &Client<'_>, target: &str, list: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let sign = if target.contains('?') { '&' } else { '?' };
        let page = client.get(&format!("{target}{sign}limit=2{cursor}")).await.ok();
        let part = page[list].as_array().unwrap_or_else(|| panic!("{page}"));
        assert!(part.len() <= 2, "{page}");
        rows.extend(part.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}

async fn eventually(mut condition: impl AsyncFnMut() -> bool) -> std::time::Duration {
    let started = Instant::now();
    while started.elapsed() < std::time::Duration::from_secs(5) {
        if condition().await {
            return started.elapsed();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it did not happen within 5 seconds");
}

fn in_days(app: &TestApp, days: i64) -> String {
    write_instant(app.app.clock.now() + Duration::days(days))
}

const SHEET: &str = "\
kind,service_type_code,resource_type_code,resource_spec,name_zh,name_en,abbreviation,charge_modes,regions
service_type,test.service,,,服务,Service,TS,,
resource_type,test.service,test.resource,,资源,Resource,,,
resource_spec,,test.resource,small,小,Small,,3,cn-north-4|cn-north-1
";

/// Codes of the specifications of the sheet's resource type that are sold by use.
async fn sold(app: &TestApp) -> Vec<Value> {
    let request = json!({"cloud_service_type": "test.service", "resource_type": "test.resource",
        "region_code": "cn-north-4", "charge_mode": "3"});
    let answer = app.client("demo-partner").post("/v2/products/resource-specs-query", &request).await.ok();
    let rows = answer["cloud_service_basics"].as_array().expect("a list");
    rows.iter().map(|row| row["resource_spec"].clone()).collect()
}

#[sqlx::test]
async fn a_new_service_is_sold_on_every_replica_as_soon_as_it_is_imported(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let replica = app.replica(pool).await;
    let followers = [&app, &replica].map(TestApp::follow);
    needs(&app, Role::Admin, Method::POST, CATALOGUE, SHEET).await;
    let operator = app.operator(Role::Admin).await;
    let tried = operator.call(Method::POST, CATALOGUE, &[("x-dry-run", "true")], SHEET).await.ok();
    assert_eq!((&tried["added"], &tried["changed"], &tried["unchanged"]), (&json!(3), &json!(0), &json!(0)));
    assert_eq!(sold(&app).await, Vec::<Value>::new());

    let done = twice(&operator, Method::POST, CATALOGUE, SHEET).await.ok();
    assert_eq!(done["rows"][0], "+ service_type,test.service,,,,,,服务,Service,TS,,,,,,");
    for app in [&app, &replica] {
        let delay = eventually(async || sold(app).await == ["small"]).await;
        assert!(delay < std::time::Duration::from_secs(1), "{delay:?}");
    }
    assert_eq!(subjects(&operator, "ImportCatalogue").await, ["catalogue"]);

    let changed = SHEET.replace("小,Small", "小,Tiny");
    let done = operator.call(Method::POST, CATALOGUE, &[], &changed).await.ok();
    assert_eq!((&done["added"], &done["changed"], &done["unchanged"]), (&json!(0), &json!(1), &json!(2)));
    let row = |name: &str| format!("resource_spec,,test.resource,,small,,,小,{name},,,,3,cn-north-4|cn-north-1,,");
    assert_eq!(done["rows"], json!([format!("- {}", row("Small")), format!("+ {}", row("Tiny"))]));
    let exported = operator.text(&format!("{CATALOGUE}?kind=resource_spec")).await;
    assert!(exported.contains(&row("Tiny")) && !exported.contains("service_type,"), "{exported}");
    let exported = operator.get(&format!("{CATALOGUE}?kind=service_type&format=json")).await.ok();
    let exported = exported.as_array().expect("a list");
    let service = exported.iter().find(|row| row["service_type_code"] == "test.service").expect("it is there");
    assert_eq!(service["abbreviation"], "TS");
    for follower in followers {
        follower.abort();
    }
}

#[sqlx::test]
async fn one_wrong_row_of_a_catalogue_sheet_is_named_and_nothing_is_changed(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let operator = app.operator(Role::Admin).await;
    let before = operator.text(CATALOGUE).await;
    let specs = (0..10_000).map(|number| {
        let region = if number == 7_775 { "moon" } else { "cn-north-4" };
        format!("resource_spec,,test.resource,size.{number},小,Small,,3,{region}\n")
    });
    let sheet = format!("{SHEET}{}", specs.collect::<String>());
    let refused = operator.call(Method::POST, CATALOGUE, &[], &sheet).await;
    let told = "Nothing was imported, 1 problems. row 7780, regions: there is no region moon.";
    assert_eq!(refused.refusal(), (400, "CBC.0100", told));
    assert!(operator.text(CATALOGUE).await == before);
    let refused = operator.call(Method::POST, CATALOGUE, &[], "kind,colour\nplanet,red\n").await;
    assert!(refused.refusal().2.ends_with("row 1, row: there is no column colour."), "{}", refused.body);
    let refused = operator.get(&format!("{CATALOGUE}?kind=planet")).await;
    assert!(refused.refusal().2.contains("kind: must be "), "{}", refused.body);

    let right = sheet.replace("moon", "cn-north-4");
    operator.call(Method::POST, CATALOGUE, &[], &right).await.ok();
    app.reload_catalogue().await;
    assert_eq!(operator.text(CATALOGUE).await.lines().count(), before.lines().count() + 10_003);
}

#[sqlx::test]
async fn a_price_sheet_needs_an_admin_and_is_exported_as_json_too(pool: PgPool) {
    let app = TestApp::with_prices(pool).await;
    let operator = app.operator(Role::Admin).await;
    let sheet = operator.text("/admin/v1/prices?format=json").await;
    assert!(serde_json::from_str::<Vec<Value>>(&sheet).expect("a list").len() > 100);
    needs(&app, Role::Admin, Method::POST, "/admin/v1/prices", &sheet).await;
    let again = twice(&operator, Method::POST, "/admin/v1/prices", &sheet).await.ok();
    assert_eq!((&again["added"], &again["changed"], &again["rows"]), (&json!(0), &json!(0), &json!([])));
}

#[sqlx::test]
async fn during_maintenance_the_partner_api_refuses_on_every_replica_and_operators_go_on(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let replica = app.replica(pool).await;
    let followers = [&app, &replica].map(TestApp::follow);
    let read = async |app: &TestApp| app.client("demo-partner").get("/v2/products/service-types").await;
    let write = async |app: &TestApp| {
        let body = json!({"customer_id": app.world.account("demo-customer").domain, "amount": 1});
        app.client("demo-partner").post("/v2/accounts/partner-accounts/adjust-amount", &body).await
    };
    let on = json!({"on": true, "message": "Moving house"}).to_string();
    needs(&app, Role::Admin, Method::PUT, MAINTENANCE, &on).await;
    let operator = app.operator(Role::Admin).await;
    let tried = operator.call(Method::PUT, MAINTENANCE, &[("x-dry-run", "true")], &on).await.ok();
    assert_eq!((&tried["on"], &tried["scope"]), (&json!(true), &json!("all")));
    assert_eq!(operator.get(MAINTENANCE).await.ok(), json!({"on": false}));

    twice(&operator, Method::PUT, MAINTENANCE, &on).await;
    for app in [&app, &replica] {
        let delay = eventually(async || read(app).await.status == StatusCode::SERVICE_UNAVAILABLE).await;
        assert!(delay < std::time::Duration::from_secs(1), "{delay:?}");
    }
    let refused = read(&app).await;
    let told = "Backend unavailable. Under maintenance: Moving house.";
    assert_eq!(refused.refusal(), (503, "APIGW.0201", told));
    assert_eq!(refused.header("retry-after"), Some("60"));
    assert_eq!(refused.body["request_id"].as_str(), refused.header("x-request-id"));
    assert_eq!(app.anonymous().post("/v3/auth/tokens", &json!({})).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(app.anonymous().text("/healthz").await, "ok\n");
    assert_eq!(app.anonymous().get("/readyz").await.ok()["changes"], "ok");
    assert_eq!(operator.get(MAINTENANCE).await.ok()["message"], "Moving house");
    assert_eq!(subjects(&operator, "SetMaintenance").await, ["maintenance"]);

    let writes = json!({"on": true, "scope": "writes"}).to_string();
    operator.call(Method::PUT, MAINTENANCE, &[], &writes).await.ok();
    eventually(async || read(&app).await.status == StatusCode::OK).await;
    assert_eq!(write(&app).await.refusal().1, "APIGW.0201");
    operator.call(Method::PUT, MAINTENANCE, &[], r#"{"on": false}"#).await.ok();
    eventually(async || write(&replica).await.status == StatusCode::OK).await;
    for follower in followers {
        follower.abort();
    }
}

#[sqlx::test]
async fn maintenance_ends_by_itself_and_not_before_it_began(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Admin).await;
    let read = async || app.client("demo-partner").get("/v2/products/service-types").await;
    let at = |seconds: i64| write_instant(app.app.clock.now() + Duration::seconds(seconds));
    let past = json!({"on": true, "ends_at": at(-1)}).to_string();
    let refused = operator.call(Method::PUT, MAINTENANCE, &[], &past).await;
    assert_eq!(refused.refusal(), (400, "CBC.0100", "Parameter error. ends_at: must be later than now."));
    let end = at(600);
    let planned = json!({"on": true, "scope": "all", "ends_at": end}).to_string();
    operator.call(Method::PUT, MAINTENANCE, &[], &planned).await.ok();
    let switch = &app.app.maintenance;
    switch.reload(&mut *app.app.database.control().await.expect("a connection")).await.expect("it is read");
    let refused = read().await;
    assert_eq!(refused.refusal().2, format!("Backend unavailable. Under maintenance until {end}."));
    let seconds: i64 = refused.header("retry-after").expect("it is given").parse().expect("seconds");
    assert!((590..=601).contains(&seconds), "{seconds}");
    app.app.clock.set(app.app.clock.now() + Duration::seconds(601));
    assert_eq!(read().await.status, StatusCode::OK);
    assert_eq!(operator.get(MAINTENANCE).await.ok(), json!({"on": false}));
}

/// A quota of 100 that demo-partner is granted.
async fn granted(app: &TestApp, operator: &Client<'_>) -> String {
    let body = json!({"value": "100", "expires_at": in_days(app, 30), "limits": {"maxDeductionRatio": ["0.5"]}});
    let quota = operator.post(&format!("{PARTNER}/coupon-quotas"), &body).await.ok();
    quota["quota_id"].as_str().expect("an id").to_owned()
}

/// demo-partner issues a coupon of 40 to demo-customer.
async fn issued(app: &TestApp, quota: &str) -> Answer {
    let customer = app.world.account("demo-customer").domain;
    let body = json!({"quota_id": quota, "customer_ids": [customer], "face_value": 40});
    app.client("demo-partner").post("/v2/promotions/benefits/partner-coupons", &body).await
}

#[sqlx::test]
async fn a_quota_is_granted_used_frozen_and_withdrawn(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let operator = app.operator(Role::Operate).await;
    let quotas = format!("{PARTNER}/coupon-quotas");
    let body = json!({"value": 100, "expires_at": in_days(&app, 30), "face_max": 50, "customer_coupons": 2,
        "customers": ["demo-customer"]});
    needs(&app, Role::Operate, Method::POST, &quotas, &body.to_string()).await;
    let before = paged(&operator, &quotas, "quotas").await.len();
    let quota = twice(&operator, Method::POST, &quotas, &body.to_string()).await.ok();
    let quota = quota["quota_id"].as_str().expect("an id");
    let rows = paged(&operator, &quotas, "quotas").await;
    assert_eq!(rows.len(), before + 1);
    assert_eq!(
        (&rows[0]["quota_id"], &rows[0]["kind"], &rows[0]["status"]),
        (&json!(quota), &json!("cash"), &json!("normal"))
    );

    issued(&app, quota).await.ok();
    let left = paged(&operator, &quotas, "quotas").await;
    assert_eq!((&left[0]["value"], &left[0]["balance"]), (&json!(100), &json!(60)));
    let status = format!("{quotas}/{quota}/status");
    twice(&operator, Method::PUT, &status, r#"{"status": "frozen"}"#).await;
    assert_eq!(issued(&app, quota).await.refusal().1, "CBC.99000012");
    operator.call(Method::PUT, &status, &[], r#"{"status": "normal"}"#).await;
    issued(&app, quota).await.ok();

    let withdrawal = format!("{quotas}/{quota}/withdrawal");
    let withdrawn = twice(&operator, Method::POST, &withdrawal, r#"{"memo": "The campaign is over"}"#).await.ok();
    assert_eq!(withdrawn, json!({"withdrawn": 20}));
    assert_eq!(paged(&operator, &quotas, "quotas").await[0]["status"], "reclaimed");
    assert_eq!(subjects(&operator, "GrantQuota").await, [quota]);
    assert_eq!(subjects(&operator, "SetQuotaStatus").await, [quota, quota]);
    assert_eq!(subjects(&operator, "WithdrawQuota").await, [quota]);
    let other = format!("/admin/v1/accounts/other-partner/coupon-quotas/{quota}/status");
    let refused = operator.call(Method::PUT, &other, &[], r#"{"status": "frozen"}"#).await;
    assert_eq!(refused.refusal(), (400, "CBC.0100", "Not done: there is no such quota."));
    let wrong = bss_gateway::ledger::verify::all(&mut pool.acquire().await.expect("a connection")).await;
    assert!(wrong.expect("it is read").wrong.is_empty());
}

#[sqlx::test]
async fn what_is_wrong_with_a_quota_or_a_coupon_is_named(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Operate).await;
    let end = in_days(&app, 30);
    let quota = |change: Value| {
        let mut body = json!({"value": 100, "expires_at": end});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        body
    };
    let coupon = |change: Value| {
        quota(json!({"kind": "cash"}))
            .as_object()
            .expect("an object")
            .clone()
            .into_iter()
            .chain(change.as_object().expect("an object").clone())
            .collect::<Value>()
    };
    for (target, body, told) in [
        ("demo-partner/coupon-quotas", quota(json!({"value": 0})), "Parameter error. value: must be greater than 0"),
        ("demo-partner/coupon-quotas", quota(json!({"expires_at": "soon"})), "Parameter error. expires_at: must be an"),
        ("demo-partner/coupon-quotas", quota(json!({"limits": {"colour": ["red"]}})), "Parameter error. limits"),
        (
            "demo-partner/coupon-quotas",
            quota(json!({"limits": {"maxDeductionRatio": ["2"]}})),
            "Not done: limits: maxDeductionRatio: \"2\" is not a value of it.",
        ),
        (
            "demo-partner/coupon-quotas",
            quota(json!({"customer_coupons": 0})),
            "Parameter error. customer_coupons: must",
        ),
        (
            "demo-partner/coupon-quotas",
            quota(json!({"customers": ["nobody"]})),
            "Not done: nobody is no customer of the partner.",
        ),
        (
            "demo-partner/coupon-quotas",
            quota(json!({"expires_at": "2020-01-01T00:00:00Z"})),
            "Not done: it would never be valid: it must expire after it takes effect.",
        ),
        ("demo-customer/coupon-quotas", quota(json!({})), "Not done: quotas are granted to partners and distributors"),
        ("demo-customer/coupons", coupon(json!({"kind": "paper"})), "Parameter error. kind: must be "),
        (
            "demo-customer/coupons",
            coupon(json!({"group": 4})),
            "Parameter error. group: must be an integer from 0 to 3",
        ),
        ("demo-customer/coupons", coupon(json!({"kind": "discount"})), "Not done: the value of a discount coupon is"),
        (
            "demo-customer/coupons",
            coupon(json!({"kind": "product"})),
            "Not done: a product coupon is limited to products",
        ),
        ("nobody/coupons", coupon(json!({})), "Not done: there is no account nobody."),
    ] {
        let refused = operator.post(&format!("/admin/v1/accounts/{target}"), &body).await;
        let status = if target.starts_with("nobody") { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
        assert_eq!(refused.status, status, "{body}: {}", refused.body);
        assert!(refused.refusal().2.starts_with(told), "{body}: {}", refused.body);
    }
}

#[sqlx::test]
async fn a_coupon_of_the_vendors_own_is_issued_once_and_seen_by_its_holder(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Operate).await;
    let coupons = format!("{CUSTOMER}/coupons");
    let own = async || {
        let list = app.client("demo-customer").get("/v2/promotions/benefits/coupons").await.ok();
        list["count"].as_i64().expect("a number")
    };
    let before = own().await;
    let body = json!({"kind": "discount", "value": 0.85, "expires_at": in_days(&app, 30), "name": "15 % off",
        "limits": {"subscribeType": ["new", "renew"]}});
    needs(&app, Role::Operate, Method::POST, &coupons, &body.to_string()).await;
    let issued = twice(&operator, Method::POST, &coupons, &body.to_string()).await.ok();
    assert_eq!(own().await, before + 1);
    let rows = paged(&operator, &coupons, "coupons").await;
    assert_eq!(rows.len(), usize::try_from(before + 1).expect("a small number"));
    assert_eq!((&rows[0]["coupon_id"], &rows[0]["kind"]), (&issued["coupon_id"], &json!("discount")));
    assert_eq!(
        (&rows[0]["status"], &rows[0]["value"], &rows[0]["name"]),
        (&json!("usable"), &json!(0.85), &json!("15 % off"))
    );
    let ids: std::collections::BTreeSet<&str> =
        rows.iter().map(|row| row["coupon_id"].as_str().expect("an id")).collect();
    assert_eq!(ids.len(), rows.len(), "no page repeats a row");
    let given = paged(&operator, &format!("{PARTNER}/coupons?whose=issued"), "coupons").await;
    let list = app.client("demo-partner").get("/v2/promotions/benefits/partner-coupons").await.ok();
    assert_eq!(json!(given.len()), list["total_count"]);
    assert_eq!(subjects(&operator, "IssueCoupon").await, [issued["coupon_id"].as_str().expect("an id")]);
}

#[sqlx::test]
async fn a_partner_is_converted_and_told_earlier_and_products_are_added(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Operate).await;
    let quota = granted(&app, &operator).await;
    let issuing = format!("{PARTNER}/coupon-issuing");
    assert_eq!(operator.get(&issuing).await.ok(), json!({"issues_coupons": true, "notice_days": 7}));
    let body = r#"{"issues_coupons": false, "notice_days": 30}"#;
    needs(&app, Role::Operate, Method::PUT, &issuing, body).await;
    twice(&operator, Method::PUT, &issuing, body).await;
    assert_eq!(issued(&app, &quota).await.refusal().1, "CBC.50000010");
    operator.call(Method::PUT, &issuing, &[], r#"{"issues_coupons": true}"#).await.ok();
    assert_eq!(operator.get(&issuing).await.ok(), json!({"issues_coupons": true, "notice_days": 30}));
    issued(&app, &quota).await.ok();
    let refused = operator.call(Method::PUT, &format!("{CUSTOMER}/coupon-issuing"), &[], body).await;
    assert_eq!(refused.refusal().2, "Not done: coupons are issued by partners, distributors and resellers.");

    let product = "/admin/v1/coupon-products/00301-test";
    needs(&app, Role::Admin, Method::PUT, product, r#"{"subscribe_types": ["new"]}"#).await;
    let admin = app.operator(Role::Admin).await;
    twice(&admin, Method::PUT, product, r#"{"subscribe_types": ["new"]}"#).await;
    let products = paged(&operator, "/admin/v1/coupon-products", "products").await;
    assert!(products.contains(&json!({"product_id": "00301-test", "subscribe_types": ["new"]})), "{products:?}");
    assert_eq!(subjects(&admin, "SetCouponProduct").await, ["00301-test"]);
    let wrong = admin.call(Method::PUT, product, &[], r#"{"subscribe_types": ["rent"]}"#).await;
    assert!(wrong.refusal().2.starts_with("Parameter error. subscribe_types[0]: must be "), "{}", wrong.body);
}

/// What an hour of a server costs demo-customer, and in which currency.
async fn quoted(app: &TestApp) -> (Value, Value) {
    let info = json!({"id": "1", "cloud_service_type": "hws.service.type.ec2", "resource_type": "hws.resource.type.vm",
        "resource_spec": "s6.large.2.linux", "region": "cn-north-4", "usage_factor": "Duration", "usage_value": 1,
        "usage_measure_id": 4, "subscription_num": 1});
    let request = json!({"project_id": "any", "product_infos": [info]});
    let quote = app.client("demo-customer").post("/v2/bills/ratings/on-demand-resources", &request).await.ok();
    (quote["amount"].clone(), quote["currency"].clone())
}

#[sqlx::test]
async fn a_discount_is_granted_seen_in_the_next_quote_and_ended(pool: PgPool) {
    let app = TestApp::with_prices(pool).await;
    let operator = app.operator(Role::Operate).await;
    assert_eq!(quoted(&app).await, (json!(0.32), json!("CNY")));
    let agreements = format!("{CUSTOMER}/agreements");
    let agreement = json!({"code": "FA-1", "effective_at": in_days(&app, -1), "expires_at": in_days(&app, 30)});
    needs(&app, Role::Operate, Method::POST, &agreements, &agreement.to_string()).await;
    let recorded = twice(&operator, Method::POST, &agreements, &agreement.to_string()).await.ok();
    let rows = paged(&operator, &agreements, "agreements").await;
    assert_eq!(rows.iter().filter(|row| row["code"] == "FA-1").count(), 1);
    assert!(rows.iter().any(|row| row["agreement_id"] == recorded["agreement_id"]));

    let discounts = format!("{CUSTOMER}/discounts");
    let discount = json!({"kind": "commercial", "name": "Half", "ratio": "0.5", "agreement": "FA-1",
        "service_type": "hws.service.type.ec2", "charging_modes": ["ONDEMAND"]});
    needs(&app, Role::Operate, Method::POST, &discounts, &discount.to_string()).await;
    let granted = twice(&operator, Method::POST, &discounts, &discount.to_string()).await.ok();
    let id = granted["discount_id"].as_str().expect("an id");
    assert_eq!(quoted(&app).await.0, json!(0.16));
    for name in ["Second", "Third"] {
        let promotion = json!({"kind": "promotion", "name": name, "ratio": 0.99, "region": "cn-north-1",
            "effective_at": in_days(&app, 0), "expires_at": in_days(&app, 9)});
        operator.post(&discounts, &promotion).await.ok();
    }
    let rows = paged(&operator, &discounts, "discounts").await;
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().expect("a name")).collect();
    assert!(names.ends_with(&["Half", "Second", "Third"]), "{names:?}");
    let half = rows.iter().find(|row| row["discount_id"] == id).expect("it is listed");
    assert_eq!((&half["ratio"], &half["charging_modes"]), (&json!(0.5), &json!(["ONDEMAND"])));

    let end = format!("{discounts}/{id}");
    needs(&app, Role::Operate, Method::DELETE, &end, "").await;
    twice(&operator, Method::DELETE, &end, "").await;
    assert_eq!(quoted(&app).await.0, json!(0.32));
    assert_eq!(subjects(&operator, "EndDiscount").await, [id]);
    let again = operator.call(Method::DELETE, &end, &[], "").await;
    assert!(again.refusal().2.contains("has no discount"), "{}", again.body);

    let currency = format!("{CUSTOMER}/currency");
    needs(&app, Role::Operate, Method::PUT, &currency, r#"{"currency": "USD"}"#).await;
    twice(&operator, Method::PUT, &currency, r#"{"currency": "USD"}"#).await;
    assert_eq!(quoted(&app).await.1, json!("USD"));
    for (body, told) in [
        (json!({"kind": "gift", "name": "x", "ratio": 0.5}), "Parameter error. kind: must be "),
        (
            json!({"kind": "promotion", "name": "x", "ratio": "half"}),
            "Parameter error. ratio: must be a decimal number",
        ),
        (
            json!({"kind": "promotion", "name": "x", "ratio": 1.5, "effective_at": in_days(&app, 0),
            "expires_at": in_days(&app, 1)}),
            "Not done: the ratio must be from 0 to below 1",
        ),
        (
            json!({"kind": "promotion", "name": "x", "ratio": 0.5, "effective_at": in_days(&app, 0)}),
            "Parameter error. expires_at: must be given with effective_at.",
        ),
        (json!({"kind": "commercial", "name": "x", "ratio": 0.5, "agreement": "FA-2"}), "Not done: the account"),
        (
            json!({"kind": "promotion", "name": "x", "ratio": 0.5, "region": "moon", "effective_at": in_days(&app, 0),
            "expires_at": in_days(&app, 1)}),
            "Not done: there is no region moon.",
        ),
    ] {
        let refused = operator.post(&discounts, &body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{body}: {}", refused.body);
        assert!(refused.refusal().2.starts_with(told), "{body}: {}", refused.body);
    }
}

#[sqlx::test]
async fn a_services_incentive_policy_is_what_partners_read(pool: PgPool) {
    let app = TestApp::with_prices(pool).await;
    let operator = app.operator(Role::Admin).await;
    let policy = "/admin/v1/incentive-policies/hws.service.type.ec2";
    let body = json!({"effective_at": "2027-02-01T00:00:00Z", "incentive_policy": 13, "allow_discount": false});
    needs(&app, Role::Admin, Method::PUT, policy, &body.to_string()).await;
    twice(&operator, Method::PUT, policy, &body.to_string()).await;
    app.reload_catalogue().await;
    let read = async |month: &str| {
        let target =
            format!("/v2/products/incentive-discount-policies?time={month}&service_type_code=hws.service.type.ec2");
        let found = app.client("demo-partner").get(&target).await.ok();
        (found["policies"][0]["incentive_policy"].clone(), found["policies"][0]["allow_discount"].clone())
    };
    assert_eq!(read("2027-02").await, (json!("13"), json!("NO")));
    assert_ne!(read("2027-01").await, (json!("13"), json!("NO")));
    let rows = paged(&operator, "/admin/v1/incentive-policies?service_type=hws.service.type.ec2", "policies").await;
    assert_eq!(rows.last().map(|row| row["incentive_policy"].clone()), Some(json!(13)));
    let all = paged(&operator, "/admin/v1/incentive-policies", "policies").await;
    let order: Vec<(String, String)> =
        all.iter().map(|row| (row["service_type"].to_string(), row["effective_at"].to_string())).collect();
    assert!(order.is_sorted_by(|one, next| one < next) && order.len() > 50, "{}", order.len());
    assert_eq!(subjects(&operator, "SetIncentivePolicy").await, ["hws.service.type.ec2"]);

    let unknown = operator.call(Method::PUT, "/admin/v1/incentive-policies/none", &[], &body.to_string()).await;
    assert_eq!(unknown.refusal(), (400, "CBC.0100", "Not done: there is no service none."));
    let wrong = body.to_string().replace("13", "7");
    let wrong = operator.call(Method::PUT, policy, &[], &wrong).await;
    assert!(
        wrong.refusal().2.starts_with("Parameter error. incentive_policy: must be one of 0, 1, 2, 13"),
        "{}",
        wrong.body
    );
}
