//! What replicas that remember identities are told.

use sqlx::PgConnection;

/// Announces changes; the payload is `key <access key>` or `token <hash in hex>`, anything else means "everything".
pub const CHANNEL: &str = "bss_identity";

/// Any key, user or token may be another now: tells every replica, when this transaction commits.
pub async fn announce_all(connection: &mut PgConnection) -> sqlx::Result<()> {
    announce(connection, "all").await
}

/// Lets an access key in again that failed too often, on every replica.
pub async fn announce_unlocked(connection: &mut PgConnection, access_key: &str) -> sqlx::Result<()> {
    announce(connection, &format!("unlock {access_key}")).await
}

/// Tells every replica, when this transaction commits.
pub(in crate::identity) async fn announce(connection: &mut PgConnection, change: &str) -> sqlx::Result<()> {
    sqlx::query!("select pg_notify($1, $2)", CHANNEL, change).execute(connection).await?;
    Ok(())
}
