//! Signatures: requests as the vendor's own signer writes them, and requests as an attacker would change them.

mod algorithms;
mod diagnosis;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use bss_gateway::signature::{self, Algorithm, Key, Refusal, Request, Rules};
use serde::Deserialize;
use std::str::FromStr;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const SIGNED_AT: OffsetDateTime = datetime!(2026-01-01 00:00:00 UTC);
const SKEW: Duration = Duration::minutes(15);

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Clone, Deserialize)]
struct Vector {
    name: String,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
    secret_key: String,
}

fn vectors() -> Vec<Vector> {
    let vectors: Vectors =
        serde_json::from_str(include_str!("vectors/signature.json")).expect("the file is well-formed");
    assert!(vectors.vectors.len() >= 30);
    vectors.vectors
}

impl Vector {
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_str(name).expect("a header name");
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
        }
        headers
    }

    fn header_mut(&mut self, name: &str) -> &mut String {
        let found = self.headers.iter_mut().find(|(header, _)| header.eq_ignore_ascii_case(name));
        &mut found.unwrap_or_else(|| panic!("no header {name}")).1
    }

    fn verify(&self) -> Result<(), Refusal> {
        self.verify_with(Rules::default(), SIGNED_AT)
    }

    fn verify_with(&self, rules: Rules, now: OffsetDateTime) -> Result<(), Refusal> {
        let headers = self.headers();
        let method = Method::from_str(&self.method).expect("a method");
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let body = self.body.as_bytes();
        let request = Request { method: &method, path, query, headers: &headers, body };
        let authorization = signature::parse(&headers, &Algorithm::ALL)?;
        let key = Key::new(authorization.access_key, self.secret_key.as_bytes());
        signature::verify(&authorization, request, &key, rules, now, SKEW)
    }

    fn cause(&self) -> &'static str {
        self.verify().expect_err("it is refused").cause()
    }
}

#[test]
fn whatever_the_vendors_signer_signs_is_accepted() {
    for vector in vectors() {
        assert_eq!(vector.verify(), Ok(()), "{}", vector.name);
    }
}

#[test]
fn a_wrong_secret_is_refused_for_every_request() {
    for mut vector in vectors() {
        vector.secret_key.push('x');
        assert_eq!(vector.cause(), "mismatch", "{}", vector.name);
    }
}

#[test]
fn a_changed_body_is_refused_unless_the_client_chose_not_to_bind_it() {
    for mut vector in vectors() {
        // The vendor's signer signs the hash of an empty body whatever the header says.
        let is_bound = vector.body.is_empty() || !vector.headers.iter().any(|(_, value)| value == "UNSIGNED-PAYLOAD");
        vector.body.push(' ');
        let accepted = vector.verify().is_ok();
        assert_eq!(accepted, !is_bound, "{}", vector.name);
    }
}

#[test]
fn a_changed_method_path_or_query_is_refused() {
    for vector in vectors() {
        let other_method = Vector { method: "PATCH".to_owned(), ..vector.clone() };
        let (path, query) = vector.target.split_once('?').unwrap_or((&vector.target, ""));
        let other_path = Vector { target: format!("{path}/x?{query}"), ..vector.clone() };
        let other_query = Vector { target: format!("{path}?{query}&limit=9"), ..vector.clone() };
        for changed in [other_method, other_path, other_query] {
            assert_eq!(changed.cause(), "mismatch", "{}", vector.name);
        }
    }
}

#[test]
fn every_signed_header_is_bound() {
    let vector = vectors().into_iter().max_by_key(|vector| vector.headers.len()).expect("there are vectors");
    let authorization = vector.clone().header_mut("Authorization").to_lowercase();
    let listed = authorization.split("signedheaders=").nth(1).and_then(|rest| rest.split(',').next()).expect("a list");
    for name in listed.split(';').map(str::to_owned) {
        let mut changed = vector.clone();
        changed.header_mut(&name).insert(0, '1');
        assert!(changed.verify().is_err(), "{name}");
        let mut doubled = vector.clone();
        doubled.headers.push((name.clone(), "more".to_owned()));
        assert!(doubled.verify().is_err(), "{name} twice");
        let mut without = vector.clone();
        without.headers.retain(|(header, _)| !header.eq_ignore_ascii_case(&name));
        assert!(without.verify().is_err(), "{name} taken away");
    }
}

#[test]
fn a_header_that_is_not_listed_does_not_count() {
    for mut vector in vectors() {
        vector.headers.push(("X-Forwarded-For".to_owned(), "192.0.2.9".to_owned()));
        vector.headers.push(("X-Unsigned".to_owned(), "anything".to_owned()));
        assert_eq!(vector.verify(), Ok(()), "{}", vector.name);
    }
}

