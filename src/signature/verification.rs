//! Reading, checking and writing signatures.

use super::algorithm::{Algorithm, Key, Proof};
use super::canonical;
use super::model::{Refusal, Request, Rules};
use axum::http::{HeaderMap, header};
use std::borrow::Cow;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime, UtcOffset};

const DATE: &str = "x-sdk-date";
pub(super) const DATE_FORMAT: StaticFormatDescription =
    format_description!("[year][month][day]T[hour][minute][second]Z");
/// How many headers a client may list: the SDKs list at most ten.
const SIGNED_HEADERS_MAX: usize = 64;
/// How much is shown of an algorithm's name that is unknown.
const NAME_SHOWN_MAX: usize = 40;

/// The parts of the `Authorization` header.
#[derive(Debug)]
pub struct Authorization<'a> {
    /// How it is signed.
    pub algorithm: Algorithm,
    /// Which key signed.
    pub access_key: &'a str,
    pub(super) signed_headers: Vec<Cow<'a, str>>,
    pub(super) proof: Proof<'a>,
}

/// Whether the request carries a signature at all.
pub fn is_signed(headers: &HeaderMap) -> bool {
    headers.get(header::AUTHORIZATION).is_some_and(|value| {
        let scheme = value.as_bytes().split(u8::is_ascii_whitespace).next().unwrap_or_default().to_ascii_uppercase();
        SCHEMES.iter().any(|begin| scheme.starts_with(begin))
    })
}

/// How the names of signature algorithms begin: one that does not exist is refused by its name.
const SCHEMES: [&[u8]; 2] = [b"SDK-", b"V11-"];

/// Reads `<algorithm> Access=<key>, SignedHeaders=<names>, Signature=<hex>`, where the algorithm must be one of `accepted`.
/// `V11-HMAC-SHA256` has `Credential=<key>/<YYYYMMDD>/<region>/<service>` in place of `Access`; so have the vendor's older SDKs
/// with `SDK-HMAC-SHA256`, and `/sdk_request` behind it.
pub fn parse<'a>(headers: &'a HeaderMap, accepted: &[Algorithm]) -> Result<Authorization<'a>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Refusal::Malformed("it must be given once"));
    };
    let text = value.to_str().map_err(|_| Refusal::Malformed("it must be ASCII"))?;
    let (name, parameters) = text.split_once(' ').ok_or(Refusal::Malformed("it has no parameters"))?;
    let algorithm = Algorithm::from_name(name)
        .ok_or_else(|| Refusal::UnknownAlgorithm(name.chars().take(NAME_SHOWN_MAX).collect()))?;
    if !accepted.contains(&algorithm) {
        return Err(Refusal::Algorithm(algorithm.name()));
    }
    let (mut access, mut credential, mut names, mut signature) = (None, None, None, None);
    for parameter in parameters.split(',') {
        let (name, value) = parameter.trim().split_once('=').ok_or(Refusal::Malformed("a parameter has no value"))?;
        let slot = match name {
            "Access" if algorithm != Algorithm::V11 => &mut access,
            "Credential" if matches!(algorithm, Algorithm::V11 | Algorithm::HmacSha256) => &mut credential,
            "SignedHeaders" => &mut names,
            "Signature" => &mut signature,
            _ => return Err(Refusal::Malformed("a parameter is unknown")),
        };
        if slot.replace(value).is_some() {
            return Err(Refusal::Malformed("a parameter is repeated"));
        }
    }
    let (access_key, scope) = match (access, credential) {
        (Some(access_key), None) => (Some(access_key), None),
        (None, Some(credential)) => {
            let (access_key, scope) = credential.split_once('/').unwrap_or((credential, ""));
            (Some(access_key), Some(scope))
        }
        _ => (None, None),
    };
    let (Some(access_key), Some(names), Some(digits)) = (access_key, names, signature) else {
        return Err(Refusal::Malformed("Access (or Credential), SignedHeaders and Signature are required"));
    };
    if access_key.is_empty() {
        return Err(Refusal::Malformed("the access key is empty"));
    }
    let proof = Proof::parse(algorithm, scope, digits)?;
    Ok(Authorization { algorithm, access_key, signed_headers: parse_names(names)?, proof })
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
    let date = check_date(request.headers, now, skew)?;
    if authorization.proof.day().is_some_and(|day| date.split('T').next() != Some(day)) {
        return Err(Refusal::CredentialDate);
    }
    let algorithm = authorization.algorithm;
    let payload_hashes = canonical::payload_hashes(algorithm, request, rules)?;
    let mut text = canonical::head(&authorization.signed_headers, request)?;
    let head_length = text.len();
    for payload_hash in &payload_hashes {
        text.truncate(head_length);
        text.extend_from_slice(payload_hash.as_bytes());
        if signs(authorization, key, date, &algorithm.hash(&text)) {
            return Ok(());
        }
    }
    let canonical_request = String::from_utf8_lossy(&text).replace('\n', "|");
    Err(Refusal::Mismatch { canonical_request })
}

