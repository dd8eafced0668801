//! Resources that are paid by use: services open and close them, and resources that were bought for a time turn to them.

use super::refusal::Failure;
use super::renewing::product;
use crate::api::page::Part;
use crate::customers::store::State as Customer;
use crate::orders::desk::Desk;
use crate::orders::model::{Amounts, By, Line, LineOutcome, OrderType, SourceType};
use crate::orders::place;
use crate::orders::record::New;
use crate::orders::state::Event;
use crate::orders::view::SYSTEM;
use crate::pricing::model::Period;
use crate::subscriptions::model::Subscription;
use crate::values::coded::coded;
use crate::values::id::{DomainId, TenantId};
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

coded! {
    /// How a resource that is paid by use stands: 1 it runs, 2 in grace, 3 being frozen, 4 being changed, 5 being closed, 6 closed.
    OnDemandStatus {
        /// It runs.
        Running = 1,
        /// Nobody pays for it, and it still runs.
        Grace = 2,
        /// It is being frozen.
        Freezing = 3,
        /// It is being changed.
        Changing = 4,
        /// It is being closed.
        Closing = 5,
        /// It is closed.
        Closed = 6,
    }
}

/// A resource that is paid by use.
#[derive(Clone, PartialEq, Eq, Debug, FromRow)]
pub struct OnDemandResource {
    /// Its id.
    pub resource_id: String,
    /// The project it is in.
    pub project_id: Uuid,
    /// Its region.
    pub region_code: String,
    /// Its availability zone; empty if it is in none.
    pub zone_code: String,
    /// Its service type.
    pub service_type_code: String,
    /// Its type.
    pub resource_type_code: String,
    /// Its specification.
    pub resource_spec: String,
    /// Its name.
    pub resource_name: String,
    /// Its size, of linear products.
    pub resource_size: Option<i32>,
    /// The unit of the size.
    pub size_measure_id: Option<i32>,
    /// How it stands.
    pub status: OnDemandStatus,
    /// From when on it is there.
    pub effective_at: OffsetDateTime,
    /// When it was closed.
    pub expires_at: Option<OffsetDateTime>,
}

/// Opens resources, anew where they were closed before; how many. One that is open already stays as it is.
pub async fn open(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    new: &[OnDemandResource],
) -> sqlx::Result<u64> {
    let opened = sqlx::query!(
        "insert into on_demand_resources (tenant_id, resource_id, domain_id, project_id, region_code, zone_code,
             service_type_code, resource_type_code, resource_spec, resource_name, resource_size, size_measure_id, status,
             effective_at)
         select d.tenant_id, u.resource_id, d.domain_id, u.project_id, u.region, u.zone, u.service_type, u.resource_type,
                u.spec, u.name, u.size, u.measure_id, 1, u.effective_at
         from domains d,
              unnest($3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
                     $11::int[], $12::int[], $13::timestamptz[])
                  as u (resource_id, project_id, region, zone, service_type, resource_type, spec, name, size, measure_id,
                        effective_at)
         where d.tenant_id = $1 and d.domain_id = $2
         on conflict (tenant_id, resource_id) do update
         set domain_id = excluded.domain_id, project_id = excluded.project_id, region_code = excluded.region_code,
             zone_code = excluded.zone_code, service_type_code = excluded.service_type_code,
             resource_type_code = excluded.resource_type_code, resource_spec = excluded.resource_spec,
             resource_name = excluded.resource_name, resource_size = excluded.resource_size,
             size_measure_id = excluded.size_measure_id, status = 1, effective_at = excluded.effective_at,
             expires_at = null
         where on_demand_resources.status = 6",
        tenant.0,
        domain.0,
        &new.iter().map(|one| one.resource_id.clone()).collect::<Vec<_>>(),
        &new.iter().map(|one| one.project_id).collect::<Vec<_>>(),
        &new.iter().map(|one| one.region_code.clone()).collect::<Vec<_>>(),
        &new.iter().map(|one| one.zone_code.clone()).collect::<Vec<_>>(),
        &new.iter().map(|one| one.service_type_code.clone()).collect::<Vec<_>>(),
        &new.iter().map(|one| one.resource_type_code.clone()).collect::<Vec<_>>(),
        &new.iter().map(|one| one.resource_spec.clone()).collect::<Vec<_>>(),
        &new.iter().map(|one| one.resource_name.clone()).collect::<Vec<_>>(),
        &new.iter().map(|one| one.resource_size).collect::<Vec<_>>() as &[Option<i32>],
        &new.iter().map(|one| one.size_measure_id).collect::<Vec<_>>() as &[Option<i32>],
        &new.iter().map(|one| one.effective_at).collect::<Vec<_>>()
    );
    Ok(opened.execute(connection).await?.rows_affected())
}

/// Closes a resource that is open. `false`: the account has no such resource.
pub async fn close(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    id: &str,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let closed = sqlx::query!(
        "update on_demand_resources set status = 6, expires_at = $4
         where tenant_id = $1 and domain_id = $2 and resource_id = $3 and status <> 6",
        tenant.0,
        domain.0,
        id,
        now
    );
    Ok(closed.execute(connection).await?.rows_affected() == 1)
}

