//! What is listed of packages. Nothing here changes them.

use super::model::{Bundle, Reset, ResetBy, ResetCycle, Span};
use super::model::{CodeFilter, IdFilter, NameFilter, PackageStatus};
use crate::values::id::{DomainId, PackageId, PackageItemId, TenantId};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Which packages; what is `None` does not filter.
#[derive(Clone, Debug, Default)]
pub struct PackageFilter<'a> {
    /// Of this region.
    pub region: Option<&'a CodeFilter>,
    /// Of this order.
    pub order: Option<&'a IdFilter>,
    /// Of this product.
    pub product: Option<&'a IdFilter>,
    /// Of a product of this name.
    pub product_name: Option<&'a NameFilter>,
    /// Bought in this enterprise project.
    pub enterprise_project: Option<&'a IdFilter>,
    /// That stand so.
    pub status: Option<PackageStatus>,
    /// Of one of these service types, in whatever case.
    pub services: Option<&'a [CodeFilter]>,
}

/// A package.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its id.
    pub id: PackageId,
    /// The order it came from.
    pub order_id: Option<String>,
    /// What that calls it.
    pub order_instance_id: Option<String>,
    /// The product's id.
    pub product_id: String,
    /// The product's name.
    pub product_name: String,
    /// The product's service type.
    pub service_type: String,
    /// The region it is good for.
    pub region: String,
    /// The enterprise project it was bought in.
    pub enterprise_project: Option<String>,
    /// Whether it serves that alone.
    pub is_bound: bool,
    /// Whether it came by itself.
    pub bundle: Bundle,
    /// How its quantities come back.
    pub reset: Option<Reset>,
    /// When it can be used.
    pub life: Span,
    /// Until when nothing is left of it.
    pub used_up_until: Option<OffsetDateTime>,
    /// Since when it is unsubscribed.
    pub unsubscribed_at: Option<OffsetDateTime>,
}

/// The ids of the packages that a filter finds, the one that expires last first. A customer has few enough for all to be found,
/// which also counts them.
pub async fn find(
    connection: &mut PgConnection,
    (tenant, owner): (TenantId, DomainId),
    filter: &PackageFilter<'_>,
    (now, listed_since): (OffsetDateTime, OffsetDateTime),
) -> sqlx::Result<Vec<PackageId>> {
    let services: Option<Vec<String>> =
        filter.services.map(|all| all.iter().map(|code| code.as_str().to_lowercase()).collect());
    sqlx::query_scalar!(
        r#"select package_id as "id: PackageId" from packages
           where tenant_id = $1 and owner_id = $2 and expires_at > $3
             and ($4::text is null or region_code = $4) and ($5::text is null or order_id = $5)
             and ($6::text is null or product_id = $6) and ($7::text is null or product_name = $7)
             and ($8::text is null or enterprise_project_id = $8)
             and ($9::text[] is null or lower(service_type_code) = any($9))
             and ($10::smallint is null or $10 = case
                  when unsubscribed_at is not null then 4
                  when expires_at <= $11 then 3
                  when effective_at > $11 then 0
                  when used_up_until > $11 then 2
                  else 1 end)
           order by expires_at desc, package_id desc"#,
        tenant.0,
        owner.0,
        listed_since,
        filter.region.map(CodeFilter::as_str),
        filter.order.map(IdFilter::as_str),
        filter.product.map(IdFilter::as_str),
        filter.product_name.map(NameFilter::as_str),
        filter.enterprise_project.map(IdFilter::as_str),
        services.as_deref(),
        filter.status.map(PackageStatus::code),
        now
    )
    .fetch_all(connection)
    .await
}

/// These packages of a customer, the one that expires last first.
pub async fn packages(
    connection: &mut PgConnection,
    (tenant, owner): (TenantId, DomainId),
    ids: &[PackageId],
) -> sqlx::Result<Vec<Package>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    sqlx::query!(
        r#"select package_id as "id: PackageId", order_id, order_instance_id, product_id, product_name,
                  service_type_code, region_code, enterprise_project_id, is_bound, bundle_type as "bundle: Bundle",
                  reset_cycle as "reset_cycle: ResetCycle", reset_by as "reset_by: ResetBy", effective_at, expires_at,
                  used_up_until, unsubscribed_at
           from packages where tenant_id = $1 and owner_id = $2 and package_id = any($3)
           order by expires_at desc, package_id desc"#,
        tenant.0,
        owner.0,
        &ids
    )
    .map(|row| Package {
        id: row.id,
        order_id: row.order_id,
        order_instance_id: row.order_instance_id,
        product_id: row.product_id,
        product_name: row.product_name,
        service_type: row.service_type_code,
        region: row.region_code,
        enterprise_project: row.enterprise_project_id,
        is_bound: row.is_bound,
        bundle: row.bundle,
        reset: row.reset_cycle.zip(row.reset_by).map(|(cycle, by)| Reset { cycle, by }),
        life: Span { from: row.effective_at, until: row.expires_at },
        used_up_until: row.used_up_until,
        unsubscribed_at: row.unsubscribed_at,
    })
    .fetch_all(connection)
    .await
}

