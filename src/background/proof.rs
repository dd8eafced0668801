//! Proves the ledger again and again.

use crate::app::App;
use crate::ledger::verify;
use std::time::Duration;

/// Proves the ledger again and again, for the metrics: how many tenants have a wrong row, and when that was found out.
pub async fn run(app: App) {
    let minutes = app.settings.ledger.proof_minutes;
    if minutes == 0 {
        // Switched off: the task has nothing to do, for ever.
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(Duration::from_secs(minutes * 60)).await;
        let proof = async { verify::all(&mut *app.database.control().await?).await };
        match proof.await {
            Ok(report) => {
                for wrong in &report.wrong {
                    tracing::error!(wrong, "the ledger is wrong");
                }
                metrics::gauge!("bss_ledger_wrong_tenants").set(u32::try_from(report.wrong.len()).unwrap_or(u32::MAX));
                metrics::gauge!("bss_ledger_proved_timestamp_seconds")
                    .set(Duration::from_secs(app.clock.now().unix_timestamp().unsigned_abs()).as_secs_f64());
            }
            Err(error) => tracing::warn!(%error, "the ledger could not be proved"),
        }
    }
}
