//! Customers, partners and real names over the operators' API: what it does is what the partner API then sees.

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::routing::post;
use bss_gateway::background::{self, associations};
use bss_gateway::config::{RateText, Secret};
use bss_gateway::operators::store::Role;
use bss_gateway::testing::{Client, TestApp};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;

const ACCOUNTS: &str = "/admin/v1/accounts";
const CUSTOMER: &str = "/admin/v1/accounts/demo-customer";
const PARTNER: &str = "/admin/v1/accounts/demo-partner";

/// Writes twice under one key; what was answered first. The second is the first's answer again, and one event was left.
async fn once(operator: &Client<'_>, method: Method, target: &str, body: &Value) -> Value {
    let key = format!("{method} {target} {body}")
        .bytes()
        .fold(7_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let (key, body) = (key.to_string(), if body.is_null() { String::new() } else { body.to_string() });
    let count = async || {
        let events = operator.get("/admin/v1/audit-events?limit=1000").await.ok();
        events["events"].as_array().expect("a list").len()
    };
    let before = count().await;
    let first = operator.call(method.clone(), target, &[("idempotency-key", &key)], &body).await;
    assert!(first.status.is_success(), "{method} {target} {body}: {} {}", first.status, first.body);
    assert_eq!(first.header("idempotency-replayed"), None);
    let again = operator.call(method, target, &[("idempotency-key", &key)], &body).await;
    assert_eq!((again.header("idempotency-replayed"), again.status), (Some("true"), first.status));
    assert_eq!(again.body, first.body);
    assert_eq!(count().await, before + 1, "one event");
    first.body
}

async fn listed(app: &TestApp, partner: &str, customer: &str) -> Value {
    let request = json!({"customer_id": app.world.account(customer).domain});
    let list = app.client(partner).post("/v2/partners/sub-customers/query", &request).await.ok();
    list["customer_infos"][0].clone()
}

#[sqlx::test]
async fn an_association_is_switched_ended_and_made_anew(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Operate).await;
    let association = &format!("{CUSTOMER}/association");
    let balance = async || {
        let balances = app.client("demo-partner").get("/v2/accounts/partner-accounts/balances").await.ok();
        balances["account_balances"][0]["amount"].clone()
    };
    let before = balance().await;
    let give = json!({"customer_id": app.world.account("demo-customer").domain, "amount": 30});
    let allocate = async || app.client("demo-partner").post("/v2/accounts/partner-accounts/adjust-amount", &give).await;
    allocate().await.ok();
    let switched = once(&operator, Method::PUT, association, &json!({"association_type": "referral"})).await;
    assert_eq!(switched["association_type"], "referral");
    assert_eq!(balance().await, before, "what was allocated is the partner's again");
    assert_eq!(listed(&app, "demo-partner", "demo-customer").await["association_type"], "1");
    // Said again under another key it changes nothing.
    let again = operator.call(Method::PUT, association, &[], r#"{"association_type": "referral"}"#).await;
    assert_eq!(again.ok()["association_type"], "referral");
    let back = operator.call(Method::PUT, association, &[], r#"{"association_type": "resale"}"#).await;
    assert_eq!(back.ok()["association_type"], "resale");
    let unbound = once(&operator, Method::DELETE, association, &Value::Null).await;
    assert_eq!((&unbound["partner"], &unbound["association_type"]), (&Value::Null, &Value::Null));
    assert_eq!(listed(&app, "demo-partner", "demo-customer").await, Value::Null);
    app.app.customers.forget_all();
    assert_eq!(allocate().await.refusal().1, "CBC.99000035");
    let nobodys = operator.call(Method::DELETE, association, &[], "").await;
    assert_eq!(nobodys.refusal(), (400, "CBC.0100", "Not done: the account is associated with no partner."));

    let body = |partner: &str| json!({"partner": partner, "association_type": "resale"});
    for (partner, reason) in [
        ("other-partner", "the account and the partner are of different tenants"),
        ("demo-distributor", "a distributor has no customers of its own: name a reseller"),
        ("referral-customer", "referral-customer is no partner, distributor or reseller"),
        ("nobody", "there is no account nobody"),
    ] {
        let refused = operator.post(association, &body(partner)).await;
        assert_eq!(refused.refusal().2, format!("Not done: {reason}."));
    }
    for (body, field) in [
        (json!({"partner": "demo-partner", "association_type": "2"}), "association_type"),
        (json!({"partner": "", "association_type": "resale"}), "partner"),
    ] {
        let refused = operator.post(association, &body).await;
        assert!(refused.refusal().2.starts_with(&format!("Parameter error. {field}: ")), "{}", refused.body);
    }
    let asked = once(&operator, Method::POST, association, &body("demo-partner")).await;
    assert_eq!((&asked["pending_partner"], &asked["partner"]), (&json!("demo-partner"), &Value::Null));
    assert_eq!(associations::complete_all(&app.app).await.expect("it is made"), 1);
    app.app.customers.forget_all();
    allocate().await.ok();
    let taken = operator.post(association, &body("demo-partner")).await;
    assert!(taken.refusal().2.contains("is associated with a partner"), "{}", taken.body);
    let shown = operator.get(association).await.ok();
    let steps = shown["steps"].as_array().expect("a list").iter();
    let steps: Vec<&str> = steps.map(|made| made["step"].as_str().expect("a step")).collect();
    assert_eq!(steps, ["associated", "switched", "switched", "unbound", "invited", "associated"]);
    assert_eq!(shown["customer"]["partner"], "demo-partner");
}

#[sqlx::test]
async fn customers_are_listed_page_by_page_and_frozen_by_the_vendors_types(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let operator = app.operator(Role::Operate).await;
    let names = async |query: &str| {
        let page = operator.get(&format!("{PARTNER}/customers{query}")).await.ok();
        let rows = page["customers"].as_array().expect("a list").iter();
        let names: Vec<String> = rows.map(|row| row["account"].as_str().expect("a name").to_owned()).collect();
        (names, page["next_cursor"].as_str().map(str::to_owned))
    };
    assert_eq!(names("").await, (vec!["referral-customer".to_owned(), "demo-customer".to_owned()], None));
    let (first, cursor) = names("?limit=1").await;
    assert_eq!(first, ["referral-customer"]);
    let (second, end) = names(&format!("?limit=1&cursor={}", cursor.expect("there is more"))).await;
    assert_eq!((second, end), (vec!["demo-customer".to_owned()], None));
    assert_eq!(names("?association_type=resale").await.0, ["demo-customer"]);

    let freeze = |kind: &str| json!({"freeze_type": kind, "reason": "Arrears"});
    let frozen = once(&operator, Method::POST, &format!("{CUSTOMER}/freeze"), &freeze("ACCOUNT_AND_RESOURCE")).await;
    assert_eq!(frozen["frozen"], "ACCOUNT_AND_RESOURCE");
    assert_eq!(listed(&app, "demo-partner", "demo-customer").await["is_frozen"], 2);
    assert_eq!(names("?frozen=true").await.0, ["demo-customer"]);
    assert_eq!(names("?frozen=false&real_name=none").await.0, ["referral-customer"]);
    let unfreeze = format!("{CUSTOMER}/unfreeze");
    let other = operator.post(&unfreeze, &json!({"reason": "Paid"})).await;
    assert_eq!(other.refusal().2, "Not done: it is frozen by another type.");
    let thawed = json!({"unfreeze_type": "ACCOUNT_AND_RESOURCE", "reason": "Paid"});
    assert_eq!(once(&operator, Method::POST, &unfreeze, &thawed).await["frozen"], Value::Null);
    assert_eq!(listed(&app, "demo-partner", "demo-customer").await["is_frozen"], 0);
    let events: i64 = sqlx::query_scalar("select count(*) from freeze_events where user_id is not null")
        .fetch_one(&pool)
        .await
        .expect("a count");
    assert_eq!(events, 2, "each once, by the operator");
    // A partner cannot freeze who pays the vendor itself; the vendor can.
    let referral = format!("{ACCOUNTS}/referral-customer/freeze");
    assert_eq!(operator.post(&referral, &freeze("ACCOUNT")).await.ok()["frozen"], "ACCOUNT");

    for (target, body, field) in [
        (format!("{CUSTOMER}/freeze"), json!({"freeze_type": "ALL", "reason": "x"}), "freeze_type"),
        (format!("{CUSTOMER}/freeze"), json!({"reason": ""}), "reason"),
        (unfreeze, json!({"unfreeze_type": 1, "reason": "x"}), "unfreeze_type"),
    ] {
        let refused = operator.post(&target, &body).await;
        assert!(refused.refusal().2.starts_with(&format!("Parameter error. {field}: ")), "{}", refused.body);
    }
    for (query, field) in
        [("cursor=x", "cursor"), ("frozen=maybe", "frozen"), ("real_name=2", "real_name"), ("limit=0", "limit")]
    {
        let refused = operator.get(&format!("{PARTNER}/customers?{query}")).await;
        assert!(refused.refusal().2.starts_with(&format!("Parameter error. {field}: ")), "{}", refused.body);
    }
    let no_customer = operator.get(&format!("{PARTNER}/customer")).await;
    assert_eq!(no_customer.refusal().2, "Not done: the account is no customer's.");
    let no_partner = operator.get(&format!("{CUSTOMER}/customers")).await;
    assert!(no_partner.refusal().2.contains("is no partner"), "{}", no_partner.body);
    let nobody = operator.get(&format!("{ACCOUNTS}/%00/customer")).await;
    assert_eq!(nobody.refusal().2, "Parameter error. path: must not hold a NUL.");
}

#[sqlx::test]
async fn partners_are_changed_and_resellers_admitted(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Operate).await;
    let profile = &format!("{ACCOUNTS}/demo-reseller/profile");
    let change = json!({"name": "Reseller Ltd", "phone": "13800000009", "email": "r@example.com", "manager": "m-1"});
    let changed = once(&operator, Method::PUT, profile, &change).await;
    assert_eq!((&changed["phone"], &changed["standing"]), (&json!("13***09"), &json!("normal")));
    let seen = app.client("demo-distributor").post("/v2/partners/indirect-partners/query", &json!({})).await.ok();
    let seen = &seen["indirect_partners"][0];
    assert_eq!(
        (&seen["name"], &seen["mobile_phone"], &seen["email"], &seen["account_manager_id"]),
        (&json!("Reseller Ltd"), &json!("13800000009"), &json!("r@example.com"), &json!("m-1"))
    );
    // Who has left registers nobody; the rest of its profile stays.
    let register = json!({"xaccount_id": "u-1", "xaccount_type": "DEMO_PARTNER", "domain_name": "fresh-customer"});
    let register = async || app.client("demo-partner").post("/v2/partners/sub-customers", &register).await;
    once(&operator, Method::PUT, &format!("{PARTNER}/profile"), &json!({"manager_name": "One"})).await;
    let left = once(&operator, Method::PUT, &format!("{PARTNER}/profile"), &json!({"standing": "exited"})).await;
    assert_eq!((&left["standing"], &left["manager_name"]), (&json!("exited"), &json!("One")));
    assert_eq!(register().await.refusal().1, "CBC.50010085");
    once(&operator, Method::PUT, &format!("{PARTNER}/profile"), &json!({"standing": "normal", "test": false})).await;
    register().await.ok();
    let quota = json!({"consumption_quota": "1234.50"});
    once(&operator, Method::PUT, &format!("{PARTNER}/profile"), &quota).await;
    let quota = app.client("demo-partner").get("/v2/partners/credit/consumption-quota").await;
    assert!(quota.text.contains("1234.50"), "{}", quota.text);
    for (field, value) in [
        ("phone", json!("12")),
        ("email", json!("nobody")),
        ("callback_url", json!("ftp://p.test")),
        ("consumption_quota", json!(-1)),
        ("standing", json!("gone")),
        ("name", json!("x".repeat(129))),
        ("test", json!("perhaps")),
    ] {
        let refused = operator.call(Method::PUT, profile, &[], &json!({field: value}).to_string()).await;
        assert!(refused.refusal().2.starts_with(&format!("Parameter error. {field}: ")), "{}", refused.body);
        assert!(!refused.text.contains("nobody"), "what is personal is not repeated");
    }

    let resellers = format!("{ACCOUNTS}/demo-distributor/resellers");
    let denied = operator.post(&resellers, &json!({"name": "new-reseller"})).await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
    let platform = format!("{ACCOUNTS}/demo-reseller/platforms/SECOND");
    assert_eq!(operator.call(Method::PUT, &platform, &[], "").await.status, StatusCode::FORBIDDEN);
    let admin = app.operator(Role::Admin).await;
    let admitted = once(&admin, Method::POST, &resellers, &json!({"name": "new-reseller"})).await;
    let seen = app.client("demo-distributor").post("/v2/partners/indirect-partners/query", &json!({})).await.ok();
    assert_eq!(seen["count"], 4);
    assert_eq!(seen["indirect_partners"][0]["indirect_partner_id"], admitted["domain_id"]);
    let page = operator.get(&format!("{resellers}?limit=1")).await.ok();
    assert_eq!(page["resellers"][0]["account"], "new-reseller");
    let cursor = page["next_cursor"].as_str().expect("there is more");
    let page = operator.get(&format!("{resellers}?cursor={cursor}")).await.ok();
    let others = page["resellers"].as_array().expect("it is a list");
    let demo = others.iter().find(|reseller| reseller["account"] == "demo-reseller").expect("it is one of three");
    assert_eq!((others.len(), &demo["customers"]), (3, &json!(1)));
    assert_eq!(page["next_cursor"], Value::Null);
    let below_partner = admin.post(&format!("{PARTNER}/resellers"), &json!({"name": "third"})).await;
    assert_eq!(below_partner.refusal().2, "Not done: a Reseller cannot be below a Partner.");
    let none = operator.get(&format!("{PARTNER}/resellers")).await;
    assert_eq!(none.refusal().2, "Not done: demo-partner is no distributor.");

    let platforms = async || operator.get(profile).await.ok()["platforms"].clone();
    let free = platforms().await;
    once(&admin, Method::PUT, &platform, &Value::Null).await;
    assert!(platforms().await.as_array().map(Vec::len) > free.as_array().map(Vec::len));
    let taken = admin.call(Method::PUT, &format!("{PARTNER}/platforms/SECOND"), &[], "").await;
    assert_eq!(taken.refusal().2, "Not done: the platform SECOND is assigned already.");
}

#[sqlx::test]
async fn who_waits_for_a_review_is_passed_or_refused(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Operate).await;
    let apply = async |account: &str, number: &str| {
        let request = json!({"customer_id": app.world.account(account).domain, "identify_type": 0, "verified_type": 5,
                             "name": "张三", "verified_file_url": ["1.jpg", "2.jpg", "3.jpg"],
                             "verified_number": number, "xaccount_type": "DEMO_PARTNER"});
        app.client("demo-partner").post("/v2/customers/realname-auths/individual", &request).await
    };
    let result = async |account: &str| {
        let id = app.world.account(account).domain;
        app.client("demo-partner").get(&format!("/v2/customers/realname-auths/result?customer_id={id}")).await.ok()
    };
    let reviews = "/admin/v1/real-name-reviews";
    assert_eq!(operator.get(reviews).await.ok()["reviews"], json!([]));
    for account in ["demo-customer", "referral-customer"] {
        assert_eq!(apply(account, "E1234").await.ok(), json!({"is_review": 1}));
    }
    let first = operator.get(&format!("{reviews}?limit=1")).await.ok();
    assert_eq!(
        (&first["reviews"][0]["account"], &first["reviews"][0]["as"], &first["reviews"][0]["partner"]),
        (&json!("demo-customer"), &json!("person"), &json!("demo-partner"))
    );
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let second = operator.get(&format!("{reviews}?cursor={cursor}")).await.ok();
    assert_eq!(second["reviews"].as_array().map(Vec::len), Some(1));
    assert_eq!(second["reviews"][0]["account"], "referral-customer");
    assert!(!second.to_string().contains("张三"), "a list shows nothing personal");
    // While it is looked at, nobody leaves.
    let leave = operator.call(Method::DELETE, &format!("{CUSTOMER}/association"), &[], "").await;
    assert_eq!(leave.refusal().2, "Not done: its real-name authentication is under review.");

    let shown = &format!("{CUSTOMER}/real-name");
    let reader = app.operator(Role::Read).await;
    assert_eq!(reader.get(shown).await.status, StatusCode::FORBIDDEN, "only who decides sees it in the clear");
    let shown = operator.get(shown).await.ok();
    assert_eq!((&shown["name"], &shown["number"]), (&json!("张三"), &json!("E1234")));
    assert_eq!(shown["attachments"], json!(["1.jpg", "2.jpg", "3.jpg"]));

    let passed = once(&operator, Method::POST, &format!("{CUSTOMER}/real-name/approve"), &Value::Null).await;
    assert_eq!((&passed["real_name"], &passed["customer_type"]), (&json!("verified"), &json!("person")));
    assert_eq!(result("demo-customer").await, json!({"review_result": 2}));
    assert_eq!(listed(&app, "demo-partner", "demo-customer").await["customer"], "张三");
    let refuse = format!("{ACCOUNTS}/referral-customer/real-name/refuse");
    for opinion in ["", "a\u{0}b"] {
        let refused = operator.post(&refuse, &json!({"opinion": opinion})).await;
        assert!(refused.refusal().2.starts_with("Parameter error. opinion: "), "{}", refused.body);
    }
    let why = json!({"opinion": "The picture cannot be read."});
    assert_eq!(once(&operator, Method::POST, &refuse, &why).await["real_name"], "refused");
    assert_eq!(result("referral-customer").await["opinion"], "The picture cannot be read.");
    let over = operator.post(&refuse, &why).await;
    assert_eq!(over.refusal().2, "Not done: the customer has no application under review.");
    let gone = operator.get(&format!("{CUSTOMER}/real-name")).await;
    assert_eq!(gone.refusal().2, "Not done: the customer has no application under review.");

    let ban = |banned: bool| json!({"number": "kx4711", "banned": banned});
    once(&operator, Method::PUT, "/admin/v1/banned-documents", &ban(true)).await;
    assert_eq!(apply("referral-customer", "KX4711").await.refusal().1, "CBC.99007193");
    once(&operator, Method::PUT, "/admin/v1/banned-documents", &ban(false)).await;
    apply("referral-customer", "KX4711").await.ok();
    let events = operator.get("/admin/v1/audit-events?limit=1000").await;
    assert!(!events.text.to_lowercase().contains("kx4711"), "the trace has nothing personal");
}

