//! Lists of an account's resources: primaries first, then in the order in which they were bought.

use super::lifecycle::ResourceStatus;
use super::model::Subscription;
use super::store::Row;
use crate::api::page::Part;
use crate::values::id::{DomainId, TenantId};
use sqlx::{PgConnection, Postgres, QueryBuilder};
use time::{Duration, OffsetDateTime};

/// Which resources; what is `None` does not filter.
#[derive(Clone, Debug, Default)]
pub struct SubscriptionFilter {
    /// These, and unless only primaries are wanted what follows them.
    pub ids: Option<Vec<String>>,
    /// Bought by this order.
    pub order: Option<String>,
    /// Primaries only. Of secondaries that are named it says nothing.
    pub only_main: bool,
    /// How they stand.
    pub statuses: Option<Vec<ResourceStatus>>,
    /// Whose time is over at this instant or later.
    pub expires_from: Option<OffsetDateTime>,
    /// Whose time is over at this instant or earlier.
    pub expires_to: Option<OffsetDateTime>,
    /// Of this service type, in lower case.
    pub service_type: Option<String>,
}

/// A page of an account's resources, and how many there are in all.
pub async fn page(
    connection: &mut PgConnection,
    account: (TenantId, DomainId),
    filter: &SubscriptionFilter,
    (offset, limit): (usize, usize),
) -> sqlx::Result<(Vec<Subscription>, i64)> {
    let mut count = QueryBuilder::new("select count(*) from subscriptions s");
    filter.push_conditions(&mut count, account);
    let total: i64 = count.build_query_scalar().fetch_one(&mut *connection).await?;
    let Some(part) = Part::of(total, offset, limit) else { return Ok((Vec::new(), total)) };
    let mut query = QueryBuilder::new(
        "select resource_id, instance_id, resource_name, project_id, service_type_code, resource_type_code,
                resource_spec, region_code, resource_size, size_measure_id, product_id, enterprise_project_id, order_id,
                currency, is_main, parent_id, period_type, period_num, state, status, effective_at, expires_at,
                anchor_day, expire_policy, renew_period, renew_times, renewed_times, renew_attempt_at, updated_at
         from subscriptions s",
    );
    filter.push_conditions(&mut query, account);
    let (main, others) = if part.is_from_the_end { ("asc", "desc") } else { ("desc", "asc") };
    query.push(format_args!(" order by is_main {main}, created_at {others}, resource_id {others} offset "));
    query.push_bind(part.skipped).push(" limit ").push_bind(part.read);
    let rows: Vec<Row> = query.build_query_as().fetch_all(connection).await?;
    let mut resources: Vec<Subscription> = rows.into_iter().map(Subscription::from).collect();
    if part.is_from_the_end {
        resources.reverse();
    }
    Ok((resources, total))
}

impl SubscriptionFilter {
    fn push_conditions(&self, query: &mut QueryBuilder<Postgres>, (tenant, domain): (TenantId, DomainId)) {
        query.push(" where s.tenant_id = ").push_bind(tenant.0).push(" and s.domain_id = ").push_bind(domain.0);
        match &self.ids {
            Some(ids) if self.only_main => {
                query.push(" and resource_id = any(").push_bind(ids.clone()).push(")");
            }
            Some(ids) => {
                query.push(" and (resource_id = any(").push_bind(ids.clone());
                query.push(") or not is_main and parent_id = any(").push_bind(ids.clone()).push("))");
            }
            None if self.only_main => {
                query.push(" and is_main");
            }
            None => {}
        }
        if let Some(order) = &self.order {
            query.push(" and order_id = ").push_bind(order.clone());
        }
        if let Some(statuses) = &self.statuses {
            let codes: Vec<i16> = statuses.iter().map(|status| status.code()).collect();
            query.push(" and status = any(").push_bind(codes).push(")");
        }
        if let Some(from) = self.expires_from {
            query.push(" and expires_at >= ").push_bind(from);
        }
        if let Some(to) = self.expires_to {
            query.push(" and expires_at < ").push_bind(to.saturating_add(Duration::SECOND));
        }
        if let Some(service) = &self.service_type {
            query.push(" and service_type_code = ").push_bind(service.clone());
        }
    }
}
