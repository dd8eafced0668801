//! What purses paid of the lines of orders.

use super::lines;
use crate::orders::model::{LineOf, Share, Source};
use crate::values::id::TenantId;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// Writes what purses paid of an order.
pub(super) async fn insert(
    connection: &mut PgConnection,
    (tenant, order): (TenantId, &str),
    shares: &[Share],
) -> sqlx::Result<()> {
    if shares.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into order_payments (tenant_id, order_id, line, source, source_id, amount)
         select t.tenant_id, $2, u.line, u.source, u.source_id, u.amount
         from tenants t, unnest($3::smallint[], $4::text[], $5::uuid[], $6::numeric[]) as u (line, source, source_id, amount)
         where t.tenant_id = $1",
        tenant.0,
        order,
        &shares.iter().map(|share| lines::number(share.line)).collect::<Vec<_>>(),
        &shares.iter().map(|share| share.source).collect::<Vec<_>>() as &[Source],
        &shares.iter().map(|share| share.source_id).collect::<Vec<_>>(),
        &shares.iter().map(|share| share.amount).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What purses paid of an order, less what changes have settled of it.
pub async fn shares(connection: &mut PgConnection, tenant: TenantId, order: &str) -> sqlx::Result<Vec<Share>> {
    let rows = sqlx::query!(
        r#"select line, source as "source: Source", source_id, amount - settled as "amount!" from order_payments
           where tenant_id = $1 and order_id = $2 and amount > settled order by line, source, source_id"#,
        tenant.0,
        order
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| Share {
            line: lines::place(row.line),
            source: row.source,
            source_id: row.source_id,
            amount: row.amount,
        })
        .collect())
}

/// Writes that a change has settled parts of what purses paid of a line: they were used, or given back.
pub async fn settle(
    connection: &mut PgConnection,
    tenant: TenantId,
    line: &LineOf,
    settled: &[(Source, Uuid, Decimal)],
) -> sqlx::Result<()> {
    sqlx::query!(
        "update order_payments p set settled = p.settled + u.amount
         from unnest($4::text[], $5::uuid[], $6::numeric[]) as u (source, source_id, amount)
         where p.tenant_id = $1 and p.order_id = $2 and p.line = $3 and p.source = u.source and p.source_id = u.source_id",
        tenant.0,
        line.order,
        line.line,
        &settled.iter().map(|part| part.0).collect::<Vec<_>>() as &[Source],
        &settled.iter().map(|part| part.1).collect::<Vec<_>>(),
        &settled.iter().map(|part| part.2).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}
