//! The only door into the subscriptions.

use super::lifecycle::{AutoRenewal, ExpirePolicy, ResourceStatus};
use super::model::{Rules, Subscription, SubscriptionState};
use crate::pricing::model::Size;
use crate::pricing::model::{Currency, Period, PeriodType};
use crate::values::id::{DomainId, TenantId};
use sqlx::PgConnection;
use std::collections::BTreeSet;
use time::OffsetDateTime;
use uuid::Uuid;

/// A row as it is read.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    resource_id: String,
    instance_id: String,
    resource_name: String,
    project_id: Uuid,
    service_type_code: String,
    resource_type_code: String,
    resource_spec: String,
    region_code: String,
    resource_size: Option<i32>,
    size_measure_id: Option<i32>,
    product_id: String,
    enterprise_project_id: Option<String>,
    order_id: String,
    currency: Currency,
    is_main: bool,
    parent_id: Option<String>,
    period_type: i16,
    period_num: i32,
    state: SubscriptionState,
    status: ResourceStatus,
    effective_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    anchor_day: i16,
    expire_policy: ExpirePolicy,
    renew_period: Option<i16>,
    renew_times: i16,
    renewed_times: i16,
    renew_attempt_at: Option<OffsetDateTime>,
    updated_at: OffsetDateTime,
}

impl From<Row> for Subscription {
    fn from(row: Row) -> Self {
        let kind = |number: i16| PeriodType::from_number(number.into()).expect("subscriptions_period_known");
        Self {
            resource_id: row.resource_id,
            instance_id: row.instance_id,
            name: row.resource_name,
            project_id: row.project_id,
            service_type: row.service_type_code,
            resource_type: row.resource_type_code,
            resource_spec: row.resource_spec,
            region: row.region_code,
            size: row.resource_size.zip(row.size_measure_id).map(|(size, measure_id)| Size { size, measure_id }),
            product_id: row.product_id,
            enterprise_project: row.enterprise_project_id,
            order_id: row.order_id,
            currency: row.currency,
            is_main: row.is_main,
            parent_id: row.parent_id,
            period: Period { kind: kind(row.period_type), num: row.period_num.unsigned_abs() },
            state: row.state,
            status: row.status,
            effective_at: row.effective_at,
            expires_at: row.expires_at,
            anchor: u8::try_from(row.anchor_day).expect("a day of a month"),
            policy: row.expire_policy,
            renew_kind: row.renew_period.map(kind),
            auto_renewal: AutoRenewal { times: row.renew_times, done: row.renewed_times },
            renew_attempt_at: row.renew_attempt_at,
            updated_at: row.updated_at,
        }
    }
}

/// The columns of a [`Row`], and what is asked for.
macro_rules! select {
    ($($part:tt)+) => {
        sqlx::query_as!(
            Row,
            r#"select resource_id, instance_id, resource_name, project_id, service_type_code, resource_type_code,
                      resource_spec, region_code, resource_size, size_measure_id, product_id, enterprise_project_id, order_id,
                      currency as "currency: Currency", is_main, parent_id, period_type, period_num,
                      state as "state: SubscriptionState", status as "status: ResourceStatus", effective_at, expires_at,
                      anchor_day, expire_policy as "expire_policy: ExpirePolicy", renew_period, renew_times, renewed_times,
                      renew_attempt_at, updated_at
               from subscriptions "# + $($part)+
        )
    };
}

/// The resources of an account that have one of these ids, and all resources whose parent has.
pub async fn with_dependants(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    ids: &[String],
) -> sqlx::Result<Vec<Subscription>> {
    let rows = select!(
        "where tenant_id = $1 and domain_id = $2 and (resource_id = any($3) or parent_id = any($3)) order by resource_id",
        tenant.0,
        domain.0,
        ids
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(Subscription::from).collect())
}

/// Likewise, locked until the transaction ends.
pub async fn lock(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    ids: &[String],
) -> sqlx::Result<Vec<Subscription>> {
    let rows = select!(
        "where tenant_id = $1 and domain_id = $2 and (resource_id = any($3) or parent_id = any($3)) order by resource_id
         for update",
        tenant.0,
        domain.0,
        ids
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(Subscription::from).collect())
}

