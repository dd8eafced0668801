//! For every operation, from the document: who is refused, and how.

use axum::http::Method;
use bss_gateway::api::caller::CallerKind;
use bss_gateway::api::operation::Operations;
use bss_gateway::api::policy::{Authentication, POLICY, Policy};
use bss_gateway::app::App;
use bss_gateway::sandbox::world::AGENCY;
use bss_gateway::testing::{Answer, Client, TestApp, assume};
use bss_gateway::values::rate::Rate;
use serde_json::Value;
use sqlx::PgPool;
use std::collections::HashMap;
use std::str::FromStr;

struct Declared {
    id: String,
    method: Method,
    path: String,
    policy: Policy,
}

/// Every operation of the document, with the policy published there.
fn declared() -> Vec<Declared> {
    let document = serde_json::to_value(bss_gateway::operations().document()).expect("the document serialises");
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("a map") {
        for (method, operation) in item.as_object().expect("a map") {
            operations.push(Declared {
                id: operation["operationId"].as_str().expect("a text").to_owned(),
                method: Method::from_str(&method.to_uppercase()).expect("a method"),
                path: path.replace(['{', '}'], ""),
                policy: serde_json::from_value(operation[POLICY].clone()).expect("a policy"),
            });
        }
    }
    assert!(operations.len() >= 16);
    operations
}

fn authenticated() -> impl Iterator<Item = Declared> {
    declared().into_iter().filter(|operation| operation.policy.authentication == Authentication::Required)
}

impl Declared {
    /// A call that the gate judges; parameters are only read behind it.
    async fn call(&self, client: &Client<'_>) -> Answer {
        self.call_at(&self.path, client).await
    }

    async fn call_at(&self, path: &str, client: &Client<'_>) -> Answer {
        let body = if [Method::POST, Method::PUT].contains(&self.method) { "{}" } else { "" };
        client.call(self.method.clone(), path, &[], body).await
    }

