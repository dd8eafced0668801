//! All resources of a partner's customers, one behind the other by their keys, for who reads all of them.

use crate::values::id::{DomainId, TenantId};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// A resource of a customer: bought for a time, or paid by use, of which less is known.
#[derive(Clone, PartialEq, Debug)]
pub struct Owned {
    /// The customer's number among its partner's.
    pub number: i64,
    /// The customer.
    pub customer: DomainId,
    /// Its id.
    pub resource_id: String,
    /// 1 yearly/monthly, 3 pay-per-use.
    pub charging_mode: i16,
    /// Its name.
    pub resource_name: String,
    /// The project it is in.
    pub project_id: Uuid,
    /// Its service type.
    pub service_type_code: String,
    /// Its type.
    pub resource_type_code: String,
    /// Its specification.
    pub resource_spec: String,
    /// Its region.
    pub region_code: String,
    /// Its size, of linear products.
    pub resource_size: Option<i32>,
    /// The unit of the size.
    pub size_measure_id: Option<i32>,
    /// The product.
    pub product_id: Option<String>,
    /// The order that bought it.
    pub order_id: Option<String>,
    /// The enterprise project it is in.
    pub enterprise_project_id: Option<String>,
    /// Of a secondary its primary.
    pub parent_id: Option<String>,
    /// Whether it is a primary.
    pub is_main: Option<bool>,
    /// How it stands, by the vendor's number for its kind.
    pub status: i16,
    /// From when on it is there.
    pub effective_at: OffsetDateTime,
    /// Until when it is paid for, or when it was closed.
    pub expires_at: Option<OffsetDateTime>,
    /// What happens then.
    pub expire_policy: Option<i16>,
}

/// What resources of a partner's customers are told apart by. One that was turned to pay-per-use is there twice.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ResourceKey {
    number: i64,
    resource_id: String,
    charging_mode: i16,
}

impl Owned {
    /// Its key.
    pub fn key(&self) -> ResourceKey {
        let Self { number, resource_id, charging_mode, .. } = self;
        ResourceKey { number: *number, resource_id: resource_id.clone(), charging_mode: *charging_mode }
    }
}

/// How many there are, of one customer or of all.
pub async fn count(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    customer: Option<DomainId>,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select (select count(*) from customers c
                   join subscriptions s on s.tenant_id = c.tenant_id and s.domain_id = c.domain_id
                   where c.tenant_id = $1 and s.tenant_id = $1 and c.partner_id = $2
                     and ($3::uuid is null or c.domain_id = $3))
                  + (select count(*) from customers c
                     join on_demand_resources r on r.tenant_id = c.tenant_id and r.domain_id = c.domain_id
                     where c.tenant_id = $1 and r.tenant_id = $1 and c.partner_id = $2
                       and ($3::uuid is null or c.domain_id = $3)) as "count!""#,
        tenant.0,
        partner.0,
        customer.map(|customer| customer.0)
    )
    .fetch_one(connection)
    .await
}

/// So many behind one of them, those of the latest customer first.
pub async fn behind(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    customer: Option<DomainId>,
    (key, limit): (Option<ResourceKey>, usize),
) -> sqlx::Result<Vec<Owned>> {
    let first = || ResourceKey { number: i64::MAX, resource_id: String::new(), charging_mode: 0 };
    let ResourceKey { number, resource_id, charging_mode } = key.unwrap_or_else(first);
    sqlx::query_as!(
        Owned,
        r#"select c.number as "number!", c.domain_id as "customer: DomainId", r.resource_id as "resource_id!",
                  r.charging_mode as "charging_mode!", r.resource_name as "resource_name!", r.project_id as "project_id!",
                  r.service_type_code as "service_type_code!", r.resource_type_code as "resource_type_code!",
                  r.resource_spec as "resource_spec!", r.region_code as "region_code!", r.resource_size, r.size_measure_id,
                  r.product_id, r.order_id, r.enterprise_project_id, r.parent_id, r.is_main, r.status as "status!",
                  r.effective_at as "effective_at!", r.expires_at, r.expire_policy
           from customers c
           join (select tenant_id, domain_id, resource_id, 1::smallint as charging_mode, resource_name, project_id,
                        service_type_code, resource_type_code, resource_spec, region_code, resource_size, size_measure_id,
                        product_id, order_id, enterprise_project_id, parent_id, is_main, status,
                        coalesce(effective_at, created_at) as effective_at, expires_at, expire_policy
                 from subscriptions where tenant_id = $1
                 union all
                 select tenant_id, domain_id, resource_id, 3::smallint, resource_name, project_id, service_type_code,
                        resource_type_code, resource_spec, region_code, resource_size, size_measure_id, null, null, null, null,
                        null, status, effective_at, expires_at, null
                 from on_demand_resources where tenant_id = $1) r
             on r.tenant_id = c.tenant_id and r.domain_id = c.domain_id
           where c.tenant_id = $1 and c.partner_id = $2 and ($3::uuid is null or c.domain_id = $3)
             and c.number <= $4 and (c.number < $4 or (r.resource_id, r.charging_mode) > ($5, $6))
           order by c.number desc, r.resource_id, r.charging_mode limit $7"#,
        tenant.0,
        partner.0,
        customer.map(|customer| customer.0),
        number,
        resource_id,
        charging_mode,
        i64::try_from(limit).unwrap_or(i64::MAX)
    )
    .fetch_all(connection)
    .await
}
