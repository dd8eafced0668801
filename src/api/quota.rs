//! How often an operation may be called: `limit` calls in `window_seconds`, as a bucket that refills evenly, once for each
//! source address and once for each account.

use super::error::ApiError;
use crate::values::rate::Rate;
use axum::http::{StatusCode, header::HeaderName, header::RETRY_AFTER};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use uuid::Uuid;

fn bucket(rate: Rate) -> Quota {
    let window = Duration::from_secs(u64::from(rate.window_seconds.get()));
    let period = (window / rate.limit.get()).max(Duration::from_nanos(1));
    Quota::with_period(period).expect("the period is above zero").allow_burst(rate.limit)
}

/// For whom a quota counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dimension {
    /// The source address.
    Source,
    /// The account.
    Account,
}

impl Dimension {
    /// The word in the refusal and in the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "ip",
            Self::Account => "user",
        }
    }
}

/// A bucket from which a call was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checked {
    /// How it fills.
    pub rate: Rate,
    /// How many calls are left in it.
    pub left: u32,
}

/// The counters of one operation.
#[derive(Debug)]
pub struct OperationQuota {
    by_source: Buckets<IpAddr>,
    by_account: Buckets<Uuid>,
}

impl OperationQuota {
    /// Full buckets for everyone.
    pub fn new(rate: Rate) -> Self {
        Self { by_source: Buckets::new(rate, Dimension::Source), by_account: Buckets::new(rate, Dimension::Account) }
    }

    /// Counts a call from an address.
    pub fn check_source(&self, address: IpAddr) -> Result<Checked, ApiError> {
        self.by_source.check(&super::source::quota_key(address))
    }

    /// Counts a call of an account.
    pub fn check_account(&self, domain: Uuid) -> Result<Checked, ApiError> {
        self.by_account.check(&domain)
    }
}

/// Each so many checks the buckets that are full again are forgotten: a flood of distinct keys holds at most this many plus
/// those of one window, whatever their number.
const CHECKS_BETWEEN_SWEEPS: u32 = 1 << 16;

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, DefaultClock, StateInformationMiddleware>;

#[derive(Debug)]
struct Buckets<K: Hash + Eq + Clone> {
    rate: Rate,
    dimension: Dimension,
    limiter: Arc<Limiter<K>>,
    clock: DefaultClock,
    checks: AtomicU32,
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Buckets<K> {
    fn new(rate: Rate, dimension: Dimension) -> Self {
        let limiter = Arc::new(RateLimiter::dashmap(bucket(rate)).with_middleware());
        Self { rate, dimension, limiter, clock: DefaultClock::default(), checks: AtomicU32::new(0) }
    }

    fn check(&self, key: &K) -> Result<Checked, ApiError> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % CHECKS_BETWEEN_SWEEPS == CHECKS_BETWEEN_SWEEPS - 1 {
            let limiter = self.limiter.clone();
            tokio::task::spawn_blocking(move || {
                limiter.retain_recent();
                limiter.shrink_to_fit();
            });
        }
        match self.limiter.check_key(key) {
            Ok(state) => Ok(Checked { rate: self.rate, left: state.remaining_burst_capacity() }),
            Err(not_until) => {
                metrics::counter!("bss_quota_refusals_total", "dimension" => self.dimension.name()).increment(1);
                Err(refusal(self.rate, self.dimension, not_until.wait_time_from(self.clock.now())))
            }
        }
    }
}

/// 429 `APIGW.0308`, with what a client needs to wait as long as necessary and no longer.
pub fn refusal(rate: Rate, dimension: Dimension, wait: Duration) -> ApiError {
    let (limit, window, name) = (rate.limit, rate.window_seconds, dimension.name());
    let unit = if window.get() == 1 { "second" } else { "seconds" };
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let message = format!(
        "The throttling threshold has been reached: policy {name} over ratelimit,limit:{limit},time:{window} {unit}"
    );
    ApiError::gateway(StatusCode::TOO_MANY_REQUESTS, "APIGW.0308", message)
        .with_header(RETRY_AFTER, seconds.max(1))
        .with_header(HeaderName::from_static("ratelimit-policy"), format!("\"{name}\";q={limit};w={window}"))
        .with_header(HeaderName::from_static("ratelimit"), format!("\"{name}\";r=0;t={}", seconds.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    #[tokio::test]
    async fn the_eleventh_call_at_once_is_refused_and_says_why() {
        let quota = OperationQuota::new(Rate::per_second(10));
        let address = "192.0.2.1".parse().expect("an address");
        let refusals: Vec<ApiError> = (0..12).filter_map(|_| quota.check_source(address).err()).collect();
        assert_eq!(refusals.len(), 2);
        assert_eq!(
            refusals[0].message,
            "The throttling threshold has been reached: policy ip over ratelimit,limit:10,time:1 second"
        );
        let header = |name: &str| {
            let found = refusals[0].headers.iter().find(|(header, _)| header.as_str() == name);
            found.expect("the header is there").1.to_str().expect("it is ASCII").to_owned()
        };
        assert_eq!(header("retry-after"), "1");
        assert_eq!(header("ratelimit-policy"), "\"ip\";q=10;w=1");
        assert_eq!(header("ratelimit"), "\"ip\";r=0;t=1");
        let other = quota.check_source("192.0.2.2".parse().expect("an address")).expect("another address has its own");
        assert_eq!(other, Checked { rate: Rate::per_second(10), left: 9 });
    }

    #[test]
    fn a_rate_is_written_as_calls_and_seconds() {
        let rate: Rate = "30/60".parse().expect("it is a rate");
        assert_eq!((rate.limit.get(), rate.window_seconds.get()), (30, 60));
        assert_eq!(rate.to_string(), "30/60");
        for wrong in ["", "10", "0/1", "10/0", "-1/1", "a/b"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_flood_of_distinct_addresses_leaves_little_behind() {
        let quota = OperationQuota::new(Rate {
            limit: NonZeroU32::new(1000).expect("not zero"),
            window_seconds: NonZeroU32::MIN,
        });
        let keys = CHECKS_BETWEEN_SWEEPS * 3;
        for key in 0..keys {
            let _ = quota.check_source(IpAddr::V4(key.into()));
            if key % CHECKS_BETWEEN_SWEEPS == CHECKS_BETWEEN_SWEEPS - 1 {
                // One bucket is full again after a thousandth of a second here; give the sweep its turn.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        let left = quota.by_source.limiter.len();
        assert!(left <= 2 * CHECKS_BETWEEN_SWEEPS as usize, "{left} of {keys} keys are still kept");
    }
}
