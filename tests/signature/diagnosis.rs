//! What a refused signature is said to suffer from: requests of clients that make one mistake each.

use super::{SIGNED_AT, SKEW, Vector, vectors};
use axum::http::Method;
use bss_gateway::signature::{self, Algorithm, Finding, Key, Request, Rules};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::str::FromStr;
use time::{Duration, OffsetDateTime};

const TARGET: &str = "/v2/price%20lists/x?name=a%20b&limit=10&empty=&Name=%2Fq(1)";
const BODY: &str = "{\"name\": \"a: b\",\n \"count\": 1}";
const DATE: &str = "20260101T000000Z";
const AUTHORIZATION: &str =
    "SDK-HMAC-SHA256 Access=AK, SignedHeaders=content-type;host;x-language;x-sdk-date, Signature=";

/// What a client that makes no mistake signs for that target and body.
fn right() -> String {
    format!(
        "POST\n/v2/price%20lists/x/\n{QUERY}\n\
         content-type:application/json\nhost:bss.test:8080\nx-language:en_US\nx-sdk-date:{DATE}\n\n\
         content-type;host;x-language;x-sdk-date\n{}",
        hash(BODY)
    )
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

fn mac(string_to_sign: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").expect("any length");
    mac.update(string_to_sign.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// The request, signed by a client whose canonical request is this one.
fn signed(canonical: &str) -> Vector {
    with_signature(&mac(&format!("SDK-HMAC-SHA256\n{DATE}\n{}", hash(canonical))))
}

fn with_signature(signature: &str) -> Vector {
    let headers = [
        ("Host", "bss.test:8080"),
        ("Content-Type", "application/json"),
        ("X-Language", "en_US"),
        ("X-Sdk-Date", DATE),
        ("Authorization", &format!("{AUTHORIZATION}{signature}")),
    ];
    Vector {
        name: "by hand".to_owned(),
        method: "POST".to_owned(),
        target: TARGET.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body: BODY.to_owned(),
        secret_key: "secret".to_owned(),
    }
}

impl Vector {
    fn findings_at(&self, now: OffsetDateTime) -> Vec<Finding> {
        let headers = self.headers();
        let method = Method::from_str(&self.method).expect("a method");
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let request = Request { method: &method, path, query, headers: &headers, body: self.body.as_bytes() };
        let authorization = signature::parse(&headers, &Algorithm::ALL).expect("it is well-formed");
        let key = Key::new(authorization.access_key, self.secret_key.as_bytes());
        signature::diagnose(&authorization, request, &key, Rules::default(), now, SKEW)
    }

    /// The one finding.
    fn finding(&self) -> Finding {
        let mut findings = self.findings_at(SIGNED_AT);
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings.remove(0)
    }
}

#[test]
fn of_a_right_signature_nothing_is_found() {
    assert_eq!(signed(&right()).findings_at(SIGNED_AT), []);
    for vector in vectors() {
        assert_eq!(vector.findings_at(SIGNED_AT), [], "{}", vector.name);
    }
}

/// A part of the right canonical request, what a client signed in its place, the name that the mistake must be given, and
/// words of its explanation.
const MISTAKES: [(&str, &str, &str, &str); 32] = [
    ("/x/\n", "/x\n", "path_slash", "without the slash"),
    ("/v2/price%20lists", "/v2/price lists", "path_encoding", "without percent-encoding"),
    ("/v2/price%20lists/x/", "/v2/price lists/x", "path_encoding", "without the slash"),
    ("/v2/price%20lists", "/v2/price%2520lists", "path_encoding", "twice"),
    ("/v2/price%20lists", "/price%20lists", "path_prefix", "without /v2"),
    (QUERY, "name=a%20b&limit=10&empty=&Name=%2Fq%281%29", "query_order", "unsorted"),
    (QUERY, "name=a%20b&limit=10&empty=&Name=%2Fq(1)", "query_order", "as it was sent"),
    (QUERY, "Name=/q(1)&empty=&limit=10&name=a b", "query_encoding", "without"),
    (QUERY, "Name=%2Fq%281%29&empty=&limit=10&name=a+b", "query_encoding", "%20"),
    (QUERY, "Name=%2Fq(1)&empty=&limit=10&name=a%20b", "query_encoding", "!'()*"),
    (QUERY, "Name=%2fq%281%29&empty=&limit=10&name=a%20b", "query_encoding", "lower case"),
    (QUERY, "Name=%2Fq%281%29&empty&limit=10&name=a%20b", "query_equals", "equals sign"),
    (QUERY, "", "query_left_out", "not signed"),
    ("bss.test:8080", "bss.test", "header_changed", "host was signed with the value `bss.test`"),
    ("bss.test:8080", "bss.myhuaweicloud.com", "header_changed", "host"),
    ("bss.test:8080", "localhost:8080", "header_changed", "localhost"),
    ("application/json", "application/json;charset=utf-8", "header_changed", "content-type"),
    ("application/json", "", "header_changed", "content-type"),
    ("en_US", "en_us", "header_changed", "x-language"),
    ("x-language:en_US\n", "", "header_left_out", "x-language"),
    ("Z\n\ncontent", "Z\ncontent", "header_layout", "empty line"),
    ("POST", "post", "method", "lower case"),
    ("POST", "PUT", "method", "PUT was signed"),
    (PAYLOAD, "<empty>", "body_empty", "empty body"),
    (PAYLOAD, "<{}>", "body_braces", "`{}`"),
    (PAYLOAD, "<compact>", "body_json", "without spaces"),
    (PAYLOAD, "<spaced>", "body_json", "with spaces"),
    (PAYLOAD, "<fed>", "body_whitespace", "line feed"),
    (PAYLOAD, "<crlf>", "body_whitespace", "line ends"),
    (PAYLOAD, "<upper>", "body_hash_case", "upper case"),
    (PAYLOAD, "<itself>", "body_not_hashed", "itself"),
    (PAYLOAD, "UNSIGNED-PAYLOAD", "body_unsigned", "does not say so"),
];
const PAYLOAD: &str = "<payload>";
const QUERY: &str = "Name=%2Fq%281%29&empty=&limit=10&name=a%20b";

#[test]
fn each_mistake_is_named() {
    for (part, instead, name, words) in MISTAKES {
        let right = right();
        let part = if part == PAYLOAD { hash(BODY) } else { part.to_owned() };
        let instead = match instead {
            "<empty>" => hash(""),
            "<{}>" => hash("{}"),
            "<compact>" => hash("{\"name\":\"a: b\",\"count\":1}"),
            "<spaced>" => hash("{\"name\": \"a: b\", \"count\": 1}"),
            "<fed>" => hash(&format!("{BODY}\n")),
            "<crlf>" => hash(&BODY.replace('\n', "\r\n")),
            "<upper>" => hash(BODY).to_uppercase(),
            "<itself>" => BODY.to_owned(),
            other => other.to_owned(),
        };
        assert!(right.contains(&part), "{part}");
        let finding = signed(&right.replacen(&part, &instead, 1)).finding();
        assert_eq!(finding.name, name, "{part} as {instead}: {finding:?}");
        assert!(finding.text.contains(words), "{finding:?}");
    }
}

#[test]
fn two_mistakes_at_once_are_both_named() {
    let finding = signed(&right().replace("/x/\n", "/x\n").replace("a%20b", "a+b")).finding();
    assert_eq!(finding.name, "path_slash");
    assert!(finding.text.contains("slash at its end; and a space in the query"), "{finding:?}");
}

#[test]
fn a_wrong_secret_key_is_the_last_candidate() {
    let mut wrong = signed(&right());
    wrong.secret_key.push('x');
    let finding = wrong.finding();
    assert_eq!(finding.name, "secret_key");
    assert!(finding.text.contains("secret key is another"), "{finding:?}");
}

#[test]
fn what_was_signed_without_a_hash_or_at_another_second_is_named() {
    assert_eq!(with_signature(&mac(&format!("SDK-HMAC-SHA256\n{DATE}\n{}", right()))).finding().name, "not_hashed");
    let later = mac(&format!("SDK-HMAC-SHA256\n20260101T000001Z\n{}", hash(&right())));
    assert_eq!(with_signature(&later).finding().name, "date");
}

#[test]
fn a_header_that_was_signed_and_did_not_arrive_is_named() {
    let mut without = signed(&right());
    without.headers.retain(|(name, _)| name != "X-Language");
    let finding = without.finding();
    assert_eq!(finding.name, "header_missing");
    assert!(finding.text.contains("x-language"), "{finding:?}");
}

#[test]
fn headers_signed_with_capitals_or_unsorted_are_named() {
    let capital = "Content-Type;Host;X-Language;X-Sdk-Date";
    let lower = "content-type;host;x-language;x-sdk-date";
    let with_list = |canonical: &str, list: &str| {
        let mut vector = signed(canonical);
        let value = vector.header_mut("Authorization");
        *value = value.replace(lower, list);
        vector.finding().name
    };
    let lines = right().replace("host:", "Host:").replace("content-type:", "Content-Type:");
    let lines = lines.replace("x-language:", "X-Language:").replace("x-sdk-date:", "X-Sdk-Date:");
    assert_eq!(with_list(&right().replace(lower, capital), capital), "header_case");
    assert_eq!(with_list(&lines, capital), "header_case");
    assert_eq!(with_list(&lines.replace(lower, capital), capital), "header_case");
    let unsorted = "x-sdk-date;host;x-language;content-type";
    assert_eq!(with_list(&right().replace(lower, unsorted), unsorted), "header_order", "the lines alone are sorted");
    assert_eq!(with_list(&right(), unsorted), "header_order", "what was signed is sorted, what is listed is not");
}

#[test]
fn a_stated_hash_of_another_body_is_named() {
    for (stated, name) in [
        (hash("{}"), "body_braces"),
        (hash(""), "body_empty"),
        (hash(&format!("{BODY}\n")), "body_whitespace"),
        (hash("something else"), "body_changed"),
    ] {
        let mut vector = signed(&right());
        vector.headers.push(("X-Sdk-Content-Sha256".to_owned(), stated));
        assert_eq!(vector.finding().name, name);
    }
}

#[test]
fn a_wrong_clock_is_named_with_its_seconds_and_hides_nothing_else() {
    for (seconds, words) in [
        (1000, "1000 seconds behind"),
        (-1000, "1000 seconds ahead of"),
        (-8 * 3600 + 3, "28797 seconds ahead of the server's, which looks like local time"),
        (12_600, "12600 seconds behind the server's, which looks like local time"),
    ] {
        let findings = signed(&right()).findings_at(SIGNED_AT + Duration::seconds(seconds));
        let [clock] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!(clock.name, "clock");
        assert!(clock.text.contains(words), "{clock:?}");
        assert_eq!(clock.text.contains("local time"), words.contains("local time"), "{clock:?}");
    }
    let both = signed(&right().replace("/x/\n", "/x\n")).findings_at(SIGNED_AT + Duration::hours(1));
    assert_eq!(both.iter().map(|finding| finding.name).collect::<Vec<_>>(), ["clock", "path_slash"]);
}

/// Derived keys and curves too: a request of the vendor's signers whose path a proxy changed.
#[test]
fn every_algorithm_is_diagnosed() {
    for mut vector in super::algorithms::one_of_each() {
        vector.target.insert_str(0, "/bss");
        assert_eq!(vector.finding().name, "path_prefix", "{}", vector.name);
    }
}

/// The sandbox diagnoses while the client waits.
#[test]
fn a_long_request_is_diagnosed_in_a_moment() {
    let mut long = signed(&right());
    long.body = "{},\n".repeat(200_000);
    long.target = format!("{}{TARGET}&more={}", "/x".repeat(5000), "%20x".repeat(5000));
    let started = std::time::Instant::now();
    assert_eq!(long.finding().name, "secret_key");
    assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}, without optimisation", started.elapsed());
}
