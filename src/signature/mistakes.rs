//! The mistakes that clients make when they sign, each as what it puts in place of what should have been signed.

use super::canonical::{UNSIGNED_PAYLOAD, push_encoded, push_header};
use super::model::Request;
use super::verification::Authorization;
use super::verification::{DATE_FORMAT, parse_date};
use axum::http::{HeaderMap, Method, header};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use time::Duration;

/// Where requests go that are meant for the vendor.
const VENDORS_HOSTS: [&str; 3] = ["bss.myhuaweicloud.com", "bss-intl.myhuaweicloud.com", "bss.myhuaweicloud.eu"];
/// So many segments at the beginning of a path may be a proxy's.
const PREFIXES_MAX: usize = 4;
/// A longer body is not put into the canonical request.
const BODY_MAX: usize = 4096;
/// What HTTP libraries add to a content type.
const CHARSETS: [&str; 6] =
    ["", ";charset=utf8", ";charset=utf-8", "; charset=utf-8", ";charset=UTF-8", "; charset=UTF-8"];

/// How many [`Part`]s there are.
pub(super) const PARTS: usize = 7;

/// A part of what is signed. All but the last are the canonical request's, in its order; the lines of the headers end with
/// their line feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Method,
    Path,
    Query,
    Headers,
    List,
    Payload,
    Date,
}

/// A mistake: what a client that makes it signs instead.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) name: &'static str,
    pub(super) text: String,
    instead: Vec<(Part, Vec<u8>)>,
}

impl Mistake {
    fn new(name: &'static str, text: impl Into<String>, part: Part, instead: impl Into<Vec<u8>>) -> Self {
        Self { name, text: text.into(), instead: vec![(part, instead.into())] }
    }

    /// What is signed by a client that makes it.
    pub(super) fn made_in(&self, signed: &[Vec<u8>; PARTS]) -> [Vec<u8>; PARTS] {
        let mut signed = signed.clone();
        for (part, instead) in &self.instead {
            signed[*part as usize].clone_from(instead);
        }
        signed
    }

    pub(super) fn touches_same_part(&self, other: &Self) -> bool {
        self.instead.iter().any(|(part, _)| other.instead.iter().any(|(other, _)| other == part))
    }
}

/// Every mistake that changes what is signed, the commonest of each part first.
pub(super) fn all(authorization: &Authorization<'_>, request: Request<'_>, signed: &[Vec<u8>; PARTS]) -> Vec<Mistake> {
    let mut mistakes = paths(request, &signed[Part::Path as usize]);
    mistakes.extend(queries(request.query));
    mistakes.extend(payloads(authorization, request, &signed[Part::Payload as usize]));
    for name in &authorization.signed_headers {
        mistakes.extend(header_values(name, request.headers, &signed[Part::Headers as usize]));
    }
    mistakes.extend(header_layouts(authorization, request.headers, &signed[Part::Headers as usize]));
    mistakes.extend(methods(request.method));
    mistakes.extend(dates(&signed[Part::Date as usize]));
    mistakes.retain(|mistake| mistake.instead.iter().any(|(part, instead)| signed[*part as usize] != *instead));
    mistakes
}

