//! The only door into the tables of usage and of closed months.

use super::model::{Associations, Metered, NewUsage, Waiting};
use crate::customers::model::AssociationType;
use crate::values::id::{ChargeId, DomainId, TenantId};
use crate::values::money::Currency;
use crate::values::time::{Day, Month};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;

/// The resources of these ids, whoever they are of: those that are paid by use, also closed ones, and those bought for a time.
pub async fn resources(
    connection: &mut PgConnection,
    tenant: TenantId,
    ids: &[String],
) -> sqlx::Result<BTreeMap<String, Metered>> {
    let rows = sqlx::query!(
        r#"select domain_id as "customer!: DomainId", resource_id as "resource_id!", resource_name as "name!",
                  service_type_code as "service_type!", resource_type_code as "resource_type!", resource_spec as "spec!",
                  region_code as "region!", resource_size, size_measure_id, enterprise_project_id
           from (select domain_id, resource_id, resource_name, service_type_code, resource_type_code, resource_spec,
                        region_code, resource_size, size_measure_id, null::text as enterprise_project_id
                 from on_demand_resources where tenant_id = $1 and resource_id = any($2)
                 union all
                 select s.domain_id, s.resource_id, s.resource_name, s.service_type_code, s.resource_type_code,
                        s.resource_spec, s.region_code, s.resource_size, s.size_measure_id, s.enterprise_project_id
                 from subscriptions s where s.tenant_id = $1 and s.resource_id = any($2)
                   and not exists(select 1 from on_demand_resources o
                                  where o.tenant_id = $1 and o.resource_id = s.resource_id)) r"#,
        tenant.0,
        ids
    );
    let metered = |row: Metered| (row.resource_id.clone(), row);
    let rows = rows.map(|row| Metered {
        customer: row.customer,
        resource_id: row.resource_id,
        name: row.name,
        service_type: row.service_type,
        resource_type: row.resource_type,
        spec: row.spec,
        region: row.region,
        size: row.resource_size.zip(row.size_measure_id),
        enterprise_project: row.enterprise_project_id.unwrap_or_default(),
    });
    Ok(rows.fetch_all(connection).await?.into_iter().map(metered).collect())
}

/// What is known of a record when it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fate {
    /// Whose resource it is of.
    pub customer: Option<DomainId>,
    /// Why it is kept aside.
    pub aside: Option<Aside>,
    /// When it is settled.
    pub settle_at: Option<OffsetDateTime>,
}

/// Why a record is kept aside and not charged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, utoipa::ToSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Aside {
    /// Nobody has such a resource.
    Unknown,
    /// Another record says what was used at that time.
    Overlap,
    /// The price book has no price for it any more.
    Unpriced,
}

