//! Access keys that are valid until they are taken away.

use super::announcements::announce;
use crate::signature::Rules;
use crate::values::id::{DomainId, TenantId, UserId};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// An access key as it is stored.
pub struct AccessKeyRow {
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Whose it is.
    pub user_id: UserId,
    /// For [`crate::secrets::Sealer::open`].
    pub sealed_secret: Vec<u8>,
    /// Whether it may be used.
    pub enabled: bool,
    /// See [`Rules`].
    pub require_signed_host: bool,
    /// See [`Rules`].
    pub require_bound_body: bool,
}

/// An access key, sealed.
pub async fn access_key(connection: &mut PgConnection, access_key: &str) -> sqlx::Result<Option<AccessKeyRow>> {
    sqlx::query_as!(
        AccessKeyRow,
        r#"select tenant_id as "tenant_id: TenantId", user_id as "user_id: UserId", sealed_secret, enabled,
                  require_signed_host, require_bound_body
           from access_keys where access_key = $1"#,
        access_key
    )
    .fetch_optional(connection)
    .await
}

/// An access key as operators see it.
#[derive(Debug)]
pub struct KeySummary {
    /// The key.
    pub access_key: String,
    /// Whether it may be used.
    pub enabled: bool,
    /// When it was last used, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
}

/// A user's access keys, oldest first.
pub async fn access_keys_of(
    connection: &mut PgConnection,
    tenant: TenantId,
    user: UserId,
) -> sqlx::Result<Vec<KeySummary>> {
    sqlx::query_as!(
        KeySummary,
        "select access_key, enabled, last_used_at from access_keys where tenant_id = $1 and user_id = $2
         order by created_at, access_key",
        tenant.0,
        user.0
    )
    .fetch_all(connection)
    .await
}

/// Enables or disables an access key and announces it; whether there is one.
pub async fn set_access_key_enabled(
    connection: &mut PgConnection,
    access_key: &str,
    enabled: bool,
) -> sqlx::Result<bool> {
    let updated = sqlx::query!("update access_keys set enabled = $2 where access_key = $1", access_key, enabled)
        .execute(&mut *connection)
        .await?;
    announce(connection, &format!("key {access_key}")).await?;
    Ok(updated.rows_affected() > 0)
}

/// Removes an access key and announces it; whether there was one.
pub async fn delete_access_key(connection: &mut PgConnection, access_key: &str) -> sqlx::Result<bool> {
    let deleted =
        sqlx::query!("delete from access_keys where access_key = $1", access_key).execute(&mut *connection).await?;
    announce(connection, &format!("key {access_key}")).await?;
    Ok(deleted.rows_affected() > 0)
}

/// A new access key.
pub struct NewAccessKey<'a> {
    /// The key.
    pub access_key: &'a str,
    /// From [`crate::secrets::Sealer::seal`].
    pub sealed_secret: Vec<u8>,
    /// Its tenant, account and user.
    pub owner: (TenantId, DomainId, UserId),
    /// What its signatures must cover.
    pub rules: Rules,
}

/// Adds an access key, enabled.
pub async fn insert_access_key(
    connection: &mut PgConnection,
    new: NewAccessKey<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let (tenant, domain, user) = new.owner;
    sqlx::query!(
        "insert into access_keys (access_key, tenant_id, domain_id, user_id, sealed_secret, enabled, require_signed_host,
                                  require_bound_body, created_at)
         values ($1, $2, $3, $4, $5, true, $6, $7, $8)",
        new.access_key,
        tenant.0,
        domain.0,
        user.0,
        new.sealed_secret,
        new.rules.require_signed_host,
        new.rules.require_bound_body,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
