//! Events are kept for a while, and what became of them as long.

use super::poll::KEPT;
use crate::values::id::{EventId, TenantId};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Tenants that may have events which are too old at an instant.
pub async fn tenants_with_old(connection: &mut PgConnection, now: OffsetDateTime) -> sqlx::Result<Vec<TenantId>> {
    sqlx::query_scalar!(
        r#"select distinct tenant_id as "tenant: TenantId" from outbox where created_at < $1"#,
        now.saturating_sub(KEPT)
    )
    .fetch_all(connection)
    .await
}

/// Deletes a tenant's events that are too old and on their way nowhere, and before them what became of them; no statement
/// deletes more than `most` rows. `now` is the tenant's time, `system` the system's.
pub async fn delete_old(
    connection: &mut PgConnection,
    tenant: TenantId,
    (now, system): (OffsetDateTime, OffsetDateTime),
    most: i64,
) -> sqlx::Result<()> {
    let before = now.saturating_sub(KEPT);
    while give_up_old(connection, tenant, (before, system), most).await? == most.unsigned_abs() {}
    loop {
        let old = old_events(connection, tenant, before, most).await?;
        if old.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = old.iter().map(|event| event.0).collect();
        while delete_attempts(connection, tenant, &ids, most).await? == most.unsigned_abs() {}
        while delete_deliveries(connection, tenant, &ids, most).await? == most.unsigned_abs() {}
        if delete_events(connection, tenant, before, &ids).await? == 0 {
            return Ok(());
        }
    }
}

/// What waits for an endpoint that is disabled waits no longer; how many deliveries there were.
async fn give_up_old(
    connection: &mut PgConnection,
    tenant: TenantId,
    (before, system): (OffsetDateTime, OffsetDateTime),
    most: i64,
) -> sqlx::Result<u64> {
    let given_up = sqlx::query!(
        "with picked as (select event_id, endpoint_id from deliveries
                         where tenant_id = $1 and state = 'open' and event_created_at < $2 and give_up_at < $3 limit $4)
         update deliveries d set state = 'failed', ended_at = $3 from picked
         where d.tenant_id = $1 and d.event_id = picked.event_id and d.endpoint_id = picked.endpoint_id",
        tenant.0,
        before,
        system,
        most
    );
    Ok(given_up.execute(connection).await?.rows_affected())
}

/// The oldest events from before an instant that are on their way nowhere.
async fn old_events(
    connection: &mut PgConnection,
    tenant: TenantId,
    before: OffsetDateTime,
    most: i64,
) -> sqlx::Result<Vec<EventId>> {
    sqlx::query_scalar!(
        r#"select event_id as "event: EventId" from outbox o
           where tenant_id = $1 and created_at < $2 and position is not null
             and not exists (select 1 from deliveries d
                             where d.tenant_id = $1 and d.event_id = o.event_id and d.state = 'open')
           order by created_at limit $3"#,
        tenant.0,
        before,
        most
    )
    .fetch_all(connection)
    .await
}

async fn delete_attempts(
    connection: &mut PgConnection,
    tenant: TenantId,
    events: &[Uuid],
    most: i64,
) -> sqlx::Result<u64> {
    let gone = sqlx::query!(
        "with picked as (select event_id, endpoint_id, attempted_at, attempt_id from delivery_attempts
                         where tenant_id = $1 and event_id = any($2) limit $3)
         delete from delivery_attempts a using picked
         where a.tenant_id = $1 and a.event_id = picked.event_id and a.endpoint_id = picked.endpoint_id
           and a.attempted_at = picked.attempted_at and a.attempt_id = picked.attempt_id",
        tenant.0,
        events,
        most
    );
    Ok(gone.execute(connection).await?.rows_affected())
}

/// All but those that somebody has asked for again meanwhile.
async fn delete_deliveries(
    connection: &mut PgConnection,
    tenant: TenantId,
    events: &[Uuid],
    most: i64,
) -> sqlx::Result<u64> {
    let gone = sqlx::query!(
        "with picked as (select event_id, endpoint_id from deliveries
                         where tenant_id = $1 and event_id = any($2) and state <> 'open' limit $3)
         delete from deliveries d using picked
         where d.tenant_id = $1 and d.event_id = picked.event_id and d.endpoint_id = picked.endpoint_id
           and d.state <> 'open'",
        tenant.0,
        events,
        most
    );
    Ok(gone.execute(connection).await?.rows_affected())
}

async fn delete_events(
    connection: &mut PgConnection,
    tenant: TenantId,
    before: OffsetDateTime,
    events: &[Uuid],
) -> sqlx::Result<u64> {
    let gone = sqlx::query!(
        "delete from outbox o
         where tenant_id = $1 and created_at < $2 and event_id = any($3)
           and not exists (select 1 from deliveries d where d.tenant_id = $1 and d.event_id = o.event_id)",
        tenant.0,
        before,
        events
    );
    Ok(gone.execute(connection).await?.rows_affected())
}
