//! The request log of the sandbox: the last calls that the API answered, in memory, for developers to look at.
//!
//! The edge begins an [`Entry`] ([`RequestLog::begin`]) and ends it; what only the gate knows it notes in the request's
//! [`Trace`]. Shown is what [`mask`] leaves. The request itself is kept for a replay alone, and shown nowhere.

pub mod json;
pub mod mask;

use crate::api::caller::Caller;
use crate::api::faults::{Dropped, FaultKind};
use crate::api::quota::{Checked, Dimension};
use crate::clock::Clock;
use crate::signature::{self, Algorithm};
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use http_body_util::BodyExt;
use mask::{BODY_BYTES_MAX, MaskedBody, Masker};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;

/// A call and its answer.
pub struct Entry {
    /// Counts up from 1.
    pub number: u64,
    /// When it was answered, by the system's time.
    pub at: OffsetDateTime,
    /// The request's id.
    pub request_id: String,
    /// The operation, if there is one at this path.
    pub operation: Option<&'static str>,
    /// Where it came from.
    pub source: IpAddr,
    /// Who called, if that could be told.
    pub caller: Option<Arc<Caller>>,
    /// The access key that it named, known or not; `token` for a known token.
    pub credential: Option<String>,
    /// The method.
    pub method: Method,
    /// The path, masked.
    pub path: String,
    /// The query, masked.
    pub query: String,
    /// The request's headers, masked.
    pub headers: HeaderMap,
    /// The request's body, masked, if it was read.
    pub body: Option<MaskedBody>,
    /// What the server takes for signed, masked.
    pub canonical_request: Option<String>,
    /// How long it took.
    pub duration: Duration,
    /// The quotas it was counted for, and what was left of each.
    pub quotas: Vec<(Dimension, Checked)>,
    /// The fault it met.
    pub fault: Option<FaultKind>,
    /// The answer's status; none where the connection was closed instead.
    pub status: Option<StatusCode>,
    /// The code in the answer's body, if it is a refusal.
    pub error_code: Option<String>,
    /// The answer's headers, masked.
    pub answer_headers: HeaderMap,
    /// The answer's body, masked.
    pub answer_body: Option<MaskedBody>,
    /// The call that this one repeats.
    pub replay_of: Option<u64>,
    /// The request itself, for a replay.
    pub sent: Sent,
}

/// A request as it came. Holds secrets: nothing of it is printed.
pub struct Sent {
    /// Where it went.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// `None` if it was too long or not read to its end.
    pub body: Option<Bytes>,
}

/// Which entries.
#[derive(Debug, Default)]
pub struct Filter {
    /// Of this account, by name.
    pub account: Option<String>,
    /// Of this operation.
    pub operation: Option<String>,
    /// Answered with this status.
    pub status: Option<u16>,
    /// Refused with this code.
    pub error_code: Option<String>,
    /// With this id.
    pub request_id: Option<String>,
}

impl Filter {
    fn admits(&self, entry: &Entry) -> bool {
        let account = entry.caller.as_ref().map(|caller| caller.domain_name.as_str());
        let status = entry.status.map(|status| status.as_u16());
        (self.account.is_none() || self.account.as_deref() == account)
            && (self.operation.is_none() || self.operation.as_deref() == entry.operation)
            && (self.status.is_none() || self.status == status)
            && (self.error_code.is_none() || self.error_code == entry.error_code)
            && self.request_id.as_ref().is_none_or(|id| *id == entry.request_id)
    }
}

/// The log of this process.
pub struct RequestLog {
    length: usize,
    clock: Clock,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    last: u64,
    entries: VecDeque<Arc<Entry>>,
}

impl RequestLog {
    /// An empty log of at most `length` entries.
    pub fn new(length: usize, clock: Clock) -> Self {
        Self { length, clock, kept: Mutex::default() }
    }

    /// No holder can leave it half-changed, so one that panicked does no harm.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to `limit` entries, the newest first; with `before`, those older than that one.
    pub fn list(&self, filter: &Filter, before: Option<u64>, limit: usize) -> Vec<Arc<Entry>> {
        let kept = self.lock();
        let older = kept.entries.iter().rev().filter(|entry| before.is_none_or(|number| entry.number < number));
        older.filter(|entry| filter.admits(entry)).take(limit).cloned().collect()
    }

    /// The entry of this number, while it is kept.
    pub fn find(&self, number: u64) -> Option<Arc<Entry>> {
        let kept = self.lock();
        let found = kept.entries.binary_search_by_key(&number, |entry| entry.number).ok()?;
        Some(kept.entries[found].clone())
    }

    /// Forgets all entries.
    pub fn clear(&self) {
        self.lock().entries.clear();
    }

    /// Begins the entry of a request that is about to be handled.
    pub fn begin(self: &Arc<Self>, request: &mut Request) -> Recording {
        let trace = Trace(Some(Arc::default()));
        request.extensions_mut().insert(trace.clone());
        Recording {
            log: self.clone(),
            trace,
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
            replay_of: request.extensions().get::<ReplayOf>().map(|of| of.0),
        }
    }

    /// Keeps an entry, and forgets the oldest if there are too many.
    fn keep(&self, numbered: impl FnOnce(u64) -> Entry) -> Arc<Entry> {
        let mut kept = self.lock();
        kept.last += 1;
        let entry = Arc::new(numbered(kept.last));
        kept.entries.push_back(entry.clone());
        while kept.entries.len() > self.length {
            kept.entries.pop_front();
        }
        entry
    }
}

