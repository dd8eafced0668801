//! Logs and metrics.
//!
//! Logs go to standard error, one event a line; each line of a request carries its span: request id, operation, source,
//! account. Metrics are answered by the operators' listener.

use crate::config::{LogFormat, LogSettings};
use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

const DURATION_BUCKETS: [f64; 14] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Starts logging; once a process.
pub fn start_logs(settings: &LogSettings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.filter).context("log.filter")?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let started = match settings.format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
        LogFormat::Pretty => builder.try_init(),
    };
    started.map_err(|error| anyhow::anyhow!(error))
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
    metrics::describe_histogram!("bss_gathered_questions", "Questions of a tenant that a statement answered together.");
    metrics::describe_gauge!("bss_pool_connections", "Open database connections, by state.");
    metrics::describe_gauge!("bss_listening", "1 while announced changes are heard, else 0.");
    Ok(handle)
}
