//! What the database gave up for the sake of another is done again, here and nowhere else: a deadlock, or a row that was not as
//! it had been read. Nothing is left of the transaction then, so the whole operation is run again.

use super::error::ApiError;
use crate::database::Trouble;
use crate::secrets;
use axum::body::{self, Body};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Duration;

/// How long to wait before each further try, at most twice as long: those who were in each other's way must not meet again. A
/// tenant of the sandbox that is brought back takes a while.
const PAUSES_MS: [u64; 9] = [5, 10, 20, 40, 80, 160, 320, 500, 500];

/// Runs an operation; one that may write, again and again while the database gives it up. Its body has been read.
pub async fn run(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = match body::to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return ApiError::internal(error).into_response(),
    };
    for pause in PAUSES_MS {
        let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
        let response = next.clone().run(request).await;
        let trouble = response.extensions().get::<ApiError>().and_then(|error| error.trouble);
        if trouble != Some(Trouble::GivenUp) {
            return response;
        }
        metrics::counter!("bss_operations_run_again_total").increment(1);
        let [random] = secrets::random();
        tokio::time::sleep(Duration::from_millis(pause + pause * u64::from(random) / 256)).await;
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}
