//! Why a signature is refused, for the developer who made it.
//!
//! A hash tells nothing of what was hashed, but the mistakes that clients make are few ([`super::mistakes`]): each of them is
//! made here too, and the one that gives the client's signature is the client's. Two at once are tried as well. If none fits,
//! the secret key is another, or the request was changed on its way in a manner that cannot be guessed.
//!
//! Needs the key, and is told only to who may know: the sandbox's developers, and whoever has the secret key itself.

use super::algorithm::{Algorithm, Key};
use super::canonical::{self, UNSIGNED_PAYLOAD};
use super::mistakes::{self, Mistake, PARTS, Part};
use super::model::{Refusal, Request, Rules};
use super::verification::Authorization;
use super::verification::{request_date, signs, verify};
use time::{Duration, OffsetDateTime};

/// More mistakes than these, or in a longer canonical request, are not tried in pairs: it would take too long.
const PAIRED_MAX: usize = 150;
const PAIRED_BYTES_MAX: usize = 4096;
/// Local times are off by a multiple of this.
const HALF_HOUR: i64 = 1800;

/// A likely cause of the refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In one word, for tests and scripts.
    pub name: &'static str,
    /// For the developer.
    pub text: String,
}

impl Finding {
    fn new(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, text: text.into() }
    }
}

/// What is wrong with the signature, the likeliest cause alone except that a wrong clock does not hide what else is wrong.
/// Nothing is found where [`verify`] accepts the request.
pub fn diagnose(
    authorization: &Authorization<'_>,
    request: Request<'_>,
    key: &Key,
    rules: Rules,
    now: OffsetDateTime,
    skew: Duration,
) -> Vec<Finding> {
    let Err(refusal) = verify(authorization, request, key, rules, now, skew) else { return Vec::new() };
    let Ok((date, instant)) = request_date(request.headers) else {
        return vec![Finding::new(
            "date_malformed",
            "X-Sdk-Date must be sent once, in UTC and in the form 20260131T235959Z",
        )];
    };
    let finding = match refusal {
        Refusal::Clock { .. } => {
            let mut findings = vec![clock(instant - now)];
            findings.extend(diagnose(authorization, request, key, rules, instant, skew));
            return findings;
        }
        Refusal::HeaderMissing(name) => Finding::new(
            "header_missing",
            format!(
                "the header {name} was signed but did not arrive: sign only what is sent, and let no proxy remove it"
            ),
        ),
        Refusal::CredentialDate => {
            Finding::new("credential_date", "the key must be derived for the day of X-Sdk-Date, which is UTC")
        }
        Refusal::BodyHash { header, .. } => body_hash(authorization.algorithm, header, request),
        Refusal::Mismatch { .. } => mismatch(authorization, request, key, date),
        Refusal::HeaderUnsigned(name) => {
            Finding::new("header_unsigned", format!("the header {name} must be signed and listed in SignedHeaders"))
        }
        Refusal::BodyUnbound => {
            Finding::new("body_unsigned", "UNSIGNED-PAYLOAD is not accepted here: the hash of the body must be signed")
        }
        // What is left is found while the header is parsed, before there is anything to be diagnosed.
        other => Finding::new(other.cause(), other.to_string()),
    };
    vec![finding]
}

/// The findings as they follow a refusal's own text. The Explorer knows them by how they begin.
pub fn in_words(findings: &[Finding]) -> String {
    let texts: Vec<&str> = findings.iter().map(|finding| finding.text.as_str()).collect();
    format!("Likely cause: {}.", texts.join("; and "))
}

fn clock(ahead: Duration) -> Finding {
    let seconds = ahead.whole_seconds();
    let direction = if seconds > 0 { "ahead of" } else { "behind" };
    let mut text = format!("the client's clock is {} seconds {direction} the server's", seconds.abs());
    let off_a_half_hour = (seconds + HALF_HOUR / 2).rem_euclid(HALF_HOUR) - HALF_HOUR / 2;
    if off_a_half_hour.abs() <= 120 {
        text.push_str(", which looks like local time: X-Sdk-Date must be UTC");
    }
    Finding::new("clock", text)
}