fn paths(request: Request<'_>, canonical: &[u8]) -> Vec<Mistake> {
    let canonical = String::from_utf8_lossy(canonical);
    let twice = request.path.split('/').map(encoded).collect::<Vec<_>>().join("/");
    let mut collapsed = canonical.clone().into_owned();
    while collapsed.contains("//") {
        collapsed = collapsed.replace("//", "/");
    }
    let decoded: Vec<u8> = percent_decode_str(request.path).collect();
    let mut forms: Vec<(&str, String, Vec<u8>)> = vec![
        ("path_slash", "the path was signed".to_owned(), canonical.as_bytes().to_vec()),
        ("path_encoding", "the path was signed without percent-encoding it".to_owned(), decoded),
        ("path_encoding", "the path was percent-encoded twice".to_owned(), twice.into_bytes()),
        (
            "path_encoding",
            "the escapes in the path were signed in lower case".to_owned(),
            lower_escapes(&canonical).into(),
        ),
        ("path_slash", "several slashes in a row were signed as one".to_owned(), collapsed.into_bytes()),
    ];
    // A proxy that serves this API below a path of its own must take that path away again, or the client sign it.
    for (start, _) in canonical.match_indices('/').filter(|(start, _)| *start > 0).take(PREFIXES_MAX) {
        let (prefix, rest) = canonical.split_at(start);
        let text = format!("the path was signed without {prefix}, which a proxy may have added");
        forms.push(("path_prefix", text, rest.as_bytes().to_vec()));
    }
    if let Some(prefix) = request.headers.get("x-forwarded-prefix") {
        let text = "the path was signed with the prefix that X-Forwarded-Prefix names".to_owned();
        let prefix = prefix.as_bytes().strip_suffix(b"/").unwrap_or(prefix.as_bytes());
        forms.push(("path_prefix", text, [prefix, canonical.as_bytes()].concat()));
    }
    let mut mistakes = Vec::new();
    for (name, text, path) in forms {
        let bare = path.strip_suffix(b"/").unwrap_or(&path);
        mistakes.push(Mistake::new(name, text.clone(), Part::Path, [bare, b"/"].concat()));
        mistakes.push(Mistake::new(name, format!("{text} without the slash at its end"), Part::Path, bare));
    }
    for slash in ["", "/"].iter().filter(|_| !request.query.is_empty()) {
        let path = format!("{}?{}{slash}", request.path, request.query);
        let text = "the query was signed as part of the path: it has a line of its own".to_owned();
        let instead = vec![(Part::Path, path.into_bytes()), (Part::Query, Vec::new())];
        mistakes.push(Mistake { name: "query_in_path", text, instead });
    }
    mistakes
}

fn queries(query: &str) -> Vec<Mistake> {
    let sent: Pairs<'_> = form_urlencoded::parse(query.as_bytes()).collect();
    let mut sorted = sent.clone();
    sorted.sort_unstable();
    let right = join(&sorted, encoded);
    let mut as_texts: Vec<&str> = right.split('&').collect();
    as_texts.sort_unstable();
    let script = |text: &str| {
        let pairs = [("%21", "!"), ("%27", "'"), ("%28", "("), ("%29", ")"), ("%2A", "*")];
        pairs.iter().fold(encoded(text), |text, (escape, plain)| text.replace(escape, plain))
    };
    let bare: Vec<&str> = right.split('&').map(|pair| pair.strip_suffix('=').unwrap_or(pair)).collect();
    let mistake = |name, text: &str, instead: String| Mistake::new(name, text, Part::Query, instead);
    vec![
        mistake("query_order", "the pairs of the query were signed unsorted: sort them by name", join(&sent, encoded)),
        mistake("query_order", "the pairs of the query were sorted as texts: sort them by name", as_texts.join("&")),
        mistake("query_encoding", "the query was signed without percent-encoding it", join(&sorted, str::to_owned)),
        mistake("query_encoding", "a space in the query was signed as +: it is %20", right.replace("%20", "+")),
        mistake("query_encoding", "!'()* in the query were signed as they are: encode them", join(&sorted, script)),
        mistake("query_encoding", "~ in the query was percent-encoded: it stays as it is", right.replace('~', "%7E")),
        mistake("query_encoding", "the escapes in the query were signed in lower case", lower_escapes(&right)),
        mistake("query_encoding", "the query was percent-encoded twice", join(&sorted, |text| encoded(&encoded(text)))),
        mistake("query_equals", "an empty value was signed without its equals sign", bare.join("&")),
        mistake("query_order", "the query was signed as it was sent: sort and encode its pairs", query.to_owned()),
        mistake("query_left_out", "the query was not signed", String::new()),
    ]
}

type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

fn join(pairs: &Pairs<'_>, write: impl Fn(&str) -> String) -> String {
    pairs.iter().map(|(name, value)| format!("{}={}", write(name), write(value))).collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    let mut bytes = Vec::new();
    push_encoded(&mut bytes, text.as_bytes());
    String::from_utf8(bytes).expect("what is percent-encoded is ASCII")
}

