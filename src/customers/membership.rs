//! The rows of an association and the steps of its life: a customer is registered, then associated; each step leaves an event
//! with its time.
//!
//! An account that a partner registers is there at once. Its association is a second step, made soon after in the background,
//! as the vendor does it; who asked for the result waits for that step.
//!
//! Each of a partner's customers has a number that ascends with the time of association. The partner's counter is the lock
//! under which numbers are given; blocks of a thousand numbers count their members, by which any page is found.

use super::model::{Association, AssociationType, Frozen};
use super::{events, store};
use crate::ledger::{self, Purse};
use crate::values::id::{DomainId, TenantId, new_uuid};
use crate::values::receiver::Phone;
use crate::values::time::Instant;
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// Numbers in a block.
pub const BLOCK: i64 = 1000;

/// A step in the life of an association.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::Type, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schema(as = AssociationStepKind)]
pub enum Step {
    /// The account was created.
    Registered,
    /// A partner has asked an account that is nobody's customer.
    Invited,
    /// It is the partner's customer from now on.
    Associated,
    /// It is a customer of the other kind.
    Switched,
    /// It is nobody's customer from now on.
    Unbound,
}

/// Adds a customer, associated or not.
pub async fn insert(
    connection: &mut PgConnection,
    tenant: TenantId,
    id: DomainId,
    association: Option<Association>,
) -> sqlx::Result<()> {
    sqlx::query!("insert into customers (tenant_id, domain_id) values ($1, $2)", tenant.0, id.0)
        .execute(&mut *connection)
        .await?;
    match association {
        Some(association) => associate(connection, tenant, id, association).await,
        None => store::announce(connection, tenant, id).await,
    }
}

/// A customer that a partner registers.
pub struct NewCustomer<'a> {
    /// The tenant.
    pub tenant: TenantId,
    /// Its account.
    pub id: DomainId,
    /// With whom it is to be associated, and how.
    pub association: (DomainId, AssociationType),
    /// Whether it is one of the international site.
    pub international: bool,
    /// The platform it comes from, and its id there.
    pub xaccount: (&'a str, &'a str),
    /// Its phone, sealed.
    pub sealed_phone: Option<Vec<u8>>,
    /// Its e-mail address, sealed.
    pub sealed_email: Option<Vec<u8>>,
    /// Its country.
    pub domain_area: Option<&'a str>,
    /// Whether it wants the vendor's advertisements.
    pub takes_marketing: bool,
    /// What of it is frozen.
    pub frozen: Frozen,
}

/// Adds a customer whose association is still to be made. `false`: its platform's user has an account already.
pub async fn register(connection: &mut PgConnection, new: &NewCustomer<'_>, now: OffsetDateTime) -> sqlx::Result<bool> {
    let xaccount = sqlx::query!(
        "insert into xaccounts (xaccount_id, xaccount_type, tenant_id, domain_id) values ($1, $2, $3, $4)
         on conflict do nothing",
        new.xaccount.1,
        new.xaccount.0,
        new.tenant.0,
        new.id.0
    );
    if xaccount.execute(&mut *connection).await?.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "insert into customers (tenant_id, domain_id, pending_partner_id, pending_type, pending_since, international,
                                xaccount_type, xaccount_id, sealed_phone, country_code, sealed_email, domain_area,
                                takes_marketing, frozen)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        new.tenant.0,
        new.id.0,
        new.association.0.0,
        new.association.1 as i16,
        now,
        new.international,
        new.xaccount.0,
        new.xaccount.1,
        new.sealed_phone,
        new.sealed_phone.is_some().then_some(Phone::COUNTRY_CODE),
        new.sealed_email,
        new.domain_area,
        new.takes_marketing,
        new.frozen as i16
    )
    .execute(&mut *connection)
    .await?;
    record(connection, new.tenant, new.id, Some(new.association), Step::Registered, now).await?;
    store::announce(connection, new.tenant, new.id).await?;
    Ok(true)
}

