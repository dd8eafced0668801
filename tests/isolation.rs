//! The isolation matrix: every operation, called by every kind of caller, and what each of them gets.
//!
//! The calls are made from the document: required parameters and bodies take their examples. The table is committed as
//! tests/facts/isolation.txt, so an operation that is added, or answers somebody else than before, fails until its row has
//! been looked at.

use axum::http::Method;
use bss_gateway::api::caller::CallerKind;
use bss_gateway::api::policy::{Authentication, POLICY, Policy};
use bss_gateway::background::due;
use bss_gateway::customers::membership;
use bss_gateway::customers::model::{Association, AssociationType};
use bss_gateway::enterprises::store::{self as enterprises, Master};
use bss_gateway::identity::store::{self, NewAccessKey, NewDomain, NewUser};
use bss_gateway::operators::store::Role;
use bss_gateway::signature::Rules;
use bss_gateway::testing::{Answer, Client, TestApp};
use bss_gateway::values::id::{DomainId, TenantId, UserId};
use bss_gateway::values::time::{Instant, Month};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use std::fmt::Write as _;
use std::str::FromStr;
use time::Duration;

/// The example of every id in the document.
const EXAMPLE_ID: &str = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6";
/// Likewise of an order's id.
const EXAMPLE_ORDER: &str = "CS2603281445NO7AB";
const COMMITTED: &str = include_str!("facts/isolation.txt");

/// A call made from the document.
struct Call {
    id: String,
    method: Method,
    target: String,
    body: String,
    policy: Policy,
    names_a_token: bool,
}

fn calls() -> Vec<Call> {
    let document = serde_json::to_value(bss_gateway::operations().document()).expect("the document serialises");
    let mut calls = Vec::new();
    for (path, item) in document["paths"].as_object().expect("a map") {
        for (method, operation) in item.as_object().expect("a map") {
            calls.push(call(&document, path, method, operation));
        }
    }
    // Who is frozen is refused much that this table is not about, so that comes last.
    calls.sort_by_key(|call| (call.id == "FreezeSubCustomers", call.id.clone()));
    calls
}

fn call(document: &Value, path: &str, method: &str, operation: &Value) -> Call {
    let mut target = path.to_owned();
    let mut query = Vec::new();
    let mut names_a_token = false;
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().expect("a text");
        let given = &parameter["example"];
        let value = || text(&if given.is_null() { example(document, &parameter["schema"]) } else { given.clone() });
        match parameter["in"].as_str() {
            Some("path") => target = target.replace(&format!("{{{name}}}"), &value()),
            Some("query") if parameter["required"] == true => {
                // As a client signs it.
                let value: String = form_urlencoded::byte_serialize(value().as_bytes()).collect();
                query.push(format!("{name}={value}"));
            }
            Some("header") if name == "X-Subject-Token" => names_a_token = true,
            _ => {}
        }
    }
    if !query.is_empty() {
        target = format!("{target}?{}", query.join("&"));
    }
    let content = &operation["requestBody"]["content"]["application/json"];
    let body = match (&content["example"], &content["schema"]) {
        (Value::Null, Value::Null) => String::new(),
        (Value::Null, schema) => example(document, schema).to_string(),
        (example, _) => example.to_string(),
    };
    Call {
        id: operation["operationId"].as_str().expect("a text").to_owned(),
        method: Method::from_str(&method.to_uppercase()).expect("a method"),
        target,
        body,
        policy: serde_json::from_value(operation[POLICY].clone()).expect("a policy"),
        names_a_token,
    }
}

/// Names accounts of the sandbox where the document's examples name nobody's: demo-partner's customer, and
/// demo-distributor's reseller.
fn name_accounts(app: &TestApp, calls: &mut [Call]) {
    for (field, account) in [("customer_id", "demo-customer"), ("indirect_partner_id", "demo-reseller")] {
        let id = app.world.account(account).domain.to_string();
        for call in calls.iter_mut() {
            call.target = call.target.replace(&format!("{field}={EXAMPLE_ID}"), &format!("{field}={id}"));
            call.body = call.body.replace(&format!("\"{field}\":\"{EXAMPLE_ID}\""), &format!("\"{field}\":\"{id}\""));
            let list = format!("\"{field}s\":[\"");
            call.body = call.body.replace(&format!("{list}{EXAMPLE_ID}"), &format!("{list}{id}"));
        }
    }
}

