//! What happens to every request, whatever its path: an id, a span, a deadline, metrics, and the body of its refusal.

use super::caller::Caller;
use super::error::ApiError;
use super::origins::{self, Origins};
use super::source::{restore_host, source_address};
use crate::api::recorder::{Answered, RequestLog};
use crate::telemetry::Seldom;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;
use metrics::{Counter, Histogram};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Instrument;
use uuid::Uuid;

/// The header with the request's id, in and out.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How spans and metrics name what is no operation.
const NO_OPERATION: &str = "none";

/// The address of the peer, put beside each request by the listener.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// The address the request is counted for: [`source_address`].
#[derive(Clone, Copy, Debug)]
pub struct Source(pub IpAddr);

/// The request's id.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Operations by path and method.
#[derive(Debug)]
pub struct Names {
    known: HashMap<String, Vec<(&'static str, Name)>>,
    unknown: Name,
}

/// An operation as spans and metrics name it; the handles save looking the metrics up for each request.
#[derive(Debug)]
struct Name {
    id: &'static str,
    durations: Histogram,
    successes: Counter,
}

impl Name {
    fn new(id: &'static str) -> Self {
        let successes = metrics::counter!("bss_requests_total", "operation" => id, "status" => "200");
        Self { id, durations: metrics::histogram!("bss_request_duration_seconds", "operation" => id), successes }
    }

    fn count(&self, status: StatusCode, latency: Duration) {
        self.durations.record(latency.as_secs_f64());
        if status == StatusCode::OK {
            self.successes.increment(1);
        } else {
            let status = status.as_u16().to_string();
            metrics::counter!("bss_requests_total", "operation" => self.id, "status" => status).increment(1);
        }
    }
}

impl Default for Names {
    fn default() -> Self {
        Self { known: HashMap::new(), unknown: Name::new(NO_OPERATION) }
    }
}

impl Names {
    /// Adds a route.
    pub fn add(&mut self, path: &str, method: &'static str, id: &'static str) {
        self.known.entry(path.to_owned()).or_default().push((method, Name::new(id)));
    }

    /// Whether a request for this path is worth a look: it is of an operation, or misses all of them.
    fn are_asked_for(&self, path: Option<&MatchedPath>) -> bool {
        path.is_none_or(|path| self.known.contains_key(path.as_str()))
    }

    /// Never the raw path: a label per stranger's guess would fill the memory.
    fn of(&self, path: Option<&MatchedPath>, method: &Method) -> &Name {
        let methods = path.and_then(|path| self.known.get(path.as_str()));
        let known = methods.and_then(|methods| methods.iter().find(|(name, _)| *name == method.as_str()));
        known.map_or(&self.unknown, |(_, name)| name)
    }
}

/// What the edge needs to know.
pub struct Edge {
    /// Operation ids.
    pub names: Names,
    /// Peers whose `X-Forwarded-For` and `X-Forwarded-Host` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Pages of which origins may call.
    pub origins: Origins,
    /// The time a request may take, reading its body included.
    pub timeout: Duration,
    /// Where calls are logged for developers: in the sandbox.
    pub requests: Option<Arc<RequestLog>>,
}

/// The outermost layer.
pub async fn pass(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = request_id(request.headers());
    let peer = request.extensions().get::<Peer>().expect("the listener puts the peer beside each request").0;
    let source = source_address(peer, request.headers(), &edge.trusted_proxies);
    restore_host(peer, request.headers_mut(), &edge.trusted_proxies);
    let origin = edge.origins.of(request.headers());
    let preflight = origin.as_ref().and_then(|_| origins::preflight(request.method(), request.headers()));
    let operation = edge.names.of(request.extensions().get::<MatchedPath>(), request.method());
    request.extensions_mut().insert(Source(source));
    request.extensions_mut().insert(RequestId(request_id.clone()));
    let requests = edge.requests.as_ref();
    let requests = requests.filter(|_| edge.names.are_asked_for(request.extensions().get::<MatchedPath>()));
    let recording = requests.map(|requests| requests.begin(&mut request));
    let span = tracing::info_span!("request", request_id, operation = operation.id, %source);
    let response = async {
        let answer = match preflight {
            Some(answer) => Ok(answer),
            None => tokio::time::timeout(edge.timeout, next.run(request)).await,
        };
        let response = answer.unwrap_or_else(|_| ApiError::timed_out().into_response());
        let mut response = finish(response, &request_id);
        if let Some(origin) = origin {
            origins::let_read(response.headers_mut(), origin);
        }
        let latency = started.elapsed();
        operation.count(response.status(), latency);
        (response, latency)
    };
    let (response, latency) = response.instrument(span).await;
    log(&response, &request_id, operation.id, source, latency);
    let Some(recording) = recording else { return response };
    let operation = (operation.id != NO_OPERATION).then_some(operation.id);
    recording.end(Answered { request_id, operation, source, duration: latency }, response).await
}

/// One line a request. It carries the span's fields itself: outside the span they are not written twice, nor looked up.
fn log(response: &Response, request_id: &str, operation: &str, source: IpAddr, latency: Duration) {
    let caller = response.extensions().get::<Option<Arc<Caller>>>().and_then(Option::as_ref);
    tracing::info!(
        request_id,
        operation,
        %source,
        status = response.status().as_u16(),
        latency_us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX),
        account = caller.map(|caller| display(caller.domain)),
        user = caller.map(|caller| display(caller.user)),
        "answered"
    );
}

/// Writes the body of a refusal and puts the request's id on the answer.
fn finish(mut response: Response, request_id: &str) -> Response {
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        log_failure(&error);
        // What the gate found out, the caller for instance, is still to be logged.
        let extensions = std::mem::take(response.extensions_mut());
        response = error.render(request_id);
        *response.extensions_mut() = extensions;
    }
    let value = HeaderValue::from_str(request_id).expect("request ids are checked or our own");
    response.headers_mut().insert(REQUEST_ID, value);
    response
}

/// Once where it failed for a reason of its own; where the database is the reason, which may meet thousands at once, one line a
/// cause and second.
fn log_failure(error: &ApiError) {
    static TOLD: Seldom = Seldom::new();
    let Some(cause) = &error.cause else { return };
    let error_shown = cause.as_ref() as &dyn std::error::Error;
    let Some(trouble) = error.trouble else {
        tracing::error!(error = error_shown, "the request failed");
        return;
    };
    metrics::counter!("bss_database_troubles_total", "cause" => trouble.cause()).increment(1);
    if let Some(left_out) = TOLD.tell(trouble.cause(), Instant::now()) {
        tracing::error!(
            error = error_shown,
            cause = trouble.cause(),
            left_out,
            "the database did not do what was asked"
        );
    }
}

/// The caller's own id where it is sane, so that its logs and ours can be joined; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let is_sane = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    given.filter(is_sane).map_or_else(new_request_id, str::to_owned)
}

/// An id for a request that has none.
pub fn new_request_id() -> String {
    Uuid::new_v4().simple().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(given: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, given.parse().expect("a header value"));
        request_id(&headers)
    }

    #[test]
    fn a_sane_request_id_is_taken_over_and_any_other_replaced() {
        assert_eq!(id_for("order-4711_a.b"), "order-4711_a.b");
        for insane in ["", "two words", "a;b", &"x".repeat(65), "{}"] {
            let id = id_for(insane);
            assert_ne!(id, insane);
            assert_eq!(id.len(), 32);
        }
    }
}
