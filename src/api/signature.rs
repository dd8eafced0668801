//! The request signature `SDK-HMAC-SHA256`.
//!
//! The client names the headers it signed, builds a canonical text of the request, and signs that text's hash with its
//! secret. The vendor's SDKs differ in what they sign: from every header down to `x-sdk-date` alone, one leaves out `host`,
//! one never binds the body. All of them work against the vendor, so all of them work here; [`Rules`] makes it stricter.
//!
//! [`parse`] reads the header, [`verify`] decides. Both are pure: no clock, no database, and nothing of the body is
//! interpreted before its signature stands.

use axum::http::{HeaderMap, Method, header};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

/// The algorithm's name, the first word of the header.
pub const ALGORITHM: &str = "SDK-HMAC-SHA256";
const DATE: &str = "x-sdk-date";
const CONTENT_HASH: &str = "x-sdk-content-sha256";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
const EMPTY_HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// How many headers a client may list: the SDKs list at most ten.
const SIGNED_HEADERS_MAX: usize = 64;
/// All but the unreserved characters of RFC 3986 are encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The keyed hash a secret key gives, made once for each key.
pub type Key = Hmac<Sha256>;

/// The key of a secret.
pub fn key(secret: &[u8]) -> Key {
    Key::new_from_slice(secret).expect("HMAC takes a key of any length")
}

/// What is demanded beyond the vendor's own rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// `host` must be among the signed headers.
    pub require_signed_host: bool,
    /// The signature must cover the body: no `UNSIGNED-PAYLOAD`.
    pub require_bound_body: bool,
}

impl Rules {
    /// The stricter of both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            require_signed_host: self.require_signed_host || other.require_signed_host,
            require_bound_body: self.require_bound_body || other.require_bound_body,
        }
    }
}

/// Why a signature was refused. The text is the client's, [`Refusal::cause`] the metric's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The header has not the form the SDKs write.
    #[error("verify aksk signature fail, the Authorization header is malformed: {0}")]
    Malformed(&'static str),
    /// A listed header is not in the request.
    #[error("verify aksk signature fail, the signed header {0} is not in the request")]
    HeaderMissing(String),
    /// A header that must be signed is not listed.
    #[error("verify aksk signature fail, the header {0} must be signed")]
    HeaderUnsigned(&'static str),
    /// `X-Sdk-Date` is no time, or is given more than once.
    #[error("verify aksk signature fail, X-Sdk-Date must be one time of the form YYYYMMDDTHHMMSSZ")]
    DateMalformed,
    /// The request's time is too far from the server's.
    #[error(
        "verify aksk signature fail, X-Sdk-Date is {seconds} seconds away from the server's clock, more than {allowed} allowed"
    )]
    Clock {
        /// How far, either way.
        seconds: i64,
        /// How far it may be.
        allowed: i64,
    },
    /// The body hash header is no hash of this body.
    #[error("verify aksk signature fail, X-Sdk-Content-Sha256 is not the SHA-256 of the body")]
    BodyHash,
    /// This key or deployment demands that the signature covers the body.
    #[error("verify aksk signature fail, UNSIGNED-PAYLOAD is not accepted here")]
    BodyUnbound,
    /// Everything is in place, but the signature is another: a wrong secret, or a request changed on its way.
    #[error("verify aksk signature fail, canonical request: {canonical_request}")]
    Mismatch {
        /// What the server would have signed, its lines joined by `|`.
        canonical_request: String,
    },
}

impl Refusal {
    /// One word for the metrics.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::HeaderMissing(_) => "header_missing",
            Self::HeaderUnsigned(_) => "header_unsigned",
            Self::DateMalformed => "date_malformed",
            Self::Clock { .. } => "clock",
            Self::BodyHash => "body_hash",
            Self::BodyUnbound => "body_unbound",
            Self::Mismatch { .. } => "mismatch",
        }
    }
}

/// The parts of the `Authorization` header.
#[derive(Debug, PartialEq, Eq)]
pub struct Authorization<'a> {
    /// Which key signed.
    pub access_key: &'a str,
    signed_headers: Vec<Cow<'a, str>>,
    signature: [u8; 32],
}

/// Whether the request carries a signature at all.
pub fn is_signed(headers: &HeaderMap) -> bool {
    headers.get(header::AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(ALGORITHM.as_bytes()))
}

