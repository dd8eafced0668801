//! What stands between clients and operations: proxies, slashes, pages of other origins.

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, StatusCode};
use bss_gateway::testing::{Answer, TestApp, signer};
use serde_json::json;
use sqlx::PgPool;
use std::net::IpAddr;

const TARGET: &str = "/v2/products/service-types?limit=1";
const PORTAL: &str = "https://portal.example.com";

async fn app(pool: PgPool) -> TestApp {
    TestApp::with(pool, bss_gateway::operations, |settings| {
        settings.server.trusted_proxies = vec!["192.0.2.0/24".parse().expect("a network")];
        settings.server.allowed_origins = vec![PORTAL.to_owned()];
    })
    .await
}

#[sqlx::test]
async fn a_slash_at_the_end_of_a_path_makes_no_other_request(pool: PgPool) {
    let app = app(pool).await;
    let client = app.client("demo-partner");
    let with_slash = client.get("/v2/products/service-types/?limit=1").await.ok();
    assert_eq!(with_slash, client.get(TARGET).await.ok());
    let written =
        json!({"domain_name": "somebody-else", "search_key": "name", "search_type": "name", "search_value": "x"});
    let refused = client.post("/v2/partners/sub-customers/users/check-identity/", &written).await;
    assert_ne!(refused.status, StatusCode::NOT_FOUND, "{}", refused.body);
    let token = app.log_in("demo-partner").await;
    client.with_token(&token).get("/v2/products/service-types/?limit=1").await.ok();
    let two = app.client("demo-partner").get("/v2/products/service-types//?limit=1").await;
    assert_eq!(two.status, StatusCode::NOT_FOUND);
}

/// What comes of a request that was signed for one host and arrives for another.
async fn forwarded(app: &TestApp, source: &str) -> Answer {
    let request = Request::builder().uri(TARGET).header("host", "bss.example.com").body(Body::empty());
    let mut request = request.expect("it is valid");
    let demo = app.world.demo();
    signer::sign(&mut request, "", &demo.access_key, &demo.secret_key, app.app.clock.now());
    request.headers_mut().insert("host", HeaderValue::from_static("10.0.0.9:8080"));
    request.headers_mut().insert("x-forwarded-host", HeaderValue::from_static("bss.example.com"));
    app.send(request, source.parse::<IpAddr>().expect("an address")).await
}

#[sqlx::test]
async fn a_trusted_proxy_says_for_which_host_a_request_was_signed(pool: PgPool) {
    let app = app(pool).await;
    forwarded(&app, "192.0.2.1").await.ok();
    assert_eq!(forwarded(&app, "198.51.100.1").await.status, StatusCode::UNAUTHORIZED);
}

#[sqlx::test]
async fn pages_of_the_origins_in_the_settings_may_call_and_no_others(pool: PgPool) {
    let app = app(pool).await;
    let ask = async |origin: &str| {
        let asked = [
            ("origin", origin),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "authorization,x-sdk-date"),
        ];
        app.anonymous().call(Method::OPTIONS, TARGET, &asked, "").await
    };
    let asked = ask(PORTAL).await;
    assert_eq!(asked.status, StatusCode::NO_CONTENT);
    let allowed = ["origin", "methods", "headers"].map(|what| asked.header(&format!("access-control-allow-{what}")));
    assert_eq!(allowed, [Some(PORTAL), Some("GET"), Some("authorization,x-sdk-date")]);
    let called = app.client("demo-partner").call(Method::GET, TARGET, &[("origin", PORTAL)], "").await;
    assert_eq!((called.status, called.header("access-control-allow-origin")), (StatusCode::OK, Some(PORTAL)));
    // A page reads refusals too.
    let refused = app.anonymous().call(Method::GET, TARGET, &[("origin", PORTAL)], "").await;
    assert_eq!(
        (refused.status, refused.header("access-control-allow-origin")),
        (StatusCode::UNAUTHORIZED, Some(PORTAL))
    );

    let stranger = ask("https://evil.example.com").await;
    assert_eq!((stranger.status, stranger.header("access-control-allow-origin")), (StatusCode::NOT_FOUND, None));
    // Without an origin nobody asks for a page: the API has no such operation.
    let plain = app.anonymous().call(Method::OPTIONS, TARGET, &[], "").await;
    assert_eq!(plain.status, StatusCode::NOT_FOUND);
}
