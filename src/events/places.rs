//! Events get their positions, and say where they go.
//!
//! A position is given after the event's commit, by one at a time in a tenant: so positions appear in ascending order, and who
//! has read up to one will never find a lower one later. In the same transaction each event gets a delivery for every endpoint
//! that wants it.

use crate::customers::events::{CustomerBound, CustomerUnbound};
use crate::database::Database;
use crate::outbox::{self, Event};
use crate::values::id::{DomainId, TenantId};
use serde::Deserialize;
use sqlx::{Connection, PgConnection};
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime};

/// How long a delivery is tried.
pub const PATIENCE: Duration = Duration::days(3);
/// Most events that are placed in one transaction.
const BATCH: u64 = 1000;

/// Places what is new in all tenants.
pub async fn place_all(database: &Database, now: OffsetDateTime) -> sqlx::Result<()> {
    let mut control = database.control().await?;
    let told_before = sqlx::query_scalar!(
        r#"select distinct tenant_id as "tenant: TenantId" from notifications where delivered_at is null and due_at <= $1"#,
        now
    );
    let told_before = told_before.fetch_all(&mut *control).await?;
    drop(control);
    for tenant in told_before {
        while take_over(&mut *database.tenant(tenant).await?, tenant, now).await? {}
    }
    let unplaced =
        sqlx::query_scalar!(r#"select distinct tenant_id as "tenant: TenantId" from outbox where position is null"#);
    let unplaced = unplaced.fetch_all(&mut *database.control().await?).await?;
    for tenant in unplaced {
        place(&mut *database.tenant(tenant).await?, tenant, now).await?;
    }
    Ok(())
}

/// Places what is new in a tenant; `now` is the system's time. What another replica is placing is left to it.
pub async fn place(connection: &mut PgConnection, tenant: TenantId, now: OffsetDateTime) -> sqlx::Result<()> {
    let is_new = sqlx::query_scalar!(
        "select exists(select 1 from outbox where tenant_id = $1 and position is null) as \"new!\"",
        tenant.0
    );
    if is_new.fetch_one(&mut *connection).await? {
        while place_batch(connection, tenant, now).await? == BATCH {}
    }
    Ok(())
}

async fn place_batch(connection: &mut PgConnection, tenant: TenantId, now: OffsetDateTime) -> sqlx::Result<u64> {
    let mut transaction = connection.begin().await?;
    let first = sqlx::query!(
        "insert into event_positions (tenant_id, last_position) values ($1, 0) on conflict do nothing",
        tenant.0
    );
    first.execute(&mut *transaction).await?;
    let last = sqlx::query_scalar!(
        "select last_position from event_positions where tenant_id = $1 for update skip locked",
        tenant.0
    );
    let Some(last) = last.fetch_optional(&mut *transaction).await? else { return Ok(0) };
    // A statement of its own, which sees all that was committed before the row was locked.
    let placed = sqlx::query!(
        "update outbox o set position = $2 + u.place
         from (select created_at, event_id, row_number() over (order by number) as place
               from outbox where tenant_id = $1 and position is null order by number limit $3) u
         where o.tenant_id = $1 and o.created_at = u.created_at and o.event_id = u.event_id",
        tenant.0,
        last,
        BATCH.cast_signed()
    );
    let placed = placed.execute(&mut *transaction).await?.rows_affected();
    let new_last = last.saturating_add_unsigned(placed);
    address(&mut transaction, tenant, (last, new_last), now).await?;
    sqlx::query!("update event_positions set last_position = $2 where tenant_id = $1", tenant.0, new_last)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(placed)
}

/// Addresses the events behind one position up to another: to the endpoints of the account that is told and to those of the
/// tenant's top. Of a reseller that has an address for bindings its distributor is not told there.
async fn address(
    connection: &mut PgConnection,
    tenant: TenantId,
    (behind, last): (i64, i64),
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into deliveries (tenant_id, event_id, endpoint_id, event_created_at, position, subject_id, state, due_at,
                                 give_up_at, attempts)
         select o.tenant_id, o.event_id, e.endpoint_id, o.created_at, o.position, coalesce(o.subject_id, o.event_id), 'open',
                'epoch', $4, 0
         from outbox o join endpoints e on e.tenant_id = o.tenant_id
         where o.tenant_id = $1 and e.tenant_id = $1 and o.position > $2 and o.position <= $3
           and e.domain_id in (o.domain_id, o.tenant_id) and (e.kinds = '{}' or o.kind = any(e.kinds))
           and not (e.form = 'binding' and e.domain_id <> o.domain_id
                    and exists (select 1 from partner_profiles p
                                where p.tenant_id = $1 and p.domain_id = o.domain_id and p.callback_url is not null))
         on conflict do nothing",
        tenant.0,
        behind,
        last,
        now.saturating_add(PATIENCE)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a notification of a version before the events says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Before {
    domain_name: String,
    domain_id: DomainId,
    x_user_id: String,
    bind_action: i32,
}

/// Makes events of notifications that a version before the events wrote and nobody has delivered or is delivering: those that
/// an upgrade finds, and those that a replica not yet replaced writes. Whether there may be more.
async fn take_over(connection: &mut PgConnection, tenant: TenantId, now: OffsetDateTime) -> sqlx::Result<bool> {
    let mut transaction = connection.begin().await?;
    let taken = sqlx::query!(
        r#"with picked as (select notification_id from notifications
                           where tenant_id = $1 and delivered_at is null and due_at <= $2
                           order by number limit $3 for update skip locked)
           delete from notifications n using picked
           where n.tenant_id = $1 and n.notification_id = picked.notification_id
           returning n.number, n.partner_id as "partner: DomainId", n.body, n.created_at"#,
        tenant.0,
        now,
        BATCH.cast_signed()
    );
    let taken = taken.fetch_all(&mut *transaction).await?;
    let count = taken.len() as u64;
    let in_order: BTreeMap<i64, _> = taken.into_iter().map(|row| (row.number, row)).collect();
    for (_, row) in in_order {
        let Ok(before) = serde_json::from_str::<Before>(&row.body) else {
            tracing::error!(%tenant, "a notification of an earlier version is not understood and is left out");
            continue;
        };
        let bound = CustomerBound {
            customer_id: before.domain_id,
            domain_name: before.domain_name,
            xaccount_id: before.x_user_id,
            partner_id: row.partner,
        };
        let event = match before.bind_action {
            0 => Event::new(row.partner, &CustomerUnbound::from(bound)),
            _ => Event::new(row.partner, &bound),
        };
        outbox::append(&mut transaction, tenant, &[event], row.created_at).await?;
    }
    transaction.commit().await?;
    Ok(count == BATCH)
}
