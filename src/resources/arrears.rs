//! Arrears: what becomes of a customer's resources that are paid by use while somebody owes for its use.
//!
//! They go the way of resources whose time is over: grace, in which they still run, then retention, then they are closed. Once
//! everything is paid, those that are not closed run again.

use super::events::{ArrearsStage, CustomerArrears};
use super::on_demand::{self, OnDemandStatus};
use crate::customers::store::{self as customers, State as Customer};
use crate::orders::desk::DeskWhenNeeded;
use crate::outbox::{self, Event};
use crate::subscriptions::lifecycle::{ExpirePolicy, Leniency, ResourceStatus, next_change};
use crate::values::id::{DomainId, TenantId};
use crate::values::site::Site;
use crate::values::time::Instant;
use sqlx::{Connection, PgConnection};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;
use uuid::Uuid;

/// How many customers are looked up at once; each has a transaction of its own.
const BATCH: i64 = 200;

/// How a customer's resources stand while it is in arrears.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Arrears {
    since: OffsetDateTime,
    status: ResourceStatus,
}

impl Arrears {
    /// When that changes next, and what it is then.
    fn next(self, leniency: Leniency) -> Option<(OffsetDateTime, ResourceStatus)> {
        let change = next_change(self.status, ExpirePolicy::Grace, self.since, leniency);
        change.map(|(at, becomes)| (at, becomes.status()))
    }
}

/// How resources that are paid by use stand at a stage of the way, and what it is called.
fn stage(status: ResourceStatus) -> (OnDemandStatus, ArrearsStage) {
    match status {
        ResourceStatus::InUse => (OnDemandStatus::Running, ArrearsStage::Settled),
        ResourceStatus::Expired => (OnDemandStatus::Grace, ArrearsStage::Grace),
        ResourceStatus::Frozen => (OnDemandStatus::Freezing, ArrearsStage::Retention),
        ResourceStatus::Closed => (OnDemandStatus::Closed, ArrearsStage::Closed),
    }
}

/// Something that a customer used, which is locked, could not be paid. It may be in arrears already.
pub async fn begin(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    at: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into arrears (tenant_id, domain_id, since, status, due_at)
         select tenant_id, domain_id, $3, 2, $3 from domains where tenant_id = $1 and domain_id = $2
         on conflict do nothing",
        tenant.0,
        customer.0,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends the arrears of those of these customers, which are locked, for whom nothing is owed any more: what is not closed runs.
pub async fn end(
    connection: &mut PgConnection,
    tenant: TenantId,
    customers: &BTreeMap<DomainId, Customer>,
    at: OffsetDateTime,
) -> sqlx::Result<()> {
    let ended = sqlx::query!(
        r#"delete from arrears a
           where tenant_id = $1 and domain_id = any($2)
             and not exists(select 1 from charges c
                            where c.tenant_id = $1 and c.domain_id = a.domain_id and c.debt_amount > 0)
           returning domain_id as "customer: DomainId", since"#,
        tenant.0,
        &customers.keys().map(|customer| customer.0).collect::<Vec<_>>()
    );
    let mut events = Vec::new();
    for ended in ended.fetch_all(&mut *connection).await? {
        on_demand::set_status(connection, (tenant, ended.customer), OnDemandStatus::Running, at).await?;
        let partner = customers.get(&ended.customer).and_then(|state| state.partner);
        let arrears = Arrears { since: ended.since, status: ResourceStatus::InUse };
        events.extend(told(partner, ended.customer, (arrears, None)));
    }
    outbox::append(connection, tenant, &events, at).await
}

/// Whether a customer is in arrears: nothing that is paid by use is opened for it.
pub async fn is_in_arrears(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists(select 1 from arrears where tenant_id = $1 and domain_id = $2) as "is!""#,
        tenant.0,
        customer.0
    )
    .fetch_one(connection)
    .await
}

/// Tenants in which a customer's arrears go on, by the system's time and by those of moved clocks.
pub async fn tenants(
    connection: &mut PgConnection,
    now: OffsetDateTime,
    moved: &[(TenantId, OffsetDateTime)],
) -> sqlx::Result<BTreeSet<TenantId>> {
    let (tenants, clocks): (Vec<Uuid>, Vec<OffsetDateTime>) = moved.iter().map(|one| (one.0.0, one.1)).unzip();
    let found = sqlx::query_scalar!(
        r#"select t.tenant_id as "id: TenantId" from tenants t
           left join unnest($2::uuid[], $3::timestamptz[]) as m (tenant_id, now) on m.tenant_id = t.tenant_id
           where exists(select 1 from arrears a where a.tenant_id = t.tenant_id and a.due_at <= coalesce(m.now, $1))"#,
        now,
        &tenants,
        &clocks
    );
    Ok(found.fetch_all(connection).await?.into_iter().collect())
}

