//! Pages of other origins that may call the API from a browser: CORS, for the origins of `server.allowed_origins` and no others.
//!
//! Calls carry a signature or a token that a page must have been given, and no cookie. So an origin that is let in gains nothing
//! but the right to read answers.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// What a page may read beside the few headers that it may read anyway.
const EXPOSED: &str = "X-Request-Id, X-Subject-Token, Retry-After, RateLimit, RateLimit-Policy, Idempotency-Replayed, \
                       X-Dry-Run, Warning";
/// For how many seconds a browser need not ask again.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origins that are let in.
#[derive(Clone, Debug, Default)]
pub struct Origins(Vec<String>);

impl Origins {
    /// These; `*` is any.
    pub fn new(allowed: &[String]) -> Self {
        Self(allowed.to_vec())
    }

    /// The origin of a page that calls, if it may.
    pub fn of(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN).filter(|_| !self.0.is_empty())?;
        let is_let_in = |allowed: &String| allowed == "*" || origin.as_bytes().eq_ignore_ascii_case(allowed.as_bytes());
        self.0.iter().any(is_let_in).then(|| origin.clone())
    }
}

/// The answer to a browser that asks whether its page may send a request, if it does.
pub fn preflight(method: &Method, headers: &HeaderMap) -> Option<Response> {
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD).filter(|_| method == Method::OPTIONS)?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    let answer = response.headers_mut();
    answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, asked.clone());
    if let Some(names) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    Some(response)
}

/// Lets the page read an answer.
pub fn let_read(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    headers.append(header::VARY, HeaderName::from_static("origin").into());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(origin: &'static str) -> HeaderMap {
        [(header::ORIGIN, HeaderValue::from_static(origin))].into_iter().collect()
    }

    #[test]
    fn an_origin_is_let_in_whole_or_not_at_all() {
        let origins = Origins::new(&["https://portal.example.com".to_owned()]);
        assert!(origins.of(&headers("https://PORTAL.example.com")).is_some());
        for other in ["https://portal.example.com.evil.test", "http://portal.example.com", "null", "*", ""] {
            assert_eq!(origins.of(&headers(other)), None, "{other}");
        }
        assert_eq!(origins.of(&HeaderMap::new()), None);
        assert_eq!(Origins::default().of(&headers("https://portal.example.com")), None);
        assert!(Origins::new(&["*".to_owned()]).of(&headers("https://any.test")).is_some());
    }
}
