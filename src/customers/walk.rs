//! All customers of a partner, one behind the other by their numbers, for who reads all of them.

use super::list::{Row, rows};
use super::model::{AssociationType, CustomerType, Frozen, VerifiedStatus};
use crate::values::id::{DomainId, TenantId};
use crate::values::time::Day;
use sqlx::PgConnection;

/// One customer, or those that were associated in certain days of UTC+8.
type Chosen = (Option<DomainId>, Option<(Day, Day)>);

/// How many of a partner's customers these are.
pub async fn count(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    (customer, days): Chosen,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from customers
           where tenant_id = $1 and partner_id = $2 and ($3::uuid is null or domain_id = $3)
             and ($4::timestamptz is null or associated_at >= $4) and ($5::timestamptz is null or associated_at < $5)"#,
        tenant.0,
        partner.0,
        customer.map(|customer| customer.0),
        days.map(|(first, _)| first.start()),
        days.map(|(_, last)| last.end())
    )
    .fetch_one(connection)
    .await
}

/// So many of these behind the one of a number, for who reads all of them.
pub async fn behind(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    (customer, days): Chosen,
    (number, limit): (Option<i64>, usize),
) -> sqlx::Result<Vec<Row>> {
    let rows = rows!(
        "from customers c
         where c.tenant_id = $1 and c.partner_id = $2 and c.number < $3 and ($4::uuid is null or c.domain_id = $4)
         and ($5::timestamptz is null or c.associated_at >= $5) and ($6::timestamptz is null or c.associated_at < $6)
         order by c.number desc limit $7",
        tenant.0,
        partner.0,
        number.unwrap_or(i64::MAX),
        customer.map(|customer| customer.0),
        days.map(|(first, _)| first.start()),
        days.map(|(_, last)| last.end()),
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    rows.fetch_all(connection).await
}