/// Writes records; which of them were written, and which are kept aside since they overlap others of their resource and usage
/// type. The rest are repeats.
pub async fn insert(
    connection: &mut PgConnection,
    tenant: TenantId,
    records: &[(NewUsage, Fate)],
    now: OffsetDateTime,
) -> sqlx::Result<BTreeMap<(OffsetDateTime, String), Option<Aside>>> {
    fn column<T>(records: &[(NewUsage, Fate)], of: impl Fn(&NewUsage) -> T) -> Vec<T> {
        records.iter().map(|record| of(&record.0)).collect()
    }
    // A record that overlaps an earlier one of the same batch overlaps as well.
    let rows = sqlx::query!(
        r#"with u as (
             select * from unnest($2::text[], $3::text[], $4::text[], $5::numeric[], $6::int[], $7::text[], $8::timestamptz[],
                                  $9::timestamptz[], $10::uuid[], $11::text[], $12::timestamptz[]) with ordinality
                  as u (record_id, resource_id, usage_type, quantity, measure_id, scenario, used_from, used_until, domain_id,
                        aside, settle_at, place)
           ), judged as (
             select u.*, u.aside is null and (
               exists(select 1 from usages o
                      where o.tenant_id = $1 and o.resource_id = u.resource_id and o.usage_type_code = u.usage_type
                        and o.used_from < u.used_until and o.used_until > u.used_from
                        and o.used_from > u.used_from - interval '32 days' and o.aside is null
                        and (o.used_from, o.record_id) <> (u.used_from, u.record_id))
               or exists(select 1 from u o
                         where o.place < u.place and o.resource_id = u.resource_id and o.usage_type = u.usage_type
                           and o.used_from < u.used_until and o.used_until > u.used_from
                           and (o.used_from, o.record_id) <> (u.used_from, u.record_id))
             ) as overlaps
             from u
           )
           insert into usages (tenant_id, record_id, resource_id, usage_type_code, quantity, measure_id, scenario, used_from,
               used_until, domain_id, aside, settle_at, reported_at)
           select t.tenant_id, j.record_id, j.resource_id, j.usage_type, j.quantity, j.measure_id, j.scenario, j.used_from,
                  j.used_until, j.domain_id, case when j.overlaps then 'overlap' else j.aside end,
                  case when not j.overlaps then j.settle_at end, $13
           from tenants t, judged j where t.tenant_id = $1
           order by j.place
           on conflict (tenant_id, used_from, record_id) do nothing
           returning used_from, record_id, aside as "aside: Aside""#,
        tenant.0,
        &column(records, |record| record.record_id.clone()),
        &column(records, |record| record.resource_id.clone()),
        &column(records, |record| record.usage_type.clone()),
        &column(records, |record| record.quantity),
        &column(records, |record| record.measure_id),
        &column(records, |record| record.scenario.clone()) as &[Option<String>],
        &column(records, |record| record.from),
        &column(records, |record| record.until),
        &records.iter().map(|record| record.1.customer.map(|id| id.0)).collect::<Vec<_>>() as &[Option<uuid::Uuid>],
        &records.iter().map(|record| record.1.aside).collect::<Vec<_>>() as &[Option<Aside>],
        &records.iter().map(|record| record.1.settle_at).collect::<Vec<_>>() as &[Option<OffsetDateTime>],
        now
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| ((row.used_from, row.record_id), row.aside)).collect())
}

/// Records of resources that somebody has now wait to be settled; how many did not before.
pub async fn adopt(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    resources: &[String],
    now: OffsetDateTime,
) -> sqlx::Result<u64> {
    let adopted = sqlx::query!(
        "update usages set domain_id = $3, aside = null, settle_at = $4
         where tenant_id = $1 and aside = 'unknown' and resource_id = any($2)",
        tenant.0,
        resources,
        customer.0,
        now
    );
    Ok(adopted.execute(connection).await?.rows_affected())
}

