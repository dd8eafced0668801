//! Locks a secret's holder out for a while after failures in a row.
//!
//! The vendor locks an access key for five minutes after more than five failures. Here the lock also names the source
//! address: an access key is no secret, and who merely knows it must not be able to lock its owner out.

use super::source::quota_key;
use moka::sync::Cache;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// How many names are remembered at most; the ones failing longest ago are forgotten first.
const CAPACITY: u64 = 100_000;

/// Failures in a row by (name, source address).
#[derive(Clone, Debug)]
pub struct Lockout {
    failures_allowed: u32,
    failures: Cache<(Box<str>, IpAddr), Arc<AtomicU32>>,
    turns: Cache<(Box<str>, IpAddr), Arc<Mutex<()>>>,
}

impl Lockout {
    /// More than `failures_allowed` failures, each within `duration` of the first, lock for the rest of `duration`.
    pub fn new(failures_allowed: u32, duration: Duration) -> Self {
        let failures = Cache::builder().max_capacity(CAPACITY).time_to_live(duration).build();
        Self {
            failures_allowed,
            failures,
            turns: Cache::builder().max_capacity(CAPACITY).time_to_idle(duration).build(),
        }
    }

    /// Waits until no other attempt for `name` from `source` is being judged.
    pub async fn turn(&self, name: &str, source: IpAddr) -> OwnedMutexGuard<()> {
        self.turns.get_with(key(name, source), Arc::default).lock_owned().await
    }

    /// Whether `name` is locked for `source`.
    pub fn is_locked(&self, name: &str, source: IpAddr) -> bool {
        // Nearly always nobody has failed lately, and then nothing is looked up.
        self.failures.entry_count() > 0 && self.count(name, source) > self.failures_allowed
    }

    fn count(&self, name: &str, source: IpAddr) -> u32 {
        self.failures.get(&key(name, source)).map_or(0, |failures| failures.load(Ordering::Relaxed))
    }

    /// Counts a failure.
    pub fn failed(&self, name: &str, source: IpAddr) {
        let key = key(name, source);
        let failures = self.failures.get_with(key.clone(), Arc::default);
        let count = failures.fetch_add(1, Ordering::Relaxed) + 1;
        if count == self.failures_allowed + 1 {
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
        assert!(!lockout.is_locked("AK", HERE));
        fail(&lockout, 1);
        assert!(lockout.is_locked("AK", HERE));
        assert!(!lockout.is_locked("AK", THERE));
        assert!(!lockout.is_locked("OTHER", HERE));
    }

    #[test]
    fn a_success_ends_the_row() {
        let lockout = Lockout::new(5, Duration::from_mins(5));
        fail(&lockout, 5);
        lockout.succeeded("AK", HERE);
        fail(&lockout, 5);
        assert!(!lockout.is_locked("AK", HERE));
    }

    #[test]
    fn the_lock_ends_by_itself() {
        let lockout = Lockout::new(0, Duration::from_millis(50));
        fail(&lockout, 1);
        assert!(lockout.is_locked("AK", HERE));
        std::thread::sleep(Duration::from_millis(80));
        assert!(!lockout.is_locked("AK", HERE));
    }
}
