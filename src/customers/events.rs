//! What partners are told of their customers.

use crate::outbox::{self, Event};
use crate::values::id::{DomainId, TenantId};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// A customer's account was associated with a partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CustomerBound {
    /// The customer's account.
    pub customer_id: DomainId,
    /// The name of that account.
    #[schema(example = "my-customer")]
    pub domain_name: String,
    /// The customer's account on the partner's platform; empty where there is none.
    #[schema(example = "user-4711")]
    pub xaccount_id: String,
    /// The partner, or the reseller.
    pub partner_id: DomainId,
}

impl CustomerBound {
    /// One for the document.
    pub fn example() -> Self {
        Self {
            customer_id: DomainId(Uuid::from_u128(0x0197_8d6a_2b3c_7d4e_8f90_a1b2_c3d4_e5f6)),
            domain_name: "my-customer".to_owned(),
            xaccount_id: "user-4711".to_owned(),
            partner_id: DomainId(Uuid::from_u128(0x0197_8d6a_2b3c_7d4e_8f90_a1b2_c3d4_e5f7)),
        }
    }
}

/// A customer's account is associated with a partner no more. The fields are those it had while it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CustomerUnbound {
    /// The customer's account.
    pub customer_id: DomainId,
    /// The name of that account.
    #[schema(example = "my-customer")]
    pub domain_name: String,
    /// The customer's account on the partner's platform; empty where there is none.
    #[schema(example = "user-4711")]
    pub xaccount_id: String,
    /// The partner, or the reseller.
    pub partner_id: DomainId,
}

impl From<CustomerBound> for CustomerUnbound {
    fn from(bound: CustomerBound) -> Self {
        let CustomerBound { customer_id, domain_name, xaccount_id, partner_id } = bound;
        Self { customer_id, domain_name, xaccount_id, partner_id }
    }
}

impl CustomerUnbound {
    /// One for the document.
    pub fn example() -> Self {
        CustomerBound::example().into()
    }
}

/// Tells a partner that it has a customer more; `now` is the tenant's time.
pub async fn tell_bound(
    connection: &mut PgConnection,
    tenant: TenantId,
    association: (DomainId, DomainId),
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let bound = association_of(connection, tenant, association).await?;
    outbox::append(connection, tenant, &[Event::new(bound.partner_id, &bound)], now).await
}

/// Tells a partner that it has a customer less; `now` is the tenant's time.
pub async fn tell_unbound(
    connection: &mut PgConnection,
    tenant: TenantId,
    association: (DomainId, DomainId),
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let unbound = CustomerUnbound::from(association_of(connection, tenant, association).await?);
    outbox::append(connection, tenant, &[Event::new(unbound.partner_id, &unbound)], now).await
}

async fn association_of(
    connection: &mut PgConnection,
    tenant: TenantId,
    (partner_id, customer_id): (DomainId, DomainId),
) -> sqlx::Result<CustomerBound> {
    let customer = sqlx::query!(
        "select d.name, c.xaccount_id
         from domains d join customers c on c.tenant_id = d.tenant_id and c.domain_id = d.domain_id
         where d.tenant_id = $1 and c.tenant_id = $1 and d.domain_id = $2",
        tenant.0,
        customer_id.0
    );
    let customer = customer.fetch_one(connection).await?;
    let xaccount_id = customer.xaccount_id.unwrap_or_default();
    Ok(CustomerBound { customer_id, domain_name: customer.name, xaccount_id, partner_id })
}
