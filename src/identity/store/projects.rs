//! Projects of accounts, one for each region they entered.

use crate::values::id::{DomainId, ProjectId, TenantId};
use sqlx::PgConnection;

/// A project of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name, a region code.
    pub name: String,
}

/// The projects of an account, in the order of their names.
pub async fn projects(connection: &mut PgConnection, tenant: TenantId, domain: DomainId) -> sqlx::Result<Vec<Project>> {
    sqlx::query_as!(
        Project,
        r#"select project_id as "id: ProjectId", name from projects
           where tenant_id = $1 and domain_id = $2 order by name"#,
        tenant.0,
        domain.0
    )
    .fetch_all(connection)
    .await
}

/// Adds projects.
pub async fn insert_projects(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    projects: &[Project],
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into projects (tenant_id, project_id, domain_id, name)
         select t.tenant_id, p.project_id, $2, p.name
         from tenants t, unnest($3::uuid[], $4::text[]) as p (project_id, name) where t.tenant_id = $1",
        tenant.0,
        domain.0,
        &projects.iter().map(|project| project.id.0).collect::<Vec<_>>(),
        &projects.iter().map(|project| project.name.clone()).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}
