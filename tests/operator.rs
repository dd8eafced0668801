//! The operators' API: who may call, and that what it does is what the partner API then sees.

use axum::http::{Method, StatusCode};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bss_gateway::operator::policy::OperatorPolicy;
use bss_gateway::operators::administration as operators;
use bss_gateway::operators::store::Role;
use bss_gateway::sandbox::snapshots;
use bss_gateway::testing::{Answer, Client, TestApp};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::collections::BTreeMap;
use time::Duration;

const ACCOUNTS: &str = "/admin/v1/accounts";
const PARTNER: &str = "/admin/v1/accounts/demo-partner";

async fn put(client: &Client<'_>, target: &str, body: &Value) -> Answer {
    client.call(Method::PUT, target, &[], &body.to_string()).await
}

/// Every operation with its method, a path and its policy, by id.
fn declared() -> BTreeMap<String, (Method, String, OperatorPolicy)> {
    let document = serde_json::to_value(bss_gateway::operator::operations().document()).expect("it serialises");
    let mut declared = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            let policy = serde_json::from_value(operation["x-policy"].clone()).expect("a policy");
            let method = method.to_uppercase().parse().expect("a method");
            let target = path.split('/').map(|part| if part.starts_with('{') { "nobody" } else { part });
            let target = target.collect::<Vec<_>>().join("/");
            declared.insert(operation["operationId"].as_str().expect("an id").to_owned(), (method, target, policy));
        }
    }
    declared
}

#[sqlx::test]
async fn every_operation_asks_for_a_token_and_its_role(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let mut connection = app.app.database.control().await.expect("a connection");
    let name = "late".to_owned().try_into().expect("a name");
    let now = app.app.clock.now();
    let expired = operators::create(&mut connection, &name, Role::Admin, Some(now), now).await.expect("a token");
    drop(connection);
    let unknown = [app.operator_with("nonsense"), app.operator_with(&expired), app.client("demo-partner")];
    let known = [Role::Read, Role::Operate, Role::Admin];
    let known = [app.operator(known[0]).await, app.operator(known[1]).await, app.operator(known[2]).await];
    let declared = declared();
    assert!(declared.len() >= 15, "{}", declared.len());
    for (id, (method, target, policy)) in &declared {
        for (client, expected) in unknown.iter().zip([401, 401, 404]) {
            let answer = client.call(method.clone(), target, &[], "{}").await;
            assert_eq!(answer.status.as_u16(), expected, "{id}: {}", answer.body);
        }
        for (client, role) in known.iter().zip([Role::Read, Role::Operate, Role::Admin]) {
            let answer = client.call(method.clone(), target, &[], "{}").await;
            let is_refused = answer.status == StatusCode::FORBIDDEN;
            assert_eq!(is_refused, role < policy.role, "{id} as {role:?}: {} {}", answer.status, answer.body);
            assert!(!answer.status.is_server_error(), "{id}: {}", answer.body);
        }
    }
}

#[sqlx::test]
async fn a_partner_is_made_from_nothing_and_calls(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let operator = app.operator(Role::Admin).await;
    operator.post(ACCOUNTS, &json!({"name": "new-partner", "kind": "partner"})).await.ok();
    operator.post(ACCOUNTS, &json!({"name": "new-customer", "kind": "customer", "parent": "new-partner"})).await.ok();
    let tree = operator.get("/admin/v1/accounts?tree_of=new-partner").await.ok();
    assert_eq!(tree["accounts"][0]["name"], "new-partner");
    assert_eq!(tree["accounts"][1]["kind"], "customer");
    let key = format!("{ACCOUNTS}/new-partner/users/new-partner/keys");
    let key = operator.call(Method::POST, &key, &[("idempotency-key", "first")], "").await.ok();
    let top_up = json!({"amount": "250.50", "memo": "bank transfer"});
    let funds = operator.post(&format!("{ACCOUNTS}/new-partner/funds/top-ups"), &top_up).await.ok();
    assert_eq!(funds["balances"][0]["amount"].to_string(), "250.5");
    let text = |name: &str| key[name].as_str().expect("it is shown").to_owned();
    let client = app.client_with_key(&text("access_key"), &text("secret_key"));
    let balances = client.get("/v2/accounts/partner-accounts/balances").await.ok();
    assert_eq!(balances["account_balances"][0]["amount"].to_string(), "250.5");
    // The secret is shown once, and kept nowhere.
    let path = format!("{ACCOUNTS}/new-partner/users/new-partner/keys");
    let again = operator.call(Method::POST, &path, &[("idempotency-key", "first")], "").await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.ok(), json!({"access_key": text("access_key"), "secret_key": null}));
    let kept: i64 = sqlx::query_scalar("select count(*) from idempotency_keys where answer like '%' || $1 || '%'")
        .bind(text("secret_key"))
        .fetch_one(&pool)
        .await
        .expect("a count");
    assert_eq!(kept, 0);
    operator.call(Method::DELETE, &format!("/admin/v1/keys/{}", text("access_key")), &[], "").await.ok();
    app.app.directory.forget_all();
    assert_eq!(client.get("/v2/accounts/partner-accounts/balances").await.status, StatusCode::UNAUTHORIZED);
}