/// Likewise the account in the path of an old form, which is the caller's own: demo-partner's where only partners may call,
/// demo-master's where only masters may, else demo-customer's.
fn name_callers(app: &TestApp, calls: &mut [Call]) {
    for call in calls {
        let account = match call.policy.callers.as_slice() {
            [CallerKind::Master] => "demo-master",
            callers if callers.contains(&CallerKind::Customer) => "demo-customer",
            _ => "demo-partner",
        };
        let own = format!("/v1.0/{}/", app.world.account(account).domain);
        call.target = call.target.replace(&format!("/v1.0/{EXAMPLE_ID}/"), &own);
        let customer = app.world.account("demo-customer").domain;
        call.body =
            call.body.replace(&format!("\"customerId\":\"{EXAMPLE_ID}\""), &format!("\"customerId\":\"{customer}\""));
    }
}

/// Likewise quotas and a coupon: demo-partner's, and demo-distributor's where only distributors may call.
async fn name_coupons(app: &TestApp, calls: &mut [Call]) {
    let first = |answer: &Value, list: &str, field: &str| text(&answer[list][0][field]);
    let quotas = "/v2/partners/coupon-quotas/query";
    let quota = app.client("demo-partner").post(quotas, &json!({})).await.ok();
    let own = app.client("demo-distributor").post(quotas, &json!({})).await.ok();
    let split = app.client("demo-distributor").get("/v2/partners/issued-coupon-quotas").await.ok();
    let coupon = app.client("demo-partner").get("/v2/promotions/benefits/partner-coupons").await.ok();
    for call in calls {
        let is_distributors = call.policy.callers == [CallerKind::Distributor];
        let quota = first(if is_distributors { &own } else { &quota }, "quotas", "quota_id");
        let coupon = first(&coupon, "user_coupons", "coupon_id");
        for (field, id) in [("quota_id", quota), ("coupon_id", coupon)] {
            call.body = call.body.replace(&format!("\"{field}\":\"{EXAMPLE_ID}\""), &format!("\"{field}\":\"{id}\""));
        }
        let id = first(&split, "quotas", "quota_id");
        call.body =
            call.body.replace(&format!("\"quota_ids\":[\"{EXAMPLE_ID}\"]"), &format!("\"quota_ids\":[\"{id}\"]"));
    }
}

/// Likewise an order: demo-customer's. Whoever pays or refuses for it gets one of its own, that the partner is asked to pay.
async fn name_order(app: &TestApp, calls: &mut [Call]) {
    let line = json!({"resource_type": "hws.resource.type.vm", "resource_spec": "s6.large.2.linux",
                      "region": "cn-north-4", "period_type": 2, "period_num": 1});
    let target = "/admin/v1/accounts/demo-customer/orders";
    let place = async || {
        let operator = app.operator(Role::Operate).await;
        text(&operator.post(target, &json!({ "lines": [line] })).await.ok()["order_id"])
    };
    let order = place().await;
    for call in calls {
        let mut named = order.clone();
        if ["PayOrderForCustomer", "RefuseToPayOrder"].contains(&call.id.as_str()) {
            named = place().await;
            let ask = format!("/partner/v1/orders/{named}/ask");
            app.client("demo-customer").call(Method::POST, &ask, &[], "").await.ok();
        }
        call.target = call.target.replace(EXAMPLE_ORDER, &named);
        call.body = call.body.replace(EXAMPLE_ORDER, &named);
    }
}

/// Likewise a charge of demo-customer's: an hour that a server was used.
async fn name_charge(app: &TestApp, calls: &mut [Call]) {
    let operator = app.operator(Role::Operate).await;
    let server = json!({"resource_id": "server", "resource_type": "hws.resource.type.vm",
                        "resource_spec": "s6.large.2.linux", "region": "cn-north-4"});
    operator.post("/admin/v1/accounts/demo-customer/on-demand-resources", &server).await.ok();
    // Before it was demo-partner's customer that partner sees nothing of it.
    app.app.clock.set(app.app.clock.now() + time::Duration::hours(3));
    let until = app.app.clock.now() - time::Duration::HOUR;
    let [from, until] = [until - time::Duration::HOUR, until].map(|at| Instant(at).to_string());
    let record = json!({"record_id": "1", "resource_id": "server", "usage_type": "Duration", "quantity": 3600,
                        "measure_id": 6, "from": from, "until": until});
    operator.post("/admin/v1/accounts/demo-customer/usage", &json!({"records": [record]})).await.ok();
    let later = app.app.clock.now() + time::Duration::hours(2);
    app.app.clock.set(later);
    due::run_all(&app.app, true).await.expect("what is due is done");
    let cycle = Month::of(later - time::Duration::hours(4));
    let listed = format!("/v2/bills/customer-bills/fee-records?bill_cycle={cycle}");
    let listed = app.client("demo-customer").get(&listed).await.ok();
    let target = format!("/partner/v1/bills/{EXAMPLE_ID}/");
    for call in calls {
        call.target =
            call.target.replace(&target, &format!("/partner/v1/bills/{}/", text(&listed["records"][0]["id"])));
    }
}

