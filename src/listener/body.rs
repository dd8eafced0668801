//! A request's body: handed to the router, and still at hand when the router has answered without reading it.

use super::connection::Shared;
use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, Incoming as Received, SizeHint};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// The rest of a body that is read after the answer is known, so that the connection can go on.
const REST_MAX: u64 = 256 * 1024;
const REST_PATIENCE: Duration = Duration::from_secs(1);

/// A body, shared by who reads it and who looks after the connection.
#[derive(Clone)]
pub struct Incoming(Option<Arc<Held>>);

struct Held {
    body: Mutex<Received>,
    /// Whether the client has sent all of it, or nobody wants more.
    is_done: AtomicBool,
    shared: Arc<Shared>,
}

impl Held {
    fn body(&self) -> MutexGuard<'_, Received> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        if !self.is_done.swap(true, Ordering::Relaxed) {
            self.shared.body_ends();
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.end();
    }
}

impl Incoming {
    /// The body for the router, and a hold on it.
    pub fn split(body: Received, shared: Arc<Shared>) -> (Body, Self) {
        if body.is_end_stream() {
            return (Body::empty(), Self(None));
        }
        shared.body_begins();
        let held = Self(Some(Arc::new(Held { body: Mutex::new(body), is_done: AtomicBool::new(false), shared })));
        (Body::new(held.clone()), held)
    }

    /// Whether all of it was read.
    pub fn is_over(&self) -> bool {
        self.0.as_ref().is_none_or(|held| held.body().is_end_stream())
    }

    /// Reads what is left, if it is little and comes soon; says whether nothing is left.
    pub async fn read_rest(mut self) -> bool {
        if self.is_over() {
            return true;
        }
        let is_little =
            self.0.as_ref().is_some_and(|held| held.body().size_hint().upper().is_some_and(|size| size <= REST_MAX));
        let rest = async { while let Some(Ok(_)) = self.frame().await {} };
        is_little && tokio::time::timeout(REST_PATIENCE, rest).await.is_ok() && self.is_over()
    }
}

impl hyper::body::Body for Incoming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(held) = &self.0 else { return Poll::Ready(None) };
        let mut body = held.body();
        let frame = Pin::new(&mut *body).poll_frame(context);
        if body.is_end_stream() || matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            held.end();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |held| held.body().size_hint())
    }
}