#[sqlx::test]
async fn users_are_created_changed_and_kept_out(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Admin).await;
    let user = json!({"name": "clerk", "permission_items": ["BPC_ITEM_FINANCE_030100"]});
    operator.post(&format!("{PARTNER}/users"), &user).await.ok();
    let taken = operator.post(&format!("{PARTNER}/users"), &user).await;
    assert_eq!(taken.refusal(), (400, "CBC.0100", "Not done: the name clerk is taken."));
    let clerk = format!("{PARTNER}/users/clerk");
    let weak = put(&operator, &clerk, &json!({"password": "short"})).await;
    assert!(weak.refusal().2.starts_with("Not done: the password "), "{}", weak.body);
    let change = json!({"password": "Correct-horse-7", "permission_items": [], "enabled": false});
    assert_eq!(put(&operator, &clerk, &change).await.status, StatusCode::NO_CONTENT);
    let users = operator.get(&format!("{PARTNER}/users")).await.ok();
    assert_eq!(users["users"][0]["name"], "clerk");
    assert_eq!((&users["users"][0]["enabled"], &users["users"][0]["has_password"]), (&json!(false), &json!(true)));
    assert_eq!(users["users"][0]["permission_items"], json!([]));
    let enrolment = put(&operator, &format!("{clerk}/second-factor"), &json!({})).await.ok();
    assert!(enrolment["otpauth"].as_str().expect("shown").starts_with("otpauth://totp/"), "{enrolment}");
    let ended = operator.call(Method::DELETE, &format!("{clerk}/second-factor"), &[], "").await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
}

#[sqlx::test]
async fn writes_are_tried_repeated_and_audited(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Operate).await;
    let (path, body) = (format!("{PARTNER}/funds/top-ups"), json!({"amount": 10}).to_string());
    let tried = operator.call(Method::POST, &path, &[("x-dry-run", "true")], &body).await.ok();
    assert_eq!(tried["balances"][0]["amount"], json!(100_010));
    for _ in 0..3 {
        operator.call(Method::POST, &path, &[("idempotency-key", "k")], &body).await.ok();
    }
    let funds = operator.get(&format!("{PARTNER}/funds")).await.ok();
    assert_eq!(funds["balances"][0]["amount"], json!(100_010));
    let refused = operator.post(&path, &json!({"amount": -1})).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);

    let domain = app.world.account("demo-partner").domain.to_string();
    let first = operator.get("/admin/v1/audit-events?limit=1").await.ok();
    assert_eq!((&first["events"][0]["operation"], &first["events"][0]["status"]), (&json!("TopUpFunds"), &json!(400)));
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let second = operator.get(&format!("/admin/v1/audit-events?cursor={cursor}")).await.ok();
    assert_eq!(second["events"].as_array().map(Vec::len), Some(1), "{second}");
    assert_eq!((&second["events"][0]["subject"], &second["events"][0]["status"]), (&json!(domain), &json!(200)));
    assert_eq!(second["events"][0]["credential"], "operator");
    let other = operator.get("/admin/v1/audit-events?operation=CreateKey").await.ok();
    assert_eq!(other["events"], json!([]));

    let partner = app.client("demo-partner");
    let customer = app.world.account("demo-customer").domain;
    let allocation = json!({"customer_id": customer, "amount": 1});
    partner.post("/v2/accounts/partner-accounts/adjust-amount", &allocation).await.ok();
    let query = "/admin/v1/audit-events?account=demo-partner&operation=UpdateCustomerAccountAmount";
    let events = operator.get(query).await.ok();
    assert_eq!(events["events"][0]["domain_id"], json!(domain));
    let nonsense = operator.get("/admin/v1/audit-events?cursor=nonsense").await;
    assert!(nonsense.refusal().2.contains("cursor: "), "{}", nonsense.body);
}

