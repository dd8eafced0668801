//! Removes what is of no use any more, a thousand rows at a time, and opens the months ahead.

use crate::api::write;
use crate::app::App;
use crate::coupons::jobs as coupons;
use crate::database;
use crate::events::cleanup as events;
use crate::exports::store as exports;
use crate::files::deliveries as files;
use crate::identity::store;
use std::time::Duration;
use tokio::time::sleep;

const EVERY: Duration = Duration::from_mins(10);
/// Rows of one statement: it locks no more, and leaves no more behind to be vacuumed at once.
const BATCH: u16 = 1000;

/// Cleans up until the task is dropped.
pub async fn run(app: App) {
    loop {
        sleep(EVERY).await;
        app.health.turn("cleanups");
        if let Err(error) = clean_up(&app).await {
            tracing::warn!(%error, "what is of no use any more could not be removed yet");
        }
    }
}

/// Removes expired tokens and temporary keys, old answers to writes, old events and files, and takes coupons out of the lists
/// that expired a year ago.
pub async fn clean_up(app: &App) -> sqlx::Result<()> {
    let (now, most) = (app.clock.now(), i64::from(BATCH));
    let kept = time::Duration::days(i64::from(app.settings.api.idempotency_days));
    let mut connection = app.database.control().await?;
    while store::delete_expired(&mut connection, now, most).await? == u64::from(BATCH) {}
    while write::forget_before(&mut connection, now.saturating_sub(kept), most).await? == u64::from(BATCH) {}
    let latest = app.clocks.moved().into_iter().map(|(_, shown)| shown).chain([now]).max().unwrap_or(now);
    let told = events::tenants_with_old(&mut connection, latest).await?;
    let exported = exports::tenants_with_old(&mut connection, latest).await?;
    let delivered = files::tenants_with_old(&mut connection, latest).await?;
    let tenants = coupons::tenants_with_notices(&mut connection).await?;
    drop(connection);
    for tenant in exported {
        exports::delete_old(&mut *app.database.tenant(tenant).await?, tenant, app.now(tenant)).await?;
    }
    for tenant in delivered {
        files::delete_old(&mut *app.database.tenant(tenant).await?, tenant, app.now(tenant)).await?;
    }
    for tenant in told {
        let mut connection = app.database.tenant(tenant).await?;
        events::delete_old(&mut connection, tenant, (app.now(tenant), now), most).await?;
    }
    for tenant in tenants {
        let unlisted = coupons::unlist(&mut *app.database.tenant(tenant).await?, tenant, app.now(tenant)).await?;
        if unlisted > 0 {
            tracing::info!(%tenant, unlisted, "coupons that expired long ago left the lists");
        }
    }
    Ok(())
}

/// Opens the months ahead of every clock, until the task is dropped.
pub async fn open_months(app: App) {
    loop {
        sleep(EVERY).await;
        app.health.turn("months");
        let opened = async {
            let mut connection = app.database.control().await?;
            for (_, shown) in app.clocks.moved() {
                database::open_months_ahead(&mut connection, shown).await?;
            }
            database::open_months_ahead(&mut connection, app.clock.now()).await
        };
        if let Err(error) = opened.await {
            tracing::warn!(%error, "the months ahead could not be opened yet");
        }
    }
}