/// Sets how a customer's resources stand that its arrears concern: those that are neither closed nor about to be.
pub async fn set_status(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    status: OnDemandStatus,
    at: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update on_demand_resources set status = $3, expires_at = case when $3::smallint = 6 then $4::timestamptz end
         where tenant_id = $1 and domain_id = $2 and status in (1, 2, 3)",
        tenant.0,
        domain.0,
        status.code(),
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What was bought for a time, as resources that are paid by use, under the same ids.
pub fn turned(resources: &[Subscription], at: OffsetDateTime) -> Vec<OnDemandResource> {
    let turned = |resource: &Subscription| OnDemandResource {
        resource_id: resource.resource_id.clone(),
        project_id: resource.project_id,
        region_code: resource.region.clone(),
        zone_code: String::new(),
        service_type_code: resource.service_type.clone(),
        resource_type_code: resource.resource_type.clone(),
        resource_spec: resource.resource_spec.clone(),
        resource_name: resource.name.clone(),
        resource_size: resource.size.map(|size| size.size),
        size_measure_id: resource.size.map(|size| size.measure_id),
        status: OnDemandStatus::Running,
        effective_at: at,
        expires_at: None,
    };
    resources.iter().map(turned).collect()
}

/// Turns a family whose time is over to pay-per-use: an order that costs nothing, and the resources begin anew.
pub async fn turn(
    connection: &mut PgConnection,
    desk: &Desk,
    (account, customer, family): ((TenantId, DomainId), &Customer, &[Subscription]),
    by: By,
) -> Result<(), Failure> {
    let line = |resource: &Subscription| Line {
        product: product(desk, resource),
        period: Period { num: 0, ..resource.period },
        amounts: Amounts::default(),
        main: None,
        base: None,
        resource_id: Some(resource.resource_id.clone()),
        resource_name: resource.name.clone(),
        outcome: LineOutcome::Done,
        effective_at: Some(by.now),
        expires_at: None,
    };
    let new = New {
        account,
        kind: OrderType::ToOnDemand,
        source: SourceType::System,
        user_name: SYSTEM.to_owned(),
        enterprise_project: family.first().and_then(|resource| resource.enterprise_project.clone()),
        currency: family.first().map_or(desk.currency(), |resource| resource.currency),
        is_auto_pay: false,
        payer: None,
        begins: Event::PlacedAndDone,
        lines: family.iter().map(line).collect(),
    };
    place::place(connection, desk, (new, customer), by).await?;
    open(connection, account, &turned(family, by.now)).await?;
    Ok(())
}

/// Which resources; what is `None` does not filter.
#[derive(Clone, Debug, Default)]
pub struct OnDemandFilter {
    /// In this region.
    pub region: Option<String>,
    /// Of this service type, in lower case.
    pub service_type: Option<String>,
    /// Of this type, in lower case.
    pub resource_type: Option<String>,
    /// These.
    pub ids: Option<Vec<String>>,
    /// Opened at this instant or later.
    pub from: Option<OffsetDateTime>,
    /// Opened at this instant or earlier.
    pub to: Option<OffsetDateTime>,
    /// How they stand.
    pub status: Option<OnDemandStatus>,
}

/// A size as the vendor's lists tell it: JSON in a text; empty where there is none.
pub fn info(size: Option<i32>) -> String {
    size.map(|size| format!("{{\"specSize\":{size}.0}}")).unwrap_or_default()
}

/// A page of a customer's resources, the latest first, and how many there are in all.
pub async fn page(
    connection: &mut PgConnection,
    account: (TenantId, DomainId),
    filter: &OnDemandFilter,
    (offset, limit): (usize, usize),
) -> sqlx::Result<(Vec<OnDemandResource>, i64)> {
    let mut count = QueryBuilder::new("select count(*) from on_demand_resources r");
    push_conditions(&mut count, account, filter);
    let total: i64 = count.build_query_scalar().fetch_one(&mut *connection).await?;
    let Some(part) = Part::of(total, offset, limit) else { return Ok((Vec::new(), total)) };
    let mut query = QueryBuilder::new(
        "select resource_id, project_id, region_code, zone_code, service_type_code, resource_type_code, resource_spec,
                resource_name, resource_size, size_measure_id, status, effective_at, expires_at
         from on_demand_resources r",
    );
    push_conditions(&mut query, account, filter);
    let direction = if part.is_from_the_end { "asc" } else { "desc" };
    query.push(format_args!(" order by effective_at {direction}, resource_id {direction} offset "));
    query.push_bind(part.skipped).push(" limit ").push_bind(part.read);
    let mut rows: Vec<OnDemandResource> = query.build_query_as().fetch_all(connection).await?;
    if part.is_from_the_end {
        rows.reverse();
    }
    Ok((rows, total))
}

fn push_conditions(
    query: &mut QueryBuilder<Postgres>,
    (tenant, domain): (TenantId, DomainId),
    filter: &OnDemandFilter,
) {
    query.push(" where r.tenant_id = ").push_bind(tenant.0).push(" and r.domain_id = ").push_bind(domain.0);
    if let Some(region) = &filter.region {
        query.push(" and region_code = ").push_bind(region.clone());
    }
    if let Some(service) = &filter.service_type {
        query.push(" and service_type_code = ").push_bind(service.clone());
    }
    if let Some(kind) = &filter.resource_type {
        query.push(" and resource_type_code = ").push_bind(kind.clone());
    }
    if let Some(ids) = &filter.ids {
        query.push(" and resource_id = any(").push_bind(ids.clone()).push(")");
    }
    if let Some(from) = filter.from {
        query.push(" and effective_at >= ").push_bind(from);
    }
    if let Some(to) = filter.to {
        query.push(" and effective_at < ").push_bind(to.saturating_add(time::Duration::SECOND));
    }
    if let Some(status) = filter.status {
        query.push(" and status = ").push_bind(status.code());
    }
}