/// Adds a resource.
pub async fn insert(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    new: &Subscription,
    next_due_at: Option<OffsetDateTime>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into subscriptions (tenant_id, resource_id, domain_id, project_id, service_type_code, resource_type_code,
             resource_spec, region_code, resource_size, size_measure_id, currency, is_main, parent_id, period_type,
             period_num, state, expires_at, created_at, instance_id, order_id, resource_name, product_id,
             enterprise_project_id, status, effective_at, anchor_day, expire_policy, next_due_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
                 $24, $18, $25, $26, $27, $28)",
        tenant.0,
        new.resource_id,
        domain.0,
        new.project_id,
        new.service_type,
        new.resource_type,
        new.resource_spec,
        new.region,
        new.size.map(|size| size.size),
        new.size.map(|size| size.measure_id),
        new.currency as Currency,
        new.is_main,
        new.parent_id,
        period_number(new.period.kind),
        i32::try_from(new.period.num).expect("a period that is sold is short"),
        new.state as SubscriptionState,
        new.expires_at,
        new.effective_at,
        new.instance_id,
        new.order_id,
        new.name,
        new.product_id,
        new.enterprise_project,
        new.status.code(),
        i16::from(new.anchor),
        new.policy.code(),
        next_due_at,
        new.updated_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn period_number(kind: PeriodType) -> i16 {
    i16::try_from(kind.number()).expect("period types are one digit")
}

/// Writes resources that were changed.
pub async fn update(
    connection: &mut PgConnection,
    tenant: TenantId,
    changed: &[Subscription],
    rules: &Rules,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update subscriptions s
         set period_type = u.period_type, period_num = u.period_num, state = u.state, status = u.status,
             expires_at = u.expires_at, anchor_day = u.anchor_day, expire_policy = u.expire_policy,
             renew_period = u.renew_period, renew_times = u.renew_times, renewed_times = u.renewed_times,
             renew_attempt_at = u.renew_attempt_at, next_due_at = u.next_due_at, updated_at = u.updated_at
         from unnest($2::text[], $3::smallint[], $4::int[], $5::text[], $6::smallint[], $7::timestamptz[], $8::smallint[],
                     $9::smallint[], $10::smallint[], $11::smallint[], $12::smallint[], $13::timestamptz[],
                     $14::timestamptz[], $15::timestamptz[])
                  as u (resource_id, period_type, period_num, state, status, expires_at, anchor_day, expire_policy,
                        renew_period, renew_times, renewed_times, renew_attempt_at, next_due_at, updated_at)
         where s.tenant_id = $1 and s.resource_id = u.resource_id",
        tenant.0,
        &changed.iter().map(|one| one.resource_id.clone()).collect::<Vec<_>>(),
        &changed.iter().map(|one| period_number(one.period.kind)).collect::<Vec<_>>(),
        &changed.iter().map(|one| one.period.num.cast_signed()).collect::<Vec<_>>(),
        &changed.iter().map(|one| one.state).collect::<Vec<_>>() as &[SubscriptionState],
        &changed.iter().map(|one| one.status.code()).collect::<Vec<_>>(),
        &changed.iter().map(|one| one.expires_at).collect::<Vec<_>>(),
        &changed.iter().map(|one| i16::from(one.anchor)).collect::<Vec<_>>(),
        &changed.iter().map(|one| one.policy.code()).collect::<Vec<_>>(),
        &changed.iter().map(|one| one.renew_kind.map(period_number)).collect::<Vec<_>>() as &[Option<i16>],
        &changed.iter().map(|one| one.auto_renewal.times).collect::<Vec<_>>(),
        &changed.iter().map(|one| one.auto_renewal.done).collect::<Vec<_>>(),
        &changed.iter().map(|one| one.renew_attempt_at).collect::<Vec<_>>() as &[Option<OffsetDateTime>],
        &changed.iter().map(|one| one.next_due(rules)).collect::<Vec<_>>() as &[Option<OffsetDateTime>],
        &changed.iter().map(|one| one.updated_at).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets the state of a resource. `false`: the account has no such resource.
pub async fn set_state(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    resource_id: &str,
    state: SubscriptionState,
) -> sqlx::Result<bool> {
    let set = sqlx::query!(
        "update subscriptions set state = $4 where tenant_id = $1 and domain_id = $2 and resource_id = $3",
        tenant.0,
        domain.0,
        resource_id,
        state as SubscriptionState
    )
    .execute(connection)
    .await?;
    Ok(set.rows_affected() == 1)
}

/// Sets the state of those of these resources that have another one.
pub async fn change_states(
    connection: &mut PgConnection,
    tenant: TenantId,
    resources: &[String],
    (from, to): (SubscriptionState, SubscriptionState),
) -> sqlx::Result<()> {
    if resources.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "update subscriptions set state = $4 where tenant_id = $1 and resource_id = any($2) and state = $3",
        tenant.0,
        resources,
        from as SubscriptionState,
        to as SubscriptionState
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what a resource is, once it was changed, and that nothing is under way with it any more.
pub async fn respecify(connection: &mut PgConnection, tenant: TenantId, changed: &Subscription) -> sqlx::Result<()> {
    sqlx::query!(
        "update subscriptions
         set resource_spec = $3, resource_size = $4, size_measure_id = $5, product_id = $6, state = $7, updated_at = $8
         where tenant_id = $1 and resource_id = $2",
        tenant.0,
        changed.resource_id,
        changed.resource_spec,
        changed.size.map(|size| size.size),
        changed.size.map(|size| size.measure_id),
        changed.product_id,
        changed.state as SubscriptionState,
        changed.updated_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A period of a resource that was paid for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PaidPeriod {
    /// The resource.
    pub resource_id: String,
    /// From when.
    pub starts_at: OffsetDateTime,
    /// When a change last gave back a part of what was paid; nothing if none did.
    pub settled_at: Option<OffsetDateTime>,
    /// Until when.
    pub ends_at: OffsetDateTime,
    /// The order that paid for it.
    pub order_id: String,
    /// Its line, from 1.
    pub line: i16,
}

/// Adds periods that were paid for.
pub async fn insert_periods(
    connection: &mut PgConnection,
    tenant: TenantId,
    periods: &[PaidPeriod],
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into subscription_periods (tenant_id, resource_id, starts_at, ends_at, order_id, line, returned)
         select t.tenant_id, u.resource_id, u.starts_at, u.ends_at, u.order_id, u.line, false
         from tenants t, unnest($2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::smallint[])
                  as u (resource_id, starts_at, ends_at, order_id, line)
         where t.tenant_id = $1",
        tenant.0,
        &periods.iter().map(|period| period.resource_id.clone()).collect::<Vec<_>>(),
        &periods.iter().map(|period| period.starts_at).collect::<Vec<_>>(),
        &periods.iter().map(|period| period.ends_at).collect::<Vec<_>>(),
        &periods.iter().map(|period| period.order_id.clone()).collect::<Vec<_>>(),
        &periods.iter().map(|period| period.line).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The periods of these resources that were paid for, not given back, and are not over at an instant; in time.
pub async fn periods(
    connection: &mut PgConnection,
    tenant: TenantId,
    resources: &[String],
    at: OffsetDateTime,
) -> sqlx::Result<Vec<PaidPeriod>> {
    sqlx::query_as!(
        PaidPeriod,
        "select resource_id, starts_at, settled_at, ends_at, order_id, line from subscription_periods
         where tenant_id = $1 and resource_id = any($2) and not returned and ends_at > $3
         order by resource_id, starts_at, order_id",
        tenant.0,
        resources,
        at
    )
    .fetch_all(connection)
    .await
}

/// Marks periods as given back.
pub async fn return_periods(
    connection: &mut PgConnection,
    tenant: TenantId,
    periods: &[PaidPeriod],
) -> sqlx::Result<()> {
    sqlx::query!(
        "update subscription_periods p set returned = true
         from unnest($2::text[], $3::timestamptz[], $4::text[]) as u (resource_id, starts_at, order_id)
         where p.tenant_id = $1 and p.resource_id = u.resource_id and p.starts_at = u.starts_at
           and p.order_id = u.order_id",
        tenant.0,
        &periods.iter().map(|period| period.resource_id.clone()).collect::<Vec<_>>(),
        &periods.iter().map(|period| period.starts_at).collect::<Vec<_>>(),
        &periods.iter().map(|period| period.order_id.clone()).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that a change gave back parts of what was paid for periods that have begun.
pub async fn settle_periods(
    connection: &mut PgConnection,
    tenant: TenantId,
    periods: &[PaidPeriod],
    at: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update subscription_periods p set settled_at = $5
         from unnest($2::text[], $3::timestamptz[], $4::text[]) as u (resource_id, starts_at, order_id)
         where p.tenant_id = $1 and p.resource_id = u.resource_id and p.starts_at = u.starts_at
           and p.order_id = u.order_id and p.starts_at < $5",
        tenant.0,
        &periods.iter().map(|period| period.resource_id.clone()).collect::<Vec<_>>(),
        &periods.iter().map(|period| period.starts_at).collect::<Vec<_>>(),
        &periods.iter().map(|period| period.order_id.clone()).collect::<Vec<_>>(),
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How an account's resources are renewed, where it has said something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RenewConfig {
    /// The day on which they all end: 1 to 28, -1 the last of the month.
    pub expire_day: Option<i16>,
    /// From how many days before the end on it is tried.
    pub deduction_days: Option<i16>,
}

/// What an account has said.
pub async fn renew_config(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
) -> sqlx::Result<RenewConfig> {
    let found = sqlx::query_as!(
        RenewConfig,
        "select expire_day, deduction_days from renew_configs where tenant_id = $1 and domain_id = $2",
        tenant.0,
        domain.0
    );
    Ok(found.fetch_optional(connection).await?.unwrap_or_default())
}

/// Sets one of the things that an account says of how its resources are renewed.
pub async fn set_renew_config(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    config: RenewConfig,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into renew_configs (tenant_id, domain_id, expire_day, deduction_days) values ($1, $2, $3, $4)
         on conflict (tenant_id, domain_id) do update
         set expire_day = coalesce(excluded.expire_day, renew_configs.expire_day),
             deduction_days = coalesce(excluded.deduction_days, renew_configs.deduction_days)",
        tenant.0,
        domain.0,
        config.expire_day,
        config.deduction_days
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The resources of an account that are renewed by themselves, locked.
pub async fn lock_renewed(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
) -> sqlx::Result<Vec<Subscription>> {
    let rows = select!(
        "where tenant_id = $1 and domain_id = $2 and is_main and expire_policy = 3 and status <> 3 order by resource_id
         for update",
        tenant.0,
        domain.0
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(Subscription::from).collect())
}

/// How many resources an account has given back unconditionally in a year.
pub async fn free_returns(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    year: i16,
) -> sqlx::Result<i32> {
    let returned = sqlx::query_scalar!(
        "select returned from free_returns where tenant_id = $1 and domain_id = $2 and year = $3",
        tenant.0,
        domain.0,
        year
    );
    Ok(returned.fetch_optional(connection).await?.unwrap_or_default())
}

/// Counts more of them.
pub async fn add_free_returns(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    year: i16,
    more: i32,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into free_returns (tenant_id, domain_id, year, returned) values ($1, $2, $3, $4)
         on conflict (tenant_id, domain_id, year) do update set returned = free_returns.returned + excluded.returned",
        tenant.0,
        domain.0,
        year,
        more
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// When something happens to a resource of a tenant next by itself.
pub async fn next_due(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Option<OffsetDateTime>> {
    sqlx::query_scalar!("select min(next_due_at) from subscriptions where tenant_id = $1", tenant.0)
        .fetch_one(connection)
        .await
}

/// The primaries to which something happens by an instant, with whose they are, the earliest first, so many. They are not
/// locked: who works on one locks its customer first, and looks again.
pub async fn due_by(
    connection: &mut PgConnection,
    (tenant, at): (TenantId, OffsetDateTime),
    limit: i64,
) -> sqlx::Result<Vec<(DomainId, String)>> {
    let rows = sqlx::query!(
        r#"select domain_id as "domain: DomainId", resource_id from subscriptions
           where tenant_id = $1 and next_due_at <= $2 order by next_due_at, resource_id limit $3"#,
        tenant.0,
        at,
        limit
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.domain, row.resource_id)).collect())
}

/// Tenants in which something has happened to resources, those with moved clocks by what these show; some at a time.
pub async fn tenants_with_due(
    connection: &mut PgConnection,
    now: OffsetDateTime,
    moved: &[(TenantId, OffsetDateTime)],
) -> sqlx::Result<BTreeSet<TenantId>> {
    let tenants = sqlx::query_scalar!(
        r#"(select distinct tenant_id as "tenant!: TenantId" from subscriptions
            where next_due_at <= $1 and tenant_id <> all($2) limit 100)
           union
           select distinct s.tenant_id from subscriptions s
           join unnest($2::uuid[], $3::timestamptz[]) as m (tenant_id, by) on m.tenant_id = s.tenant_id
           where s.next_due_at <= m.by"#,
        now,
        &moved.iter().map(|(tenant, _)| tenant.0).collect::<Vec<_>>(),
        &moved.iter().map(|(_, by)| *by).collect::<Vec<_>>()
    );
    Ok(tenants.fetch_all(connection).await?.into_iter().collect())
}
