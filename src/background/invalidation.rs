//! Keeps what is in memory in step with the database: announcements at once, a look each second in case one was missed.
//!
//! Announcements are heard on a connection of its own, which is asked each second whether it is still alive. While there is
//! none, nothing that was read from the database is trusted for longer than a second; when it is back, everything is read
//! again, since announcements may have been missed.
//!
//! The other way round, what requests note in memory is written once a minute.

use crate::api::maintenance;
use crate::app::App;
use crate::catalogue::memory::{self as catalogue, Catalogue};
use crate::clock;
use crate::customers::store as customers;
use crate::identity::store::{self as identity, TokenHash};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::postgres::PgListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};

const LOOK_EVERY: Duration = Duration::from_secs(1);
const WRITE_EVERY: Duration = Duration::from_mins(1);

/// Keeps what is remembered of some tables in step with them.
struct Follower {
    /// Where changes of them are announced.
    channel: &'static str,
    /// Does what an announcement asks for.
    apply: for<'a> fn(&'a App, &'a str) -> BoxFuture<'a, ()>,
    /// Forgets all that is remembered: any of it may have changed.
    forget_all: fn(&App),
}

/// Everything that follows the database.
const FOLLOWERS: [Follower; 5] = [
    Follower { channel: identity::CHANNEL, apply: apply_identity, forget_all: |app| app.directory.forget_all() },
    Follower { channel: customers::CHANNEL, apply: apply_customer, forget_all: forget_customers },
    Follower { channel: catalogue::CHANNEL, apply: look_soon, forget_all: |_| {} },
    Follower { channel: clock::CHANNEL, apply: look_soon, forget_all: |_| {} },
    Follower { channel: maintenance::CHANNEL, apply: look_soon, forget_all: |_| {} },
];

fn forget_all(app: &App) {
    for follower in &FOLLOWERS {
        (follower.forget_all)(app);
    }
}

fn forget_customers(app: &App) {
    app.customers.forget_all();
    app.histories.forget_all();
}

/// What is read as a whole: the next look, which follows at once, finds what is new.
fn look_soon<'a>(app: &'a App, _: &'a str) -> BoxFuture<'a, ()> {
    app.changed.notify_one();
    std::future::ready(()).boxed()
}

fn apply_customer<'a>(app: &'a App, payload: &'a str) -> BoxFuture<'a, ()> {
    async move {
        match customers::announced(payload) {
            Some((tenant, id)) => app.customers.forget(tenant, id).await,
            // As when a sandbox is set back to a snapshot.
            None => forget_customers(app),
        }
    }
    .boxed()
}

fn apply_identity<'a>(app: &'a App, payload: &'a str) -> BoxFuture<'a, ()> {
    async move {
        match parse(payload) {
            Change::Unlocked(access_key) => app.lockout.unlock(access_key),
            Change::AccessKey(access_key) => app.directory.forget_access_key(access_key).await,
            Change::Session(hash) => app.directory.forget_session(&hash).await,
            Change::Any => app.directory.forget_all(),
        }
    }
    .boxed()
}

/// Hears announcements until the task is dropped.
pub async fn hear(app: App) {
    // After a panic too, nothing that was remembered before is trusted.
    loop {
        app.listening.store(false, Ordering::Relaxed);
        forget_all(&app);
        app.health.turn("announcements");
        if let Err(error) = listen(&app).await {
            tracing::warn!(%error, "the database does not announce changes; what is in memory is not trusted");
        }
        app.listening.store(false, Ordering::Relaxed);
        forget_all(&app);
        sleep(LOOK_EVERY).await;
    }
}

async fn listen(app: &App) -> sqlx::Result<()> {
    let mut listener = timeout(LOOK_EVERY, app.database.listener()).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
    listener.eager_reconnect(false);
    listener.listen_all(FOLLOWERS.iter().map(|follower| follower.channel)).await?;
    forget_all(app);
    app.listening.store(true, Ordering::Relaxed);
    app.changed.notify_one();
    let mut next_proof = Instant::now() + LOOK_EVERY;
    loop {
        app.health.turn("announcements");
        // However many are announced, all of them are applied before anything else is done.
        match timeout_at(next_proof, listener.try_recv()).await {
            Ok(Ok(Some(heard))) => {
                if let Some(follower) = FOLLOWERS.iter().find(|follower| follower.channel == heard.channel()) {
                    (follower.apply)(app, heard.payload()).await;
                }
            }
            Ok(Ok(None)) => return Err(sqlx::Error::Protocol("the connection was lost".into())),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                prove_alive(&mut listener).await?;
                next_proof = Instant::now() + LOOK_EVERY;
            }
        }
    }
}

/// A connection that died without a word answers nothing.
async fn prove_alive(listener: &mut PgListener) -> sqlx::Result<()> {
    let answer = sqlx::query_scalar!("select version from catalogue_version where only_row").fetch_one(listener);
    timeout(LOOK_EVERY, answer).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
    Ok(())
}

/// Looks each second, and when something was announced, until the task is dropped.
pub async fn look(app: App) {
    loop {
        app.health.turn("looks");
        if let Err(error) = look_once(&app).await {
            tracing::warn!(%error, "the database could not be looked at for changes");
        }
        timeout(LOOK_EVERY, app.changed.notified()).await.ok();
    }
}

async fn look_once(app: &App) -> sqlx::Result<()> {
    let mut connection = app.database.control().await?;
    let version = sqlx::query_scalar!("select version from catalogue_version where only_row");
    if version.fetch_one(&mut *connection).await? != app.catalogue.load().version {
        let catalogue = Catalogue::load(&mut connection).await?;
        tracing::info!(version = catalogue.version, "the catalogue was loaded anew");
        app.catalogue.store(Arc::new(catalogue));
    }
    app.maintenance.reload(&mut *connection).await?;
    app.clocks.reload(&mut *connection).await
}

/// Writes what requests noted in memory, until the task is dropped.
pub async fn write_uses(app: App) {
    loop {
        sleep(WRITE_EVERY).await;
        if let Err(error) = app.key_uses.write(&app.database).await {
            tracing::warn!(%error, "the last uses of access keys could not be written yet");
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Change<'a> {
    AccessKey(&'a str),
    Unlocked(&'a str),
    Session(TokenHash),
    Any,
}

fn parse(payload: &str) -> Change<'_> {
    let mut hash = TokenHash::default();
    match payload.split_once(' ') {
        Some(("key", access_key)) => Change::AccessKey(access_key),
        Some(("unlock", access_key)) => Change::Unlocked(access_key),
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
        assert_eq!(parse("unlock AK1"), Change::Unlocked("AK1"));
        assert_eq!(parse(&format!("token {}", "ab".repeat(32))), Change::Session([0xab; 32]));
        for payload in ["", "token xyz", "user 5", "key"] {
            assert_eq!(parse(payload), Change::Any, "{payload}");
        }
    }
}
