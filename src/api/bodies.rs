//! The bodies of all requests: how much memory they take together.

use super::error::ApiError;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is counted in these: semaphores count to less than there are bytes.
const UNIT: usize = 1024;
/// The longest body of who need not say who it is: one that holds credentials.
pub const OF_STRANGERS: usize = 16 * 1024;
/// How long a body waits for others to be done with.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The memory for bodies.
#[derive(Clone, Debug)]
pub struct Bodies {
    /// Longest body.
    max: usize,
    places: Arc<Semaphore>,
    patience: Duration,
}

/// A body, and its part of the memory.
#[derive(Debug)]
pub struct Held {
    body: Bytes,
    place: Option<OwnedSemaphorePermit>,
}

/// A part of the memory, taken until the request is done with.
#[derive(Clone, Debug)]
pub struct Place(
    #[expect(dead_code, reason = "it is given back when this is dropped")] Option<Arc<OwnedSemaphorePermit>>,
);

impl Held {
    /// The body.
    pub fn bytes(&self) -> &Bytes {
        &self.body
    }

    /// The body, and what to keep beside the request for as long as that is.
    pub fn split(self) -> (Bytes, Place) {
        (self.body, Place(self.place.map(Arc::new)))
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Bodies {
    /// Bodies of `max` bytes at most, and of `total` together, though there is always room for one; each waits that long.
    pub fn new(max: usize, total: usize, patience: Duration) -> Self {
        Self {
            patience,
            max,
            places: Arc::new(Semaphore::new(total.max(max).div_ceil(UNIT).min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Reads a body once there is room for it: 413 if it is longer than `max` or any may be, 503 if there is none for a while.
    pub async fn read(&self, headers: &HeaderMap, mut body: Body, max: usize) -> Result<Held, ApiError> {
        let max = max.min(self.max);
        if axum::body::HttpBody::is_end_stream(&body) {
            return Ok(Held { body: Bytes::new(), place: None });
        }
        let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        // Who does not say how long it is may send the longest there is.
        let length = declared.unwrap_or(max);
        if length > max {
            return Err(ApiError::too_large());
        }
        let units = u32::try_from(length.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let place = tokio::time::timeout(self.patience, self.places.clone().acquire_many_owned(units)).await;
        let mut place = place.map_err(|_| full())?.expect("the semaphore is never closed");
        let mut read = Vec::with_capacity(declared.unwrap_or_default());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| ApiError::parameter("body", "could not be read to its end"))?;
            let Ok(data) = frame.into_data() else { continue };
            if read.len() + data.len() > max {
                return Err(ApiError::too_large());
            }
            read.extend_from_slice(&data);
        }
        // Who did not say how long it is needs less than the longest.
        drop(place.split(place.num_permits().saturating_sub(read.len().div_ceil(UNIT))));
        Ok(Held { body: read.into(), place: Some(place) })
    }
}

fn full() -> ApiError {
    let message = "API request error: the bodies of other requests take all the memory there is for them.";
    ApiError::gateway(StatusCode::SERVICE_UNAVAILABLE, "APIGW.0201", message).with_header(header::RETRY_AFTER, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_wait_for_each_other_and_not_for_ever() {
        let bodies = Bodies::new(4096, 8192, Duration::from_millis(50));
        let read = async |length: usize| {
            let headers = HeaderMap::from_iter([(header::CONTENT_LENGTH, length.into())]);
            bodies.read(&headers, Body::from(vec![b'x'; length]), usize::MAX).await
        };
        assert_eq!(read(4097).await.map(drop).expect_err("it is too long").status, StatusCode::PAYLOAD_TOO_LARGE);
        let (one, two) = (read(4096).await.expect("there is room"), read(4096).await.expect("there is room"));
        assert_eq!(one.as_ref().len(), 4096);
        assert!(read(0).await.is_ok(), "nothing takes no room");
        let refused = read(1).await.map(drop).expect_err("there is no room");
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        let (_, place) = two.split();
        drop(place);
        assert!(read(1).await.is_ok());
        let unsaid = bodies.read(&HeaderMap::new(), Body::from("x"), usize::MAX).await.expect("there is room");
        assert!(read(3072).await.is_ok(), "a body that does not say its length keeps no more than it has");
        drop(unsaid);
    }

    #[tokio::test]
    async fn a_body_that_says_too_little_of_itself_is_stopped_at_the_largest_length() {
        let bodies = Bodies::new(10, 10, PATIENCE);
        let parts = [Ok::<_, std::convert::Infallible>("12345678"), Ok("12345678")];
        let body = Body::from_stream(futures_util::stream::iter(parts));
        let refused = bodies.read(&HeaderMap::new(), body, usize::MAX).await.map(drop).expect_err("it is too long");
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