#[sqlx::test]
async fn no_nul_reaches_the_database(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Admin).await;
    let nul = "a\0";
    for (target, field) in [
        ("/admin/v1/audit-events?account=a%00", "account"),
        ("/admin/v1/audit-events?subject=%00", "subject"),
        ("/admin/v1/limits?account=%00", "account"),
        ("/admin/v1/accounts?tree_of=%00", "tree_of"),
        ("/admin/v1/clock?account=%00", "account"),
    ] {
        let refused = operator.get(target).await;
        let message = format!("Parameter error. {field}: must not hold a NUL.");
        assert_eq!(refused.refusal(), (400, "CBC.0100", message.as_str()), "{target}");
    }
    let quota = json!({"value": 1, "expires_at": "2099-01-01T00:00:00Z", "customers": ["demo-customer", nul]});
    let user = json!({"name": "new", "permission_items": [nul]});
    let specs = json!({"cloud_service_type": "hws.service.type.ec2", "resource_type": "hws.resource.type.vm",
        "region_code": "cn-north-4", "charge_mode": "3", "marker": nul});
    for (client, target, body, field) in [
        (&operator, format!("{PARTNER}/coupon-quotas"), quota, "customers[1]"),
        (&operator, ACCOUNTS.to_owned(), json!({"name": "new", "kind": "customer", "parent": nul}), "parent"),
        (&operator, "/admin/v1/clock".to_owned(), json!({"account": nul, "action": "RUN"}), "account"),
        (&operator, format!("{PARTNER}/users"), user, "permission_items[0]"),
        (&app.client("demo-partner"), "/v2/products/resource-specs-query".to_owned(), specs, "marker"),
    ] {
        let refused = client.post(&target, &body).await;
        let message = format!("Parameter error. {field}: must not hold a NUL.");
        assert_eq!(refused.refusal(), (400, "CBC.0100", message.as_str()), "{target}");
    }
}

#[sqlx::test]
async fn a_forged_cursor_is_refused_by_its_name(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Read).await;
    // In nanoseconds since 1970: beyond the years that can be written, and before those that the database knows.
    let moments = ["300000000000000000000", "-300000000000000000000", "null"];
    for target in [
        "/admin/v1/audit-events",
        "/admin/v1/incentive-policies",
        "/admin/v1/real-name-reviews",
        &format!("{PARTNER}/coupon-quotas"),
        &format!("{PARTNER}/coupons"),
        &format!("{PARTNER}/notifications"),
        &format!("{ACCOUNTS}/demo-customer/stored-value-cards"),
        &format!("{ACCOUNTS}/demo-distributor/resellers"),
    ] {
        assert!(operator.get(target).await.status.is_success(), "{target}");
        for moment in moments {
            let key = format!(r#"[{moment},"00000000-0000-0000-0000-000000000000"]"#);
            let cursor = BASE64_URL_SAFE_NO_PAD.encode(key);
            let forged = operator.get(&format!("{target}?cursor={cursor}")).await;
            let is_named = forged.body["error_msg"].as_str().is_some_and(|text| text.contains("error. cursor: "));
            assert!(forged.status == StatusCode::BAD_REQUEST && is_named, "{target} {moment}: {}", forged.body);
        }
    }
}

