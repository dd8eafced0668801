//! The only door into the customers' tables.

use super::model::Related;
use super::model::{Association, AssociationType, Customer};
use super::model::{CustomerType, Frozen, VerifiedStatus};
use crate::api::caller::CallerKind;
use crate::subscriptions::lifecycle::CustomerLevel;
use crate::values::id::{DomainId, TenantId};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use time::Date;
use uuid::Uuid;

/// Announces changes; the payload is `<tenant> <account>`, anything else means "everything".
pub const CHANNEL: &str = "bss_customers";

/// What an account is to others.
pub async fn related(connection: &mut PgConnection, tenant: TenantId, id: DomainId) -> sqlx::Result<Option<Related>> {
    let row = sqlx::query!(
        r#"select d.name, d.kind as "kind: CallerKind", d.parent_id as "parent: DomainId",
                  c.partner_id as "partner?: DomainId", c.association_type as "association?: AssociationType",
                  c.associated_at as "associated_at?"
           from domains d
           left join customers c on c.tenant_id = d.tenant_id and c.domain_id = d.domain_id and c.tenant_id = $1
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

/// What sort of account this is.
pub async fn kind(connection: &mut PgConnection, tenant: TenantId, id: DomainId) -> sqlx::Result<CallerKind> {
    sqlx::query_scalar!(
        r#"select kind as "kind: CallerKind" from domains where tenant_id = $1 and domain_id = $2"#,
        tenant.0,
        id.0
    )
    .fetch_one(connection)
    .await
}

/// A customer as who changes it must see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    /// Whose it is.
    pub partner: Option<DomainId>,
    /// How.
    pub kind: Option<AssociationType>,
    /// Its number among the partner's customers.
    pub number: Option<i64>,
    /// Whether an association is still to be made.
    pub is_pending: bool,
    /// What it is.
    pub customer_type: CustomerType,
    /// How far its real-name authentication is.
    pub verified: VerifiedStatus,
    /// What of it is frozen.
    pub frozen: Frozen,
    /// Its level, by which its resources are kept longer.
    pub level: CustomerLevel,
    /// The master account of its enterprise that keeps its finances.
    pub custodian: Option<DomainId>,
}

impl State {
    /// Whether it buys, renews and changes nothing.
    pub fn is_frozen(&self) -> bool {
        self.frozen != Frozen::No
    }

    /// Whose resale customer it is; nobody's if it is none.
    pub fn resale_of(&self) -> Option<DomainId> {
        self.partner.filter(|_| self.kind == Some(AssociationType::Resale))
    }
}

/// A customer, locked until the transaction ends. It comes first in the [order of locks](crate::ledger#the-order-of-locks), so
/// what a request knows from [`directory`](super::directory) is checked against what is so now. Who only refers to it, by a
/// foreign key, neither waits nor is waited for.
///
/// Who keeps its finances pays for it, so that account is locked as well.
pub async fn lock(connection: &mut PgConnection, tenant: TenantId, id: DomainId) -> sqlx::Result<Option<State>> {
    Ok(lock_all(connection, tenant, &[id]).await?.remove(&id))
}

/// Customers, and who keeps their finances, locked in the order of their ids as [`lock`] does.
pub async fn lock_all(
    connection: &mut PgConnection,
    tenant: TenantId,
    ids: &[DomainId],
) -> sqlx::Result<BTreeMap<DomainId, State>> {
    let wanted: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let mut locked = locked(connection, tenant, &wanted).await?;
    // Who has begun to keep finances while this waited is locked out of order, which is seldom enough.
    let custodians: BTreeSet<DomainId> = locked.values().filter_map(|state| state.custodian).collect();
    let missed: Vec<Uuid> =
        custodians.into_iter().filter(|id| !locked.contains_key(id)).map(|custodian| custodian.0).collect();
    if !missed.is_empty() {
        locked.extend(self::locked(connection, tenant, &missed).await?);
    }
    Ok(locked)
}

async fn locked(
    connection: &mut PgConnection,
    tenant: TenantId,
    ids: &[Uuid],
) -> sqlx::Result<BTreeMap<DomainId, State>> {
    let rows = sqlx::query!(
        r#"select domain_id as "id: DomainId", partner_id as "partner: DomainId",
                  association_type as "kind: AssociationType", number, pending_partner_id is not null as "is_pending!",
                  customer_type as "customer_type: CustomerType", verified_status as "verified: VerifiedStatus",
                  frozen as "frozen: Frozen", level as "level: CustomerLevel", custodian_id as "custodian: DomainId"
           from customers
           where tenant_id = $1
             and domain_id = any($2::uuid[] || array(select k.custodian_id from customers k
                                                     where k.tenant_id = $1 and k.domain_id = any($2)
                                                       and k.custodian_id is not null))
           order by domain_id for no key update"#,
        tenant.0,
        ids
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| {
            let state = State {
                partner: row.partner,
                kind: row.kind,
                number: row.number,
                is_pending: row.is_pending,
                customer_type: row.customer_type,
                verified: row.verified,
                frozen: row.frozen,
                level: row.level,
                custodian: row.custodian,
            };
            (row.id, state)
        })
        .collect())
}

/// Whose resale customer a customer is now; nobody's if it is none.
pub async fn resale_of(
    connection: &mut PgConnection,
    tenant: TenantId,
    id: DomainId,
) -> sqlx::Result<Option<DomainId>> {
    let partner = sqlx::query_scalar!(
        r#"select partner_id as "partner!: DomainId" from customers
           where tenant_id = $1 and domain_id = $2 and association_type = 2 and partner_id is not null"#,
        tenant.0,
        id.0
    );
    partner.fetch_optional(connection).await
}

