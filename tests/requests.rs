//! The sandbox's request log: what it keeps, what it hides, and that a call can be made again.

use axum::http::{Method, StatusCode};
use bss_gateway::config::{RateText, Settings};
use bss_gateway::operators::store::Role;
use bss_gateway::testing::{Client, TestApp, login};
use serde_json::{Value, json};
use sqlx::PgPool;

const REQUESTS: &str = "/admin/v1/requests";
const ALLOCATE: &str = "/v2/accounts/partner-accounts/adjust-amount";
const CITIES: &str = "/v2/systems/configs/cities?province_code=CN-13&limit=2";

async fn sandbox(pool: PgPool, configure: impl FnOnce(&mut Settings)) -> TestApp {
    TestApp::with(pool, bss_gateway::operations, |settings| {
        let high: RateText = "1000000/1".to_owned().try_into().expect("it is a rate");
        settings.quotas.overrides.insert("*".to_owned(), high);
        settings.sandbox.enabled = true;
        configure(settings);
    })
    .await
}

/// The newest call that fits, whole.
async fn newest(operator: &Client<'_>, query: &str) -> Value {
    let page = operator.get(&format!("{REQUESTS}?limit=1&{query}")).await.ok();
    let number = page["requests"][0]["request"].as_u64().unwrap_or_else(|| panic!("no call for {query}: {page}"));
    operator.get(&format!("{REQUESTS}/{number}")).await.ok()
}

/// All that the log says, in every form.
async fn everything(operator: &Client<'_>) -> String {
    let page = operator.get(&format!("{REQUESTS}?limit=1000")).await;
    let mut all = page.text.clone();
    for request in page.body["requests"].as_array().expect("a list") {
        for form in ["", "/curl", "/sdk"] {
            all += &operator.get(&format!("{REQUESTS}/{}{form}", request["request"])).await.text;
        }
    }
    all
}

#[sqlx::test]
async fn a_call_is_listed_and_shown_with_its_caller_its_quotas_and_what_was_signed(pool: PgPool) {
    let rate = |text: &str| RateText::try_from(text.to_owned()).expect("it is a rate");
    let app = sandbox(pool, |settings| {
        settings.quotas.overrides.insert("ListCities".to_owned(), rate("5/60"));
    })
    .await;
    let operator = app.operator(Role::Read).await;
    let partner = app.client("demo-partner");
    partner.call(Method::GET, CITIES, &[("x-request-id", "my-call"), ("x-language", "en_US")], "").await.ok();
    partner.get("/v2/nothing/here").await;
    partner.post("/v2/bases/measurements", &json!({})).await;
    app.anonymous().get("/v2/bases/measurements").await;
    for path in ["/healthz", "/openapi.json"] {
        app.anonymous().get(path).await;
    }

    let page = operator.get(REQUESTS).await.ok();
    let listed: Vec<_> = page["requests"].as_array().expect("a list").iter().collect();
    let numbers: Vec<_> = listed.iter().map(|call| call["request"].as_u64().expect("a number")).collect();
    assert_eq!(numbers, [4, 3, 2, 1], "the newest first, and no page of the gateway's own: {page}");
    let statuses: Vec<_> =
        listed.iter().map(|call| (&call["status"], &call["error_code"], &call["operation"])).collect();
    assert_eq!(statuses[0], (&json!(401), &json!("APIGW.0301"), &json!("ListMeasureUnits")));
    assert_eq!(statuses[1], (&json!(404), &json!("APIGW.0101"), &Value::Null));
    assert_eq!(statuses[2], (&json!(404), &json!("APIGW.0101"), &Value::Null));
    assert_eq!(statuses[3], (&json!(200), &Value::Null, &json!("ListCities")));

    let call = newest(&operator, "request_id=my-call").await;
    let key = app.world.demo().access_key.clone();
    for (field, expected) in [
        ("method", "GET"),
        ("path", "/v2/systems/configs/cities"),
        ("query", "province_code=CN-13&limit=2"),
        ("account", "demo-partner"),
        ("kind", "partner"),
        ("source", "192.0.2.1"),
        ("credential", key.as_str()),
    ] {
        assert_eq!(call[field], expected, "{field}: {call}");
    }
    assert!(call["duration_us"].as_u64().is_some_and(|duration| duration > 0));
    let quota = |dimension: &str| json!({"dimension": dimension, "limit": 5, "window_seconds": 60, "left": 4});
    assert_eq!(call["quotas"], json!([quota("ip"), quota("user")]));
    let canonical = call["canonical_request"].as_str().expect("it was signed");
    let begins = "GET\n/v2/systems/configs/cities/\nlimit=2&province_code=CN-13\nhost:bss.test\nx-language:en_US\n";
    assert!(canonical.starts_with(begins), "{canonical}");
    assert!(call["answer_body"]["text"].as_str().is_some_and(|text| text.contains("CN-13-")), "{call}");
    let has_language = |headers: &Value| {
        headers.as_array().is_some_and(|all| all.contains(&json!({"name": "x-language", "value": "en_US"})))
    };
    assert!(has_language(&call["headers"]) && !has_language(&call["answer_headers"]));

    let unknown = app.client_with_key("AKNOBODY", "nothing");
    unknown.get(CITIES).await;
    let refused = newest(&operator, "operation=ListCities&status=401").await;
    assert_eq!((&refused["credential"], &refused["account"]), (&json!("AKNOBODY"), &Value::Null));
    assert_eq!(refused["quotas"], json!([{"dimension": "ip", "limit": 5, "window_seconds": 60, "left": 3}]));
    for _ in 0..4 {
        partner.get(CITIES).await;
    }
    let late = newest(&operator, "error_code=APIGW.0308").await;
    assert_eq!(late["quotas"], json!([{"dimension": "ip", "limit": 5, "window_seconds": 60, "left": 0}]));
}