#[sqlx::test]
async fn a_sheet_with_one_wrong_row_in_ten_thousand_changes_nothing(pool: PgPool) {
    let app = TestApp::with_prices(pool.clone()).await;
    let operator = app.operator(Role::Admin).await;
    let exported = operator.text("/admin/v1/prices").await;
    let (head, rows) = exported.split_once('\n').expect("a head");
    let row = rows.lines().next().expect("a row");
    let column = head.split(',').position(|column| column == "effective_at").expect("the column");
    let at = |minute: usize| {
        let instant = app.app.clock.now().replace_nanosecond(0).expect("a second") + Duration::days(1);
        let instant = instant + Duration::minutes(i64::try_from(minute).expect("a small number"));
        let cells = row.split(',').enumerate();
        let cell = |(place, cell): (usize, &str)| {
            if place == column { bss_gateway::values::time::write_instant(instant) } else { cell.to_owned() }
        };
        cells.map(cell).collect::<Vec<_>>().join(",")
    };
    let mut sheet: Vec<String> = (0..10_000).map(at).collect();
    let whole = format!("{head}\n{}\n", sheet.join("\n"));
    sheet[7_776] = sheet[7_776].replace("hws.resource.type", "hws.resource.typo");
    let wrong = format!("{head}\n{}\n", sheet.join("\n"));
    let count = async || {
        let count: i64 = sqlx::query_scalar("select count(*) from prices").fetch_one(&pool).await.expect("a count");
        count
    };
    let before = count().await;
    let refused = operator.call(Method::POST, "/admin/v1/prices", &[], &wrong).await;
    let (status, code, message) = refused.refusal();
    assert_eq!((status, code), (400, "CBC.0100"));
    assert!(message.contains("problems. row 7778, resource_type: there is no resource type"), "{message}");
    let rows = message.matches("row ").count();
    assert_eq!(rows, message.matches("row 7778").count(), "{message}");
    assert_eq!(count().await, before);
    let tried = operator.call(Method::POST, "/admin/v1/prices", &[("x-dry-run", "true")], &whole).await.ok();
    assert_eq!(count().await, before);
    let added = tried["added"].as_i64().expect("a number");
    assert!(added >= 10_000, "one for each region of each row: {added}");
    operator.call(Method::POST, "/admin/v1/prices", &[], &whole).await.ok();
    assert_eq!(count().await, before + added);
}

#[sqlx::test]
async fn limits_are_those_of_the_settings_and_of_the_accounts_kind(pool: PgPool) {
    let app = TestApp::with(pool, bss_gateway::operations, |settings| {
        let rate = "7/2".to_owned().try_into().expect("it is a rate");
        settings.quotas.overrides.insert("ListCities".to_owned(), rate);
    })
    .await;
    let operator = app.operator(Role::Read).await;
    let limits = async |query: &str| operator.get(&format!("/admin/v1/limits{query}")).await.ok();
    let all = limits("").await;
    let of = |limits: &Value, operation: &str| {
        let limits = limits["limits"].as_array().expect("a list");
        limits.iter().find(|limit| limit["operation"] == operation).map(|limit| limit["limit"].clone())
    };
    assert_eq!(of(&all, "ListCities"), Some(json!(7)));
    assert_eq!(of(&all, "ListMeasureUnits"), Some(json!(10)));
    let customers = limits("?account=demo-customer").await;
    assert_eq!(of(&customers, "UpdateCustomerAccountAmount"), None, "partners only");
    assert!(of(&customers, "KeystoneCreateToken").is_some() && of(&all, "UpdateCustomerAccountAmount").is_some());
}

