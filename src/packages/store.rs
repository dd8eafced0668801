//! The only door into the tables of packages, as far as they change. [`super::lists`] reads them.

use super::model::{Deduction, NewItem, NewPackage, Reset, ResetBy, ResetCycle, Span, Usage};
use super::rules::{self, Candidate, Class};
use crate::values::id::{DomainId, PackageId, PackageItemId, TenantId, new_uuid};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// Opens a package: what is in it can be used as soon as it takes effect. Two of one `order_instance_id` in a tenant violate
/// `packages_order_instance_key`.
pub async fn open(
    connection: &mut PgConnection,
    tenant: TenantId,
    new: &NewPackage,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let (order, instance) = new.order.as_ref().map(|(order, instance)| (order, instance.as_ref())).unzip();
    sqlx::query!(
        "insert into packages (tenant_id, package_id, owner_id, order_id, order_instance_id, product_id, product_name,
             service_type_code, region_code, enterprise_project_id, is_bound, scenario, is_promotional, bundle_type,
             reset_cycle, reset_by, effective_at, expires_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
        tenant.0,
        new.id.0,
        new.owner.0,
        order,
        instance.flatten(),
        new.product_id,
        new.product_name,
        new.service_type,
        new.scope.region,
        new.scope.enterprise_project,
        new.scope.is_bound,
        new.scope.scenario,
        new.is_promotional,
        new.bundle.code(),
        new.reset.map(|reset| reset.cycle.code()),
        new.reset.map(|reset| reset.by.code()),
        new.life.from,
        new.life.until,
        now
    )
    .execute(&mut *connection)
    .await?;
    insert_items(connection, tenant, (new.id, new.life.from), &new.items).await
}

