//! 95th percentiles: bandwidth that is charged by its highest points, without the highest twentieth of them.
//!
//! A service reports a point each five minutes, 288 a day. Where there are fewer than a month has, the price of a month is taken
//! in proportion.

use crate::values::id::{DomainId, TenantId};
use crate::values::time::Month;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// How many points a day has.
const POINTS_A_DAY: i64 = 288;
/// As many decimals as days have.
const DAYS_DECIMALS: u32 = 20;

/// How many of so many points are left out. The vendor says 5 %, not how that is rounded.
pub fn left_out(points: i64) -> i64 {
    points / 20
}

/// For how many days there are so many points.
pub fn days(points: i64) -> Decimal {
    (Decimal::from(points) / Decimal::from(POINTS_A_DAY)).trunc_with_scale(DAYS_DECIMALS)
}

/// What is charged of points: the highest after those that are left out.
pub fn bandwidth(mut points: Vec<Decimal>) -> Decimal {
    points.sort_unstable_by(|one, other| other.cmp(one));
    let out = left_out(i64::try_from(points.len()).unwrap_or(i64::MAX));
    usize::try_from(out).ok().and_then(|out| points.get(out)).copied().unwrap_or_default()
}

/// The points of a resource in a month.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Points {
    /// The resource.
    pub resource_id: String,
    /// How many.
    pub points: i64,
    /// What is charged of them.
    pub bandwidth: Decimal,
    /// In which unit.
    pub measure_id: i32,
}

/// Of which kind of resource what was measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind<'a> {
    /// The service type.
    pub service_type: &'a str,
    /// The resource type.
    pub resource_type: &'a str,
    /// The usage type, in lower case.
    pub usage_type: &'a str,
}

/// The points of a customer's resources in a month, by their ids; only of one if it is named.
pub async fn of_month(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    (kind, month): (Kind<'_>, Month),
    resource: Option<&str>,
) -> sqlx::Result<Vec<Points>> {
    let rows = sqlx::query!(
        r#"with points as (
             select u.resource_id, u.quantity, u.measure_id,
                    row_number() over (partition by u.resource_id order by u.quantity desc) as place,
                    count(*) over (partition by u.resource_id) as points
             from on_demand_resources r
             join usages u on u.tenant_id = r.tenant_id and u.resource_id = r.resource_id
             where r.tenant_id = $1 and u.tenant_id = $1 and r.domain_id = $2 and r.service_type_code = $3
               and r.resource_type_code = $4 and lower(u.usage_type_code) = $5 and u.used_from >= $6 and u.used_from < $7
               and u.aside is null and ($8::text is null or r.resource_id = $8)
           )
           select resource_id, points as "points!", quantity as bandwidth, measure_id from points
           where place = points / 20 + 1 order by resource_id"#,
        tenant.0,
        customer.0,
        kind.service_type,
        kind.resource_type,
        kind.usage_type,
        month.start(),
        month.next().start(),
        resource
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| Points {
            resource_id: row.resource_id,
            points: row.points,
            bandwidth: row.bandwidth,
            measure_id: row.measure_id,
        })
        .collect())
}

/// A page of a resource's points, the first one first.
pub async fn page(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    (resource, usage_type, month): (&str, &str, Month),
    (offset, limit): (usize, usize),
) -> sqlx::Result<Vec<(OffsetDateTime, Decimal)>> {
    let rows = sqlx::query!(
        "select used_from, quantity from usages
         where tenant_id = $1 and domain_id = $2 and resource_id = $3 and lower(usage_type_code) = $4 and used_from >= $5
           and used_from < $6 and aside is null
         order by used_from, record_id offset $7 limit $8",
        tenant.0,
        customer.0,
        resource,
        usage_type,
        month.start(),
        month.next().start(),
        i64::try_from(offset).unwrap_or(i64::MAX),
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.used_from, row.quantity)).collect())
}