#[sqlx::test]
async fn a_clock_moves_for_its_tenant_alone_and_on_every_replica(pool: PgPool) {
    snapshots::install(&mut pool.acquire().await.expect("a connection")).await.expect("the functions fit");
    let app = TestApp::new(pool.clone()).await;
    let replica = app.replica(pool).await;
    let operator = app.operator(Role::Operate).await;
    let set = async |body: Value| operator.post("/admin/v1/clock", &body).await;
    let frozen = set(json!({"account": "demo-customer", "action": "FREEZE"})).await.ok();
    assert_eq!(frozen["clock"]["frozen"], true);
    let advanced = set(json!({"account": "demo-partner", "action": "ADVANCE", "days": 40})).await.ok();
    let days = 40 * 86_400;
    let offset = advanced["clock"]["offset_seconds"].as_i64().expect("a number");
    assert!((days - 60..=days).contains(&offset), "{offset}");
    let tenant = app.world.demo().tenant;
    for app in [&app.app, &replica.app] {
        app.clocks.reload(&mut *app.database.control().await.expect("a connection")).await.expect("it is read");
    }
    assert_eq!(app.app.now(tenant), replica.app.now(tenant));
    let shown = operator.get("/admin/v1/clock?account=demo-partner").await.ok();
    assert_eq!(shown["now"], advanced["clock"]["now"]);
    let other = operator.get("/admin/v1/clock?account=other-partner").await.ok();
    assert_eq!((&other["offset_seconds"], &other["frozen"]), (&json!(0), &json!(false)));

    for (body, field) in [
        (json!({"action": "ADVANCE"}), "days"),
        (json!({"action": "ADVANCE", "days": 0}), "days"),
        (json!({"action": "ADVANCE", "days": 1, "to": "2030-01-01T00:00:00Z"}), "days"),
        (json!({"action": "OFFSET"}), "offset_seconds"),
        (json!({"action": "FREEZE", "days": 1}), "action"),
        (json!({"action": "JUMP"}), "action"),
    ] {
        let mut body = body;
        body["account"] = json!("demo-partner");
        let refused = set(body.clone()).await;
        assert!(refused.refusal().2.starts_with(&format!("Parameter error. {field}: ")), "{body}: {}", refused.body);
    }
    let back = set(json!({"account": "demo-partner", "action": "ADVANCE", "to": "2020-01-01T00:00:00Z"})).await;
    assert_eq!(back.refusal().2, "Not done: a clock can only be advanced to a later instant.");
    let reset = set(json!({"account": "demo-partner", "action": "RESET"})).await.ok();
    assert_eq!(reset["clock"]["offset_seconds"], json!(0));
}

#[sqlx::test]
async fn what_falls_due_on_the_way_happens_once_in_order_and_is_listed(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Operate).await;
    let set = async |body: Value| operator.post("/admin/v1/clock", &body).await.ok();
    set(json!({"account": "demo-partner", "action": "FREEZE"})).await;
    let begun = app.app.clock.now();
    // The sandbox's coupons are valid for 365 days.
    let first = set(json!({"account": "demo-partner", "action": "ADVANCE", "days": 40})).await;
    assert_eq!(first["happened"], json!([]));
    let second = set(json!({"account": "demo-partner", "action": "ADVANCE", "days": 400})).await;
    let happened: Vec<(&str, u64)> = second["happened"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| (event["kind"].as_str().expect("a kind"), event["count"].as_u64().expect("a count")))
        .collect();
    assert_eq!(happened, [("coupon.expiring", 3), ("coupon.expired", 5)], "{second}");
    let at = |place: usize| {
        let at = second["happened"][place]["at"].as_str().expect("an instant");
        bss_gateway::values::time::parse_instant(at).expect("an instant")
    };
    assert!((at(1) - begun - Duration::days(365)).abs() < Duration::minutes(1), "{second}");
    assert_eq!(at(1) - at(0), Duration::days(7), "a partner is told a week before");
    let third = set(json!({"account": "demo-partner", "action": "ADVANCE", "days": 30})).await;
    assert_eq!(third["happened"], json!([]), "once");
}

#[sqlx::test]
async fn in_production_no_clock_moves(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    sqlx::query("delete from sandbox_world").execute(&pool).await.expect("it is no sandbox any more");
    let operator = app.operator(Role::Admin).await;
    let refused = operator.post("/admin/v1/clock", &json!({"account": "demo-partner", "action": "FREEZE"})).await;
    assert_eq!(refused.refusal(), (400, "CBC.0100", "Not done: clocks are moved in a sandbox only."));
}