/// Reads `SDK-HMAC-SHA256 Access=<key>, SignedHeaders=<names>, Signature=<hex>`.
pub fn parse(headers: &HeaderMap) -> Result<Authorization<'_>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Refusal::Malformed("it must be given once"));
    };
    let text = value.to_str().map_err(|_| Refusal::Malformed("it must be ASCII"))?;
    let parameters = text.strip_prefix(ALGORITHM).and_then(|rest| rest.strip_prefix(' '));
    let parameters = parameters.ok_or(Refusal::Malformed("the algorithm must be SDK-HMAC-SHA256"))?;
    let (mut access_key, mut names, mut signature) = (None, None, None);
    for parameter in parameters.split(',') {
        let (name, value) = parameter.trim().split_once('=').ok_or(Refusal::Malformed("a parameter has no value"))?;
        let slot = match name {
            "Access" => &mut access_key,
            "SignedHeaders" => &mut names,
            "Signature" => &mut signature,
            _ => return Err(Refusal::Malformed("a parameter is unknown")),
        };
        if slot.replace(value).is_some() {
            return Err(Refusal::Malformed("a parameter is repeated"));
        }
    }
    let (Some(access_key), Some(names), Some(digits)) = (access_key, names, signature) else {
        return Err(Refusal::Malformed("Access, SignedHeaders and Signature are required"));
    };
    if access_key.is_empty() {
        return Err(Refusal::Malformed("Access is empty"));
    }
    let mut signature = [0; 32];
    hex::decode_to_slice(digits, &mut signature).map_err(|_| Refusal::Malformed("Signature must be 64 hex digits"))?;
    Ok(Authorization { access_key, signed_headers: parse_names(names)?, signature })
}

/// The listed names in lower case. A name listed twice would let one line stand for two.
fn parse_names(names: &str) -> Result<Vec<Cow<'_, str>>, Refusal> {
    let mut parsed: Vec<Cow<'_, str>> = Vec::with_capacity(8);
    for name in names.split(';') {
        let lower_case = !name.bytes().any(|byte| byte.is_ascii_uppercase());
        let name = if lower_case { Cow::Borrowed(name) } else { Cow::Owned(name.to_ascii_lowercase()) };
        if parsed.len() == SIGNED_HEADERS_MAX || parsed.contains(&name) {
            return Err(Refusal::Malformed("SignedHeaders repeats a name or lists too many"));
        }
        parsed.push(name);
    }
    Ok(parsed)
}

/// A request as it came, its body whole and unread.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path, still encoded.
    pub path: &'a str,
    /// The query, still encoded, without `?`.
    pub query: &'a str,
    /// All headers; only the listed ones count.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

/// Whether `authorization` signs `request` under `key`, at the instant `now`, give or take `skew`.
pub fn verify(
    authorization: &Authorization<'_>,
    request: Request<'_>,
    key: &Key,
    rules: Rules,
    now: OffsetDateTime,
    skew: Duration,
) -> Result<(), Refusal> {
    let is_listed = |name: &str| authorization.signed_headers.iter().any(|listed| listed == name);
    if !is_listed(DATE) {
        return Err(Refusal::HeaderUnsigned("X-Sdk-Date"));
    }
    if rules.require_signed_host && !is_listed("host") {
        return Err(Refusal::HeaderUnsigned("Host"));
    }
    let (date, instant) = request_date(request.headers)?;
    let distance = (now - instant).abs();
    if distance > skew {
        return Err(Refusal::Clock { seconds: distance.whole_seconds(), allowed: skew.whole_seconds() });
    }
    let payload_hashes = payload_hashes(request, rules)?;
    let mut canonical = canonical_head(authorization, request)?;
    let head_length = canonical.len();
    for payload_hash in &payload_hashes {
        canonical.truncate(head_length);
        canonical.extend_from_slice(payload_hash.as_bytes());
        let mut mac = key.clone();
        for part in [ALGORITHM, "\n", date, "\n", hex::encode(Sha256::digest(&canonical)).as_str()] {
            mac.update(part.as_bytes());
        }
        // `verify_slice` compares in constant time.
        if mac.verify_slice(&authorization.signature).is_ok() {
            return Ok(());
        }
    }
    let canonical_request = String::from_utf8_lossy(&canonical).replace('\n', "|");
    Err(Refusal::Mismatch { canonical_request })
}

