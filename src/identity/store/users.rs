//! Users of accounts.

use super::announcements::announce;
use crate::api::caller::{Caller, CallerKind};
use crate::values::id::{DomainId, TenantId, UserId};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// A user with its account.
pub struct UserRow {
    /// The user, as it calls for its own account.
    pub caller: Caller,
    /// Whether it may call at all.
    pub enabled: bool,
    /// What it was given before this instant is void.
    pub tokens_valid_from: Option<OffsetDateTime>,
}

/// A user with its account.
pub async fn user(connection: &mut PgConnection, tenant: TenantId, user: UserId) -> sqlx::Result<Option<UserRow>> {
    let row = sqlx::query!(
        r#"select u.domain_id as "domain: DomainId", d.name as domain_name, d.kind as "kind: CallerKind",
                  u.name as user_name, u.administrator, u.permission_items, u.enabled, u.tokens_valid_from
           from users u join domains d on d.tenant_id = u.tenant_id and d.domain_id = u.domain_id
           where u.tenant_id = $1 and d.tenant_id = $1 and u.user_id = $2"#,
        tenant.0,
        user.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| {
        let caller = Caller {
            tenant,
            domain: row.domain,
            domain_name: row.domain_name,
            kind: row.kind,
            user,
            user_name: row.user_name,
            administrator: row.administrator,
            credential: String::new(),
            permission_items: row.permission_items,
            acting_from: None,
        };
        UserRow { caller, enabled: row.enabled, tokens_valid_from: row.tokens_valid_from }
    }))
}

/// Names of users, for lists that show who did something.
pub async fn user_names(
    connection: &mut PgConnection,
    tenant: TenantId,
    ids: &[UserId],
) -> sqlx::Result<Vec<(UserId, String)>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select user_id as "id: UserId", name from users where tenant_id = $1 and user_id = any($2)"#,
        tenant.0,
        &ids
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.id, row.name)).collect())
}

/// A user of an account by name, with its password's hash.
pub async fn user_by_name(
    connection: &mut PgConnection,
    tenant: TenantId,
    domain: DomainId,
    name: &str,
) -> sqlx::Result<Option<(UserId, Option<String>)>> {
    let row = sqlx::query!(
        r#"select user_id as "user: UserId", password_hash from users
           where tenant_id = $1 and domain_id = $2 and name = $3"#,
        tenant.0,
        domain.0,
        name
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.user, row.password_hash)))
}

/// A user of any account by id, with its password's hash. Asks every node of a cluster: not for hot paths.
pub async fn user_by_id(
    connection: &mut PgConnection,
    id: Uuid,
) -> sqlx::Result<Option<(TenantId, UserId, Option<String>)>> {
    let row = sqlx::query!(
        r#"select tenant_id as "tenant: TenantId", user_id as "user: UserId", password_hash from users where user_id = $1"#,
        id
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.tenant, row.user, row.password_hash)))
}

/// A user as operators see it.
#[derive(Debug)]
pub struct UserSummary {
    /// Its id.
    pub id: UserId,
    /// Its name.
    pub name: String,
    /// Whether everything is open to it.
    pub administrator: bool,
    /// Whether it is let in.
    pub enabled: bool,
    /// Whether it can log in with a password.
    pub has_password: bool,
    /// What it may do.
    pub permission_items: Vec<String>,
    /// When it was created.
    pub created_at: OffsetDateTime,
}

/// An account's users, by name.
pub async fn users_of(
    connection: &mut PgConnection,
    tenant: TenantId,
    domain: DomainId,
) -> sqlx::Result<Vec<UserSummary>> {
    sqlx::query_as!(
        UserSummary,
        r#"select user_id as "id: UserId", name, administrator, enabled, password_hash is not null as "has_password!",
                  permission_items, created_at
           from users where tenant_id = $1 and domain_id = $2 order by name"#,
        tenant.0,
        domain.0
    )
    .fetch_all(connection)
    .await
}

/// Holds the user until the transaction ends, so that changes to its keys follow each other.
pub async fn lock_user(connection: &mut PgConnection, tenant: TenantId, user: UserId) -> sqlx::Result<()> {
    sqlx::query!("select user_id from users where tenant_id = $1 and user_id = $2 for update", tenant.0, user.0)
        .fetch_one(connection)
        .await?;
    Ok(())
}

/// Enables or disables a user. Disabled, what it was given is void for good. Announced.
pub async fn set_user_enabled(
    connection: &mut PgConnection,
    (tenant, user): (TenantId, UserId),
    enabled: bool,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update users set enabled = $3, tokens_valid_from = case when $3 then tokens_valid_from else $4 end
         where tenant_id = $1 and user_id = $2",
        tenant.0,
        user.0,
        enabled,
        now
    )
    .execute(&mut *connection)
    .await?;
    announce(connection, "user").await
}

/// Changes a user's password; what it was given before is void. Announced.
pub async fn set_password(
    connection: &mut PgConnection,
    (tenant, user): (TenantId, UserId),
    password_hash: &str,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update users set password_hash = $3, tokens_valid_from = $4 where tenant_id = $1 and user_id = $2",
        tenant.0,
        user.0,
        password_hash,
        now
    )
    .execute(&mut *connection)
    .await?;
    announce(connection, "user").await
}

/// Changes what a user may do. Announced.
pub async fn set_permission_items(
    connection: &mut PgConnection,
    (tenant, user): (TenantId, UserId),
    items: &[String],
) -> sqlx::Result<()> {
    sqlx::query!(
        "update users set permission_items = $3 where tenant_id = $1 and user_id = $2",
        tenant.0,
        user.0,
        items
    )
    .execute(&mut *connection)
    .await?;
    announce(connection, "user").await
}

/// A new user.
pub struct NewUser<'a> {
    /// Its id.
    pub id: UserId,
    /// Its tenant and account.
    pub account: (TenantId, DomainId),
    /// Its name, unique in its account.
    pub name: &'a str,
    /// Argon2id, or no password.
    pub password_hash: Option<String>,
    /// Whether it is the account's own user.
    pub administrator: bool,
    /// What it may do otherwise.
    pub permission_items: &'a [String],
}

/// Adds a user.
pub async fn insert_user(connection: &mut PgConnection, new: NewUser<'_>, now: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into users (tenant_id, user_id, domain_id, name, password_hash, administrator, permission_items, enabled,
                            created_at)
         values ($1, $2, $3, $4, $5, $6, $7, true, $8)",
        new.account.0.0,
        new.id.0,
        new.account.1.0,
        new.name,
        new.password_hash,
        new.administrator,
        new.permission_items,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
