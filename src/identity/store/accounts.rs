//! Accounts, which the wire calls domains.

use crate::api::caller::CallerKind;
use crate::values::id::{DomainId, TenantId};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Which account has this name.
pub async fn domain_by_name(connection: &mut PgConnection, name: &str) -> sqlx::Result<Option<(TenantId, DomainId)>> {
    let row = sqlx::query!(
        r#"select tenant_id as "tenant: TenantId", domain_id as "domain: DomainId" from login_names where name = $1"#,
        name
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.tenant, row.domain)))
}

/// The account of this id. `login_names` is keyed by name, so this asks every node of a cluster: not for hot paths.
pub async fn domain_by_id(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<(TenantId, DomainId)>> {
    let row = sqlx::query!(
        r#"select tenant_id as "tenant: TenantId", domain_id as "domain: DomainId" from login_names
           where domain_id = $1"#,
        id
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.tenant, row.domain)))
}

/// An account's kind.
pub async fn domain_kind(
    connection: &mut PgConnection,
    tenant: TenantId,
    domain: DomainId,
) -> sqlx::Result<CallerKind> {
    sqlx::query_scalar!(
        r#"select kind as "kind: CallerKind" from domains where tenant_id = $1 and domain_id = $2"#,
        tenant.0,
        domain.0
    )
    .fetch_one(connection)
    .await
}

/// The account right above an account, or none; none at all where the account is gone.
pub async fn domain_parent(
    connection: &mut PgConnection,
    tenant: TenantId,
    domain: DomainId,
) -> sqlx::Result<Option<Option<DomainId>>> {
    sqlx::query_scalar!(
        r#"select parent_id as "parent: DomainId" from domains where tenant_id = $1 and domain_id = $2"#,
        tenant.0,
        domain.0
    )
    .fetch_optional(connection)
    .await
}

/// A new account.
pub struct NewDomain<'a> {
    /// The top of its tree.
    pub tenant: TenantId,
    /// Its id.
    pub id: DomainId,
    /// What it hangs below.
    pub parent: Option<DomainId>,
    /// Its name, unique over all tenants.
    pub name: &'a str,
    /// Its kind.
    pub kind: CallerKind,
}

/// Adds an account, and its tenant when it is the top of a tree. `false`: the name is taken, and nothing was added.
pub async fn insert_domain(
    connection: &mut PgConnection,
    new: &NewDomain<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let name = sqlx::query!(
        "insert into login_names (name, tenant_id, domain_id) values ($1, $2, $3) on conflict do nothing",
        new.name,
        new.tenant.0,
        new.id.0
    );
    if name.execute(&mut *connection).await?.rows_affected() == 0 {
        return Ok(false);
    }
    if new.parent.is_none() {
        sqlx::query!("insert into tenants (tenant_id, created_at) values ($1, $2)", new.tenant.0, now)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query!(
        "insert into domains (tenant_id, domain_id, parent_id, name, kind, created_at) values ($1, $2, $3, $4, $5, $6)",
        new.tenant.0,
        new.id.0,
        new.parent.map(|parent| parent.0),
        new.name,
        new.kind as CallerKind,
        now
    )
    .execute(connection)
    .await?;
    Ok(true)
}