fn request_date(headers: &HeaderMap) -> Result<(&str, OffsetDateTime), Refusal> {
    let mut values = headers.get_all(DATE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(Refusal::DateMalformed) };
    let text = value.to_str().map_err(|_| Refusal::DateMalformed)?.trim();
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let instant = PrimitiveDateTime::parse(text, format).map_err(|_| Refusal::DateMalformed)?;
    Ok((text, instant.assume_utc()))
}

/// What may stand on the canonical request's last line. Of an empty body with a hash header the SDKs disagree whether it is
/// the header's value or the hash of nothing, so both are tried; the last one is shown in a refusal.
fn payload_hashes(request: Request<'_>, rules: Rules) -> Result<Vec<Cow<'_, str>>, Refusal> {
    let mut values = request.headers.get_all(CONTENT_HASH).iter();
    let body_hash = || match request.body {
        [] => Cow::Borrowed(EMPTY_HASH),
        body => Cow::Owned(hex::encode(Sha256::digest(body))),
    };
    let stated = match (values.next(), values.next()) {
        (None, _) => return Ok(vec![body_hash()]),
        (Some(value), None) => value.to_str().map_err(|_| Refusal::BodyHash)?.trim(),
        (Some(_), Some(_)) => return Err(Refusal::BodyHash),
    };
    if stated == UNSIGNED_PAYLOAD {
        if rules.require_bound_body && !request.body.is_empty() {
            return Err(Refusal::BodyUnbound);
        }
    } else if !stated.eq_ignore_ascii_case(&body_hash()) {
        return Err(Refusal::BodyHash);
    }
    let mut hashes = vec![Cow::Borrowed(stated)];
    if request.body.is_empty() && stated != EMPTY_HASH {
        hashes.push(Cow::Borrowed(EMPTY_HASH));
    }
    Ok(hashes)
}

/// The canonical request up to the payload hash.
fn canonical_head(authorization: &Authorization<'_>, request: Request<'_>) -> Result<Vec<u8>, Refusal> {
    let mut text = Vec::with_capacity(512);
    text.extend_from_slice(request.method.as_str().as_bytes());
    text.push(b'\n');
    push_canonical_path(&mut text, request.path);
    text.push(b'\n');
    push_canonical_query(&mut text, request.query);
    text.push(b'\n');
    for name in &authorization.signed_headers {
        push_canonical_header(&mut text, name, request.headers)?;
    }
    text.push(b'\n');
    for (index, name) in authorization.signed_headers.iter().enumerate() {
        if index > 0 {
            text.push(b';');
        }
        text.extend_from_slice(name.as_bytes());
    }
    text.push(b'\n');
    Ok(text)
}

/// Decoded as a whole and each segment encoded again, so that `%2F` counts as a slash, as in the SDKs; a slash at the end.
fn push_canonical_path(text: &mut Vec<u8>, path: &str) {
    let decoded = percent_decode_str(path).collect::<Vec<u8>>();
    for (index, segment) in decoded.split(|byte| *byte == b'/').enumerate() {
        if index > 0 {
            text.push(b'/');
        }
        push_encoded(text, segment);
    }
    if text.last() != Some(&b'/') {
        text.push(b'/');
    }
}

/// Pairs sorted by name, then value, both decoded as `Query` decodes them for the handler: what is verified is what is read.
fn push_canonical_query(text: &mut Vec<u8>, query: &str) {
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = form_urlencoded::parse(query.as_bytes()).collect();
    pairs.sort_unstable();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            text.push(b'&');
        }
        push_encoded(text, name.as_bytes());
        text.push(b'=');
        push_encoded(text, value.as_bytes());
    }
}

/// One `name:value` line, or one for each value, sorted, where the header was sent several times.
fn push_canonical_header(text: &mut Vec<u8>, name: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    let mut values: Vec<&[u8]> = headers.get_all(name).iter().map(|value| value.as_bytes().trim_ascii()).collect();
    if values.is_empty() {
        return Err(Refusal::HeaderMissing(name.to_owned()));
    }
    values.sort_unstable();
    for value in values {
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        text.extend_from_slice(value);
        text.push(b'\n');
    }
    Ok(())
}

fn push_encoded(text: &mut Vec<u8>, bytes: &[u8]) {
    for part in percent_encode(bytes, ENCODED) {
        text.extend_from_slice(part.as_bytes());
    }
}