/// On a request: the call that it repeats.
#[derive(Clone, Copy)]
pub struct ReplayOf(pub u64);

/// On a response: its entry.
#[derive(Clone)]
pub struct Logged(pub Arc<Entry>);

/// On a response: its body is a file, which may be longer than memory, and is not kept.
#[derive(Clone, Copy)]
pub struct File;

/// What the edge knows when a request is answered.
pub struct Answered {
    /// The request's id.
    pub request_id: String,
    /// The operation.
    pub operation: Option<&'static str>,
    /// Where it came from.
    pub source: IpAddr,
    /// How long it took.
    pub duration: Duration,
}

/// An entry that is not yet answered.
pub struct Recording {
    log: Arc<RequestLog>,
    trace: Trace,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    replay_of: Option<u64>,
}

impl Recording {
    /// Ends it with its answer, which is given back.
    pub async fn end(self, answered: Answered, response: Response) -> Response {
        let (parts, body) = response.into_parts();
        let is_file = parts.extensions.get::<File>().is_some();
        // Bodies of the API are whole already, but for files: these pass by.
        let (answer, file) = if is_file {
            (Bytes::new(), Some(body))
        } else {
            (body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default(), None)
        };
        let noted = self.trace.take();
        let mut masker = Masker::default();
        let headers = masker.headers(&self.headers);
        let query = masker.query(self.uri.query().unwrap_or_default());
        let is_whole = noted.body.as_ref().is_some_and(|body| body.len() <= BODY_BYTES_MAX);
        let read = noted.body.unwrap_or_default();
        let body = masker.body(&read);
        let path = masker.path(self.uri.path());
        let access_key =
            signature::parse(&self.headers, &Algorithm::ALL).ok().map(|signed| signed.access_key.to_owned());
        let status = parts.extensions.get::<Dropped>().is_none().then_some(parts.status);
        masker.answer();
        let (answer_headers, answer_body) = (masker.headers(&parts.headers), masker.body(&answer));
        let canonical_request = self.canonical_request(&headers, (&path, &query), &read);
        let is_refused = !parts.status.is_success() && status.is_some();
        let at = self.log.clock.now();
        let entry = self.log.keep(|number| Entry {
            number,
            at,
            request_id: answered.request_id,
            operation: answered.operation,
            source: answered.source,
            credential: noted.caller.as_ref().map(|caller| caller.credential.clone()).or(access_key),
            caller: noted.caller,
            method: self.method,
            path,
            query,
            headers,
            body,
            canonical_request,
            duration: answered.duration,
            quotas: noted.quotas,
            fault: noted.fault,
            status,
            error_code: if is_refused { error_code(&answer) } else { None },
            answer_headers,
            answer_body: answer_body.filter(|_| status.is_some()),
            replay_of: self.replay_of,
            sent: Sent { uri: self.uri, headers: self.headers, body: is_whole.then_some(read) },
        });
        let mut response = Response::from_parts(parts, file.unwrap_or_else(|| Body::from(answer)));
        response.extensions_mut().insert(Logged(entry));
        response
    }

    /// Made of what may be shown. What was signed differs from it where it says `***`.
    fn canonical_request(&self, headers: &HeaderMap, (path, query): (&str, &str), body: &[u8]) -> Option<String> {
        let authorization = signature::parse(&self.headers, &Algorithm::ALL).ok()?;
        let request = signature::Request { method: &self.method, path, query, headers, body };
        signature::canonical_request(&authorization, request).ok()
    }
}

fn error_code(answer: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Refusal {
        error_code: String,
    }
    serde_json::from_slice::<Refusal>(answer).ok().map(|refusal| refusal.error_code)
}

/// Where the gate notes what it finds out about a request, if the request is logged at all.
#[derive(Clone, Default)]
pub struct Trace(Option<Arc<Mutex<Noted>>>);

/// What the gate found out.
#[derive(Default)]
struct Noted {
    caller: Option<Arc<Caller>>,
    quotas: Vec<(Dimension, Checked)>,
    fault: Option<FaultKind>,
    body: Option<Bytes>,
}

impl Trace {
    /// The trace of a request.
    pub fn of(request: &Request) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_default()
    }

    fn note(&self, what: impl FnOnce(&mut Noted)) {
        if let Some(noted) = &self.0 {
            what(&mut noted.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// This is its body, which the log shares: a copy would take memory that nobody counts.
    pub fn read(&self, body: &Bytes) {
        self.note(|noted| noted.body = Some(body.clone()));
    }

    /// It was counted.
    pub fn counted(&self, dimension: Dimension, checked: Checked) {
        self.note(|noted| noted.quotas.push((dimension, checked)));
    }

    /// Who calls.
    pub fn called_by(&self, caller: &Arc<Caller>) {
        self.note(|noted| noted.caller = Some(caller.clone()));
    }

    /// It meets a fault.
    pub fn meets(&self, fault: FaultKind) {
        self.note(|noted| noted.fault = Some(fault));
    }

    fn take(&self) -> Noted {
        let mut taken = Noted::default();
        self.note(|noted| taken = std::mem::take(noted));
        taken
    }
}