/// What a customer is, and how far its real-name authentication is.
pub async fn verification(
    connection: &mut PgConnection,
    tenant: TenantId,
    id: DomainId,
) -> sqlx::Result<(CustomerType, VerifiedStatus)> {
    let row = sqlx::query!(
        r#"select customer_type as "customer_type: CustomerType", verified_status as "verified: VerifiedStatus"
           from customers where tenant_id = $1 and domain_id = $2"#,
        tenant.0,
        id.0
    );
    let row = row.fetch_one(connection).await?;
    Ok((row.customer_type, row.verified))
}

/// Sets how far a customer's real-name authentication is.
pub async fn set_verified_status(
    connection: &mut PgConnection,
    tenant: TenantId,
    id: DomainId,
    status: VerifiedStatus,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update customers set verified_status = $3 where tenant_id = $1 and domain_id = $2",
        tenant.0,
        id.0,
        status as i16
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a customer becomes when it is verified.
pub struct Verified<'a> {
    /// What it is.
    pub customer_type: CustomerType,
    /// Its name.
    pub sealed_name: &'a [u8],
    /// By what the name is found.
    pub name_grams: &'a [i64],
    /// From which month to which it can become a new customer.
    pub new_tag: (Date, Date),
}

/// Makes a customer verified. Its tag, once given, stays.
pub async fn verify(
    connection: &mut PgConnection,
    tenant: TenantId,
    id: DomainId,
    verified: &Verified<'_>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update customers
         set verified_status = 2, customer_type = $3, sealed_name = $4, name_grams = $5,
             new_tag = coalesce(new_tag, 'UNDETERMINED'), new_tag_from = coalesce(new_tag_from, $6),
             new_tag_until = coalesce(new_tag_until, $7)
         where tenant_id = $1 and domain_id = $2",
        tenant.0,
        id.0,
        verified.customer_type as i16,
        verified.sealed_name,
        verified.name_grams,
        verified.new_tag.0,
        verified.new_tag.1
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets by what the names of customers are found.
pub async fn set_name_grams(
    connection: &mut PgConnection,
    tenant: TenantId,
    grams: &[(DomainId, Vec<i64>)],
) -> sqlx::Result<()> {
    let each = || grams.iter().flat_map(|(customer, grams)| grams.iter().map(|gram| (customer.0, *gram)));
    // Arrays of different lengths cannot be sent in one array.
    sqlx::query!(
        "update customers c set name_grams = g.grams
         from (select u.customer, array_agg(u.gram order by u.place) as grams
               from unnest($2::uuid[], $3::bigint[]) with ordinality as u (customer, gram, place) group by u.customer) g
         where c.tenant_id = $1 and c.domain_id = g.customer",
        tenant.0,
        &each().map(|(customer, _)| customer).collect::<Vec<_>>(),
        &each().map(|(_, gram)| gram).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The customers of a partner among those of these ids, in the order of the ids; the others are left out.
pub async fn among(
    connection: &mut PgConnection,
    tenant: TenantId,
    partner: DomainId,
    ids: &[DomainId],
) -> sqlx::Result<Vec<Customer>> {
    let wanted: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
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

/// The customers of the tenant among these ids, whose associations cannot change until the transaction ends. They are locked as
/// [`lock`] does, and not shared: those who share a row let in whoever shares it too, past one who waits to change it.
pub async fn recipients(
    connection: &mut PgConnection,
    tenant: TenantId,
    ids: &[DomainId],
) -> sqlx::Result<Vec<Recipient>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    sqlx::query_as!(
        Recipient,
        r#"select domain_id as "id: DomainId", partner_id as "partner: DomainId",
                  association_type as "association: AssociationType",
                  custodian_id is not null as "in_custody!", first_association
           from customers where tenant_id = $1 and domain_id = any($2) order by domain_id
           for no key update"#,
        tenant.0,
        &ids
    )
    .fetch_all(connection)
    .await
}

/// What is registered with a phone or an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// How many accounts.
    pub accounts: i32,
    /// Whether it is kept for the vendor's own customers.
    pub reserved: bool,
}

/// What is registered with a phone or an address.
pub async fn receiver_usage(connection: &mut PgConnection, receiver_hash: &[u8]) -> sqlx::Result<Usage> {
    let usage =
        sqlx::query_as!(Usage, "select accounts, reserved from receivers where receiver_hash = $1", receiver_hash);
    Ok(usage.fetch_optional(connection).await?.unwrap_or_default())
}

/// Counts one account more for a phone or an address that has fewer than `most` and is not reserved; whether it could.
pub async fn claim_receiver(connection: &mut PgConnection, receiver_hash: &[u8], most: i32) -> sqlx::Result<bool> {
    let claimed = sqlx::query!(
        "insert into receivers (receiver_hash, accounts, reserved) values ($1, 1, false)
         on conflict (receiver_hash) do update set accounts = receivers.accounts + 1
         where receivers.accounts < $2 and not receivers.reserved",
        receiver_hash,
        most
    );
    Ok(claimed.execute(connection).await?.rows_affected() == 1)
}

/// Keeps a phone or an address for the vendor's own customers, or gives it free.
pub async fn reserve_receiver(connection: &mut PgConnection, receiver_hash: &[u8], reserved: bool) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into receivers (receiver_hash, accounts, reserved) values ($1, 0, $2)
         on conflict (receiver_hash) do update set reserved = excluded.reserved",
        receiver_hash,
        reserved
    )
    .execute(connection)
    .await?;
    Ok(())
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
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select domain_id as "id: DomainId", name from domains where tenant_id = $1 and domain_id = any($2)"#,
        tenant.0,
        &ids
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.id, row.name)).collect())
}

/// Tells every replica, when this transaction commits.
pub async fn announce(connection: &mut PgConnection, tenant: TenantId, id: DomainId) -> sqlx::Result<()> {
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
