//! Orders that something falls due for: unpaid ones whose deadline is over, and those that the sandbox provides itself.

use crate::values::id::TenantId;
use sqlx::PgConnection;
use std::collections::BTreeSet;
use time::OffsetDateTime;
use uuid::Uuid;

/// What falls due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// The deadline for paying.
    Payment,
    /// What was ordered is provided, in the sandbox.
    Provision,
}

/// When it falls due next in a tenant.
pub async fn next(connection: &mut PgConnection, due: Due, tenant: TenantId) -> sqlx::Result<Option<OffsetDateTime>> {
    match due {
        Due::Payment => {
            sqlx::query_scalar!("select min(payable_until) from orders where tenant_id = $1 and status = 6", tenant.0)
                .fetch_one(connection)
                .await
        }
        Due::Provision => {
            sqlx::query_scalar!(
                "select min(provision_at) from orders where tenant_id = $1 and status = 3 and provision_at is not null",
                tenant.0
            )
            .fetch_one(connection)
            .await
        }
    }
}

/// The orders for which it has fallen due, the earliest first, so many. They are not locked: who works on one locks its
/// customer first, and looks again.
pub async fn by(
    connection: &mut PgConnection,
    due: Due,
    (tenant, at): (TenantId, OffsetDateTime),
    limit: i64,
) -> sqlx::Result<Vec<String>> {
    match due {
        Due::Payment => {
            sqlx::query_scalar!(
                "select order_id from orders where tenant_id = $1 and status = 6 and payable_until <= $2
                 order by payable_until, order_id limit $3",
                tenant.0,
                at,
                limit
            )
            .fetch_all(connection)
            .await
        }
        Due::Provision => {
            sqlx::query_scalar!(
                "select order_id from orders where tenant_id = $1 and status = 3 and provision_at <= $2
                 order by provision_at, order_id limit $3",
                tenant.0,
                at,
                limit
            )
            .fetch_all(connection)
            .await
        }
    }
}

/// Tenants in which it has fallen due, those with moved clocks by what these show; some at a time.
pub async fn tenants(
    connection: &mut PgConnection,
    due: Due,
    now: OffsetDateTime,
    moved: &[(TenantId, OffsetDateTime)],
) -> sqlx::Result<BTreeSet<TenantId>> {
    let ids: Vec<Uuid> = moved.iter().map(|(tenant, _)| tenant.0).collect();
    let times: Vec<OffsetDateTime> = moved.iter().map(|(_, by)| *by).collect();
    let found = match due {
        Due::Payment => {
            sqlx::query_scalar!(
                r#"(select distinct tenant_id as "tenant!: TenantId" from orders
                    where status = 6 and payable_until <= $1 and tenant_id <> all($2) limit 100)
                   union
                   select distinct o.tenant_id from orders o
                   join unnest($2::uuid[], $3::timestamptz[]) as m (tenant_id, by) on m.tenant_id = o.tenant_id
                   where o.status = 6 and o.payable_until <= m.by"#,
                now,
                &ids,
                &times
            )
            .fetch_all(connection)
            .await?
        }
        Due::Provision => {
            sqlx::query_scalar!(
                r#"(select distinct tenant_id as "tenant!: TenantId" from orders
                    where status = 3 and provision_at <= $1 and tenant_id <> all($2) limit 100)
                   union
                   select distinct o.tenant_id from orders o
                   join unnest($2::uuid[], $3::timestamptz[]) as m (tenant_id, by) on m.tenant_id = o.tenant_id
                   where o.status = 3 and o.provision_at <= m.by"#,
                now,
                &ids,
                &times
            )
            .fetch_all(connection)
            .await?
        }
    };
    Ok(found.into_iter().collect())
}
