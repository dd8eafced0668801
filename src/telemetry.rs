//! Logs and metrics.
//!
//! Logs go to standard error, one event a line; each line of a request carries its span: request id, operation, source,
//! account. Metrics are answered by the operators' listener.
//!
//! A thread of its own writes the lines. Where they cannot be written, because the reader has gone or stands still or the
//! disk is full, they are dropped and counted: no request and no task waits for a log, or fails with it.

use crate::config::{LogFormat, LogSettings};
use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that wait to be written.
const LINES_WAITING_MAX: usize = 16_384;
/// Lines that could not be written.
static UNWRITTEN: AtomicU64 = AtomicU64::new(0);
/// Lines that found no place among those that wait.
static OVERFLOWN: OnceLock<ErrorCounter> = OnceLock::new();

const DURATION_BUCKETS: [f64; 14] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Standard error, as a place that always takes a line.
struct StandardError;

impl Write for StandardError {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if io::stderr().write_all(line).is_err() {
            UNWRITTEN.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts logging; once a process. What waits is written when the guard is dropped.
pub fn start_logs(settings: &LogSettings) -> anyhow::Result<WorkerGuard> {
    let filter = EnvFilter::try_new(&settings.filter).context("log.filter")?;
    let lines = NonBlockingBuilder::default().buffered_lines_limit(LINES_WAITING_MAX).lossy(true);
    let (lines, guard) = lines.thread_name("logs").finish(StandardError);
    OVERFLOWN.set(lines.error_counter()).ok();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .log_internal_errors(false)
        .with_writer(lines);
    let started = match settings.format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
        LogFormat::Pretty => builder.try_init(),
    };
    started.map_err(|error| anyhow::anyhow!(error))?;
    Ok(guard)
}

/// What is told once a second at most, by its cause: when it was told last, and how often it was not since then.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<BTreeMap<&'static str, (Instant, u64)>>);

impl Seldom {
    const EVERY: Duration = Duration::from_secs(1);

    /// Nothing has been told yet.
    pub const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Whether a cause is to be told now: then, how often it was not since the last time.
    pub fn tell(&self, cause: &'static str, now: Instant) -> Option<u64> {
        let mut causes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match causes.get_mut(cause) {
            Some((told, left_out)) if now.duration_since(*told) < Self::EVERY => {
                *left_out += 1;
                None
            }
            known => {
                let left_out = known.map_or(0, |(_, left_out)| *left_out);
                causes.insert(cause, (now, 0));
                Some(left_out)
            }
        }
    }
}

/// How many lines were dropped since the start.
pub fn dropped_lines() -> u64 {
    let overflown = OVERFLOWN.get().map_or(0, ErrorCounter::dropped_lines);
    UNWRITTEN.load(Ordering::Relaxed).saturating_add(u64::try_from(overflown).unwrap_or(u64::MAX))
}

/// Starts counting; once a process.
pub fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATION_BUCKETS)?
        .install_recorder()?;
    metrics::describe_counter!("bss_requests_total", "Answers by operation and status.");
    metrics::describe_histogram!("bss_request_duration_seconds", "Time to the answer by operation.");
    metrics::describe_counter!(
        "bss_quota_refusals_total",
        "Calls over the quota of the source address or the account."
    );
    metrics::describe_counter!(
        "bss_authentication_failures_total",
        "Signatures, tokens and passwords refused, by cause."
    );
    metrics::describe_histogram!("bss_pool_wait_seconds", "Time a request waited for a database connection.");
    metrics::describe_counter!(
        "bss_database_troubles_total",
        "Operations that the database did not let end, by cause."
    );
    metrics::describe_counter!("bss_operations_run_again_total", "Operations that the database gave up for others.");
    metrics::describe_counter!("bss_messages_total", "Messages to people, by way and outcome.");
    metrics::describe_gauge!("bss_messages_in_hand", "Messages to people that are not sent yet, by way.");
    metrics::describe_histogram!("bss_gathered_questions", "Questions of a tenant that a statement answered together.");
    metrics::describe_counter!("bss_log_lines_dropped_total", "Log lines that could not be written.");
    metrics::describe_gauge!("bss_pool_connections", "Open database connections, by state.");
    metrics::describe_gauge!("bss_listening", "1 while announced changes are heard, else 0.");
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once_a_second_with_how_often_it_was_not() {
        let (seldom, start) = (Seldom::new(), Instant::now());
        let tell = |cause, after_ms| seldom.tell(cause, start + Duration::from_millis(after_ms));
        assert_eq!([tell("away", 0), tell("away", 1), tell("away", 999)], [Some(0), None, None]);
        assert_eq!(tell("full", 999), Some(0), "another cause");
        assert_eq!([tell("away", 1000), tell("away", 1001), tell("away", 2500)], [Some(2), None, Some(1)]);
    }
}
