//! What is valid for a while: tokens and temporary keys.

use super::announcements::announce;
use crate::api::caller::Caller;
use crate::values::id::{AgencyId, DomainId, ProjectId, TenantId, UserId};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Who acts, and for which account: what a token or a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user, where it is.
    pub user: (TenantId, UserId),
    /// The agency under which it acts for another account, where that is; else it acts for its own.
    pub agency: Option<(TenantId, AgencyId)>,
}

impl Principal {
    fn of_row(tenant: TenantId, user: UserId, user_tenant: Option<TenantId>, agency: Option<AgencyId>) -> Self {
        Self { user: (user_tenant.unwrap_or(tenant), user), agency: agency.map(|agency| (tenant, agency)) }
    }

    /// For the columns `user_tenant_id` and `agency_id`: null where they would say nothing new.
    fn columns(&self) -> (Option<Uuid>, Option<Uuid>) {
        (self.agency.map(|_| self.user.0.0), self.agency.map(|(_, agency)| agency.0))
    }
}

/// A key that is valid for a while, with the token that belongs to it.
pub struct TemporaryKeyRow {
    /// For whom it signs.
    pub principal: Principal,
    /// For [`crate::secrets::Sealer::open`].
    pub sealed_secret: Vec<u8>,
    /// SHA-256 of its security token.
    pub security_token_hash: Vec<u8>,
    /// When it was given.
    pub issued_at: OffsetDateTime,
    /// Until when it is valid.
    pub expires_at: OffsetDateTime,
}

/// A temporary key, sealed.
pub async fn temporary_key(connection: &mut PgConnection, access_key: &str) -> sqlx::Result<Option<TemporaryKeyRow>> {
    let row = sqlx::query!(
        r#"select tenant_id as "tenant: TenantId", user_id as "user: UserId",
                  user_tenant_id as "user_tenant: TenantId", agency_id as "agency: AgencyId", sealed_secret,
                  security_token_hash, issued_at, expires_at
           from temporary_keys where access_key = $1"#,
        access_key
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| TemporaryKeyRow {
        principal: Principal::of_row(row.tenant, row.user, row.user_tenant, row.agency),
        sealed_secret: row.sealed_secret,
        security_token_hash: row.security_token_hash,
        issued_at: row.issued_at,
        expires_at: row.expires_at,
    }))
}

/// Adds a temporary key of an account.
pub async fn insert_temporary_key(
    connection: &mut PgConnection,
    access_key: &str,
    caller: &Caller,
    new: &TemporaryKeyRow,
) -> sqlx::Result<()> {
    let (user_tenant, agency) = new.principal.columns();
    sqlx::query!(
        "insert into temporary_keys (access_key, tenant_id, domain_id, user_id, user_tenant_id, agency_id, sealed_secret,
                                     security_token_hash, issued_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        access_key,
        caller.tenant.0,
        caller.domain.0,
        caller.user.0,
        user_tenant,
        agency,
        new.sealed_secret,
        new.security_token_hash,
        new.issued_at,
        new.expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// SHA-256 of a token.
pub type TokenHash = [u8; 32];

/// A token as it is stored.
pub struct TokenRow {
    /// For whom it acts.
    pub principal: Principal,
    /// How it was obtained; in the column `method` several are joined by commas.
    pub methods: Vec<String>,
    /// Its scope.
    pub project_id: Option<ProjectId>,
    /// When it was given.
    pub issued_at: OffsetDateTime,
    /// Until when it is valid.
    pub expires_at: OffsetDateTime,
}

/// A token that was not revoked.
pub async fn token(connection: &mut PgConnection, hash: &TokenHash) -> sqlx::Result<Option<TokenRow>> {
    let row = sqlx::query!(
        r#"select tenant_id as "tenant: TenantId", user_id as "user: UserId",
                  user_tenant_id as "user_tenant: TenantId", agency_id as "agency: AgencyId", method,
                  project_id as "project_id: ProjectId", issued_at, expires_at
           from tokens where token_hash = $1"#,
        &hash[..]
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| TokenRow {
        principal: Principal::of_row(row.tenant, row.user, row.user_tenant, row.agency),
        methods: row.method.split(',').map(str::to_owned).collect(),
        project_id: row.project_id,
        issued_at: row.issued_at,
        expires_at: row.expires_at,
    }))
}

/// Keeps a token's hash.
pub async fn insert_token(
    connection: &mut PgConnection,
    hash: &TokenHash,
    caller: &Caller,
    new: &TokenRow,
) -> sqlx::Result<()> {
    let (user_tenant, agency) = new.principal.columns();
    sqlx::query!(
        "insert into tokens (token_hash, tenant_id, domain_id, user_id, user_tenant_id, agency_id, method, project_id,
                             issued_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &hash[..],
        caller.tenant.0,
        caller.domain.0,
        caller.user.0,
        user_tenant,
        agency,
        new.methods.join(","),
        new.project_id.map(|project| project.0),
        new.issued_at,
        new.expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Revokes a token of an account and announces it; whether there was one.
pub async fn delete_token(connection: &mut PgConnection, hash: &TokenHash, domain: DomainId) -> sqlx::Result<bool> {
    let deleted = sqlx::query!("delete from tokens where token_hash = $1 and domain_id = $2", &hash[..], domain.0)
        .execute(&mut *connection)
        .await?;
    announce(connection, &format!("token {}", hex::encode(hash))).await?;
    Ok(deleted.rows_affected() > 0)
}

/// Deletes some of the tokens and temporary keys that have expired; how many.
pub async fn delete_expired(connection: &mut PgConnection, now: OffsetDateTime, most: i64) -> sqlx::Result<u64> {
    let tokens = sqlx::query!(
        "delete from tokens t using (select token_hash from tokens where expires_at < $1 limit $2) gone
         where t.token_hash = gone.token_hash",
        now,
        most
    );
    let tokens = tokens.execute(&mut *connection).await?.rows_affected();
    let keys = sqlx::query!(
        "delete from temporary_keys k using (select access_key from temporary_keys where expires_at < $1 limit $2) gone
         where k.access_key = gone.access_key",
        now,
        most
    );
    Ok(tokens.max(keys.execute(connection).await?.rows_affected()))
}
