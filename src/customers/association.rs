//! The life of an association: a customer is registered, then associated; each step leaves an event with its time.
//!
//! An account that a partner registers is there at once. Its association is a second step, made soon after by [`run`], as
//! the vendor does it; who asked for the result waits for that step.
//!
//! Each of a partner's customers has a number that ascends with the time of association. The partner's counter is the lock
//! under which numbers are given; blocks of a thousand numbers count their members, by which any page is found.

use super::{Association, AssociationType, store};
use crate::app::App;
use crate::values::id::{DomainId, TenantId, new_uuid};
use sqlx::{Connection, PgConnection};
use std::time::Duration;
use time::OffsetDateTime;

/// Numbers in a block.
pub const BLOCK: i64 = 1000;
/// How often [`run`] looks for registrations that nobody woke it for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most associations of one look.
const LOOK_MAX: i64 = 1000;

/// A step in the life of an association.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Step {
    /// The account was created.
    Registered,
    /// It is the partner's customer from now on.
    Associated,
}

/// Makes a customer that is associated with nobody a partner's.
pub async fn associate(
    connection: &mut PgConnection,
    tenant: TenantId,
    customer: DomainId,
    wanted: Association,
) -> sqlx::Result<()> {
    let Association { partner, kind, since } = wanted;
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
    store::announce(connection, tenant, customer).await
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
           from customers where tenant_id = $1 and domain_id = $2 and pending_partner_id is not null for update"#,
        tenant.0,
        customer.0
    );
    if let Some(pending) = pending.fetch_optional(&mut *transaction).await? {
        let wanted = Association { partner: pending.partner, kind: pending.kind, since: now };
        associate(&mut transaction, tenant, customer, wanted).await?;
    }
    transaction.commit().await
}

/// Makes the associations that are left to be made, oldest first; how many there were.
pub async fn complete_all(app: &App) -> sqlx::Result<usize> {
    let mut connection = app.database.control().await?;
    let pending = sqlx::query!(
        r#"select tenant_id as "tenant: TenantId", domain_id as "customer: DomainId" from customers
           where pending_partner_id is not null order by pending_since limit $1"#,
        LOOK_MAX
    );
    let pending = pending.fetch_all(&mut *connection).await?;
    for row in &pending {
        let now = app.now(row.tenant);
        complete(&mut connection, row.tenant, row.customer, now).await?;
    }
    Ok(pending.len())
}

/// Makes associations until the task is dropped. Several replicas may: the customer's row is the lock.
pub async fn run(app: App) {
    loop {
        if let Err(error) = complete_all(&app).await {
            tracing::warn!(%error, "associations could not be made; they are tried again");
        }
        tokio::time::timeout(LOOK_EVERY, app.registered.notified()).await.ok();
    }
}