#[sqlx::test]
async fn the_list_is_filtered_paged_bounded_and_forgotten(pool: PgPool) {
    let app = sandbox(pool, |settings| settings.sandbox.request_log_length = 5).await;
    let operator = app.operator(Role::Operate).await;
    for account in ["demo-partner", "demo-customer", "demo-partner", "other-partner", "demo-partner", "demo-partner"] {
        app.client(account).get(CITIES).await.ok();
    }
    app.client("demo-partner").get("/v2/bases/measurements").await.ok();
    let numbers = async |query: &str| {
        let page = operator.get(&format!("{REQUESTS}?{query}")).await.ok();
        let requests = page["requests"].as_array().expect("a list").clone();
        let numbers: Vec<u64> = requests.iter().map(|call| call["request"].as_u64().expect("a number")).collect();
        (numbers, page["next_cursor"].as_str().map(str::to_owned))
    };
    assert_eq!(numbers("").await, (vec![7, 6, 5, 4, 3], None), "the oldest are gone");
    assert_eq!(numbers("account=demo-partner").await.0, [7, 6, 5, 3]);
    assert_eq!(numbers("account=demo-partner&operation=ListCities").await.0, [6, 5, 3]);
    assert_eq!(numbers("status=404").await.0, [0; 0]);
    assert_eq!(numbers("account=nobody").await.0, [0; 0]);
    let (first, cursor) = numbers("limit=2").await;
    let (second, cursor) = numbers(&format!("limit=2&cursor={}", cursor.expect("it goes on"))).await;
    let (third, end) = numbers(&format!("limit=2&cursor={}", cursor.expect("it goes on"))).await;
    assert_eq!(([first, second, third].concat(), end), (vec![7, 6, 5, 4, 3], None));
    let gone = operator.get(&format!("{REQUESTS}/2")).await;
    assert_eq!(gone.refusal(), (400, "CBC.0100", "Not done: there is no request 2 in the log."));

    let tried = operator.call(Method::DELETE, REQUESTS, &[("x-dry-run", "true")], "").await;
    assert_eq!((tried.status, numbers("").await.0.len()), (StatusCode::NO_CONTENT, 5));
    assert_eq!(operator.call(Method::DELETE, REQUESTS, &[], "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(numbers("").await.0, [0; 0]);
    app.client("demo-partner").get(CITIES).await.ok();
    assert_eq!(numbers("").await.0, [8]);
}

#[sqlx::test]
async fn no_secret_and_nothing_personal_is_in_any_form_of_the_log(pool: PgPool) {
    let app = sandbox(pool, |_| {}).await;
    let operator = app.operator(Role::Operate).await;
    let account = app.world.demo();
    let partner = app.client("demo-partner");
    let token = app.log_in("demo-partner").await;
    let holder = app.anonymous().with_token(&token);
    holder.call(Method::GET, "/v3/auth/tokens", &[("x-subject-token", &token)], "").await.ok();
    let wrong = app.anonymous().post("/v3/auth/tokens", &login("demo-partner", "Wrong-horse-7")).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let asked = json!({"auth": {"identity": {"methods": ["token"], "token": {"id": token, "duration_seconds": 900}}}});
    let temporary = app.anonymous().with_token(&token).post("/v3.0/OS-CREDENTIAL/securitytokens", &asked).await.ok();
    let given = |name: &str| temporary["credential"][name].as_str().expect("it is given").to_owned();
    let client = app.client_with_key(&given("access"), &given("secret"));
    let security = given("securitytoken");
    let by_temporary = async |client: &Client<'_>| {
        client.call(Method::GET, CITIES, &[("x-security-token", &security)], "").await.status
    };
    assert_eq!(by_temporary(&client).await, StatusCode::OK);
    let call = newest(&operator, "operation=ListCities").await;
    let replay = format!("{REQUESTS}/{}/replay", call["request"]);
    assert_eq!(operator.post(&replay, &json!({})).await.ok()["status"], 200, "with the token that came with it");
    // The refusal of this one repeats the headers that were signed.
    let repeats = client.with_secret_key("another");
    assert_eq!(by_temporary(&repeats).await, StatusCode::UNAUTHORIZED);
    let customer = json!({
        "xaccount_type": "DEMO_PARTNER", "domain_name": "masked-customer", "mobile_phone": "008613812345678",
        "email": "li.lei@example.com", "verification_code": "718293", "password": "Correct-horse-8",
        "xaccount_id": "x-1",
    });
    partner.post("/v2/partners/sub-customers", &customer).await;
    let query = "/v2/partners/sub-customers?mobile_phone=8613999999999&customer=Han%20Meimei";
    partner.get(query).await;
    let person = json!({
        "customer_id": app.world.account("demo-customer").domain, "identify_type": 0, "verified_type": 0,
        "verified_file_url": ["abcdefg.jpg"], "name": "Wang Xiaoming", "verified_number": "110101199003077070",
        "change_type": -1, "xaccount_type": "DEMO_PARTNER",
        "bank_card_info": {"bank_account": "6222020200001234", "areacode": "0086", "mobile": "13700001111",
                           "verification_code": "445566"},
    });
    partner.post("/v2/customers/realname-auths/individual", &person).await;
    partner.call(Method::POST, ALLOCATE, &[], "password=unquoted-secret").await;

    let shown = everything(&operator).await;
    let signed = newest(&operator, "operation=CreateSubCustomer").await;
    let signature = signed["headers"].as_array().expect("headers").iter();
    let signature = signature.filter(|header| header["name"] == "authorization").map(|header| &header["value"]);
    let signature = signature.map(|value| value.as_str().expect("a text")).collect::<Vec<_>>();
    assert!(signature[0].contains(&account.access_key) && signature[0].ends_with("Signature=***"), "{signature:?}");
    let secrets = [
        account.password.as_str(),
        &account.secret_key,
        &token,
        "Wrong-horse-7",
        &given("secret"),
        &security,
        "13812345678",
        "li.lei",
        "718293",
        "Correct-horse-8",
        "13999999999",
        "Meimei",
        "Xiaoming",
        "110101199003077070",
        "6222020200001234",
        "13700001111",
        "445566",
        "abcdefg",
        "unquoted-secret",
    ];
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret} is in the log");
    }
    for plain in ["masked-customer", "DEMO_PARTNER", "KeystoneCreateToken", "CN-13", "CreatePersonalRealnameAuth"] {
        assert!(shown.contains(plain), "{plain} is not in the log");
    }
}

