//! The sandbox's many accounts, written by arrays.

use crate::api::caller::CallerKind;
use crate::values::id::{DomainId, TenantId, new_uuid};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Where the accounts have projects: the vendor makes one when an account enters a region first.
const REGIONS: [&str; 3] = ["cn-east-3", "cn-north-4", "cn-south-1"];

/// A customer's account to be opened.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its id.
    pub id: DomainId,
    /// Its name.
    pub name: String,
    /// When it is opened.
    pub at: OffsetDateTime,
}

/// Opens accounts below a partner, each with a user of its own name that has no password.
pub async fn open_accounts(
    connection: &mut PgConnection,
    (tenant, parent): (TenantId, DomainId),
    accounts: &[NewAccount],
) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = accounts.iter().map(|account| account.id.0).collect();
    let names: Vec<String> = accounts.iter().map(|account| account.name.clone()).collect();
    let instants: Vec<OffsetDateTime> = accounts.iter().map(|account| account.at).collect();
    sqlx::query!(
        "insert into login_names (name, tenant_id, domain_id)
         select u.name, $1, u.id from unnest($2::uuid[], $3::text[]) as u (id, name)",
        tenant.0,
        &ids,
        &names
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "insert into domains (tenant_id, domain_id, parent_id, name, kind, created_at)
         select t.tenant_id, u.id, $2, u.name, $3, u.created_at
         from tenants t, unnest($4::uuid[], $5::text[], $6::timestamptz[]) as u (id, name, created_at)
         where t.tenant_id = $1",
        tenant.0,
        parent.0,
        CallerKind::Customer as CallerKind,
        &ids,
        &names,
        &instants
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "insert into users (tenant_id, user_id, domain_id, name, password_hash, administrator, permission_items, enabled,
                            created_at)
         select t.tenant_id, u.user_id, u.id, u.name, null, true, '{}', true, u.created_at
         from tenants t,
              unnest($2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[]) as u (user_id, id, name, created_at)
         where t.tenant_id = $1",
        tenant.0,
        &instants.iter().map(|at| new_uuid(*at)).collect::<Vec<_>>(),
        &ids,
        &names,
        &instants
    )
    .execute(&mut *connection)
    .await?;
    for region in REGIONS {
        let ids: Vec<_> = accounts.iter().map(|account| (account.id, new_uuid(account.at))).collect();
        insert_project_of_each(connection, tenant, region, &ids).await?;
    }
    Ok(())
}

/// Adds a project of this name to each of these accounts.
async fn insert_project_of_each(
    connection: &mut PgConnection,
    tenant: TenantId,
    name: &str,
    projects: &[(DomainId, Uuid)],
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into projects (tenant_id, project_id, domain_id, name)
         select t.tenant_id, p.project_id, p.domain_id, $2
         from tenants t, unnest($3::uuid[], $4::uuid[]) as p (project_id, domain_id) where t.tenant_id = $1",
        tenant.0,
        name,
        &projects.iter().map(|(_, project)| *project).collect::<Vec<_>>(),
        &projects.iter().map(|(domain, _)| domain.0).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}