/// The header states a hash that is not the body's; of what it is the hash.
fn body_hash(algorithm: Algorithm, header: &str, request: Request<'_>) -> Finding {
    let stated = request.headers.get(header).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    let bodies = mistakes::bodies(request.body).into_iter();
    let mut fitting = bodies.filter(|(_, _, body)| algorithm.hash(body).eq_ignore_ascii_case(stated));
    match fitting.next() {
        Some((name, text, _)) => Finding::new(name, format!("{header} is {text}")),
        None => {
            Finding::new("body_changed", format!("{header} is the hash of another body: hash the bytes that are sent"))
        }
    }
}

/// Everything is in place, but something was signed that is not what arrived.
fn mismatch(authorization: &Authorization<'_>, request: Request<'_>, key: &Key, date: &str) -> Finding {
    let algorithm = authorization.algorithm;
    let signed = as_received(authorization, request, date);
    let is_it = |parts: &[Vec<u8>; PARTS]| {
        let (date, canonical) = parts.split_last().expect("there are several parts");
        let hash = algorithm.hash(&canonical.join(&b'\n'));
        signs(authorization, key, &String::from_utf8_lossy(date), &hash)
    };
    let mistakes = mistakes::all(authorization, request, &signed);
    if let Some(mistake) = mistakes.iter().find(|mistake| is_it(&mistake.made_in(&signed))) {
        return Finding::new(mistake.name, mistake.text.clone());
    }
    let canonical = signed[..PARTS - 1].join(&b'\n');
    if signs(authorization, key, date, &String::from_utf8_lossy(&canonical)) {
        return Finding::new(
            "not_hashed",
            "the string to sign must hold the hash of the canonical request, not its text",
        );
    }
    // On a curve each try takes a hundred times as long.
    let is_quick = matches!(algorithm, Algorithm::HmacSha256 | Algorithm::HmacSm3 | Algorithm::V11);
    if is_quick
        && mistakes.len() <= PAIRED_MAX
        && canonical.len() <= PAIRED_BYTES_MAX
        && let Some((one, other)) = pairs(&mistakes).find(|(one, other)| is_it(&other.made_in(&one.made_in(&signed))))
    {
        return Finding::new(one.name, format!("{}; and {}", one.text, other.text));
    }
    Finding::new(
        "secret_key",
        "none of the usual mistakes gives this signature, so the secret key is another, or a header, the query or the body \
         was changed on its way: compare the canonical request with the client's",
    )
}

/// What the client must have signed, by what arrived.
fn as_received(authorization: &Authorization<'_>, request: Request<'_>, date: &str) -> [Vec<u8>; PARTS] {
    let mut parts: [Vec<u8>; PARTS] = Default::default();
    parts[Part::Method as usize].extend_from_slice(request.method.as_str().as_bytes());
    canonical::push_path(&mut parts[Part::Path as usize], request.path);
    canonical::push_query(&mut parts[Part::Query as usize], request.query);
    for name in &authorization.signed_headers {
        let pushed = canonical::push_header(&mut parts[Part::Headers as usize], name, request.headers);
        debug_assert!(pushed.is_ok(), "a missing header was found before");
    }
    parts[Part::List as usize] = authorization.signed_headers.join(";").into_bytes();
    let stated = request.headers.get(authorization.algorithm.content_header().0);
    parts[Part::Payload as usize] = match stated {
        Some(stated) if stated.as_bytes().trim_ascii() == UNSIGNED_PAYLOAD.as_bytes() => UNSIGNED_PAYLOAD.into(),
        _ => authorization.algorithm.hash(request.body).into_bytes(),
    };
    parts[Part::Date as usize] = date.into();
    parts
}

/// Every two mistakes that can be made together.
fn pairs(mistakes: &[Mistake]) -> impl Iterator<Item = (&Mistake, &Mistake)> {
    mistakes.iter().enumerate().flat_map(|(index, one)| {
        let later = mistakes[index + 1..].iter();
        later.filter(|other| !other.touches_same_part(one)).map(move |other| (one, other))
    })
}