#[sqlx::test]
async fn codes_are_read_and_receivers_kept(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let operator = app.operator(Role::Operate).await;
    let partner = app.client("demo-partner");
    let codes = "/admin/v1/verification-codes?receiver=someone@example.com";
    assert_eq!(operator.get(codes).await.ok()["codes"], json!([]));
    let send = json!({"receiver_type": 2, "email": "someone@example.com", "scene": 29});
    partner.post("/v2/bases/verificationcode/send", &send).await.ok();
    let shown = operator.get(codes).await.ok();
    let code = shown["codes"][0]["code"].as_str().expect("it is readable").to_owned();
    let register = |code: &str| {
        json!({"xaccount_id": "u-1", "xaccount_type": "DEMO_PARTNER", "domain_name": "coded-customer",
               "email": "someone@example.com", "verification_code": code, "domain_area": "SG"})
    };
    partner.post("/v2/partners/sub-customers", &register(&code)).await.ok();
    assert_eq!(operator.get(codes).await.ok()["codes"], json!([]), "it is used up");

    let keep = |reserved: bool| json!({"receiver": "kept@example.com", "reserved": reserved});
    let check = json!({"search_type": "email", "search_value": "kept@example.com"});
    let status = async || partner.post("/v2/partners/sub-customers/users/check-identity", &check).await.ok();
    let free = status().await;
    once(&operator, Method::PUT, "/admin/v1/reserved-receivers", &keep(true)).await;
    assert_ne!(status().await, free);
    once(&operator, Method::PUT, "/admin/v1/reserved-receivers", &keep(false)).await;
    assert_eq!(status().await, free);
    let events = operator.get("/admin/v1/audit-events?limit=1000").await;
    assert!(!events.text.contains("kept@"), "the trace has nothing personal");
    let wrong = operator.get("/admin/v1/verification-codes?receiver=nobody").await;
    assert!(wrong.refusal().2.starts_with("Parameter error. receiver: "), "{}", wrong.body);
    let body = json!({"receiver": "12", "reserved": true}).to_string();
    let wrong = operator.call(Method::PUT, "/admin/v1/reserved-receivers", &[], &body).await;
    assert!(wrong.refusal().2.starts_with("Parameter error. receiver: "), "{}", wrong.body);
}