/// Makes a customer that is associated with nobody a partner's.
pub async fn associate(
    connection: &mut PgConnection,
    tenant: TenantId,
    customer: DomainId,
    wanted: Association,
) -> sqlx::Result<()> {
    let Association { partner, kind, since } = wanted;
    if kind == AssociationType::Resale {
        // Closed if it was somebody's before. Accounts of the ledger are locked before counters.
        ledger::store::set_closed(connection, &Purse::allocated(tenant, customer), false).await?;
    }
    let place = sqlx::query!(
        "insert into customer_counters (tenant_id, partner_id, last_number, customers, last_at) values ($1, $2, 1, 1, $3)
         on conflict (tenant_id, partner_id) do update
         set last_number = customer_counters.last_number + 1, customers = customer_counters.customers + 1,
             last_at = greatest(customer_counters.last_at, excluded.last_at)
         returning last_number, last_at",
        tenant.0,
        partner.0,
        since
    );
    let place = place.fetch_one(&mut *connection).await?;
    sqlx::query!(
        "insert into customer_blocks (tenant_id, partner_id, block, members) values ($1, $2, $3, 1)
         on conflict (tenant_id, partner_id, block) do update set members = customer_blocks.members + 1",
        tenant.0,
        partner.0,
        place.last_number / BLOCK
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update customers
         set partner_id = $3, association_type = $4, associated_at = $5, number = $6,
             pending_partner_id = null, pending_type = null, pending_since = null
         where tenant_id = $1 and domain_id = $2",
        tenant.0,
        customer.0,
        partner.0,
        kind as i16,
        place.last_at,
        place.last_number
    )
    .execute(&mut *connection)
    .await?;
    record(connection, tenant, customer, Some((partner, kind)), Step::Associated, place.last_at).await?;
    events::tell_bound(connection, tenant, (partner, customer), place.last_at).await?;
    store::announce(connection, tenant, customer).await
}

/// A step that was made.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AssociationStep)]
pub struct StepMade {
    /// Which.
    pub step: Step,
    /// With whom, by its account's name; left out where there was nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "demo-partner")]
    pub partner: Option<String>,
    /// How it is associated from then on, or was until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub association_type: Option<AssociationType>,
    /// When, by the tenant's time.
    pub happened_at: Instant,
}

/// The life of an account's associations, oldest step first.
pub async fn history(
    connection: &mut PgConnection,
    tenant: TenantId,
    customer: DomainId,
) -> sqlx::Result<Vec<StepMade>> {
    sqlx::query_as!(
        StepMade,
        r#"select e.step as "step: Step", d.name as "partner?", e.association_type as "association_type: AssociationType",
                  e.happened_at as "happened_at: Instant"
           from association_events e
           left join domains d on d.tenant_id = e.tenant_id and d.domain_id = e.partner_id and d.tenant_id = $1
           where e.tenant_id = $1 and e.domain_id = $2 order by e.happened_at, e.event_id"#,
        tenant.0,
        customer.0
    )
    .fetch_all(connection)
    .await
}

/// Appends an event.
pub async fn record(
    connection: &mut PgConnection,
    tenant: TenantId,
    customer: DomainId,
    with: Option<(DomainId, AssociationType)>,
    step: Step,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into association_events (tenant_id, happened_at, event_id, domain_id, partner_id, step, association_type)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.0,
        now,
        new_uuid(now),
        customer.0,
        with.map(|(partner, _)| partner.0),
        step as _,
        with.map(|(_, kind)| kind as i16)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes the association that a registration left to be made; nothing if it is made already.
pub async fn complete(
    connection: &mut PgConnection,
    tenant: TenantId,
    customer: DomainId,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let mut transaction = connection.begin().await?;
    let pending = sqlx::query!(
        r#"select pending_partner_id as "partner!: DomainId", pending_type as "kind!: AssociationType"
           from customers where tenant_id = $1 and domain_id = $2 and pending_partner_id is not null
           for no key update"#,
        tenant.0,
        customer.0
    );
    if let Some(pending) = pending.fetch_optional(&mut *transaction).await? {
        let wanted = Association { partner: pending.partner, kind: pending.kind, since: now };
        associate(&mut transaction, tenant, customer, wanted).await?;
    }
    transaction.commit().await
}