/// Bodies that a client may have hashed in place of the one that arrived: a name, "the hash of …", the body.
pub(super) fn bodies(body: &[u8]) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    vec![
        ("body_empty", "the hash of an empty body, which is not what arrived", Vec::new()),
        ("body_braces", "the hash of `{}`, which is not what arrived", b"{}".into()),
        ("body_braces", "the hash of `null`, which is not what arrived", b"null".into()),
        ("body_whitespace", "the hash of the body without the white space around it", body.trim_ascii().into()),
        ("body_whitespace", "the hash of the body with a line feed at its end", [body, b"\n"].concat()),
        ("body_whitespace", "the hash of the body with other line ends", other_line_ends(body)),
        ("body_json", "the hash of the same JSON without spaces: hash what is sent", respaced(body, b"")),
        ("body_json", "the hash of the same JSON with spaces: hash what is sent", respaced(body, b" ")),
    ]
}

fn other_line_ends(body: &[u8]) -> Vec<u8> {
    if body.contains(&b'\r') {
        return body.iter().copied().filter(|byte| *byte != b'\r').collect();
    }
    body.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..])
}

/// The same JSON on one line, with `space` after each comma and colon.
fn respaced(body: &[u8], space: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(body.len());
    let (mut in_text, mut escaped) = (false, false);
    for byte in body {
        if in_text || !byte.is_ascii_whitespace() {
            written.push(*byte);
        }
        if !in_text && matches!(byte, b',' | b':') {
            written.extend_from_slice(space);
        }
        in_text ^= *byte == b'"' && !escaped;
        escaped = in_text && *byte == b'\\' && !escaped;
    }
    written
}

fn payloads(authorization: &Authorization<'_>, request: Request<'_>, right: &[u8]) -> Vec<Mistake> {
    let algorithm = authorization.algorithm;
    let (header, _) = algorithm.content_header();
    let mut mistakes: Vec<Mistake> = bodies(request.body)
        .into_iter()
        .map(|(name, text, body)| {
            Mistake::new(name, format!("signed was {text}"), Part::Payload, algorithm.hash(&body))
        })
        .collect();
    let text = format!("UNSIGNED-PAYLOAD was signed, but {header} does not say so");
    mistakes.push(Mistake::new("body_unsigned", text, Part::Payload, UNSIGNED_PAYLOAD));
    let text = format!("{header} says UNSIGNED-PAYLOAD, but the hash of the body was signed");
    mistakes.push(Mistake::new("body_unsigned", text, Part::Payload, algorithm.hash(request.body)));
    let text = "the hash of the body was signed in upper case";
    mistakes.push(Mistake::new("body_hash_case", text, Part::Payload, right.to_ascii_uppercase()));
    if request.body.len() <= BODY_MAX {
        let text = "the body itself was signed in place of its hash";
        mistakes.push(Mistake::new("body_not_hashed", text, Part::Payload, request.body));
    }
    mistakes
}

/// What one header may have been signed as.
fn header_values(name: &str, headers: &HeaderMap, lines: &[u8]) -> Vec<Mistake> {
    let mut arrived = Vec::new();
    if push_header(&mut arrived, name, headers).is_err() {
        return Vec::new();
    }
    let mut mistakes: Vec<Mistake> = other_values(name, headers)
        .into_iter()
        .filter_map(|other| {
            let instead = replace_line(lines, &arrived, format!("{name}:{other}\n").as_bytes())?;
            let text = format!("the header {name} was signed with the value `{other}`, but arrived with another");
            Some(Mistake::new("header_changed", text, Part::Headers, instead))
        })
        .collect();
    let text = format!("the header {name} is among SignedHeaders, but its line was not signed");
    let without = replace_line(lines, &arrived, b"");
    mistakes.extend(without.map(|lines| Mistake::new("header_left_out", text, Part::Headers, lines)));
    mistakes
}

/// Values that proxies and HTTP libraries make of each other.
fn other_values(name: &str, headers: &HeaderMap) -> Vec<String> {
    let values: Vec<Cow<'_, str>> =
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes().trim_ascii())).collect();
    let value = values.first().map(AsRef::as_ref).unwrap_or_default();
    let mut others = vec![
        String::new(),
        value.to_lowercase(),
        value.split_whitespace().collect::<Vec<_>>().join(" "),
        values.join(","),
        values.join(", "),
    ];
    match name {
        "host" => {
            let (host, port) = value.split_once(':').unwrap_or((value, ""));
            others.extend(["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{host}:{port}")));
            others.extend([host.to_owned(), format!("{host}:80"), format!("{host}:443")]);
            others.extend(VENDORS_HOSTS.map(str::to_owned));
            let forwarded = headers.get("x-forwarded-host").and_then(|host| host.to_str().ok());
            others.extend(forwarded.map(str::to_owned));
        }
        "content-type" => {
            let kind = value.split(';').next().unwrap_or_default();
            for kind in [kind, "application/json"] {
                others.extend(CHARSETS.map(|charset| format!("{kind}{charset}")));
            }
            others.extend(["text/plain", "application/x-www-form-urlencoded"].map(str::to_owned));
        }
        "content-length" => others.push("0".to_owned()),
        _ => {}
    }
    others
}