    /// The refusal's message, after a look at status and code. An answer to HEAD has no body to look at.
    #[track_caller]
    fn refused<'a>(&self, answer: &'a Answer, status: u16, code: &str) -> Option<&'a str> {
        assert_eq!(answer.status.as_u16(), status, "{}: {}", self.id, answer.body);
        if self.method == Method::HEAD {
            return None;
        }
        assert_eq!(answer.refusal().1, code, "{}", self.id);
        Some(answer.refusal().2)
    }
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn without_credentials_every_operation_is_refused(pool: PgPool) {
    let app = TestApp::new(pool).await;
    for operation in authenticated() {
        let answer = operation.call(&app.anonymous()).await;
        let message = operation.refused(&answer, 401, "APIGW.0301");
        assert!(message.is_none_or(|text| text.ends_with("x-auth-token not found")), "{}: {message:?}", operation.id);
    }
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn with_a_wrong_signature_every_operation_is_refused_and_shows_what_was_verified(pool: PgPool) {
    let app = TestApp::new(pool).await;
    for (place, operation) in authenticated().enumerate() {
        // Each from its own address, or the key would be locked after the sixth.
        let address = format!("198.51.{}.{}", 100 + place / 250, 1 + place % 250);
        let client = app.client("demo-partner").with_secret_key("wrong").from_address(&address);
        let answer = operation.call(&client).await;
        let message = operation.refused(&answer, 401, "APIGW.0301");
        let canonical = format!("fail, canonical request: {}|{}/|", operation.method, operation.path);
        assert!(message.is_none_or(|text| text.contains(&canonical)), "{}: {message:?}", operation.id);
    }
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn with_an_unknown_token_every_operation_is_refused(pool: PgPool) {
    let app = TestApp::new(pool).await;
    for operation in authenticated() {
        let answer = operation.call(&app.anonymous().with_token("nonsense")).await;
        let message = operation.refused(&answer, 401, "APIGW.0301");
        assert!(message.is_none_or(|text| text.ends_with("decrypt token fail")), "{}: {message:?}", operation.id);
    }
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn every_kind_of_account_that_a_policy_does_not_name_is_refused(pool: PgPool) {
    let app = TestApp::new(pool).await;
    for operation in authenticated() {
        for kind in CallerKind::ALL {
            let Some(account) = app.world.accounts.iter().find(|account| account.kind == kind) else { continue };
            // Old paths name the caller's own account, and no other.
            let path = operation.path.replace("/domain_id/", &format!("/{}/", account.domain));
            let answer = operation.call_at(&path, &app.client(account.name)).await;
            let refused = answer.status.as_u16() == 403;
            let allowed = operation.policy.callers.contains(&kind);
            assert_eq!(refused, !allowed, "{} called by a {kind:?}: {}", operation.id, answer.body);
        }
    }
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn over_its_quota_every_operation_is_refused(pool: PgPool) {
    let app = TestApp::with(pool, bss_gateway::operations, |_| {}).await;
    for operation in declared() {
        let limit = operation.policy.quota.limit.get();
        let mut refused = None;
        // The bucket refills while the test runs, so a few calls more may pass.
        for _ in 0..limit * 10 {
            let answer = operation.call(&app.anonymous()).await;
            if answer.status.as_u16() == 429 {
                refused = Some(answer);
                break;
            }
        }
        let answer = refused.unwrap_or_else(|| panic!("{} has no quota", operation.id));
        let message = operation.refused(&answer, 429, "APIGW.0308");
        let limit = format!("limit:{limit},");
        assert!(message.is_none_or(|text| text.contains(&limit)), "{}: {message:?}", operation.id);
        assert!(answer.header("retry-after").is_some());
    }
}

#[test]
fn the_policies_are_the_documented_ones() {
    let facts = include_str!("facts/policies.csv");
    let reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(facts.as_bytes());
    let facts: HashMap<String, HashMap<String, String>> = reader
        .into_deserialize::<HashMap<String, String>>()
        .map(|row| row.expect("the file is well-formed"))
        .map(|row| (row["operation_id"].clone(), row))
        .collect();
    assert_eq!(facts.len(), 103);
    let mut compared = 0;
    for operation in declared() {
        let Some(fact) = facts.get(&operation.id) else { continue };
        compared += 1;
        let number = |name: &str| fact[name].parse().expect("a number");
        let quota = Rate { limit: number("limit"), window_seconds: number("window_seconds") };
        assert_eq!(operation.policy.quota, quota, "{}", operation.id);
        // A distributor is a partner to the vendor's documents, which say in words where only a distributor is meant.
        let kinds: [(&str, &[CallerKind]); 3] = [
            ("partner", &CallerKind::PARTNERS),
            ("reseller", &[CallerKind::Reseller]),
            ("customer", &CallerKind::CUSTOMERS),
        ];
        for (column, kinds) in kinds {
            let allowed = kinds.iter().any(|kind| operation.policy.callers.contains(kind));
            assert_eq!(allowed, fact[column] == "yes", "{} and a {column}", operation.id);
        }
        let items: Vec<&str> = fact["permission_items"].split('|').filter(|item| !item.is_empty()).collect();
        assert_eq!(operation.policy.permission_items, items, "{}", operation.id);
        let actions = fact["customer_action"].split('|').filter(|action| !action.is_empty());
        let actions = actions.fold(Policy::any_caller(), Policy::customer_action).customer_actions;
        assert_eq!(operation.policy.customer_actions, actions, "{}", operation.id);
    }
    assert!(compared >= 10);
}

mod guarded {
    //! An operation for partners that hold a permission item, and one that customers' users need an action for: no real one
    //! has either yet.

    use bss_gateway::api::caller::CallerKind;
    use bss_gateway::api::policy::Policy;

    /// Guards something.
    ///
    /// Only in this test.
    #[utoipa::path(
        get, path = "/v2/guarded",
        responses((status = 200, description = "Let in.")),
        extensions(("x-policy" = json!(Policy::callers(&[CallerKind::Partner]).needs("BPC_ITEM_TEST")))),
    )]
    pub async fn guarded() -> &'static str {
        "{}"
    }

    /// Guards something on either side.
    ///
    /// Only in this test.
    #[utoipa::path(
        get, path = "/v2/guarded-on-both-sides",
        responses((status = 200, description = "Let in.")),
        extensions(("x-policy" = json!(Policy::callers(&[CallerKind::Partner, CallerKind::Customer])
            .needs("BPC_ITEM_TEST").customer_action("billing:contract:viewDiscount")))),
    )]
    pub async fn guarded_on_both_sides() -> &'static str {
        "{}"
    }
}

