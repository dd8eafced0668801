//! Malformed credentials, ten thousand of them, on the real router: whatever is sent, the answer is a refusal, never a failure
//! of the server and never a panic.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use bss_gateway::signature::{self, Algorithm, Key, Request, Rules};
use bss_gateway::testing::{TestApp, signer};
use proptest::prelude::*;
use proptest::string::string_regex;
use proptest::test_runner::{Config, TestRunner};
use sqlx::PgPool;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use time::Duration;
use time::macros::datetime;

/// A business operation and one of the identity service.
const SPECS: (&str, &str) = ("POST", "/v2/products/resource-specs-query");
const TOKENS: (&str, &str) = ("GET", "/v3/auth/tokens");
const BODY: &str = "{}";

/// Headers that replace those of a request which is signed rightly.
type Headers = Vec<(&'static str, HeaderValue)>;

/// Texts that match. A pattern is a strategy itself, but one that is parsed anew for each text.
fn text(pattern: &str) -> SBoxedStrategy<String> {
    string_regex(pattern).expect("the pattern is one").sboxed()
}

/// Any bytes that HTTP lets into a header.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![4 => 0x20..0x7f_u8, 1 => 0x80..=0xff_u8, 1 => Just(b'\t')], 0..200)
}

fn value(bytes: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(bytes).expect("the strategies leave out what HTTP does not let in")
}

/// From nonsense to what is nearly right.
fn authorizations() -> impl Strategy<Value = HeaderValue> {
    let algorithm =
        text("(SDK-HMAC-SHA256|SDK-HMAC-SM3|SDK-ECDSA-P256-SHA256|SDK-SM2-SM3|V11-HMAC-SHA256|SDK-HMAC-MD5)");
    let key = text(
        "(Access|Credential|access)=(XXA7FBEIMZIFM23T3M4M|HST00000000000000000|[A-Z0-9]{0,70})(/[0-9T]{0,9}){0,4}",
    );
    let names = text("SignedHeaders=((host|x-sdk-date|X-Sdk-Date|content-type|[a-z-]{0,6})(;|)){0,8}");
    let signature = text("Signature=([0-9a-f]{64}|30[0-9a-f]{0,150}|[0-9a-zA-Z]{0,80})");
    let whole = (algorithm.clone(), key.clone(), names.clone(), signature.clone(), text("(, |,|;| )"));
    prop_oneof![
        bytes().prop_map(|bytes| value(&bytes)),
        (algorithm.clone(), bytes()).prop_map(|(name, rest)| value(&[name.as_bytes(), &rest].concat())),
        whole.prop_map(|(name, key, names, signature, comma)| {
            value(format!("{name} {key}{comma}{names}{comma}{signature}").as_bytes())
        }),
        (algorithm, prop::collection::vec(prop_oneof![key, names, signature, text("[ -~]{0,20}")], 0..6))
            .prop_map(|(name, parameters)| value(format!("{name} {}", parameters.join(", ")).as_bytes())),
    ]
}

/// From nonsense to the edges of the calendar.
fn dates() -> impl Strategy<Value = HeaderValue> {
    prop_oneof![
        bytes().prop_map(|bytes| value(&bytes)),
        text("[+-]?[0-9]{4}[01][0-9][0-3][0-9]T[0-2][0-9][0-5][0-9][0-6][0-9]Z")
            .prop_map(|text| value(text.as_bytes())),
        text("(00000101|99991231|19700101|20260229|20280229)T(000000|235959|235960|240000)Z")
            .prop_map(|text| value(text.as_bytes())),
    ]
}

async fn send(app: &TestApp, (method, path): (&str, &str), headers: &Headers, source: IpAddr) -> u16 {
    let request =
        axum::http::Request::builder().method(method).uri(path).header("host", "bss.test").body(Body::from(BODY));
    let mut request = request.expect("it is valid");
    let demo = app.world.demo();
    signer::sign(&mut request, BODY, &demo.access_key, &demo.secret_key, app.app.clock.now());
    for (name, value) in headers {
        request.headers_mut().insert(HeaderName::from_static(name), value.clone());
    }
    app.send(request, source).await.status.as_u16()
}

fn tokens() -> impl Strategy<Value = HeaderValue> {
    prop_oneof![bytes(), text("[A-Za-z0-9_-]{0,90}").prop_map(String::into_bytes)].prop_map(|token| value(&token))
}

/// One or two headers that are not what they should be.
fn credentials() -> impl Strategy<Value = Headers> {
    let unsigned = HeaderValue::from_static("");
    let others = prop_oneof![
        Just("x-security-token"),
        Just("x-domain-id"),
        Just("x-sdk-content-sha256"),
        Just("x-sdk-content-sm3"),
        Just("x-subject-token"),
    ];
    prop_oneof![
        4 => authorizations().prop_map(|value| vec![("authorization", value)]),
        2 => dates().prop_map(|value| vec![("x-sdk-date", value)]),
        // Without a signature the token is what counts.
        2 => tokens().prop_map(move |value| vec![("authorization", unsigned.clone()), ("x-auth-token", value)]),
        1 => (others, bytes(), authorizations())
            .prop_map(|(name, bytes, authorization)| vec![(name, value(&bytes)), ("authorization", authorization)]),
    ]
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn whatever_is_sent_as_credentials_is_refused_in_good_order(pool: PgPool) {
    let app = Arc::new(TestApp::new(pool).await);
    let runtime = tokio::runtime::Handle::current();
    // Each from another address, so that no lock hides anything.
    let inputs = (credentials(), any::<u32>(), prop_oneof![Just(SPECS), Just(TOKENS)]);
    let cases = tokio::task::spawn_blocking(move || {
        runner(10_000).run(&inputs, |(headers, source, target)| {
            let status = runtime.block_on(send(&app, target, &headers, IpAddr::V4(Ipv4Addr::from_bits(source))));
            prop_assert!((400..500).contains(&status), "status {status}");
            Ok(())
        })
    });
    cases.await.expect("the runner does not panic").unwrap_or_else(|failure| panic!("{failure}"));
}

/// The same for the diagnosis, which the sandbox adds to a refusal.
#[test]
fn whatever_is_sent_as_credentials_is_diagnosed_in_good_order() {
    let key = Key::new("AK", b"secret");
    let diagnosed = runner(1000).run(
        &(credentials(), text("(/[ -~]{0,9}){1,4}"), text("[ -~]{0,40}")),
        |(headers, path, query)| {
            let mut all = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("bss.test"))]);
            all.extend(headers.into_iter().map(|(name, value)| (HeaderName::from_static(name), value)));
            let signed = "SDK-HMAC-SHA256 Access=AK, SignedHeaders=host;x-sdk-date, Signature=";
            let signed = value(format!("{signed}{}", "0".repeat(64)).as_bytes());
            all.entry(header::AUTHORIZATION).or_insert(signed);
            all.entry("x-sdk-date").or_insert(HeaderValue::from_static("20260131T000000Z"));
            let request =
                Request { method: &Method::POST, path: &path, query: &query, headers: &all, body: BODY.as_bytes() };
            if let Ok(authorization) = signature::parse(&all, &Algorithm::ALL) {
                let (now, skew) = (datetime!(2026-01-31 00:00 UTC), Duration::minutes(15));
                let findings = signature::diagnose(&authorization, request, &key, Rules::default(), now, skew);
                prop_assert!(!findings.is_empty());
            }
            Ok(())
        },
    );
    diagnosed.unwrap_or_else(|failure| panic!("{failure}"));
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}