/// What a package has of one usage type.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its id.
    pub id: PackageItemId,
    /// The package.
    pub package: PackageId,
    /// The resource type that is used.
    pub resource_type: String,
    /// What of it is measured.
    pub usage_type: String,
    /// In which unit.
    pub measure_id: i32,
    /// How much there is, in each cycle.
    pub original: Decimal,
    /// What was left when it was taken from last.
    pub remaining: Decimal,
    /// The cycle that this was in.
    pub cycle_began_at: OffsetDateTime,
}

/// Which items.
#[derive(Clone, Copy, Debug)]
pub enum Items<'a> {
    /// Those of these packages.
    Of(&'a [PackageId]),
    /// These.
    Named(&'a [PackageItemId]),
}

/// Items of a tenant, in the order of their ids. Whose they are is said by their packages.
pub async fn items(connection: &mut PgConnection, tenant: TenantId, which: Items<'_>) -> sqlx::Result<Vec<Item>> {
    let (packages, items): (Vec<Uuid>, Vec<Uuid>) = match which {
        Items::Of(packages) => (packages.iter().map(|id| id.0).collect(), Vec::new()),
        Items::Named(items) => (Vec::new(), items.iter().map(|id| id.0).collect()),
    };
    sqlx::query!(
        r#"select item_id as "id: PackageItemId", package_id as "package: PackageId", resource_type_code,
                  usage_type_code, measure_id, original_amount, remaining_amount, cycle_began_at
           from package_items where tenant_id = $1 and (package_id = any($2) or item_id = any($3))
           order by item_id"#,
        tenant.0,
        &packages,
        &items
    )
    .map(|row| Item {
        id: row.id,
        package: row.package,
        resource_type: row.resource_type_code,
        usage_type: row.usage_type_code,
        measure_id: row.measure_id,
        original: row.original_amount,
        remaining: row.remaining_amount,
        cycle_began_at: row.cycle_began_at,
    })
    .fetch_all(connection)
    .await
}

/// Which records of usage; what is `None` does not filter.
#[derive(Clone, Debug)]
pub struct RecordFilter<'a> {
    /// Within this time.
    pub within: Span,
    /// Of this item.
    pub item: Option<PackageItemId>,
    /// Of packages of this product.
    pub product: Option<&'a IdFilter>,
    /// Of the usage of resources of this type.
    pub resource_type: Option<&'a CodeFilter>,
}

/// What was taken out of an item.
#[derive(Clone, Debug)]
pub struct Record {
    /// When.
    pub happened_at: OffsetDateTime,
    /// The item.
    pub item: PackageItemId,
    /// The id of the package's product.
    pub product_id: String,
    /// The name of the package's product.
    pub product_name: String,
    /// The resource that was used.
    pub resource_id: String,
    /// Its tags.
    pub resource_tag: String,
    /// Its type.
    pub resource_type: String,
    /// What of it was measured.
    pub usage_type: String,
    /// In which unit.
    pub measure_id: i32,
    /// What the item had before.
    pub available: Decimal,
    /// What was taken.
    pub used: Decimal,
    /// When the resource was used.
    pub span: Span,
}

/// A part of a customer's records, the latest first, and how many there are in all.
pub async fn records(
    connection: &mut PgConnection,
    (tenant, owner): (TenantId, DomainId),
    filter: &RecordFilter<'_>,
    (offset, limit): (usize, usize),
) -> sqlx::Result<(Vec<Record>, i64)> {
    let (item, product) = (filter.item.map(|item| item.0), filter.product.map(IdFilter::as_str));
    let resource_type = filter.resource_type.map(CodeFilter::as_str);
    let total = sqlx::query_scalar!(
        r#"select count(*) as "count!" from package_usages
           where tenant_id = $1 and owner_id = $2 and happened_at >= $3 and happened_at < $4
             and ($5::uuid is null or item_id = $5) and ($6::text is null or product_id = $6)
             and ($7::text is null or resource_type_code = $7)"#,
        tenant.0,
        owner.0,
        filter.within.from,
        filter.within.until,
        item,
        product,
        resource_type
    )
    .fetch_one(&mut *connection)
    .await?;
    let rows = sqlx::query!(
        r#"select happened_at, item_id as "item: PackageItemId", product_id, product_name, resource_id, resource_tag,
                  resource_type_code, usage_type_code, measure_id, available_amount, used_amount, used_from, used_until
           from package_usages
           where tenant_id = $1 and owner_id = $2 and happened_at >= $3 and happened_at < $4
             and ($5::uuid is null or item_id = $5) and ($6::text is null or product_id = $6)
             and ($7::text is null or resource_type_code = $7)
           order by happened_at desc, record_id desc offset $8 limit $9"#,
        tenant.0,
        owner.0,
        filter.within.from,
        filter.within.until,
        item,
        product,
        resource_type,
        i64::try_from(offset).unwrap_or(i64::MAX),
        i64::try_from(limit).unwrap_or(i64::MAX)
    )
    .map(|row| Record {
        happened_at: row.happened_at,
        item: row.item,
        product_id: row.product_id,
        product_name: row.product_name,
        resource_id: row.resource_id,
        resource_tag: row.resource_tag,
        resource_type: row.resource_type_code,
        usage_type: row.usage_type_code,
        measure_id: row.measure_id,
        available: row.available_amount,
        used: row.used_amount,
        span: Span { from: row.used_from, until: row.used_until },
    })
    .fetch_all(connection)
    .await?;
    Ok((rows, total))
}
