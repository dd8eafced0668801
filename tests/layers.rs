//! What happens round every request: panics, deadlines, ids, limits, unknown paths, the other site.

use axum::http::Method;
use bss_gateway::api::operation::Operations;
use bss_gateway::api::policy::Policy;
use bss_gateway::app::App;
use bss_gateway::testing::TestApp;
use sqlx::PgPool;
use std::time::Duration;

/// Panics.
///
/// Only in this test.
#[utoipa::path(
    get, path = "/v2/panics",
    responses((status = 200, description = "Never.")),
    extensions(("x-policy" = json!(Policy::open()))),
)]
async fn panics() {
    panic!("a secret of the inside");
}

/// Takes too long.
///
/// Only in this test.
#[utoipa::path(
    get, path = "/v2/sleeps",
    responses((status = 200, description = "Never.")),
    extensions(("x-policy" = json!(Policy::open()))),
)]
async fn sleeps() {
    tokio::time::sleep(Duration::from_mins(10)).await;
}

fn operations() -> Operations<App> {
    let mut operations = bss_gateway::operations();
    operations.add("products", utoipa_axum::routes!(panics));
    operations.add("products", utoipa_axum::routes!(sleeps));
    operations
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_panic_is_one_opaque_500_and_the_next_request_is_served(pool: PgPool) {
    let app = TestApp::with(pool, operations, |_| {}).await;
    let answer = app.anonymous().get("/v2/panics").await;
    assert_eq!(answer.refusal(), (500, "CBC.0999", "Other errors."));
    assert!(answer.header("x-request-id").is_some());
    assert!(app.client("demo-partner").get("/v2/products/resource-types").await.status.is_success());
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_slow_handler_ends_with_504(pool: PgPool) {
    let app = TestApp::with(pool, operations, |settings| settings.server.request_timeout_seconds = 1).await;
    assert_eq!(app.anonymous().get("/v2/sleeps").await.refusal(), (504, "APIGW.0201", "Backend timeout."));
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn an_unknown_path_and_an_unknown_method_are_no_api(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let client = app.client("demo-partner");
    for (method, target) in [
        (Method::GET, "/v2/unknown"),
        (Method::GET, "/"),
        (Method::POST, "/v2/products/resource-types"),
        (Method::DELETE, "/v2/products/resource-types"),
        (Method::GET, "/v2/products/resource-specs-query"),
        (Method::PATCH, "/v3/auth/tokens"),
    ] {
        let answer = client.call(method, target, &[], "").await;
        let (status, code, _) = answer.refusal();
        assert_eq!((status, code), (404, "APIGW.0101"), "{target}");
        assert_eq!(answer.body["request_id"].as_str(), answer.header("x-request-id"));
    }
    let head = client.call(Method::HEAD, "/v2/products/resource-types", &[], "").await;
    assert_eq!(head.status.as_u16(), 404, "HEAD is no operation where only GET is declared");
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_sane_request_id_comes_back_and_any_other_is_replaced(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let client = app.client("demo-partner");
    let target = "/v2/bases/measurements";
    let answer = client.call(Method::GET, target, &[("x-request-id", "order-4711")], "").await;
    assert_eq!(answer.header("x-request-id"), Some("order-4711"));
    let answer = client.call(Method::GET, target, &[("x-request-id", "<script>")], "").await;
    assert_eq!(answer.header("x-request-id").map(str::len), Some(32));
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_body_over_the_limit_is_refused_and_a_strangers_is_not_read(pool: PgPool) {
    let app = TestApp::with(pool, bss_gateway::operations, |settings| settings.server.max_body_bytes = 1000).await;
    let long = "x".repeat(1001);
    let (specs, tokens) = ("/v2/products/resource-specs-query", "/v3/auth/tokens");
    let partner = app.client("demo-partner");
    for answer in [
        app.anonymous().call(Method::POST, tokens, &[], &long).await,
        partner.call(Method::POST, specs, &[], &long).await,
        app.anonymous().call(Method::POST, specs, &[("content-length", "1001")], &long).await,
    ] {
        assert_eq!(answer.refusal(), (413, "APIGW.0201", "Request entity too large."));
    }
    // It says nothing of its length, and by its head it is refused whatever it holds.
    assert_eq!(app.anonymous().call(Method::POST, specs, &[], &long).await.status.as_u16(), 401);
    let fits = partner.call(Method::POST, specs, &[], &long[1..]).await;
    assert_eq!(fits.refusal().1, "CBC.0100", "1000 bytes are read, and are no JSON");
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_deployment_for_the_international_site_lacks_the_chinese_operations(pool: PgPool) {
    let app = TestApp::with(pool, bss_gateway::operations, |settings| {
        settings.api.site = bss_gateway::values::site::Site::Intl;
    })
    .await;
    let client = app.client("demo-partner");
    assert_eq!(client.get("/v2/systems/configs/provinces").await.refusal().1, "APIGW.0101");
    assert!(client.get("/v2/products/resource-types").await.status.is_success());
    let document = app.anonymous().get("/openapi.json").await.ok();
    assert!(document["paths"].get("/v2/systems/configs/provinces").is_none());
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_quota_for_an_unknown_operation_is_refused_by_name(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let mut quotas = bss_gateway::config::QuotaSettings::default();
    quotas.overrides.insert("ListNothing".to_owned(), "1/1".to_owned().try_into().expect("it is a rate"));
    let refused =
        bss_gateway::operations().configured(app.app.settings.api.site, &quotas).err().expect("it is refused");
    assert!(refused.to_string().contains("ListNothing"));
}
