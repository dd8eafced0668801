//! Brings files that accounts have subscribed to where they want them: each replica a few at a time, so that one slow store does
//! not hold up all others.

use crate::app::App;
use crate::exports::model::Holder;
use crate::files::deliveries::{self, Taken};
use crate::files::work::{Hand, go_on};
use crate::values::id::new_uuid;
use std::time::Duration;
use tokio::task::JoinSet;

/// How often a replica looks for what there is to do.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most files that are brought at once, of each of which a part is in memory.
const AT_ONCE: usize = 4;

/// Brings files until the task is dropped.
pub async fn run(app: App) {
    let holder = Holder(new_uuid(app.clock.now()));
    let mut under_way = JoinSet::new();
    loop {
        app.health.turn("files");
        while under_way.len() < AT_ONCE {
            match take(&app, holder).await {
                Ok(Some(taken)) => {
                    let app = app.clone();
                    under_way.spawn(async move { bring(&app, holder, taken).await });
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "files to be delivered could not be read; they are read again");
                    break;
                }
            }
        }
        tokio::select! {
            // One that panics takes the task with it, which is started again.
            Some(ended) = under_way.join_next() => match ended.expect("a delivery does not panic") {
                Ok(()) => {}
                Err(error) => tracing::warn!(%error, "a file could not be delivered; it is tried again"),
            },
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Goes on with the delivery that has waited longest; whether there was one.
pub async fn turn(app: &App, holder: Holder) -> sqlx::Result<bool> {
    let Some(taken) = take(app, holder).await? else { return Ok(false) };
    bring(app, holder, taken).await?;
    Ok(true)
}

async fn take(app: &App, holder: Holder) -> sqlx::Result<Option<Taken>> {
    let waiting = deliveries::next_tenant(&mut *app.database.control().await?, app.clock.now()).await?;
    let Some(tenant) = waiting else { return Ok(None) };
    deliveries::take(&mut *app.database.tenant(tenant).await?, tenant, holder, app.clock.now()).await
}

async fn bring(app: &App, holder: Holder, taken: Taken) -> sqlx::Result<()> {
    let hand = Hand {
        holder,
        database: &app.database,
        clock: &app.clock,
        clocks: &app.clocks,
        sealer: &app.sealer,
        buckets: &app.buckets,
        folder: &app.settings.files.folder,
    };
    let ended = go_on(hand, taken).await;
    app.notified.notify_one();
    ended
}
