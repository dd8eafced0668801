//! The canonical request: the text whose hash is signed.

use super::algorithm::Algorithm;
use super::model::{Refusal, Request, Rules};
use axum::http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use std::borrow::Cow;

pub(super) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// All but the unreserved characters of RFC 3986 are encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What may stand on the canonical request's last line. Of an empty body with a hash header the SDKs disagree whether it is
/// the header's value or the hash of nothing, so both are tried; the last one is shown in a refusal.
pub(super) fn payload_hashes(
    algorithm: Algorithm,
    request: Request<'_>,
    rules: Rules,
) -> Result<Vec<Cow<'_, str>>, Refusal> {
    let (header, hash) = algorithm.content_header();
    let wrong = Refusal::BodyHash { header, hash };
    let mut values = request.headers.get_all(header).iter();
    let body_hash = || match request.body {
        [] => Cow::Borrowed(algorithm.empty_hash()),
        body => Cow::Owned(algorithm.hash(body)),
    };
    let stated = match (values.next(), values.next()) {
        (None, _) => return Ok(vec![body_hash()]),
        (Some(value), None) => value.to_str().map_err(|_| wrong.clone())?.trim(),
        (Some(_), Some(_)) => return Err(wrong),
    };
    if stated == UNSIGNED_PAYLOAD {
        if rules.require_bound_body && !request.body.is_empty() {
            return Err(Refusal::BodyUnbound);
        }
    } else if !stated.eq_ignore_ascii_case(&body_hash()) {
        return Err(wrong);
    }
    let mut hashes = vec![Cow::Borrowed(stated)];
    if request.body.is_empty() && stated != algorithm.empty_hash() {
        hashes.push(Cow::Borrowed(algorithm.empty_hash()));
    }
    Ok(hashes)
}

/// The canonical request up to the payload hash.
pub(super) fn head(signed_headers: &[Cow<'_, str>], request: Request<'_>) -> Result<Vec<u8>, Refusal> {
    let mut text = Vec::with_capacity(512);
    text.extend_from_slice(request.method.as_str().as_bytes());
    text.push(b'\n');
    push_path(&mut text, request.path);
    text.push(b'\n');
    push_query(&mut text, request.query);
    text.push(b'\n');
    for name in signed_headers {
        push_header(&mut text, name, request.headers)?;
    }
    text.push(b'\n');
    for (index, name) in signed_headers.iter().enumerate() {
        if index > 0 {
            text.push(b';');
        }
        text.extend_from_slice(name.as_bytes());
    }
    text.push(b'\n');
    Ok(text)
}

/// Decoded as a whole and each segment encoded again, so that `%2F` counts as a slash, as in the SDKs; a slash at the end.
pub(super) fn push_path(text: &mut Vec<u8>, path: &str) {
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
pub(super) fn push_query(text: &mut Vec<u8>, query: &str) {
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
pub(super) fn push_header(text: &mut Vec<u8>, name: &str, headers: &HeaderMap) -> Result<(), Refusal> {
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

pub(super) fn push_encoded(text: &mut Vec<u8>, bytes: &[u8]) {
    for part in percent_encode(bytes, ENCODED) {
        text.extend_from_slice(part.as_bytes());
    }
}
