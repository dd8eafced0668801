//! The time. Everything that needs "now" is handed a [`Clock`]; the ambient clock is banned by lint outside this file.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use time::{Duration, OffsetDateTime};

/// Tells the time: the system's, moved by an offset that only tests set.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
}

impl Clock {
    /// The instant, in UTC.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the ambient clock")]
    pub fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + Duration::milliseconds(self.offset_ms.load(Ordering::Relaxed))
    }

    /// Moves this clock, and every clone of it, so that it now shows `instant`.
    #[cfg(any(test, feature = "testing"))]
    pub fn set(&self, instant: OffsetDateTime) {
        let difference = (instant - self.now()).whole_milliseconds();
        let difference = i64::try_from(difference).expect("test instants lie within millions of years");
        self.offset_ms.fetch_add(difference, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_moved_clock_shows_the_new_instant_in_every_clone() {
        let clock = Clock::default();
        let clone = clock.clone();
        clock.set(datetime!(2030-01-02 03:04:05 UTC));
        assert!((clone.now() - datetime!(2030-01-02 03:04:05 UTC)).abs() < Duration::seconds(1));
    }
}