async fn insert_items(
    connection: &mut PgConnection,
    tenant: TenantId,
    (package, effective_at): (PackageId, OffsetDateTime),
    items: &[NewItem],
) -> sqlx::Result<()> {
    let (ids, resource_types): (Vec<Uuid>, Vec<String>) =
        items.iter().map(|item| (item.id.0, item.resource_type.clone())).unzip();
    let usage_types: Vec<String> = items.iter().map(|item| item.usage_type.clone()).collect();
    let (amounts, measures): (Vec<Decimal>, Vec<i32>) =
        items.iter().map(|item| (item.amount.get(), item.measure_id)).unzip();
    sqlx::query!(
        "insert into package_items (tenant_id, item_id, package_id, resource_type_code, usage_type_code, measure_id,
             original_amount, remaining_amount, cycle_began_at)
         select t.tenant_id, u.item_id, $2, u.resource_type, u.usage_type, u.measure_id, u.amount, u.amount, $3
         from tenants t, unnest($4::uuid[], $5::text[], $6::text[], $7::integer[], $8::numeric[])
              as u (item_id, resource_type, usage_type, measure_id, amount)
         where t.tenant_id = $1",
        tenant.0,
        package.0,
        effective_at,
        &ids,
        &resource_types,
        &usage_types,
        &measures,
        &amounts
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends a package, which is shown as unsubscribed from then on and gives nothing more. `false`: the customer has none of this
/// id that has not ended yet.
pub async fn unsubscribe(
    connection: &mut PgConnection,
    (tenant, owner): (TenantId, DomainId),
    package: PackageId,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let ended = sqlx::query!(
        "update packages set unsubscribed_at = $4
         where tenant_id = $1 and owner_id = $2 and package_id = $3 and unsubscribed_at is null and expires_at > $4",
        tenant.0,
        owner.0,
        package.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// A package that usage may be taken out of.
struct Source {
    id: PackageId,
    product: (String, String),
    class: Class,
    life: Span,
    cycle: Span,
}

/// One of its items.
struct Item {
    id: PackageItemId,
    package: PackageId,
    /// Whether it is of the usage's type and unit.
    covers: bool,
    left: Decimal,
}

/// Takes usage out of the customer's packages as they stand at `now`, which is also when it is recorded. The packages that may
/// cover it stay locked until the transaction ends.
pub async fn deduct(
    connection: &mut PgConnection,
    (tenant, owner): (TenantId, DomainId),
    usage: &Usage,
    now: OffsetDateTime,
) -> sqlx::Result<Deduction> {
    let sources = lock(connection, (tenant, owner), usage, now).await?;
    if sources.is_empty() {
        return Ok(rules::deduct(usage.quantity.get(), Vec::new()));
    }
    let mut items = items(connection, tenant, &sources, usage).await?;
    let candidates = items.iter().filter(|item| item.covers).map(|item| {
        let source = &sources[&item.package];
        let (class, expires_at) = (source.class, source.life.until);
        Candidate { class, expires_at, package: item.package, item: item.id, left: item.left }
    });
    let deduction = rules::deduct(usage.quantity.get(), candidates.collect());
    for share in &deduction.shares {
        let item = items.iter_mut().find(|item| item.id == share.item).expect("shares are of the candidates");
        item.left -= share.used;
    }
    if !deduction.shares.is_empty() {
        write_items(connection, tenant, &deduction, &sources).await?;
        write_used_up(connection, tenant, &items, &sources).await?;
        record(connection, (tenant, owner), (usage, &deduction), &sources, now).await?;
    }
    Ok(deduction)
}

async fn lock(
    connection: &mut PgConnection,
    (tenant, owner): (TenantId, DomainId),
    usage: &Usage,
    now: OffsetDateTime,
) -> sqlx::Result<BTreeMap<PackageId, Source>> {
    let rows = sqlx::query!(
        r#"select package_id as "id: PackageId", product_id, product_name, is_bound, scenario, is_promotional,
                  reset_cycle as "reset_cycle: ResetCycle", reset_by as "reset_by: ResetBy", effective_at, expires_at
           from packages p
           where tenant_id = $1 and owner_id = $2 and effective_at <= $3 and expires_at > $3 and unsubscribed_at is null
             and region_code = $4 and (not is_bound or enterprise_project_id = $5)
             and (scenario is null or scenario = $6)
             and exists(select 1 from package_items i
                        where i.tenant_id = $1 and i.package_id = p.package_id and i.resource_type_code = $7
                          and lower(i.usage_type_code) = lower($8) and i.measure_id = $9)
           order by package_id for update"#,
        tenant.0,
        owner.0,
        now,
        usage.region,
        usage.enterprise_project,
        usage.scenario,
        usage.resource_type,
        usage.usage_type,
        usage.measure_id
    )
    .fetch_all(connection)
    .await?;
    let sources = rows.into_iter().map(|row| {
        let life = Span { from: row.effective_at, until: row.expires_at };
        let reset = row.reset_cycle.zip(row.reset_by).map(|(cycle, by)| Reset { cycle, by });
        let source = Source {
            id: row.id,
            product: (row.product_id, row.product_name),
            class: Class::of(row.is_bound, row.scenario.is_some(), row.is_promotional),
            life,
            cycle: rules::cycle(life, reset, now),
        };
        (row.id, source)
    });
    Ok(sources.collect())
}

/// All items of the packages, read once these are locked.
async fn items(
    connection: &mut PgConnection,
    tenant: TenantId,
    sources: &BTreeMap<PackageId, Source>,
    usage: &Usage,
) -> sqlx::Result<Vec<Item>> {
    let ids: Vec<Uuid> = sources.keys().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select item_id as "id: PackageItemId", package_id as "package: PackageId", original_amount,
                  remaining_amount, cycle_began_at,
                  (resource_type_code = $3 and lower(usage_type_code) = lower($4) and measure_id = $5) as "covers!"
           from package_items where tenant_id = $1 and package_id = any($2)"#,
        tenant.0,
        &ids,
        usage.resource_type,
        usage.usage_type,
        usage.measure_id
    )
    .fetch_all(connection)
    .await?;
    let items = rows.into_iter().map(|row| {
        let kept = (row.remaining_amount, row.cycle_began_at);
        let left = rules::left(row.original_amount, kept, sources[&row.package].cycle);
        Item { id: row.id, package: row.package, covers: row.covers, left }
    });
    Ok(items.collect())
}

async fn write_items(
    connection: &mut PgConnection,
    tenant: TenantId,
    deduction: &Deduction,
    sources: &BTreeMap<PackageId, Source>,
) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = deduction.shares.iter().map(|share| share.item.0).collect();
    let left: Vec<Decimal> = deduction.shares.iter().map(|share| share.available - share.used).collect();
    let cycles: Vec<OffsetDateTime> = deduction.shares.iter().map(|share| sources[&share.package].cycle.from).collect();
    sqlx::query!(
        "update package_items i set remaining_amount = u.remaining, cycle_began_at = u.cycle_began_at
         from unnest($2::uuid[], $3::numeric[], $4::timestamptz[]) as u (item_id, remaining, cycle_began_at)
         where i.tenant_id = $1 and i.item_id = u.item_id",
        tenant.0,
        &ids,
        &left,
        &cycles
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks the packages of which nothing is left, until something comes back or they expire.
async fn write_used_up(
    connection: &mut PgConnection,
    tenant: TenantId,
    items: &[Item],
    sources: &BTreeMap<PackageId, Source>,
) -> sqlx::Result<()> {
    let is_empty = |source: &&Source| items.iter().all(|item| item.package != source.id || item.left.is_zero());
    let (ids, until): (Vec<Uuid>, Vec<OffsetDateTime>) =
        sources.values().filter(is_empty).map(|source| (source.id.0, source.cycle.until)).unzip();
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "update packages p set used_up_until = u.used_up_until
         from unnest($2::uuid[], $3::timestamptz[]) as u (package_id, used_up_until)
         where p.tenant_id = $1 and p.package_id = u.package_id",
        tenant.0,
        &ids,
        &until
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn record(
    connection: &mut PgConnection,
    (tenant, owner): (TenantId, DomainId),
    (usage, deduction): (&Usage, &Deduction),
    sources: &BTreeMap<PackageId, Source>,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let shares = &deduction.shares;
    let ids: Vec<Uuid> = shares.iter().map(|_| new_uuid(now)).collect();
    let items: Vec<Uuid> = shares.iter().map(|share| share.item.0).collect();
    let (products, names): (Vec<String>, Vec<String>) =
        shares.iter().map(|share| sources[&share.package].product.clone()).unzip();
    let (available, used): (Vec<Decimal>, Vec<Decimal>) =
        shares.iter().map(|share| (share.available, share.used)).unzip();
    sqlx::query!(
        "insert into package_usages (tenant_id, happened_at, record_id, owner_id, item_id, product_id, product_name,
             resource_id, resource_tag, resource_type_code, usage_type_code, measure_id, available_amount, used_amount,
             used_from, used_until)
         select t.tenant_id, $2, u.record_id, $3, u.item_id, u.product_id, u.product_name, $4, $5, $6, $7, $8, u.available,
                u.used, $9, $10
         from tenants t, unnest($11::uuid[], $12::uuid[], $13::text[], $14::text[], $15::numeric[], $16::numeric[])
              as u (record_id, item_id, product_id, product_name, available, used)
         where t.tenant_id = $1",
        tenant.0,
        now,
        owner.0,
        usage.resource_id,
        usage.resource_tag,
        usage.resource_type,
        usage.usage_type,
        usage.measure_id,
        usage.span.from,
        usage.span.until,
        &ids,
        &items,
        &products,
        &names,
        &available,
        &used
    )
    .execute(connection)
    .await?;
    Ok(())
}
