//! What is secret or personal, put by mistake where it does not belong.

use bss_gateway::config::RateText;
use bss_gateway::operators::store::Role;
use bss_gateway::testing::{Client, TestApp, login};
use serde_json::json;
use sqlx::PgPool;

const ALLOCATE: &str = "/v2/accounts/partner-accounts/adjust-amount";
const FREEZE: &str = "/v2/partners/sub-customers/freeze";

/// All that the request log says, in every form.
async fn logged(operator: &Client<'_>) -> String {
    let page = operator.get("/admin/v1/requests?limit=1000").await;
    let mut shown = page.text.clone();
    for request in page.body["requests"].as_array().expect("a list") {
        for form in ["", "/curl", "/sdk"] {
            shown += &operator.get(&format!("/admin/v1/requests/{}{form}", request["request"])).await.text;
        }
    }
    shown
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn what_is_secret_is_shown_nowhere_wherever_it_was_put_by_mistake(pool: PgPool) {
    let app = TestApp::with(pool, bss_gateway::operations, |settings| {
        let high: RateText = "1000000/1".to_owned().try_into().expect("it is a rate");
        settings.quotas.overrides.insert("*".to_owned(), high);
        settings.sandbox.enabled = true;
    })
    .await;
    let (operator, partner) = (app.operator(Role::Admin).await, app.client("demo-partner"));
    let mut answers = Vec::new();
    // A phone and an address: in fields of other types, in paths and queries, as names of fields and of people.
    for secret in ["13812345678", "+8613812345678", "li.lei@example.com"] {
        let path = secret.replace('+', "%2B");
        for body in [
            json!({"customer_id": secret, "amount": secret}),
            json!({"customer_id": {secret: 1}, "amount": [secret]}),
            json!({secret: secret, "customer_id": [secret], "amount": {secret: secret}}),
            json!({"customer_id": "x", "amount": 1, secret: 1}),
        ] {
            answers.push(partner.post(ALLOCATE, &body).await);
        }
        answers.push(partner.post(FREEZE, &json!({"customer_ids": [[secret]], "reason": {secret: 1}})).await);
        answers.push(
            partner.get(&format!("/v2/partners/coupon-quotas/records?limit={path}&{path}=1&offset={path}")).await,
        );
        answers.push(partner.get(&format!("/v3.0/OS-USER/users/{path}")).await);
        answers.push(partner.get(&format!("/v3.0/OS-CREDENTIAL/credentials/{path}")).await);
        answers.push(operator.get(&format!("/admin/v1/accounts/{path}/users")).await);
        answers.push(operator.post(&format!("/admin/v1/accounts/{path}/users"), &json!({"name": 1, secret: 1})).await);
        answers.push(app.anonymous().post("/v3/auth/tokens", &login(secret, secret)).await);
        answers.push(app.anonymous().get(&format!("/nothing/{path}")).await);
    }
    // A password: as an object of another type, as a list, behind what the parser's own words look like.
    for secret in
        ["Correct-horse-7", "x, expected Correct-horse-7", "Correct-horse-7 at line 1", "x`, expected `Correct-horse-7"]
    {
        let user = json!({"name": {"x": secret}, "password": {secret: [secret]}, "domain": secret});
        for body in [
            json!({"auth": secret}),
            json!({"auth": {"identity": secret}}),
            json!({"auth": {"identity": {"methods": ["password"], "password": secret}}}),
            json!({"auth": {"identity": {"methods": ["password"], "password": {"user": secret}}}}),
            json!({"auth": {"identity": {"methods": [secret], "password": [secret]}}}),
            json!({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}),
        ] {
            answers.push(app.anonymous().post("/v3/auth/tokens", &body).await);
        }
        answers.push(
            operator
                .post("/admin/v1/clock", &json!({"account": "demo-partner", "action": secret, "days": secret}))
                .await,
        );
        answers.push(operator.post("/admin/v1/accounts", &json!({"name": "n", "kind": secret})).await);
        // The log shows what was given for an amount: nothing tells that it is a password.
        let amount = json!({"customer_id": "x", "amount": secret.replace("horse", "staple")});
        answers.push(partner.post(ALLOCATE, &amount).await);
    }
    for answer in &answers {
        let all = format!("{} {:?}", answer.text, answer.headers);
        for core in ["13812345678", "li.lei", "horse", "staple"] {
            assert!(!all.contains(core), "{} {all}", answer.status);
        }
        assert!(answer.status.is_client_error(), "{} {all}", answer.status);
    }
    let shown = logged(&operator).await;
    for core in ["13812345678", "li.lei", "horse"] {
        let place = shown.find(core).map(|place| &shown[place.saturating_sub(300)..place + 20]);
        assert_eq!(place, None);
    }
}
