//! The only door into the customers' tables.

use super::directory::Related;
use super::{Association, AssociationType, Customer};
use crate::api::caller::CallerKind;
use crate::values::id::{DomainId, TenantId};
use sqlx::PgConnection;
use std::sync::Arc;

/// Announces changes; the payload is `<tenant> <account>`, anything else means "everything".
pub const CHANNEL: &str = "bss_customers";

/// What an account is to others.
pub async fn related(connection: &mut PgConnection, tenant: TenantId, id: DomainId) -> sqlx::Result<Option<Related>> {
    let row = sqlx::query!(
        r#"select d.name, d.kind as "kind: CallerKind", d.parent_id as "parent: DomainId",
                  c.partner_id as "partner?: DomainId", c.association_type as "association?: AssociationType",
                  c.associated_at as "associated_at?"
           from domains d left join customers c on c.tenant_id = d.tenant_id and c.domain_id = d.domain_id
           where d.tenant_id = $1 and d.domain_id = $2"#,
        tenant.0,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| match (row.kind, row.parent, row.partner, row.association, row.associated_at) {
        (_, _, Some(partner), Some(kind), Some(since)) => {
            let association = Association { partner, kind, since };
            Related::Customer(Arc::new(Customer { id, name: row.name, association }))
        }
        (CallerKind::Reseller, Some(parent), ..) => Related::Reseller { parent, name: row.name },
        _ => Related::Other,
    }))
}

/// The customers of a partner among those of these ids, in the order of the ids; the others are left out.
pub async fn among(
    connection: &mut PgConnection,
    tenant: TenantId,
    partner: DomainId,
    ids: &[DomainId],
) -> sqlx::Result<Vec<Customer>> {
    let wanted: Vec<uuid::Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select d.domain_id as "id: DomainId", d.name, c.association_type as "kind!: AssociationType",
                  c.associated_at as "since!"
           from customers c join domains d on d.tenant_id = c.tenant_id and d.domain_id = c.domain_id
           where c.tenant_id = $1 and d.tenant_id = $1 and c.partner_id = $2 and c.domain_id = any($3)
           order by array_position($3, c.domain_id)"#,
        tenant.0,
        partner.0,
        &wanted
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| Customer {
            id: row.id,
            name: row.name,
            association: Association { partner, kind: row.kind, since: row.since },
        })
        .collect())
}

/// A customer as one who may be given a coupon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recipient {
    /// The customer.
    pub id: DomainId,
    /// Its partner or reseller.
    pub partner: Option<DomainId>,
    /// How it is associated.
    pub association: Option<AssociationType>,
    /// Whether its enterprise's master account keeps its finances.
    pub in_custody: bool,
    /// Whether it was never associated with another partner before.
    pub first_association: bool,
}

/// The customers of the tenant among these ids, whose associations cannot change until the transaction ends.
pub async fn recipients(
    connection: &mut PgConnection,
    tenant: TenantId,
    ids: &[DomainId],
) -> sqlx::Result<Vec<Recipient>> {
    let ids: Vec<uuid::Uuid> = ids.iter().map(|id| id.0).collect();
    sqlx::query_as!(
        Recipient,
        r#"select domain_id as "id: DomainId", partner_id as "partner: DomainId",
                  association_type as "association: AssociationType", in_custody, first_association
           from customers where tenant_id = $1 and domain_id = any($2) order by domain_id for share"#,
        tenant.0,
        &ids
    )
    .fetch_all(connection)
    .await
}

/// Adds a customer, associated or not.
pub async fn insert(
    connection: &mut PgConnection,
    tenant: TenantId,
    id: DomainId,
    association: Option<Association>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into customers (tenant_id, domain_id, partner_id, association_type, associated_at)
         values ($1, $2, $3, $4, $5)",
        tenant.0,
        id.0,
        association.map(|association| association.partner.0),
        association.map(|association| association.kind as i16),
        association.map(|association| association.since)
    )
    .execute(&mut *connection)
    .await?;
    announce(connection, tenant, id).await
}

/// Sets how a customer is associated.
pub async fn set_association_type(
    connection: &mut PgConnection,
    tenant: TenantId,
    id: DomainId,
    kind: AssociationType,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update customers set association_type = $3 where tenant_id = $1 and domain_id = $2 and partner_id is not null",
        tenant.0,
        id.0,
        kind as i16
    )
    .execute(&mut *connection)
    .await?;
    announce(connection, tenant, id).await
}

/// Names of accounts, for lists that show them.
pub async fn names(
    connection: &mut PgConnection,
    tenant: TenantId,
    ids: &[DomainId],
) -> sqlx::Result<Vec<(DomainId, String)>> {
    let ids: Vec<uuid::Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select domain_id as "id: DomainId", name from domains where tenant_id = $1 and domain_id = any($2)"#,
        tenant.0,
        &ids
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.id, row.name)).collect())
}

async fn announce(connection: &mut PgConnection, tenant: TenantId, id: DomainId) -> sqlx::Result<()> {
    let payload = format!("{} {}", tenant.0.simple(), id.0.simple());
    sqlx::query!("select pg_notify($1, $2) as \"sent: ()\"", CHANNEL, payload).execute(connection).await?;
    Ok(())
}

/// Any customer may be another now: tells every replica, when this transaction commits.
pub async fn announce_all(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("select pg_notify($1, 'all') as \"sent: ()\"", CHANNEL).execute(connection).await?;
    Ok(())
}

/// The account that an announcement is about.
pub fn announced(payload: &str) -> Option<(TenantId, DomainId)> {
    let (tenant, id) = payload.split_once(' ')?;
    Some((TenantId(tenant.parse().ok()?), DomainId(id.parse().ok()?)))
}
