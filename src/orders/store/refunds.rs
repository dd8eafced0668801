//! What orders that give back show of it.

use crate::values::id::TenantId;
use rust_decimal::Decimal;
use sqlx::PgConnection;

/// What an unsubscription or a change gave back or kept of an order that had paid.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefundRow {
    /// The resource.
    pub resource_id: String,
    /// Its type.
    pub resource_type: String,
    /// Its service type.
    pub service_type: String,
    /// Its region.
    pub region: String,
    /// Below zero: given back; above: used, or a fee.
    pub amount: Decimal,
    /// The order that had paid.
    pub base_order: String,
}

/// Writes what an order gave back and kept.
pub async fn insert(
    connection: &mut PgConnection,
    (tenant, order): (TenantId, &str),
    rows: &[RefundRow],
) -> sqlx::Result<()> {
    let column = |of: fn(&RefundRow) -> &String| rows.iter().map(|row| of(row).clone()).collect::<Vec<_>>();
    sqlx::query!(
        "insert into order_refunds (tenant_id, order_id, number, resource_id, resource_type_code, service_type_code,
             region_code, amount, base_order_id)
         select t.tenant_id, $2, u.number, u.resource_id, u.resource_type, u.service_type, u.region, u.amount, u.base_order
         from tenants t,
              unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::numeric[], $8::text[]) with ordinality
                  as u (resource_id, resource_type, service_type, region, amount, base_order, number)
         where t.tenant_id = $1",
        tenant.0,
        order,
        &column(|row| &row.resource_id),
        &column(|row| &row.resource_type),
        &column(|row| &row.service_type),
        &column(|row| &row.region),
        &rows.iter().map(|row| row.amount).collect::<Vec<_>>(),
        &column(|row| &row.base_order)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What an order gave back and kept.
pub async fn of(connection: &mut PgConnection, tenant: TenantId, order: &str) -> sqlx::Result<Vec<RefundRow>> {
    sqlx::query_as!(
        RefundRow,
        "select resource_id, resource_type_code as resource_type, service_type_code as service_type, region_code as region,
                amount, base_order_id as base_order
         from order_refunds where tenant_id = $1 and order_id = $2 order by number",
        tenant.0,
        order
    )
    .fetch_all(connection)
    .await
}
