//! A connection under watch: deadlines in both directions, refusals of the HTTP parser in our form, and an end that lets the
//! client read what it was told.

use super::place::Place;
use crate::api::edge::new_request_id;
use crate::api::error::ApiError;
use axum::http::StatusCode;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, timeout};

/// How long and how much is read at the end from a client that is still sending, so that it reads the answer first.
const LINGER: Duration = Duration::from_secs(10);
const LINGER_MAX: u64 = 64 * 1024 * 1024;
/// How an HTTP/2 connection begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0";

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a request's head.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// To read a part of an answer.
    pub write: Duration,
}

/// What the parts of a connection tell each other.
#[derive(Debug, Default)]
pub struct Shared {
    begun: AtomicUsize,
    running: AtomicUsize,
    bodies: AtomicUsize,
    lingers: AtomicBool,
}

impl Shared {
    /// A request has arrived. It runs until the guard is dropped.
    pub fn begin(self: &Arc<Self>) -> Running {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(self.clone())
    }

    /// A body is to be read.
    pub fn body_begins(&self) {
        self.bodies.fetch_add(1, Ordering::Relaxed);
    }

    /// A body is read, or given up.
    pub fn body_ends(&self) {
        self.bodies.fetch_sub(1, Ordering::Relaxed);
    }

    /// The client is still sending what nobody will read.
    pub fn linger(&self) {
        self.lingers.store(true, Ordering::Relaxed);
    }

    /// Whether nothing happens unless the client sends more.
    pub fn waits_for_the_client(&self) -> bool {
        self.running.load(Ordering::Relaxed) == 0 || self.bodies.load(Ordering::Relaxed) > 0
    }
}

/// A request that is being answered.
pub struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the client has begun, when no request runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The connection is new.
    New,
    /// A head has begun.
    Head,
    /// Nothing.
    Idle,
    /// A request runs, whose own deadlines hold.
    Running,
}

/// The connection.
pub struct Watched {
    /// There until it lingers.
    stream: Option<TcpStream>,
    shared: Arc<Shared>,
    patience: Patience,
    place: Option<Place>,
    phase: Phase,
    is_http2: bool,
    /// How many requests had arrived when the phase was looked at.
    seen: usize,
    read_by: Instant,
    timer: Pin<Box<Sleep>>,
    write_timer: Option<Pin<Box<Sleep>>>,
    /// What is written in place of the parser's own words, and how much of it was.
    instead: Option<(Vec<u8>, usize)>,
}

impl Watched {
    /// Watches a connection that was just accepted.
    pub fn new(stream: TcpStream, shared: Arc<Shared>, patience: Patience, place: Place) -> Self {
        let read_by = Instant::now() + patience.head;
        Self {
            stream: Some(stream),
            shared,
            patience,
            place: Some(place),
            phase: Phase::New,
            is_http2: false,
            seen: 0,
            read_by,
            timer: Box::pin(tokio::time::sleep_until(read_by)),
            write_timer: None,
            instead: None,
        }
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(self.stream.as_mut().expect("it is taken only when this is dropped"))
    }

    /// Notes that bytes have come.
    fn hear(&mut self, bytes: &[u8]) {
        if self.phase == Phase::New && bytes.starts_with(PREFACE) {
            self.is_http2 = true;
        }
        self.look();
        if !self.is_http2 && matches!(self.phase, Phase::New | Phase::Idle) {
            self.enter(Phase::Head, self.patience.head);
        }
    }

    /// Finds out whether a request runs, or has ended since.
    fn look(&mut self) {
        let (begun, running) = (self.shared.begun.load(Ordering::Relaxed), self.shared.running.load(Ordering::Relaxed));
        if running > 0 {
            self.phase = Phase::Running;
        } else if begun != self.seen || self.phase == Phase::Running {
            self.enter(Phase::Idle, self.patience.idle);
        }
        self.seen = begun;
    }

    fn enter(&mut self, phase: Phase, patience: Duration) {
        self.phase = phase;
        self.read_by = Instant::now() + patience;
        // A timer that is due too early looks again then; one that is due too late would be late.
        if self.read_by < self.timer.deadline() || self.timer.is_elapsed() {
            self.timer.as_mut().reset(self.read_by);
        }
    }

    /// Whether the client has taken too long, now that nothing is to be read.
    fn is_too_slow(&mut self, context: &mut Context<'_>) -> bool {
        self.look();
        if self.phase == Phase::Running {
            return false;
        }
        while self.timer.as_mut().poll(context).is_ready() {
            if Instant::now() >= self.read_by {
                return true;
            }
            self.timer.as_mut().reset(self.read_by);
        }
        false
    }