#[sqlx::test]
async fn a_call_is_made_again_and_a_keyed_write_only_once(pool: PgPool) {
    let app = sandbox(pool, |_| {}).await;
    let operator = app.operator(Role::Operate).await;
    let partner = app.client("demo-partner");
    let allocations = async || {
        let records = partner.get("/v3/accounts/partner-accounts/adjust-records").await.ok();
        records["total_count"].as_i64().expect("a number")
    };
    let replay = async |call: &Value, headers: &[(&str, &str)]| {
        let path = format!("{REQUESTS}/{}/replay", call["request"]);
        operator.call(Method::POST, &path, headers, "").await.ok()
    };
    partner.call(Method::GET, CITIES, &[("x-request-id", "first")], "").await.ok();
    let read = newest(&operator, "request_id=first").await;
    // The signature of an hour ago would be refused.
    app.app.clock.set(app.app.clock.now() + time::Duration::hours(1));
    let again = replay(&read, &[]).await;
    assert_eq!((&again["status"], &again["answer_body"]), (&json!(200), &read["answer_body"]));
    let entry = operator.get(&format!("{REQUESTS}/{}", again["request"])).await.ok();
    assert_eq!((&entry["replay_of"], &entry["account"]), (&read["request"], &json!("demo-partner")));
    assert_ne!(entry["request_id"], "first");

    let allocation = json!({"customer_id": app.world.account("demo-customer").domain, "amount": 5}).to_string();
    let allocate = async |headers: &[(&str, &str)]| {
        partner.call(Method::POST, ALLOCATE, headers, &allocation).await.ok();
        newest(&operator, "operation=UpdateCustomerAccountAmount").await
    };
    let keyed = allocate(&[("idempotency-key", "one")]).await;
    let before = allocations().await;
    let again = replay(&keyed, &[]).await;
    assert_eq!(again["answer_body"], keyed["answer_body"]);
    let entry = operator.get(&format!("{REQUESTS}/{}", again["request"])).await.ok();
    assert!(entry["answer_headers"].to_string().contains("idempotency-replayed"), "{entry}");
    assert_eq!(allocations().await, before);

    let unkeyed = allocate(&[]).await;
    assert_eq!(allocations().await, before + 1);
    replay(&unkeyed, &[("x-dry-run", "true")]).await;
    assert_eq!(allocations().await, before + 1, "it was only tried");
    for _ in 0..2 {
        replay(&unkeyed, &[("idempotency-key", "of-the-operator")]).await;
    }
    assert_eq!(allocations().await, before + 2, "the replay itself happens once under a key");

    let token = app.log_in("demo-partner").await;
    app.anonymous().with_token(&token).get("/v5/caller-identity").await.ok();
    let by_token = newest(&operator, "operation=GetCallerIdentity").await;
    assert_eq!(by_token["credential"], "token");
    assert_eq!(replay(&by_token, &[]).await["status"], 200);
    // Who did not prove who it is does not become somebody by being replayed.
    app.client("demo-partner").with_secret_key("another").get(CITIES).await;
    let refused = newest(&operator, "status=401").await;
    assert_eq!(replay(&refused, &[]).await["status"], 401);
}

