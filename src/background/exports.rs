//! Writes exports: each replica one at a time, a part of it, then the one that has waited longest.

use crate::app::App;
use crate::exports::model::Holder;
use crate::exports::store;
use crate::exports::work::{self, Hand, Step};
use crate::values::id::{ExportId, TenantId, new_uuid};
use std::time::Duration;

/// How often a replica looks for what nobody woke it for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many pieces of an export are written until another one has its turn.
const PIECES: usize = 20;

/// Writes until the task is dropped.
pub async fn run(app: App) {
    let holder = Holder(new_uuid(app.clock.now()));
    loop {
        app.health.turn("exports");
        match turn(&app, holder).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "an export could not be written; it is tried again"),
        }
        tokio::select! {
            () = app.exported.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Writes a part of the export that has waited longest; whether there was one.
pub async fn turn(app: &App, holder: Holder) -> sqlx::Result<bool> {
    let waiting = store::next_tenant(&mut *app.database.control().await?, app.clock.now()).await?;
    let Some(tenant) = waiting else { return Ok(false) };
    let taken = store::take(&mut *app.database.tenant(tenant).await?, tenant, holder, app.clock.now()).await?;
    // Another replica was quicker; at the next look it holds it for longer, or has given it back.
    let Some(export) = taken else { return Ok(false) };
    let written = pieces(app, (tenant, export), holder).await;
    // Also after a failure, so that it is tried again soon, behind the others.
    let mut connection = app.database.tenant(tenant).await?;
    store::give_back(&mut connection, (tenant, export), holder, app.clock.now()).await?;
    written.map(|()| true)
}

async fn pieces(app: &App, export: (TenantId, ExportId), holder: Holder) -> sqlx::Result<()> {
    let catalogue = app.catalogue.load_full();
    let hand = Hand { holder, catalogue: &catalogue, site: app.settings.api.site, vault: &app.vault };
    for _ in 0..PIECES {
        let transaction = app.database.patient(export.0).await?;
        match work::step(transaction, export, hand, (app.now(export.0), app.clock.now())).await? {
            Step::Continued => {}
            Step::Lost => return Ok(()),
            Step::Ended => {
                app.notified.notify_one();
                return Ok(());
            }
        }
    }
    Ok(())
}
