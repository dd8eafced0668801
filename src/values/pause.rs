//! How long to wait before something is tried again.

use time::Duration;

/// The longest pause between two attempts.
pub const PAUSE_MAX: Duration = Duration::hours(1);

/// How long after so many failed attempts the next one comes: a second, then twice as long each time, up to an hour.
pub fn pause(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or_default().min(12);
    Duration::seconds(1 << doublings).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_grow_apart_up_to_an_hour() {
        let seconds = [1, 2, 3, 12, 13, 100].map(|attempts| pause(attempts).whole_seconds());
        assert_eq!(seconds, [1, 2, 4, 2048, 3600, 3600]);
    }
}