/// Likewise the month whose costs are broken down, which must not be long ago: this one.
fn name_month(app: &TestApp, calls: &mut [Call]) {
    let this = format!("shared_month={}", Month::of(app.app.clock.now()));
    for call in calls {
        call.target = call.target.replace("shared_month=2026-03", &this);
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A value of this schema, from its examples; of an object only what is required, of a list one entry.
fn example(document: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return example(document, document.pointer(reference.trim_start_matches('#')).expect("it resolves"));
    }
    for given in [&schema["example"], &schema["examples"][0], &schema["default"], &schema["enum"][0]] {
        if !given.is_null() {
            return given.clone();
        }
    }
    if schema["type"] == "array" {
        return json!([example(document, &schema["items"])]);
    }
    if schema["type"] == "object" {
        let fields = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        return fields.map(|name| (name.to_owned(), example(document, &schema["properties"][name]))).collect();
    }
    if !schema["items"].is_null() {
        return json!([example(document, &schema["items"])]);
    }
    panic!("the document gives no example of {schema}");
}

/// A caller of the matrix, by the name of its column.
struct Column<'a> {
    name: &'static str,
    client: Client<'a>,
    headers: Vec<(&'static str, String)>,
}

impl Column<'_> {
    async fn call(&self, call: &Call, subject_token: &str) -> Answer {
        let mut headers: Vec<(&str, &str)> = self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if call.names_a_token {
            headers.push(("x-subject-token", subject_token));
        }
        self.client.call(call.method.clone(), &call.target, &headers, &call.body).await
    }
}

/// Adds a user with a key; the key is the user's name in capitals, the secret `secret`.
async fn add_user(
    app: &TestApp,
    connection: &mut PgConnection,
    account: (TenantId, DomainId),
    (name, administrator, permission_items): (&str, bool, &[String]),
) -> String {
    let now = app.app.clock.now();
    let id = UserId::new(now);
    let new = NewUser { id, account, name, password_hash: None, administrator, permission_items };
    store::insert_user(connection, new, now).await.expect("the name is free");
    let access_key = name.to_uppercase();
    let new = NewAccessKey {
        access_key: &access_key,
        sealed_secret: app.app.sealer.seal(b"secret", &access_key),
        owner: (account.0, account.1, id),
        rules: Rules::default(),
    };
    store::insert_access_key(connection, new, now).await.expect("the key is free");
    access_key
}

/// Adds another account below demo-partner, with a user and a key of its name.
async fn add_account(app: &TestApp, connection: &mut PgConnection, name: &str, kind: CallerKind) -> String {
    let partner = app.world.demo();
    let now = app.app.clock.now();
    let (tenant, id) = (partner.tenant, DomainId::new(now));
    let new = NewDomain { tenant, id, parent: Some(partner.domain), name, kind };
    assert!(store::insert_domain(connection, &new, now).await.expect("it is written"));
    let association = Association { partner: partner.domain, kind: AssociationType::Resale, since: now };
    membership::insert(connection, tenant, id, Some(association)).await.expect("it is written");
    if kind == CallerKind::Master {
        enterprises::insert_root(connection, Master { tenant, id }, now).await.expect("it is written");
    }
    add_user(app, connection, (tenant, id), (name, true, &[])).await
}

/// A key and the security token that goes with it, for demo-partner.
async fn temporary_key(app: &TestApp) -> (String, String, String) {
    let token = app.log_in("demo-partner").await;
    let body = json!({"auth": {"identity": {"methods": ["token"]}}}).to_string();
    let target = "/v3.0/OS-CREDENTIAL/securitytokens";
    let answer = app.anonymous().call(Method::POST, target, &[("x-auth-token", &token)], &body).await.ok();
    let field = |name: &str| text(&answer["credential"][name]);
    (field("access"), field("secret"), field("securitytoken"))
}

async fn give_funds_to_take_back(app: &TestApp) {
    let to = |field: &str, account: &str| json!({ field: app.world.account(account).domain, "amount": 5000 });
    let target = "/v2/accounts/partner-accounts/";
    let customer = to("customer_id", "demo-customer");
    app.client("demo-partner").post(&format!("{target}adjust-amount"), &customer).await.ok();
    let reseller = to("indirect_partner_id", "demo-reseller");
    app.client("demo-distributor").post(&format!("{target}indirect-partner-adjust"), &reseller).await.ok();
}

