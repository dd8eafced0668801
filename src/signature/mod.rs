//! Request signatures, with the five algorithms of the vendor's SDKs.
//!
//! The client names the headers it signed, builds a canonical text of the request (`canonical`), and signs that text's
//! hash with its secret (`algorithm`). The vendor's SDKs differ in what they sign: from every header down to `x-sdk-date`
//! alone, one leaves out `host`, one never binds the body. All of them work against the vendor, so all of them work here;
//! [`Rules`] makes it stricter.
//!
//! [`parse`] reads the header, [`verify`] decides, [`diagnose`] finds out for a developer what a client did otherwise. All
//! are pure: no clock, no database, and nothing of the body is interpreted before its signature stands.

mod algorithm;
mod canonical;
mod diagnosis;
mod mistakes;

pub use algorithm::{Algorithm, Key};
pub use diagnosis::{Finding, diagnose, in_words};

use algorithm::Proof;
use axum::http::{HeaderMap, Method, header};
use std::borrow::Cow;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime, UtcOffset};

const DATE: &str = "x-sdk-date";
const DATE_FORMAT: StaticFormatDescription = format_description!("[year][month][day]T[hour][minute][second]Z");
/// How many headers a client may list: the SDKs list at most ten.
const SIGNED_HEADERS_MAX: usize = 64;

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
    /// This deployment does not accept the algorithm.
    #[error("verify aksk signature fail, the algorithm {0} is not accepted here")]
    Algorithm(&'static str),
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
    /// The key was derived for another day than the request's.
    #[error("verify aksk signature fail, the date in Credential is not the day of X-Sdk-Date")]
    CredentialDate,
    /// The body hash header is no hash of this body.
    #[error("verify aksk signature fail, {header} is not the {hash} of the body")]
    BodyHash {
        /// The header.
        header: &'static str,
        /// What it should hold.
        hash: &'static str,
    },
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
            Self::Algorithm(_) => "algorithm",
            Self::HeaderMissing(_) => "header_missing",
            Self::HeaderUnsigned(_) => "header_unsigned",
            Self::DateMalformed => "date_malformed",
            Self::Clock { .. } => "clock",
            Self::CredentialDate => "credential_date",
            Self::BodyHash { .. } => "body_hash",
            Self::BodyUnbound => "body_unbound",
            Self::Mismatch { .. } => "mismatch",
        }
    }
}

/// The parts of the `Authorization` header.
#[derive(Debug)]
pub struct Authorization<'a> {
    /// How it is signed.
    pub algorithm: Algorithm,
    /// Which key signed.
    pub access_key: &'a str,
    signed_headers: Vec<Cow<'a, str>>,
    proof: Proof<'a>,
}

/// Whether the request carries a signature at all.
pub fn is_signed(headers: &HeaderMap) -> bool {
    headers.get(header::AUTHORIZATION).is_some_and(|value| {
        let value = value.as_bytes();
        Algorithm::ALL.iter().any(|algorithm| value.starts_with(algorithm.name().as_bytes()))
    })
}

/// Reads `<algorithm> Access=<key>, SignedHeaders=<names>, Signature=<hex>`, where the algorithm must be one of `accepted`.
/// `V11-HMAC-SHA256` has `Credential=<key>/<YYYYMMDD>/<region>/<service>` in place of `Access`.
pub fn parse<'a>(headers: &'a HeaderMap, accepted: &[Algorithm]) -> Result<Authorization<'a>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Refusal::Malformed("it must be given once"));
    };
    let text = value.to_str().map_err(|_| Refusal::Malformed("it must be ASCII"))?;
    let (name, parameters) = text.split_once(' ').ok_or(Refusal::Malformed("it has no parameters"))?;
    let algorithm = Algorithm::from_name(name).ok_or(Refusal::Malformed("the algorithm is unknown"))?;
    if !accepted.contains(&algorithm) {
        return Err(Refusal::Algorithm(algorithm.name()));
    }
    let key_parameter = if algorithm == Algorithm::V11 { "Credential" } else { "Access" };
    let (mut access_key, mut names, mut signature) = (None, None, None);
    for parameter in parameters.split(',') {
        let (name, value) = parameter.trim().split_once('=').ok_or(Refusal::Malformed("a parameter has no value"))?;
        let slot = match name {
            name if name == key_parameter => &mut access_key,
            "SignedHeaders" => &mut names,
            "Signature" => &mut signature,
            _ => return Err(Refusal::Malformed("a parameter is unknown")),
        };
        if slot.replace(value).is_some() {
            return Err(Refusal::Malformed("a parameter is repeated"));
        }
    }
    let (Some(access_key), Some(names), Some(digits)) = (access_key, names, signature) else {
        return Err(Refusal::Malformed("Access (or Credential), SignedHeaders and Signature are required"));
    };
    let (access_key, scope) = match algorithm {
        Algorithm::V11 => access_key.split_once('/').unwrap_or((access_key, "")),
        _ => (access_key, ""),
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
fn signs(authorization: &Authorization<'_>, key: &Key, date: &str, hash: &str) -> bool {
    let (scope, scope_end) = authorization.proof.scope().map_or(("", ""), |scope| (scope, "\n"));
    let string_to_sign = [authorization.algorithm.name(), "\n", date, "\n", scope, scope_end, hash];
    key.verifies(&authorization.proof, &string_to_sign)
}

fn request_date(headers: &HeaderMap) -> Result<(&str, OffsetDateTime), Refusal> {
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