    /// The answer for a request that the parser refused, if that is what it is about to write. Each answer of our own has a
    /// request id.
    fn refusal(&self, head: &[u8]) -> Option<Vec<u8>> {
        if !head.starts_with(b"HTTP/1.1 4") || self.shared.running.load(Ordering::Relaxed) > 0 {
            return None;
        }
        let head = std::str::from_utf8(head).ok()?;
        let is_ours = head.to_ascii_lowercase().contains("\r\nx-request-id:");
        let status = head.get(9..12)?.parse().ok().and_then(|status| StatusCode::from_u16(status).ok())?;
        (!is_ours && head.ends_with("\r\n\r\n")).then(|| refuse(status))
    }

    fn poll_write_timer(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let timer = self.write_timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.patience.write)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    /// Passes a result of the stream on, unless the client has not read for too long.
    fn written<T>(&mut self, result: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.write_timer = None;
            if self.phase == Phase::Idle {
                // Who still reads an answer is not idle.
                self.read_by = Instant::now() + self.patience.idle;
            }
            return result;
        }
        self.poll_write_timer(context).map(Err)
    }

    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((bytes, done)) = self.instead.take() {
            if done == bytes.len() {
                break;
            }
            let result = self.stream().poll_write(context, &bytes[done..]);
            match self.written(result, context) {
                Poll::Ready(Ok(more)) => self.instead = Some((bytes, done + more)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.instead = Some((bytes, done));
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Logs and counts what reaches no operation; the refusal, and the id under which it is logged.
pub fn unserved(status: StatusCode, cause: &'static str, message: &str) -> (ApiError, String) {
    let request_id = new_request_id();
    metrics::counter!("bss_unparsed_requests_total", "cause" => cause).increment(1);
    tracing::info!(request_id, status = status.as_u16(), cause, "the request reaches no operation");
    (ApiError::gateway(status, "APIGW.0201", format!("API request error: {message}.")), request_id)
}

/// Answers what is no HTTP request.
fn refuse(status: StatusCode) -> Vec<u8> {
    let (cause, message) = match status {
        StatusCode::URI_TOO_LONG => ("uri_too_long", "the request's address is too long"),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            ("head_too_large", "the request's headers are too long or too many")
        }
        _ => ("malformed", "this is no HTTP request: its first line or a header is malformed"),
    };
    let (error, request_id) = unserved(status, cause, message);
    let body = error.body(&request_id);
    let (code, reason) = (status.as_u16(), status.canonical_reason().unwrap_or_default());
    let mut answer = format!(
        "HTTP/1.1 {code} {reason}\r\nContent-Type: application/json\r\nX-Request-Id: {request_id}\r\nServer: bss-gateway\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend(body);
    answer
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match this.stream().poll_read(context, buffer) {
            Poll::Pending if this.is_too_slow(context) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Ready(Ok(())) => {
                this.hear(&buffer.filled()[before..]);
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(refusal) = this.refusal(bytes) {
            this.instead = Some((refusal, 0));
            this.shared.linger();
            return Poll::Ready(Ok(bytes.len()));
        }
        ready!(this.poll_instead(context))?;
        let result = this.stream().poll_write(context, bytes);
        this.written(result, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if parts.first().is_some_and(|head| head.starts_with(b"HTTP/1.1 4")) && parts.len() == 1 {
            return self.poll_write(context, &parts[0]);
        }
        let this = self.get_mut();
        ready!(this.poll_instead(context))?;
        let result = this.stream().poll_write_vectored(context, parts);
        this.written(result, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_instead(context))?;
        let result = this.stream().poll_flush(context);
        this.written(result, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_instead(context))?;
        this.stream().poll_shutdown(context)
    }
}

/// A connection that is closed while its client sends is reset, and the client never reads the answer. So the rest is read.
impl Drop for Watched {
    fn drop(&mut self) {
        if !self.shared.lingers.load(Ordering::Relaxed) {
            return;
        }
        let (Some(mut stream), place, instead) = (self.stream.take(), self.place.take(), self.instead.take()) else {
            return;
        };
        let linger = async move {
            let _place = place;
            if let Some((bytes, done)) = instead {
                stream.write_all(&bytes[done..]).await.ok();
            }
            stream.shutdown().await.ok();
            tokio::io::copy(&mut stream.take(LINGER_MAX), &mut tokio::io::sink()).await.ok();
        };
        // At the very end there is no runtime any more, and nobody left to wait for.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(LINGER, linger));
        }
    }
}