#[test]
fn fifteen_minutes_either_way_are_allowed_and_no_second_more() {
    let vector = &vectors()[0];
    for (seconds, accepted) in [(900, true), (-900, true), (901, false), (-901, false)] {
        let outcome = vector.verify_with(Rules::default(), SIGNED_AT + Duration::seconds(seconds));
        assert_eq!(outcome.is_ok(), accepted, "{seconds} seconds");
    }
    let refusal = vector.verify_with(Rules::default(), SIGNED_AT + Duration::hours(8)).expect_err("it is refused");
    assert!(refusal.to_string().contains("28800 seconds away"), "{refusal}");
}

#[test]
fn the_order_of_query_pairs_and_an_equals_sign_do_not_matter_but_their_values_do() {
    let mut vector = vectors().into_iter().find(|vector| vector.target.contains('&')).expect("one has two pairs");
    let (path, query) = vector.target.split_once('?').expect("it has a query");
    let reversed: Vec<&str> = query.split('&').rev().collect();
    vector.target = format!("{path}?{}", reversed.join("&"));
    assert_eq!(vector.verify(), Ok(()));
    vector.target.push_str("&x");
    assert_eq!(vector.cause(), "mismatch");
}

#[test]
fn an_unsigned_payload_cannot_be_smuggled_in() {
    let mut vector = vectors()
        .into_iter()
        .find(|vector| {
            !vector.body.is_empty()
                && !vector.headers.iter().any(|(name, _)| name.to_lowercase().contains("content-sha256"))
        })
        .expect("one has a body");
    vector.headers.push(("X-Sdk-Content-Sha256".to_owned(), "UNSIGNED-PAYLOAD".to_owned()));
    vector.body = "{\"amount\":1000000}".to_owned();
    assert_eq!(vector.cause(), "mismatch");
}

#[test]
fn a_stated_body_hash_must_be_the_bodys() {
    let mut vector = vectors().into_iter().find(|vector| !vector.body.is_empty()).expect("one has a body");
    vector.headers.push(("X-Sdk-Content-Sha256".to_owned(), "ab".repeat(32)));
    assert_eq!(vector.cause(), "body_hash");
    vector.headers.push(("X-Sdk-Content-Sha256".to_owned(), "ab".repeat(32)));
    assert_eq!(vector.cause(), "body_hash");
}

#[test]
fn stricter_rules_refuse_what_the_vendor_accepts() {
    let bound = Rules { require_bound_body: true, ..Rules::default() };
    let hosted = Rules { require_signed_host: true, ..Rules::default() };
    let unsigned_payload = vectors()
        .into_iter()
        .find(|vector| !vector.body.is_empty() && vector.headers.iter().any(|(_, value)| value == "UNSIGNED-PAYLOAD"));
    let unsigned_payload = unsigned_payload.expect("one does not bind its body");
    assert_eq!(unsigned_payload.verify_with(bound, SIGNED_AT), Err(Refusal::BodyUnbound));
    assert_eq!(unsigned_payload.verify_with(hosted, SIGNED_AT), Ok(()));

    let date_only = signed_by_hand("x-sdk-date");
    assert_eq!(date_only.verify(), Ok(()), "one of the vendor's SDKs signs nothing but the date");
    assert_eq!(date_only.verify_with(hosted, SIGNED_AT), Err(Refusal::HeaderUnsigned("Host")));
    assert_eq!(date_only.verify_with(bound, SIGNED_AT), Ok(()));
}

#[test]
fn the_date_must_be_signed_and_be_one_time() {
    assert_eq!(signed_by_hand("host").cause(), "header_unsigned");
    for date in ["", "2026-01-01T00:00:00Z", "20260101T000000", "20261301T000000Z", "20260101T000000Z junk"] {
        let mut vector = signed_by_hand("x-sdk-date");
        date.clone_into(vector.header_mut("x-sdk-date"));
        assert_eq!(vector.cause(), "date_malformed", "{date}");
    }
}

/// An empty body whose hash header is present, both ways the vendor's SDKs sign it.
#[test]
fn an_empty_body_with_a_hash_header_is_accepted_in_both_forms() {
    for payload in ["UNSIGNED-PAYLOAD", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"] {
        let mut vector = sign_by_hand("x-sdk-date", payload);
        vector.headers.push(("X-Sdk-Content-Sha256".to_owned(), "UNSIGNED-PAYLOAD".to_owned()));
        assert_eq!(vector.verify(), Ok(()), "{payload}");
    }
}