async fn columns<'a>(app: &'a TestApp, pool: &PgPool, calls: &[Call]) -> Vec<Column<'a>> {
    let mut connection = pool.acquire().await.expect("a connection");
    let every_item: Vec<String> = calls.iter().flat_map(|call| call.policy.permission_items.clone()).collect();
    let every_action: Vec<String> = calls.iter().flat_map(|call| call.policy.customer_actions.clone()).collect();
    let partner = app.world.demo().ids();
    let with_items = add_user(app, &mut connection, partner, ("operator-with-items", false, &every_item)).await;
    // What the other side needs is of no use.
    let without = add_user(app, &mut connection, partner, ("operator-without-items", false, &every_action)).await;
    let customer = app.world.account("demo-customer");
    let customer = (customer.tenant, customer.domain);
    let with_actions = add_user(app, &mut connection, customer, ("clerk-with-actions", false, &every_action)).await;
    let no_actions = add_user(app, &mut connection, customer, ("clerk-without-actions", false, &every_item)).await;
    let revoked = add_user(app, &mut connection, partner, ("revoked", true, &[])).await;
    store::set_access_key_enabled(&mut connection, &revoked, false).await.expect("it is written");
    let sibling = add_account(app, &mut connection, "sibling", CallerKind::Customer).await;
    let master = add_account(app, &mut connection, "master", CallerKind::Master).await;
    let (access_key, secret_key, security_token) = temporary_key(app).await;
    let expired = app.log_in("demo-customer").await;
    sqlx::query("update tokens set expires_at = $1 where domain_id = $2")
        .bind(app.app.clock.now() - Duration::seconds(1))
        .bind(app.world.account("demo-customer").domain.0)
        .execute(&mut *connection)
        .await
        .expect("it is written");

    let column = |name, client| Column { name, client, headers: Vec::new() };
    let key = |access_key: &str| app.client_with_key(access_key, "secret");
    let mut temporary = column("temporary", app.client_with_key(&access_key, &secret_key));
    temporary.headers.push(("x-security-token", security_token));
    vec![
        column("partner", app.client("demo-partner")),
        column("op+items", key(&with_items)),
        column("op-items", key(&without)),
        temporary,
        column("distributor", app.client("demo-distributor")),
        column("reseller", app.client("demo-reseller")),
        column("customer", app.client("demo-customer")),
        column("cust+action", key(&with_actions)),
        column("cust-action", key(&no_actions)),
        column("sibling", key(&sibling)),
        column("master", key(&master)),
        column("other", app.client("other-partner")),
        column("revoked", key(&revoked)),
        column("temp-token", app.client_with_key(&access_key, &secret_key)),
        column("expired", app.anonymous().with_token(&expired)),
        column("nobody", app.anonymous()),
    ]
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn everybody_gets_what_the_committed_table_says(pool: PgPool) {
    let app = TestApp::with_prices(pool.clone()).await;
    let mut calls = calls();
    name_accounts(&app, &mut calls);
    name_callers(&app, &mut calls);
    name_month(&app, &mut calls);
    name_coupons(&app, &mut calls).await;
    name_order(&app, &mut calls).await;
    name_charge(&app, &mut calls).await;
    give_funds_to_take_back(&app).await;
    let columns = columns(&app, &pool, &calls).await;
    let subject_token = app.log_in("demo-partner").await;
    let mut table = format!("{:<34}", "");
    for column in &columns {
        write!(table, " {:>11}", column.name).expect("a string takes everything");
    }
    table.push('\n');
    for call in calls.iter().filter(|call| call.policy.authentication == Authentication::Required) {
        write!(table, "{:<34}", call.id).expect("a string takes everything");
        for column in &columns {
            // A token can be revoked once only.
            let own = if call.method == Method::DELETE { Some(app.log_in("demo-partner").await) } else { None };
            let status = column.call(call, own.as_ref().unwrap_or(&subject_token)).await.status.as_u16();
            write!(table, " {status:>11}").expect("a string takes everything");
        }
        table.push('\n');
    }
    if table != COMMITTED {
        let fresh = concat!(env!("CARGO_MANIFEST_DIR"), "/target/isolation.txt");
        std::fs::write(fresh, &table).expect("target/ is there");
        panic!(
            "the matrix is another than tests/facts/isolation.txt; look at {fresh} and commit it if it is right:\n{table}"
        );
    }
}