/// When a customer's arrears go on next.
pub async fn next_due(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Option<OffsetDateTime>> {
    sqlx::query_scalar!("select min(due_at) from arrears where tenant_id = $1 and due_at is not null", tenant.0)
        .fetch_one(connection)
        .await
}

/// Lets the arrears go on that are due by an instant; of how many customers.
pub async fn run(
    connection: &mut PgConnection,
    desk: &DeskWhenNeeded,
    tenant: TenantId,
    at: OffsetDateTime,
) -> anyhow::Result<usize> {
    let site = desk.get(connection).await?.site;
    let due = sqlx::query_scalar!(
        r#"select domain_id as "customer: DomainId" from arrears
           where tenant_id = $1 and due_at <= $2 order by due_at, domain_id limit $3"#,
        tenant.0,
        at,
        BATCH
    );
    let mut done = 0;
    for customer in due.fetch_all(&mut *connection).await? {
        let mut transaction = connection.begin().await?;
        if let Some(state) = customers::lock(&mut transaction, tenant, customer).await? {
            done += usize::from(step(&mut transaction, ((tenant, customer), &state), (site, at)).await?);
        }
        transaction.commit().await?;
    }
    Ok(done)
}

/// Does what is due to a customer in arrears, which is locked. `false`: it is paid, or another replica has done it.
async fn step(
    connection: &mut PgConnection,
    ((tenant, customer), state): ((TenantId, DomainId), &Customer),
    (site, at): (Site, OffsetDateTime),
) -> sqlx::Result<bool> {
    let found = sqlx::query_as!(
        Arrears,
        r#"select since, status as "status: ResourceStatus" from arrears
           where tenant_id = $1 and domain_id = $2 and due_at <= $3"#,
        tenant.0,
        customer.0,
        at
    );
    let Some(arrears) = found.fetch_optional(&mut *connection).await? else { return Ok(false) };
    let leniency = Leniency::of_use(site, state.level);
    let change = arrears.next(leniency).filter(|(due, _)| *due <= at);
    let arrears = change.map_or(arrears, |(_, status)| Arrears { status, ..arrears });
    let next_at = arrears.next(leniency).map(|(due, _)| due);
    sqlx::query!(
        "update arrears set status = $3, due_at = $4 where tenant_id = $1 and domain_id = $2",
        tenant.0,
        customer.0,
        arrears.status.code(),
        next_at
    )
    .execute(&mut *connection)
    .await?;
    if change.is_none() {
        // The customer's level is another one than when it was written when this would be due.
        return Ok(false);
    }
    on_demand::set_status(connection, (tenant, customer), stage(arrears.status).0, at).await?;
    let events: Vec<Event> = told(state.partner, customer, (arrears, next_at)).into_iter().collect();
    outbox::append(connection, tenant, &events, at).await?;
    Ok(true)
}

fn told(
    partner: Option<DomainId>,
    customer_id: DomainId,
    (arrears, next_at): (Arrears, Option<OffsetDateTime>),
) -> Option<Event> {
    let stage = stage(arrears.status).1;
    let payload = CustomerArrears { customer_id, stage, since: Instant(arrears.since), next_at: next_at.map(Instant) };
    partner.map(|partner| Event::new(partner, &payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscriptions::lifecycle::CustomerLevel;
    use time::Duration;
    use time::macros::datetime;

    #[test]
    fn arrears_pass_through_grace_and_retention_as_the_level_allows() {
        use ResourceStatus::{Closed, Expired, Frozen};
        let since = datetime!(2026-03-05 10:20 +8);
        for (site, level, expected) in [
            (Site::Cn, CustomerLevel::V0, vec![(0, Frozen), (1, Closed)]),
            (Site::Cn, CustomerLevel::V1, vec![(0, Frozen), (7, Closed)]),
            (Site::Cn, CustomerLevel::V2, vec![(0, Frozen), (7, Closed)]),
            (Site::Cn, CustomerLevel::V3, vec![(0, Expired), (1, Frozen), (8, Closed)]),
            (Site::Cn, CustomerLevel::V4, vec![(0, Expired), (7, Frozen), (22, Closed)]),
            (Site::Cn, CustomerLevel::V5, vec![(0, Expired), (7, Frozen), (22, Closed)]),
            (Site::Intl, CustomerLevel::V0, vec![(0, Expired), (15, Frozen), (30, Closed)]),
        ] {
            let mut arrears = Arrears { since, status: ResourceStatus::InUse };
            let mut way = Vec::new();
            while let Some((at, status)) = arrears.next(Leniency::of_use(site, level)) {
                way.push((at - since, status));
                arrears.status = status;
            }
            let expected: Vec<_> = expected.into_iter().map(|(days, status)| (Duration::days(days), status)).collect();
            assert_eq!(way, expected, "{site:?} {level:?}");
        }
    }
}