#[sqlx::test]
async fn long_bodies_are_cut_and_not_made_again(pool: PgPool) {
    let app = sandbox(pool, |_| {}).await;
    let operator = app.operator(Role::Operate).await;
    let body = json!({"memo": "x".repeat(100_000)});
    app.client("demo-partner").post(ALLOCATE, &body).await;
    let call = newest(&operator, "operation=UpdateCustomerAccountAmount").await;
    assert_eq!((&call["body"]["cut"], &call["body"]["bytes"]), (&json!(true), &json!(body.to_string().len())));
    assert_eq!(call["body"]["text"].as_str().map(str::len), Some(64 * 1024));
    let refused = operator.post(&format!("{REQUESTS}/{}/replay", call["request"]), &json!({})).await;
    assert!(refused.refusal().2.contains("too long"), "{}", refused.body);
    // A call that no gate let its body be read of.
    app.client("demo-partner").post("/v2/nothing", &json!({"a": 1})).await;
    let call = newest(&operator, "status=404").await;
    assert_eq!(call["body"], Value::Null);
    let refused = operator.post(&format!("{REQUESTS}/{}/replay", call["request"]), &json!({})).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[sqlx::test]
async fn a_fault_is_logged_and_a_closed_connection_has_no_status(pool: PgPool) {
    let app = sandbox(pool, |_| {}).await;
    let operator = app.operator(Role::Read).await;
    let partner = app.client("demo-partner");
    for (fault, status) in [("INTERNAL_ERROR", json!(500)), ("LOSE_ANSWER", Value::Null)] {
        partner.call(Method::GET, CITIES, &[("x-sandbox-fault", fault)], "").await;
        let call = newest(&operator, "operation=ListCities").await;
        assert_eq!((&call["fault"], &call["status"]), (&json!(fault), &status));
    }
}

#[sqlx::test]
async fn in_production_there_is_no_log_and_only_operators_replay(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    app.client("demo-partner").get(CITIES).await.ok();
    let operator = app.operator(Role::Admin).await;
    let expected = (400, "CBC.0100", "Not done: requests are logged in the sandbox only.");
    for (method, path) in [
        (Method::GET, ""),
        (Method::DELETE, ""),
        (Method::GET, "/1"),
        (Method::GET, "/1/curl"),
        (Method::GET, "/1/sdk"),
        (Method::POST, "/1/replay"),
    ] {
        let answer = operator.call(method, &format!("{REQUESTS}{path}"), &[], "").await;
        assert_eq!(answer.refusal(), expected, "{path}");
    }
    let reader = app.operator(Role::Read).await;
    assert_eq!(reader.post(&format!("{REQUESTS}/1/replay"), &json!({})).await.status, StatusCode::FORBIDDEN);
    assert_eq!(reader.call(Method::DELETE, REQUESTS, &[], "").await.status, StatusCode::FORBIDDEN);
}
