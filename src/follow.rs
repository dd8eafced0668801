//! Keeps what is in memory in step with the database: announcements at once, a look each second in case one was missed.
//!
//! Announcements are heard on a connection of its own. Each second that connection is also asked for the catalogue's
//! version, which proves it alive. While there is none, nothing that was read from the database is trusted for longer than
//! a second; when it is back, everything is read again, since announcements may have been missed.
//!
//! The other way round, what requests note in memory is written once a minute. What the clock demands, such as the expiry
//! of coupons, is done each second.

use crate::api::maintenance;
use crate::api::write;
use crate::app::App;
use crate::catalogue::memory::{self as catalogue, Catalogue};
use crate::clock;
use crate::coupons::jobs as coupons;
use crate::customers::store as customers;
use crate::database;
use crate::identity::store;
use crate::identity::store::TokenHash;
use sqlx::postgres::{PgListener, PgNotification};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::timeout;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Expired tokens and temporary keys are removed once in so many looks; so often is done what can wait for minutes.
const LOOKS_BETWEEN_CLEANUPS: u32 = 600;

const WRITE_EVERY: Duration = Duration::from_mins(1);

/// Runs until the task is dropped.
pub async fn follow(app: App) {
    tokio::join!(follow_changes(&app), write_uses(&app), do_what_is_due(&app));
}

/// Apart from the announcements, which must not wait for it however much falls due at once.
async fn do_what_is_due(app: &App) {
    for look in 0_u32.. {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Err(error) = coupons::run_due(app, look.is_multiple_of(LOOKS_BETWEEN_CLEANUPS)).await {
            tracing::warn!(%error, "what is due of coupons could not be looked for");
        }
    }
}

async fn write_uses(app: &App) {
    loop {
        tokio::time::sleep(WRITE_EVERY).await;
        if let Err(error) = app.key_uses.write(&app.database).await {
            tracing::warn!(%error, "the last uses of access keys could not be written yet");
        }
    }
}

async fn follow_changes(app: &App) {
    loop {
        if let Err(error) = listen(app).await {
            tracing::warn!(%error, "the database does not announce changes; what is in memory is not trusted");
        }
        app.listening.store(false, Ordering::Relaxed);
        app.directory.forget_all();
        app.customers.forget_all();
        app.histories.forget_all();
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn listen(app: &App) -> sqlx::Result<()> {
    let mut listener = timeout(LOOK_EVERY, app.database.listener()).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
    listener.eager_reconnect(false);
    let channels = [store::CHANNEL, catalogue::CHANNEL, clock::CHANNEL, customers::CHANNEL, maintenance::CHANNEL];
    listener.listen_all(channels).await?;
    app.directory.forget_all();
    app.customers.forget_all();
    app.histories.forget_all();
    app.listening.store(true, Ordering::Relaxed);
    for look in 0_u32.. {
        look_at_catalogue(app, &mut listener).await?;
        timeout(LOOK_EVERY, app.maintenance.reload(&mut listener)).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
        timeout(LOOK_EVERY, app.clocks.reload(&mut listener)).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
        if look % LOOKS_BETWEEN_CLEANUPS == LOOKS_BETWEEN_CLEANUPS - 1 {
            let (mut connection, now) = (app.database.control().await?, app.clock.now());
            store::delete_expired(&mut connection, now).await?;
            let kept = time::Duration::days(i64::from(app.settings.api.idempotency_days));
            write::forget_before(&mut connection, now.saturating_sub(kept)).await?;
            for (_, shown) in app.clocks.moved() {
                database::open_months_ahead(&mut connection, shown).await?;
            }
            database::open_months_ahead(&mut connection, now).await?;
        }
        match timeout(LOOK_EVERY, listener.try_recv()).await {
            Err(_) => {}
            Ok(Ok(Some(notification))) => apply(app, &notification).await,
            Ok(Ok(None)) => return Err(sqlx::Error::Protocol("the connection was lost".into())),
            Ok(Err(error)) => return Err(error),
        }
    }
    Ok(())
}

async fn look_at_catalogue(app: &App, listener: &mut PgListener) -> sqlx::Result<()> {
    let look = sqlx::query_scalar!("select version from catalogue_version where only_row").fetch_one(&mut *listener);
    let version = timeout(LOOK_EVERY, look).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
    if version != app.catalogue.load().version {
        let catalogue = Catalogue::load(&mut *app.database.control().await?).await?;
        tracing::info!(version = catalogue.version, "the catalogue was loaded anew");
        app.catalogue.store(Arc::new(catalogue));
    }
    Ok(())
}

async fn apply(app: &App, notification: &PgNotification) {
    if [catalogue::CHANNEL, clock::CHANNEL, maintenance::CHANNEL].contains(&notification.channel()) {
        // The next look, which follows at once, finds what is new.
        return;
    }
    if notification.channel() == customers::CHANNEL {
        if let Some((tenant, id)) = customers::announced(notification.payload()) {
            app.customers.forget(tenant, id).await;
        } else {
            app.customers.forget_all();
            // As when a sandbox is set back to a snapshot.
            app.histories.forget_all();
        }
        return;
    }
    match parse(notification.payload()) {
        Change::AccessKey(access_key) => app.directory.forget_access_key(access_key).await,
        Change::Session(hash) => app.directory.forget_session(&hash).await,
        Change::Any => app.directory.forget_all(),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Change<'a> {
    AccessKey(&'a str),
    Session(TokenHash),
    Any,
}

fn parse(payload: &str) -> Change<'_> {
    let mut hash = TokenHash::default();
    match payload.split_once(' ') {
        Some(("key", access_key)) => Change::AccessKey(access_key),
        Some(("token", digits)) if hex::decode_to_slice(digits, &mut hash).is_ok() => Change::Session(hash),
        _ => Change::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_that_is_not_understood_means_everything() {
        assert_eq!(parse("key AK1"), Change::AccessKey("AK1"));
        assert_eq!(parse(&format!("token {}", "ab".repeat(32))), Change::Session([0xab; 32]));
        for payload in ["", "token xyz", "user 5", "key"] {
            assert_eq!(parse(payload), Change::Any, "{payload}");
        }
    }
}