/// Whether the request was signed at the instant `now`, give or take `skew`; its date as it is written.
pub fn check_date(headers: &HeaderMap, now: OffsetDateTime, skew: Duration) -> Result<&str, Refusal> {
    let (date, instant) = request_date(headers)?;
    let distance = (now - instant).abs();
    if distance > skew {
        return Err(Refusal::Clock { seconds: distance.whole_seconds(), allowed: skew.whole_seconds() });
    }
    Ok(date)
}

/// The canonical request, as the server makes it of a request and the headers that are said to be signed.
pub fn canonical_request(authorization: &Authorization<'_>, request: Request<'_>) -> Result<String, Refusal> {
    let text = canonical_text(authorization.algorithm, &authorization.signed_headers, request)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn canonical_text(algorithm: Algorithm, names: &[Cow<'_, str>], request: Request<'_>) -> Result<Vec<u8>, Refusal> {
    let payload_hashes = canonical::payload_hashes(algorithm, request, Rules::default())?;
    let mut text = canonical::head(names, request)?;
    text.extend_from_slice(payload_hashes.last().map_or(&[], |hash| hash.as_bytes()));
    Ok(text)
}

/// The header `Authorization` that signs a request by `SDK-HMAC-SHA256`: its path, query and body, its date and its host.
pub fn sign(request: Request<'_>, access_key: &str, key: &Key) -> Result<String, Refusal> {
    let (date, _) = request_date(request.headers)?;
    let algorithm = Algorithm::HmacSha256;
    let names = [header::HOST.as_str(), DATE].into_iter();
    let names: Vec<_> = names.filter(|name| request.headers.contains_key(*name)).map(Cow::Borrowed).collect();
    let hash = algorithm.hash(&canonical_text(algorithm, &names, request)?);
    let signature = key.sign(&[algorithm.name(), "\n", date, "\n", &hash]);
    Ok(format!("{} Access={access_key}, SignedHeaders={}, Signature={signature}", algorithm.name(), names.join(";")))
}

/// Whether the signature is the key's for this date and this hash of a canonical request.
pub(super) fn signs(authorization: &Authorization<'_>, key: &Key, date: &str, hash: &str) -> bool {
    key.verifies(&authorization.proof, &lines_to_sign(authorization, date, hash))
}

fn lines_to_sign<'a>(authorization: &Authorization<'a>, date: &'a str, hash: &'a str) -> [&'a str; 7] {
    let (scope, scope_end) = authorization.proof.scope().map_or(("", ""), |scope| (scope, "\n"));
    [authorization.algorithm.name(), "\n", date, "\n", scope, scope_end, hash]
}

/// The string to sign, as the server makes it of a request and the headers that are said to be signed.
pub fn string_to_sign(authorization: &Authorization<'_>, request: Request<'_>) -> Result<String, Refusal> {
    let (date, _) = request_date(request.headers)?;
    let text = canonical_text(authorization.algorithm, &authorization.signed_headers, request)?;
    let hash = authorization.algorithm.hash(&text);
    Ok(lines_to_sign(authorization, date, &hash).concat())
}

pub(super) fn request_date(headers: &HeaderMap) -> Result<(&str, OffsetDateTime), Refusal> {
    let mut values = headers.get_all(DATE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(Refusal::DateMalformed) };
    let text = value.to_str().map_err(|_| Refusal::DateMalformed)?.trim();
    let instant = parse_date(text).ok_or(Refusal::DateMalformed)?;
    Ok((text, instant))
}

/// Writes an instant in the form of `X-Sdk-Date`.
pub fn write_date(instant: OffsetDateTime) -> String {
    instant.to_offset(UtcOffset::UTC).format(DATE_FORMAT).expect("an instant has all parts of the form")
}

/// Reads an instant in the form of `X-Sdk-Date`.
pub fn parse_date(text: &str) -> Option<OffsetDateTime> {
    PrimitiveDateTime::parse(text, DATE_FORMAT).ok().map(PrimitiveDateTime::assume_utc)
}