/// When something is to be settled next.
pub async fn next_settlement(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Option<OffsetDateTime>> {
    sqlx::query_scalar!(
        "select min(settle_at) from usages where tenant_id = $1 and charge_id is null and settle_at is not null",
        tenant.0
    )
    .fetch_one(connection)
    .await
}

/// Tenants in which something is to be settled, by the system's time and by those of moved clocks.
pub async fn tenants_to_settle(
    connection: &mut PgConnection,
    now: OffsetDateTime,
    moved: &[(TenantId, OffsetDateTime)],
) -> sqlx::Result<BTreeSet<TenantId>> {
    let (tenants, clocks): (Vec<uuid::Uuid>, Vec<OffsetDateTime>) = moved.iter().map(|one| (one.0.0, one.1)).unzip();
    let found = sqlx::query_scalar!(
        r#"select t.tenant_id as "id: TenantId" from tenants t
           left join unnest($2::uuid[], $3::timestamptz[]) as m (tenant_id, now) on m.tenant_id = t.tenant_id
           where exists(select 1 from usages u
                        where u.tenant_id = t.tenant_id and u.charge_id is null and u.settle_at <= coalesce(m.now, $1))"#,
        now,
        &tenants,
        &clocks
    );
    Ok(found.fetch_all(connection).await?.into_iter().collect())
}

/// Customers with something to be settled by an instant, at most so many.
pub async fn customers_to_settle(
    connection: &mut PgConnection,
    (tenant, at): (TenantId, OffsetDateTime),
    limit: i64,
) -> sqlx::Result<Vec<DomainId>> {
    sqlx::query_scalar!(
        r#"select distinct domain_id as "id!: DomainId" from usages
           where tenant_id = $1 and charge_id is null and settle_at <= $2 and domain_id is not null limit $3"#,
        tenant.0,
        at,
        limit
    )
    .fetch_all(connection)
    .await
}

/// A customer's records that are to be settled by an instant. The customer is locked.
pub async fn waiting(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    at: OffsetDateTime,
) -> sqlx::Result<Vec<Waiting>> {
    let rows = sqlx::query!(
        "select record_id, used_from, used_until, resource_id, usage_type_code, quantity, measure_id, scenario from usages
         where tenant_id = $1 and domain_id = $2 and charge_id is null and settle_at <= $3",
        tenant.0,
        customer.0,
        at
    )
    .fetch_all(&mut *connection)
    .await?;
    let ids: BTreeSet<String> = rows.iter().map(|row| row.resource_id.clone()).collect();
    let resources = resources(connection, tenant, &ids.into_iter().collect::<Vec<_>>()).await?;
    let waiting = rows.into_iter().filter_map(|row| {
        Some(Waiting {
            of: resources.get(&row.resource_id)?.clone(),
            record_id: row.record_id,
            from: row.used_from,
            until: row.used_until,
            usage_type: row.usage_type_code,
            quantity: row.quantity,
            measure_id: row.measure_id,
            scenario: row.scenario,
        })
    });
    Ok(waiting.collect())
}

/// Writes by which charge each record was settled.
pub async fn set_charged(
    connection: &mut PgConnection,
    tenant: TenantId,
    records: &[(OffsetDateTime, String, ChargeId)],
) -> sqlx::Result<()> {
    sqlx::query!(
        "update usages u set charge_id = c.charge_id
         from unnest($2::timestamptz[], $3::text[], $4::uuid[]) as c (used_from, record_id, charge_id)
         where u.tenant_id = $1 and u.used_from = c.used_from and u.record_id = c.record_id",
        tenant.0,
        &records.iter().map(|record| record.0).collect::<Vec<_>>(),
        &records.iter().map(|record| record.1.clone()).collect::<Vec<_>>(),
        &records.iter().map(|record| record.2.0).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps records aside that have no price any more.
pub async fn set_unpriced(
    connection: &mut PgConnection,
    tenant: TenantId,
    records: &[(OffsetDateTime, String)],
) -> sqlx::Result<()> {
    sqlx::query!(
        "update usages u set aside = 'unpriced', settle_at = null
         from unnest($2::timestamptz[], $3::text[]) as c (used_from, record_id)
         where u.tenant_id = $1 and u.used_from = c.used_from and u.record_id = c.record_id",
        tenant.0,
        &records.iter().map(|record| record.0).collect::<Vec<_>>(),
        &records.iter().map(|record| record.1.clone()).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What was charged of these resources and their usage types in these months so far, and in which unit: tiers go on from there.
pub async fn used_before(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    (cycles, resources): (&[Month], &[String]),
) -> sqlx::Result<BTreeMap<(Month, String, String, i32), Decimal>> {
    let days: Vec<time::Date> = cycles.iter().map(|cycle| cycle.first_day()).collect();
    let rows = sqlx::query!(
        r#"select cycle, source, lower(usage_type_code) as "usage_type!", usage_measure_id as "measure_id!",
                  sum(usage_amount - coalesce(package_amount, 0)) as "used!"
           from charge_totals
           where tenant_id = $1 and domain_id = $2 and cycle = any($3) and statistic = 1 and day = any($3)
             and source = any($4) and bill_type = 5 and usage_measure_id is not null and usage_amount is not null
           group by 1, 2, 3, 4"#,
        tenant.0,
        customer.0,
        &days,
        resources
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| ((Month::of_day(Day(row.cycle)), row.source, row.usage_type, row.measure_id), row.used))
        .collect())
}

/// Whose customer it has been, and from when on each time: what it is now, and what its associations were before.
pub async fn associations(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
) -> sqlx::Result<Associations> {
    let rows = sqlx::query!(
        r#"select since as "since!", partner_id as "partner: DomainId", association_type as "kind: AssociationType"
           from (select associated_at as since, partner_id, association_type, true as is_now from customers
                 where tenant_id = $1 and domain_id = $2 and associated_at is not null
                 union all
                 select happened_at, case when step in ('associated', 'switched') then partner_id end,
                        case when step in ('associated', 'switched') then association_type end, false
                 from association_events
                 where tenant_id = $1 and domain_id = $2 and step in ('associated', 'switched', 'unbound', 'left')) s
           order by since, is_now"#,
        tenant.0,
        customer.0
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(Associations(rows.map(|row| (row.since, row.partner.zip(row.kind))).collect()))
}

/// The earliest month that is not closed.
pub async fn open_cycle(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Option<Month>> {
    let first = sqlx::query_scalar!(
        "select min(cycle) from billing_cycles where tenant_id = $1 and closed_at is null",
        tenant.0
    );
    Ok(first.fetch_one(connection).await?.map(|day| Month::of_day(Day(day))))
}

/// Tenants with a month that is not closed and began before another.
pub async fn tenants_to_close(connection: &mut PgConnection, before: Month) -> sqlx::Result<BTreeSet<TenantId>> {
    let found = sqlx::query_scalar!(
        r#"select distinct tenant_id as "id: TenantId" from billing_cycles where closed_at is null and cycle < $1"#,
        before.first_day()
    );
    Ok(found.fetch_all(connection).await?.into_iter().collect())
}

/// Writes that a month is closed. `false`: it is already.
pub async fn close(
    connection: &mut PgConnection,
    (tenant, cycle): (TenantId, Month),
    at: OffsetDateTime,
) -> sqlx::Result<bool> {
    let closed = sqlx::query!(
        "update billing_cycles set closed_at = $3 where tenant_id = $1 and cycle = $2 and closed_at is null",
        tenant.0,
        cycle.first_day(),
        at
    );
    Ok(closed.execute(connection).await?.rows_affected() == 1)
}

/// Partners whose customers have bills in a month, and how many.
pub async fn billed(
    connection: &mut PgConnection,
    (tenant, cycle): (TenantId, Month),
) -> sqlx::Result<Vec<(DomainId, i64)>> {
    let rows = sqlx::query!(
        r#"select partner_id as "partner: DomainId", count(distinct domain_id) as "customers!" from charge_sums
           where tenant_id = $1 and cycle = $2 and partner_id <> $3 group by partner_id order by partner_id"#,
        tenant.0,
        cycle.first_day(),
        uuid::Uuid::nil()
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.partner, row.customers)).collect())
}

/// Customers with a cent or more cut off in a month that is not made up for yet.
pub async fn customers_to_make_up(
    connection: &mut PgConnection,
    (tenant, cycle): (TenantId, Month),
) -> sqlx::Result<Vec<DomainId>> {
    sqlx::query_scalar!(
        r#"select domain_id as "id: DomainId" from charge_sums where tenant_id = $1 and cycle = $2
           group by domain_id
           having sum(erase_amount) filter (where bill_type = 5) >= 0.01 and count(*) filter (where bill_type = 25) = 0
           order by domain_id"#,
        tenant.0,
        cycle.first_day()
    )
    .fetch_all(connection)
    .await
}

/// What was cut off a customer's use in a month, by what it is made up for by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Erased {
    /// The service type.
    pub service_type: String,
    /// The resource type.
    pub resource_type: String,
    /// The region.
    pub region: String,
    /// The enterprise project.
    pub enterprise_project: String,
    /// Whose customer it was; all zeros for nobody's.
    pub partner: DomainId,
    /// How; 0 for nobody's.
    pub association: i16,
    /// How much.
    pub erased: Decimal,
}

/// What was cut off a customer's use in a month and is not made up for yet.
pub async fn erased(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    (cycle, currency): (Month, Currency),
) -> sqlx::Result<Vec<Erased>> {
    sqlx::query_as!(
        Erased,
        r#"select service_type_code as service_type, resource_type_code as resource_type, region_code as region,
                  enterprise_project_id as enterprise_project, partner_id as "partner: DomainId",
                  association_type as association, erase_amount as erased
           from charge_sums s
           where tenant_id = $1 and domain_id = $2 and cycle = $3 and currency = $4 and bill_type = 5 and charging_mode = 3
             and not exists(select 1 from charge_sums m
                            where m.tenant_id = $1 and m.domain_id = $2 and m.cycle = $3 and m.bill_type = 25)"#,
        tenant.0,
        customer.0,
        cycle.first_day(),
        currency as Currency
    )
    .fetch_all(connection)
    .await
}

/// A charge that is not paid.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Debt {
    /// Whose charge it is.
    pub customer: DomainId,
    /// In which month.
    pub cycle: time::Date,
    /// When it was used.
    pub consumed_at: OffsetDateTime,
    /// The charge.
    pub charge: ChargeId,
    /// Its settlement.
    pub trade_id: String,
    /// How much of it is owed.
    pub owed: Decimal,
}

/// For whose charges somebody owes something.
pub async fn owing(
    connection: &mut PgConnection,
    (tenant, debtor): (TenantId, DomainId),
    currency: Currency,
) -> sqlx::Result<Vec<DomainId>> {
    let found = sqlx::query_scalar!(
        r#"select distinct domain_id as "id: DomainId" from charges
           where tenant_id = $1 and coalesce(payer_id, domain_id) = $2 and debt_amount > 0 and currency = $3"#,
        tenant.0,
        debtor.0,
        currency as Currency
    );
    found.fetch_all(connection).await
}

/// What somebody owes for these customers, which are locked, the oldest first, at most so many.
pub async fn debts(
    connection: &mut PgConnection,
    (tenant, debtor): (TenantId, DomainId),
    (customers, currency): (&[DomainId], Currency),
    limit: i64,
) -> sqlx::Result<Vec<Debt>> {
    sqlx::query_as!(
        Debt,
        r#"select domain_id as "customer: DomainId", cycle, consumed_at, charge_id as "charge: ChargeId", trade_id,
                  debt_amount as owed
           from charges
           where tenant_id = $1 and coalesce(payer_id, domain_id) = $2 and debt_amount > 0 and currency = $3
             and domain_id = any($5)
           order by charged_at, charge_id limit $4"#,
        tenant.0,
        debtor.0,
        currency as Currency,
        limit,
        &customers.iter().map(|customer| customer.0).collect::<Vec<_>>()
    )
    .fetch_all(connection)
    .await
}

/// Customers that owe something and have money that could pay it, or credit that has not ended, with the currency: at most so
/// many.
pub async fn debtors(
    connection: &mut PgConnection,
    tenant: TenantId,
    now: OffsetDateTime,
    limit: i64,
) -> sqlx::Result<Vec<(DomainId, Currency)>> {
    let rows = sqlx::query!(
        r#"select d.domain_id as "customer!: DomainId", d.currency as "currency!: Currency"
           from debtors d
           where d.tenant_id = $1 and d.owed > 0
             and (exists(select 1 from accounts a
                         where a.tenant_id = $1 and a.owner_id = d.domain_id and a.currency = d.currency and not a.closed
                           and a.kind in ('cash', 'allocated') and a.balance > coalesce(a.floor, 0))
                  or exists(select 1 from credit_lots l
                            join accounts a on a.tenant_id = l.tenant_id and a.owner_id = l.lot_id and a.kind = 'credit'
                            where l.tenant_id = $1 and a.tenant_id = $1 and l.customer_id = d.domain_id
                              and l.currency = d.currency and (l.expires_at is null or l.expires_at > $3) and a.balance > 0))
           limit $2"#,
        tenant.0,
        limit,
        now
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.customer, row.currency)).collect())
}

/// Tenants in which somebody owes something.
pub async fn tenants_in_debt(connection: &mut PgConnection) -> sqlx::Result<BTreeSet<TenantId>> {
    let found = sqlx::query_scalar!(r#"select distinct tenant_id as "id: TenantId" from debtors where owed > 0"#);
    Ok(found.fetch_all(connection).await?.into_iter().collect())
}
