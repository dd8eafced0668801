//! Agencies: one account lets another's users act for it.

use super::announcements::announce;
use crate::api::caller::CallerKind;
use crate::values::id::{AgencyId, DomainId, TenantId};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// An agency with the account that granted it.
#[derive(Clone, Debug)]
pub struct Agency {
    /// Its id.
    pub id: AgencyId,
    /// The granting account.
    pub domain: DomainId,
    /// Its name.
    pub domain_name: String,
    /// Its kind.
    pub kind: CallerKind,
    /// The account whose users may act.
    pub trusted: DomainId,
}

/// An agency by id.
pub async fn agency(connection: &mut PgConnection, tenant: TenantId, agency: AgencyId) -> sqlx::Result<Option<Agency>> {
    sqlx::query_as!(
        Agency,
        r#"select a.agency_id as "id: AgencyId", a.domain_id as "domain: DomainId", d.name as domain_name,
                  d.kind as "kind: CallerKind", a.trusted_domain_id as "trusted: DomainId"
           from agencies a join domains d on d.tenant_id = a.tenant_id and d.domain_id = a.domain_id
           where a.tenant_id = $1 and d.tenant_id = $1 and a.agency_id = $2"#,
        tenant.0,
        agency.0
    )
    .fetch_optional(connection)
    .await
}

/// The id of an account's agency of this name.
pub async fn agency_by_name(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    name: &str,
) -> sqlx::Result<Option<AgencyId>> {
    sqlx::query_scalar!(
        r#"select agency_id as "id: AgencyId" from agencies where tenant_id = $1 and domain_id = $2 and name = $3"#,
        tenant.0,
        domain.0,
        name
    )
    .fetch_optional(connection)
    .await
}

/// Whether an account lets the users of this other one act for it.
pub async fn trusts(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    other: DomainId,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists(select 1 from agencies where tenant_id = $1 and domain_id = $2 and trusted_domain_id = $3)
               as "trusts!""#,
        tenant.0,
        domain.0,
        other.0
    )
    .fetch_one(connection)
    .await
}

/// Grants an agency.
pub async fn insert_agency(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    (id, name): (AgencyId, &str),
    trusted: DomainId,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into agencies (tenant_id, agency_id, domain_id, name, trusted_domain_id, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        tenant.0,
        id.0,
        domain.0,
        name,
        trusted.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Withdraws an agency and announces it: whoever acts under it is refused from now on. Whether there was one.
pub async fn delete_agency(connection: &mut PgConnection, tenant: TenantId, id: AgencyId) -> sqlx::Result<bool> {
    let deleted = sqlx::query!("delete from agencies where tenant_id = $1 and agency_id = $2", tenant.0, id.0)
        .execute(&mut *connection)
        .await?;
    announce(connection, "agency").await?;
    Ok(deleted.rows_affected() > 0)
}
