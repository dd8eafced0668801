//! A signer for the tests, written from the description and not from the verification: the two must agree.

use axum::body::Body;
use axum::http::{HeaderValue, Request};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

/// Signs every header of `request`. Its path must hold nothing that needs encoding; its query is encoded already.
pub fn sign(request: &mut Request<Body>, body: &str, access_key: &str, secret_key: &str, now: OffsetDateTime) {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let date = now.format(format).expect("every instant has these parts");
    request.headers_mut().insert("x-sdk-date", HeaderValue::try_from(&date).expect("digits"));

    let mut lines: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), value.to_str().expect("test headers are ASCII").trim().to_owned())
        })
        .collect();
    lines.sort();
    let headers = lines.iter().fold(String::new(), |text, (name, value)| text + name + ":" + value + "\n");
    let mut names: Vec<&str> = lines.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    let names = names.join(";");

    let mut query: Vec<String> = request.uri().query().unwrap_or_default().split('&').map(str::to_owned).collect();
    query.sort();
    let query: Vec<String> = query
        .into_iter()
        .map(|pair| if pair.is_empty() || pair.contains('=') { pair } else { format!("{pair}=") })
        .collect();
    let path = request.uri().path().trim_end_matches('/');
    let hash = hex::encode(Sha256::digest(body));
    let canonical = format!("{}\n{path}/\n{}\n{headers}\n{names}\n{hash}", request.method(), query.join("&"));

    let mut mac = Hmac::<Sha256>::new_from_slice(secret_key.as_bytes()).expect("any length");
    mac.update(format!("SDK-HMAC-SHA256\n{date}\n{}", hex::encode(Sha256::digest(canonical))).as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let value = format!("SDK-HMAC-SHA256 Access={access_key}, SignedHeaders={names}, Signature={signature}");
    request.headers_mut().insert("authorization", HeaderValue::try_from(value).expect("ASCII"));
}