#[test]
fn a_malformed_authorization_header_is_refused_without_a_panic() {
    let signature = "0".repeat(64);
    let many: Vec<String> = (0..100).map(|number| format!("x-{number}")).collect();
    for value in [
        "SDK-HMAC-SHA256".to_owned(),
        "SDK-HMAC-SHA256 ".to_owned(),
        "SDK-HMAC-SHA256 Access=a".to_owned(),
        format!("SDK-HMAC-SHA256 Access=, SignedHeaders=x-sdk-date, Signature={signature}"),
        format!("SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date, Signature={signature}0"),
        format!("SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date, Signature={}", "g".repeat(64)),
        format!("SDK-HMAC-SHA256 Access=a, Access=b, SignedHeaders=x-sdk-date, Signature={signature}"),
        format!("SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date;X-Sdk-Date, Signature={signature}"),
        format!("SDK-HMAC-SHA256 Access=a, SignedHeaders={}, Signature={signature}", many.join(";")),
        format!("SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date, Other=1, Signature={signature}"),
    ] {
        let mut vector = signed_by_hand("x-sdk-date");
        value.clone_into(vector.header_mut("Authorization"));
        assert_eq!(vector.cause(), "malformed", "{value}");
    }
    let mut vector = signed_by_hand("x-sdk-date");
    *vector.header_mut("Authorization") =
        format!("SDK-HMAC-SHA512 Access=a, SignedHeaders=x-sdk-date, Signature={signature}");
    assert_eq!(vector.cause(), "algorithm");
    let mut vector = signed_by_hand("x-sdk-date");
    let twice = vector.header_mut("Authorization").clone();
    vector.headers.push(("Authorization".to_owned(), twice));
    assert_eq!(vector.cause(), "malformed");
}

#[test]
fn a_listed_header_that_is_absent_is_named() {
    let mut vector = signed_by_hand("x-sdk-date");
    let value = vector.header_mut("Authorization");
    *value = value.replace("SignedHeaders=x-sdk-date", "SignedHeaders=x-missing;x-sdk-date");
    assert_eq!(vector.verify(), Err(Refusal::HeaderMissing("x-missing".to_owned())));
}

#[test]
fn encoded_and_plain_forms_of_a_path_are_the_same_text_to_sign() {
    let signed = signed_by_hand("x-sdk-date");
    for target in ["/v2/products/resource-types/", "/v2/products%2Fresource-types", "/v2/%70roducts/resource-types"] {
        let vector = Vector { target: target.to_owned(), ..signed.clone() };
        assert_eq!(vector.verify(), Ok(()), "{target}");
    }
    let vector = Vector { target: "/v2/products/resource%252Dtypes".to_owned(), ..signed };
    assert_eq!(vector.cause(), "mismatch");
}

#[test]
fn a_plus_in_the_query_is_a_space_to_the_signature_as_it_is_to_the_handler() {
    let plain = sign_target_by_hand("/v2/products/service-types?service_type_name=a%20b", "service_type_name=a%20b");
    assert_eq!(plain.verify(), Ok(()));
    let plus = Vector { target: "/v2/products/service-types?service_type_name=a+b".to_owned(), ..plain.clone() };
    assert_eq!(plus.verify(), Ok(()));
    let literal = Vector { target: "/v2/products/service-types?service_type_name=a%2Bb".to_owned(), ..plain };
    assert_eq!(literal.cause(), "mismatch");
}

fn signed_by_hand(listed: &str) -> Vector {
    sign_by_hand(listed, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
}

/// A GET of resource types whose signature lists the given headers; its canonical request is spelled out here.
fn sign_by_hand(listed: &str, payload: &str) -> Vector {
    let lines: String = match listed {
        "x-sdk-date" => "x-sdk-date:20260101T000000Z\n".to_owned(),
        "host" => "host:bss.test\n".to_owned(),
        other => panic!("{other} is not spelled out"),
    };
    let canonical = format!("GET\n/v2/products/resource-types/\n\n{lines}\n{listed}\n{payload}");
    hand_signed("/v2/products/resource-types", listed, &canonical)
}

fn sign_target_by_hand(target: &str, query: &str) -> Vector {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let path = target.split('?').next().expect("a split has a first part");
    let canonical = format!("GET\n{path}/\n{query}\nx-sdk-date:20260101T000000Z\n\nx-sdk-date\n{empty}");
    hand_signed(target, "x-sdk-date", &canonical)
}

fn hand_signed(target: &str, listed: &str, canonical: &str) -> Vector {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha256};
    let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").expect("any length");
    let hash = hex::encode(Sha256::digest(canonical));
    mac.update(format!("SDK-HMAC-SHA256\n20260101T000000Z\n{hash}").as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let headers = [
        ("Host", "bss.test".to_owned()),
        ("X-Sdk-Date", "20260101T000000Z".to_owned()),
        ("Authorization", format!("SDK-HMAC-SHA256 Access=AK, SignedHeaders={listed}, Signature={signature}")),
    ];
    Vector {
        name: "by hand".to_owned(),
        method: "GET".to_owned(),
        target: target.to_owned(),
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        body: String::new(),
        secret_key: "secret".to_owned(),
    }
}