/// The right headers, written otherwise.
fn header_layouts(authorization: &Authorization<'_>, headers: &HeaderMap, lines: &[u8]) -> Vec<Mistake> {
    let split: Vec<&[u8]> = lines.split_inclusive(|byte| *byte == b'\n').collect();
    let spaced = split.iter().flat_map(|line| {
        let value = line.iter().position(|byte| *byte == b':').map_or(0, |colon| colon + 1);
        [&line[..value], b" ", &line[value..]].concat()
    });
    let mut sorted = split.clone();
    sorted.sort_unstable();
    let mut names: Vec<&str> = authorization.signed_headers.iter().map(AsRef::as_ref).collect();
    names.sort_unstable();
    // As the client wrote them, before they were read in lower case.
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let listed = sent.split_once("SignedHeaders=").and_then(|(_, rest)| rest.split(',').next()).unwrap_or_default();
    let mut capitals = lines.to_vec();
    for name in listed.split(';') {
        let changed =
            replace_line(&capitals, format!("{}:", name.to_lowercase()).as_bytes(), format!("{name}:").as_bytes());
        capitals = changed.unwrap_or(capitals);
    }
    let layout = |text: &str, lines: Vec<u8>| Mistake::new("header_layout", text, Part::Headers, lines);
    let mut mistakes = vec![
        layout("no empty line was signed after the headers", lines.strip_suffix(b"\n").unwrap_or(lines).to_vec()),
        layout("a space was signed after the colon of each header", spaced.collect()),
    ];
    for (name, text, lines, list) in [
        ("header_order", "the headers were not signed in the order of SignedHeaders", sorted.concat(), names.join(";")),
        ("header_case", "the names of the headers were signed with capitals", capitals, listed.to_owned()),
    ] {
        let (lines, list) = ((Part::Headers, lines), (Part::List, list.into_bytes()));
        for instead in [vec![lines.clone()], vec![list.clone()], vec![lines, list]] {
            mistakes.push(Mistake { name, text: text.to_owned(), instead });
        }
    }
    mistakes
}

fn methods(method: &Method) -> Vec<Mistake> {
    let arrived = method.as_str();
    let lower = Mistake::new("method", "the method was signed in lower case", Part::Method, arrived.to_lowercase());
    let others = ["GET", "POST", "PUT", "DELETE", "HEAD"]
        .map(|other| Mistake::new("method", format!("{other} was signed, but {arrived} arrived"), Part::Method, other));
    std::iter::once(lower).chain(others).collect()
}

/// A client that looks at its clock twice may sign another second than it sends.
fn dates(date: &[u8]) -> Vec<Mistake> {
    let sent = std::str::from_utf8(date).ok().and_then(parse_date);
    let others = [1, -1, 2, -2].map(|seconds| {
        // There is none beyond the ends of the calendar.
        sent?.checked_add(Duration::seconds(seconds))?.format(DATE_FORMAT).ok()
    });
    let text = "another time was signed than X-Sdk-Date says: look at the clock once";
    others.into_iter().flatten().map(|other| Mistake::new("date", text, Part::Date, other)).collect()
}

fn lower_escapes(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        format!("{text}%{}{rest}", digits.to_lowercase())
    })
}

/// `text` with `new` in place of `old`, which stands at the beginning of a line.
fn replace_line(text: &[u8], old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let starts = (0..text.len()).filter(|start| *start == 0 || text[start - 1] == b'\n');
    let start = starts.into_iter().find(|start| text[*start..].starts_with(old))?;
    Some([&text[..start], new, &text[start + old.len()..]].concat())
}
