//! Locks a secret's holder out for a while after failures in a row.
//!
//! The vendor locks an access key for five minutes after more than five failures. Here the lock also names the source
//! address: an access key is no secret, and who merely knows it must not be able to lock its owner out.

use super::source::quota_key;
use moka::sync::Cache;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// How many names are remembered at most; the ones failing longest ago are forgotten first.
const CAPACITY: u64 = 100_000;

/// Failures in a row by (name, source address).
#[derive(Clone, Debug)]
pub struct Lockout {
    failures_allowed: u32,
    duration: Duration,
    failures: Cache<(Box<str>, IpAddr), Arc<Failures>>,
    turns: Cache<(Box<str>, IpAddr), Arc<Mutex<()>>>,
}

/// Failures in a row, and since when there have been too many of them.
#[derive(Debug, Default)]
struct Failures {
    count: AtomicU32,
    locked_at: OnceLock<Instant>,
}

impl Lockout {
    /// More than `failures_allowed` failures, each within `duration` of the first, lock for the rest of `duration`.
    pub fn new(failures_allowed: u32, duration: Duration) -> Self {
        let failures = Cache::builder().max_capacity(CAPACITY).time_to_live(duration).build();
        Self {
            failures_allowed,
            duration,
            failures,
            turns: Cache::builder().max_capacity(CAPACITY).time_to_idle(duration).build(),
        }
    }

    /// Waits until no other attempt for `name` from `source` is being judged.
    pub async fn turn(&self, name: &str, source: IpAddr) -> OwnedMutexGuard<()> {
        self.turns.get_with(key(name, source), Arc::default).lock_owned().await
    }

    /// Whether `name` is locked for `source`, and for how long yet.
    pub fn locked_for(&self, name: &str, source: IpAddr) -> Option<Duration> {
        // Nearly always nobody has failed lately, and then nothing is looked up.
        if self.failures.entry_count() == 0 {
            return None;
        }
        let locked_at = *self.failures.get(&key(name, source))?.locked_at.get()?;
        Some(self.duration.saturating_sub(locked_at.elapsed()))
    }

    /// Lets `name` in again, from wherever it was locked out.
    pub fn unlock(&self, name: &str) {
        for (key, _) in self.failures.iter().filter(|(key, _)| *key.0 == *name) {
            self.failures.invalidate(&*key);
        }
    }

    /// Counts a failure.
    pub fn failed(&self, name: &str, source: IpAddr) {
        let key = key(name, source);
        let failures = self.failures.get_with(key.clone(), Arc::default);
        let count = failures.count.fetch_add(1, Ordering::Relaxed) + 1;
        if count == self.failures_allowed + 1 {
            failures.locked_at.set(Instant::now()).ok();
            // Inserted anew, the lock runs for its whole time from the failure that set it.
            self.failures.insert(key, failures);
        }
        self.failures.run_pending_tasks();
    }

    /// A success ends the row of failures.
    pub fn succeeded(&self, name: &str, source: IpAddr) {
        if self.failures.entry_count() > 0 {
            self.failures.invalidate(&key(name, source));
        }
    }
}

/// A host of IPv6 has a whole network of addresses.
fn key(name: &str, source: IpAddr) -> (Box<str>, IpAddr) {
    (name.into(), quota_key(source))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn fail(lockout: &Lockout, times: u32) {
        (0..times).for_each(|_| lockout.failed("AK", HERE));
    }

    #[test]
    fn the_sixth_failure_in_a_row_locks_for_that_address_only() {
        let lockout = Lockout::new(5, Duration::from_mins(5));
        fail(&lockout, 5);
        assert_eq!(lockout.locked_for("AK", HERE), None);
        fail(&lockout, 1);
        assert!(lockout.locked_for("AK", HERE).is_some());
        assert_eq!(lockout.locked_for("AK", THERE), None);
        assert_eq!(lockout.locked_for("OTHER", HERE), None);
    }

    #[test]
    fn a_success_ends_the_row() {
        let lockout = Lockout::new(5, Duration::from_mins(5));
        fail(&lockout, 5);
        lockout.succeeded("AK", HERE);
        fail(&lockout, 5);
        assert_eq!(lockout.locked_for("AK", HERE), None);
    }

    #[test]
    fn the_lock_ends_by_itself() {
        let lockout = Lockout::new(0, Duration::from_millis(50));
        fail(&lockout, 1);
        assert!(lockout.locked_for("AK", HERE).is_some());
        std::thread::sleep(Duration::from_millis(80));
        assert_eq!(lockout.locked_for("AK", HERE), None);
    }

    #[test]
    fn who_is_unlocked_may_try_again_from_everywhere() {
        let lockout = Lockout::new(0, Duration::from_mins(5));
        for source in [HERE, THERE] {
            lockout.failed("AK", source);
            lockout.failed("OTHER", source);
        }
        assert!(lockout.locked_for("AK", HERE).is_some_and(|left| left > Duration::from_mins(4)));
        lockout.unlock("AK");
        assert_eq!([HERE, THERE].map(|source| lockout.locked_for("AK", source)), [None, None]);
        assert!(lockout.locked_for("OTHER", HERE).is_some());
    }
}
