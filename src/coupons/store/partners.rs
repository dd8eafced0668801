//! Partners as issuers of coupons, and the products coupons can be limited to.

use crate::coupons::limits::SubscribeType;
use crate::values::id::{DomainId, TenantId};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// How long before a coupon expires its partner is told, unless it says otherwise.
pub const NOTICE_DAYS: i16 = 7;

/// Whether a partner uses coupons itself and issues none.
pub async fn is_converted(connection: &mut PgConnection, tenant: TenantId, partner: DomainId) -> sqlx::Result<bool> {
    let found = sqlx::query_scalar!(
        r#"select converted_at is not null as "converted!" from coupon_partners where tenant_id = $1 and partner_id = $2"#,
        tenant.0,
        partner.0
    );
    Ok(found.fetch_optional(connection).await?.unwrap_or(false))
}

/// Lets a partner use coupons itself from now on, or issue them again.
pub async fn set_converted(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    since: Option<OffsetDateTime>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into coupon_partners (tenant_id, partner_id, converted_at) values ($1, $2, $3)
         on conflict (tenant_id, partner_id) do update set converted_at = excluded.converted_at",
        tenant.0,
        partner.0,
        since
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets how long before a coupon expires its partner is told.
pub async fn set_notice_days(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    days: i16,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into coupon_partners (tenant_id, partner_id, notice_days) values ($1, $2, $3)
         on conflict (tenant_id, partner_id) do update set notice_days = excluded.notice_days",
        tenant.0,
        partner.0,
        days
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How long before a coupon expires partners are told, of those who say otherwise than by default.
pub async fn notice_days(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<BTreeMap<DomainId, i16>> {
    let rows = sqlx::query!(
        r#"select partner_id as "partner: DomainId", notice_days from coupon_partners
           where tenant_id = $1 and notice_days <> $2"#,
        tenant.0,
        NOTICE_DAYS
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.partner, row.notice_days)).collect())
}

/// Counts coupons that enter a partner's list, or leave it.
pub async fn count_listed(
    connection: &mut PgConnection,
    tenant: TenantId,
    partner: DomainId,
    more: i64,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into coupon_partners (tenant_id, partner_id, listed) values ($1, $2, $3)
         on conflict (tenant_id, partner_id) do update set listed = coupon_partners.listed + excluded.listed",
        tenant.0,
        partner.0,
        more
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Tenants in which a partner has issued coupons, or was set something as their issuer.
pub async fn tenants(connection: &mut PgConnection) -> sqlx::Result<Vec<TenantId>> {
    sqlx::query_scalar!(r#"select distinct tenant_id as "tenant: TenantId" from coupon_partners"#)
        .fetch_all(connection)
        .await
}

/// The products of these ids, with the ways they can be ordered.
pub async fn products(
    connection: &mut PgConnection,
    ids: &[String],
) -> sqlx::Result<BTreeMap<String, Vec<SubscribeType>>> {
    let rows = sqlx::query!("select product_id, subscribe_types from coupon_products where product_id = any($1)", ids);
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.product_id, ways(row.subscribe_types))).collect())
}

/// So many products behind this id, in the order of their ids, with the ways they can be ordered.
pub async fn products_behind(
    connection: &mut PgConnection,
    behind: &str,
    limit: usize,
) -> sqlx::Result<Vec<(String, Vec<SubscribeType>)>> {
    let rows = sqlx::query!(
        "select product_id, subscribe_types from coupon_products where product_id > $1 order by product_id limit $2",
        behind,
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.product_id, ways(row.subscribe_types))).collect())
}

fn ways(types: Vec<String>) -> Vec<SubscribeType> {
    types.into_iter().filter_map(|kind| serde_json::from_value(kind.into()).ok()).collect()
}

/// Adds a product, or sets how it can be ordered.
pub async fn set_product(connection: &mut PgConnection, id: &str, ways: &[SubscribeType]) -> sqlx::Result<()> {
    let names = ways.iter().map(|way| serde_json::to_value(way).ok()?.as_str().map(str::to_owned));
    let names: Vec<String> = names.map(|name| name.expect("a way is written as a text")).collect();
    sqlx::query!(
        "insert into coupon_products (product_id, subscribe_types) values ($1, $2)
         on conflict (product_id) do update set subscribe_types = excluded.subscribe_types",
        id,
        &names
    )
    .execute(connection)
    .await?;
    Ok(())
}