#[sqlx::test]
async fn in_production_no_code_is_read(pool: PgPool) {
    let app = TestApp::with(pool, bss_gateway::operations, |settings| settings.messages.readable_codes = false).await;
    let operator = app.operator(Role::Admin).await;
    let refused = operator.get("/admin/v1/verification-codes?receiver=13800000001").await;
    assert_eq!(refused.refusal(), (400, "CBC.0100", "Not done: verification codes are readable in a sandbox only."));
}

/// A server of a partner that takes every notification, and how many it took.
async fn taker() -> (String, Arc<AtomicU32>) {
    let taken = Arc::new(AtomicU32::new(0));
    let count = taken.clone();
    let handler = post(async move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/bind", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/bind", handler)).await });
    (url, taken)
}

#[sqlx::test]
async fn a_notification_is_sent_again_to_the_address_that_is_set_now(pool: PgPool) {
    let app = TestApp::with(pool, bss_gateway::operations, |settings| {
        let high: RateText = "1000000/1".to_owned().try_into().expect("it is a rate");
        settings.quotas.overrides.insert("*".to_owned(), high);
        let key = include_str!("../src/sandbox/notification_key.pem");
        settings.notifications.signing_key = Secret::from(key.to_owned());
        settings.webhooks.allowed_networks = vec!["127.0.0.0/8".parse().expect("it is a network")];
    })
    .await;
    let operator = app.operator(Role::Operate).await;
    let nobody = json!({"callback_url": "http://127.0.0.1:9/bind"});
    once(&operator, Method::PUT, &format!("{PARTNER}/profile"), &nobody).await;
    for account in ["demo-customer", "referral-customer"] {
        operator.call(Method::DELETE, &format!("{ACCOUNTS}/{account}/association"), &[], "").await.ok();
    }
    let notifications = &format!("{PARTNER}/notifications");
    let first = operator.get(&format!("{notifications}?limit=1")).await.ok();
    let latest = first["notifications"][0].clone();
    assert!(latest["body"].as_str().expect("a text").contains("referral-customer"), "{latest}");
    assert_eq!((&latest["attempts"], &latest["delivered_at"]), (&json!([]), &Value::Null));
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let second = operator.get(&format!("{notifications}?cursor={cursor}")).await.ok();
    assert_eq!(second["notifications"].as_array().map(Vec::len), Some(1));
    let delivering = tokio::spawn(background::deliveries::run(app.app.clone()));
    let until = async |what: &str, is_so: &dyn Fn(&Value) -> bool| {
        for _ in 0..200 {
            let row = operator.get(notifications).await.ok()["notifications"][0].clone();
            if is_so(&row) {
                return row;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{what}");
    };
    let tried = until("it is tried", &|row| row["attempts"] != json!([])).await;
    assert_eq!(tried["delivered_at"], Value::Null, "nobody listens");

    let (url, taken) = taker().await;
    once(&operator, Method::PUT, &format!("{PARTNER}/profile"), &json!({"callback_url": url})).await;
    let send = format!("{notifications}/{}/send", latest["id"].as_str().expect("an id"));
    once(&operator, Method::POST, &send, &Value::Null).await;
    let delivered = until("it is delivered", &|row| row["delivered_at"] != Value::Null).await;
    assert_eq!(delivered["attempts"].as_array().and_then(|attempts| attempts.last()), Some(&json!("200")));
    // The other one goes to the new address, too, as soon as it is due.
    let all_taken = async |count: u32| {
        for _ in 0..400 {
            if taken.load(Ordering::SeqCst) == count {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    };
    assert!(all_taken(2).await, "{taken:?}");
    // What was taken can be sent again as well.
    operator.call(Method::POST, &send, &[], "").await;
    assert!(all_taken(3).await, "{taken:?}");
    delivering.abort();

    let others = format!("{ACCOUNTS}/other-partner/notifications");
    assert_eq!(operator.get(&others).await.ok()["notifications"], json!([]));
    let foreign = operator.call(Method::POST, &send.replace("demo-partner", "other-partner"), &[], "").await;
    assert!(foreign.refusal().2.starts_with("Not done: there is no notification "), "{}", foreign.body);
    let wrong = operator.call(Method::POST, &format!("{notifications}/7/send"), &[], "").await;
    assert!(wrong.refusal().2.starts_with("Parameter error. notification: "), "{}", wrong.body);
}

#[sqlx::test]
async fn a_card_is_issued_once_and_seen_by_its_customer(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Operate).await;
    let cards = &format!("{CUSTOMER}/stored-value-cards");
    let own = async || {
        let target = "/v2/promotions/benefits/stored-value-cards?status=1";
        app.client("demo-customer").get(target).await.ok()["total_count"].clone()
    };
    let before = own().await.as_i64().expect("a number");
    let issue = json!({"face_value": "50.00", "name": "Gift card", "days": 30});
    once(&operator, Method::POST, cards, &issue).await;
    assert_eq!(own().await, before + 1);
    once(&operator, Method::POST, cards, &json!({"face_value": 7})).await;
    let page = operator.get(&format!("{cards}?limit=1")).await.ok();
    assert_eq!((&page["cards"][0]["name"], &page["cards"][0]["balance"]), (&json!("Stored-value card"), &json!(7)));
    let cursor = page["next_cursor"].as_str().expect("there is more");
    let rest = operator.get(&format!("{cards}?cursor={cursor}")).await.ok();
    assert_eq!((&rest["cards"][0]["name"], &rest["next_cursor"]), (&json!("Gift card"), &Value::Null));
    for (field, value) in [("face_value", json!(0)), ("name", json!("")), ("days", json!(0))] {
        let mut body = issue.clone();
        body[field] = value;
        let refused = operator.post(cards, &body).await;
        assert!(refused.refusal().2.starts_with(&format!("Parameter error. {field}: ")), "{}", refused.body);
    }
    let partner = operator.post(&format!("{PARTNER}/stored-value-cards"), &issue).await;
    assert_eq!(partner.refusal().2, "Not done: the account is no customer's.");
}