fn with_guarded() -> Operations<App> {
    let mut operations = bss_gateway::operations();
    operations.add("products", utoipa_axum::routes!(guarded::guarded));
    operations.add("products", utoipa_axum::routes!(guarded::guarded_on_both_sides));
    operations
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn kind_and_permission_item_are_both_needed(pool: PgPool) {
    let app = TestApp::with(pool.clone(), with_guarded, |_| {}).await;
    assert!(app.client("demo-partner").get("/v2/guarded").await.status.is_success(), "an administrator needs no item");
    assert_eq!(app.client("demo-customer").get("/v2/guarded").await.refusal().1, "CBC.0151");

    make_operator(&app, &pool, "demo-partner", &[]).await;
    assert_eq!(app.client("demo-partner").get("/v2/guarded").await.refusal().1, "CBC.0151");

    make_operator(&app, &pool, "demo-partner", &["BPC_ITEM_OTHER", "BPC_ITEM_TEST"]).await;
    assert!(app.client("demo-partner").get("/v2/guarded").await.status.is_success());
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_customers_user_needs_an_action_where_a_partners_needs_a_permission_item(pool: PgPool) {
    let app = TestApp::with(pool.clone(), with_guarded, |_| {}).await;
    let target = "/v2/guarded-on-both-sides";
    for account in ["demo-partner", "demo-customer"] {
        assert!(app.client(account).get(target).await.status.is_success(), "an administrator needs nothing");
    }
    let (action, role) = ("billing:contract:viewDiscount", "bss:discount:view");
    for (account, granted, allowed) in [
        ("demo-customer", &[][..], false),
        ("demo-customer", &["BPC_ITEM_TEST"], false),
        ("demo-customer", &["billing:order:view", "bss:discount"], false),
        ("demo-customer", &[action], true),
        ("demo-customer", &["billing:order:view", role], true),
        ("demo-partner", &[action, role], false),
        ("demo-partner", &["BPC_ITEM_TEST"], true),
    ] {
        make_operator(&app, &pool, account, granted).await;
        let answer = app.client(account).get(target).await;
        assert_eq!(answer.status.is_success(), allowed, "{account} with {granted:?}");
        if !allowed {
            assert_eq!(answer.refusal(), (403, "CBC.0151", "Access denied."));
        }
    }
    // The customer has granted the agency whole, so who acts under it needs no action of its own.
    make_operator(&app, &pool, "demo-partner", &["te_agency"]).await;
    let own = app.log_in("demo-partner").await;
    let body = assume("demo-customer", AGENCY).to_string();
    let answer = app.anonymous().call(Method::POST, "/v3/auth/tokens", &[("x-auth-token", &own)], &body).await;
    let token = answer.header("x-subject-token").expect("the token").to_owned();
    assert!(app.anonymous().with_token(&token).get(target).await.status.is_success());

    let document = app.anonymous().get("/openapi.json").await.ok();
    let published = &document["paths"][target]["get"][POLICY]["customer_actions"];
    assert_eq!(published, &serde_json::json!([action, role]));
}

/// Makes an account's own user an operator who may do no more than this.
async fn make_operator(app: &TestApp, pool: &PgPool, account: &str, items: &[&str]) {
    sqlx::query("update users set administrator = false, permission_items = $1 where name = $2")
        .bind(items)
        .bind(account)
        .execute(pool)
        .await
        .expect("the user is there");
    app.app.directory.forget_all();
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn an_overridden_quota_is_enforced_and_published(pool: PgPool) {
    let app = TestApp::with(pool, bss_gateway::operations, |settings| {
        let rate = "2/60".to_owned().try_into().expect("it is a rate");
        settings.quotas.overrides.insert("ListProvinces".to_owned(), rate);
    })
    .await;
    let client = app.client("demo-partner");
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(client.get("/v2/systems/configs/provinces").await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 429]);
    let document = app.anonymous().get("/openapi.json").await.ok();
    let published: &Value = &document["paths"]["/v2/systems/configs/provinces"]["get"][POLICY]["quota"];
    assert_eq!(published, &serde_json::json!({"limit": 2, "window_seconds": 60}));
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn users_of_one_account_share_its_quota_and_addresses_have_their_own(pool: PgPool) {
    let app = TestApp::with(pool, bss_gateway::operations, |settings| {
        let rate = "4/60".to_owned().try_into().expect("it is a rate");
        settings.quotas.overrides.insert("*".to_owned(), rate);
    })
    .await;
    let target = "/v2/products/resource-types";
    let mut refusals = Vec::new();
    for (account, address, calls) in
        [("demo-partner", "192.0.2.1", 2), ("demo-partner", "192.0.2.2", 3), ("other-partner", "192.0.2.1", 3)]
    {
        for _ in 0..calls {
            let answer = app.client(account).from_address(address).get(target).await;
            if answer.status.as_u16() == 429 {
                refusals.push((account, answer.refusal().2.contains("policy user").to_string()));
            }
        }
    }
    // Five of the partner's four from two addresses; then five of the first address's four.
    assert_eq!(refusals, [("demo-partner", "true".to_owned()), ("other-partner", "false".to_owned())]);
}
