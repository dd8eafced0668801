//! Proves what is new in the ledger again and again, in one replica at a time.

use crate::app::App;
use crate::ledger::checkpoints;
use crate::values::id::new_uuid;
use std::time::Duration;

/// How often a replica asks whether it is its turn.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Proves until the task is dropped, for the metrics: how many tenants have a wrong row, and when that was found out.
pub async fn run(app: App) {
    let minutes = app.settings.ledger.proof_minutes;
    if minutes == 0 {
        // Switched off: the task has nothing to do, for ever.
        return std::future::pending().await;
    }
    let period = time::Duration::minutes(i64::try_from(minutes).unwrap_or(i64::MAX / 60));
    let holder = new_uuid(app.clock.now());
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        app.health.turn("proof");
        match checkpoints::prove_when_due(&app.database, &app.clock, holder, period).await {
            Ok(None) => {}
            Ok(Some(report)) => {
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
