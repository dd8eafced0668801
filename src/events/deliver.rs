//! The engine that delivers: each event to each endpoint that wants it, until it is taken or three days are over.
//!
//! An attempt that fails is repeated at longer and longer intervals; each leaves a row. A receiver may get an event twice, when
//! it has taken it and we could not note that. What is about one subject comes to an endpoint in order. Each endpoint is served
//! by itself, so that a slow one holds up no other.

use super::model::EventView;
use super::places;
use super::post::{Form, Outcome, secret_owner};
use crate::database::Database;
use crate::secrets::Sealer;
use crate::values::id::{DomainId, EventId, TenantId, WebhookId, new_uuid};
use crate::values::pause::{PAUSE_MAX, pause};
use crate::values::time::Instant;
use sqlx::PgConnection;
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// Most events that are posted to an endpoint at once.
const POSTS_MAX: i64 = 8;

/// Places what is new, and says at which endpoints something is due, those left out that are `busy`. With `tells_bindings`,
/// also addresses for bindings.
pub async fn due_endpoints(
    database: &Database,
    busy: &[Uuid],
    tells_bindings: bool,
    now: OffsetDateTime,
) -> sqlx::Result<Vec<(TenantId, Uuid)>> {
    places::place_all(database, now).await?;
    let due = sqlx::query!(
        r#"select e.tenant_id as "tenant!: TenantId", e.endpoint_id as "endpoint!" from endpoints e
           where e.endpoint_id <> all($2) and (e.form <> 'binding' or $3)
             and exists (select 1 from deliveries d
                         where d.tenant_id = e.tenant_id and d.endpoint_id = e.endpoint_id and d.state = 'open'
                           and d.due_at <= $1)
           limit 1000"#,
        now,
        busy,
        tells_bindings
    );
    let due = due.fetch_all(&mut *database.control().await?).await?;
    Ok(due.into_iter().map(|row| (row.tenant, row.endpoint)).collect())
}

/// Where an endpoint is and how it is told.
#[derive(Clone)]
pub struct Target {
    /// Its address.
    pub url: String,
    /// The form in which it is told.
    pub form: Form,
}

/// Where an endpoint is; none if nothing can be sent there now.
pub async fn target(
    connection: &mut PgConnection,
    tenant: TenantId,
    endpoint: Uuid,
    sealer: &Sealer,
) -> sqlx::Result<Option<Target>> {
    let row = sqlx::query!(
        r#"select url as "url!", sealed_secret from endpoints where tenant_id = $1 and endpoint_id = $2"#,
        tenant.0,
        endpoint
    );
    let Some(row) = row.fetch_optional(connection).await? else { return Ok(None) };
    let Some(closed) = row.sealed_secret else { return Ok(Some(Target { url: row.url, form: Form::Binding })) };
    let secret = sealer.open(&closed, &secret_owner(WebhookId(endpoint)));
    if secret.is_none() {
        tracing::error!(%tenant, %endpoint, "a webhook's secret cannot be opened: is a retired master key missing?");
    }
    Ok(secret.map(|secret| Target { url: row.url, form: Form::Standard(secret) }))
}

/// An event that is taken to be posted.
pub struct Due {
    /// The event.
    pub event: EventView,
    attempts: i32,
    give_up_at: OffsetDateTime,
}

/// Takes what is due, and of each subject only the first that was not taken by the endpoint: told out of order, it would think
/// of the subject what was. Whoever has taken it may die: it is due again when any answer would be too late.
pub async fn take(
    connection: &mut PgConnection,
    (tenant, endpoint): (TenantId, Uuid),
    now: OffsetDateTime,
    patience: Duration,
) -> sqlx::Result<Vec<Due>> {
    let rows = sqlx::query!(
        r#"with picked as (
               select event_id from deliveries d
               where tenant_id = $1 and endpoint_id = $2 and state = 'open' and due_at <= $3
                 and not exists (select 1 from deliveries e
                                 where e.tenant_id = $1 and e.endpoint_id = $2 and e.subject_id = d.subject_id
                                   and e.position < d.position and e.state = 'open')
               order by due_at, position limit $4 for update skip locked)
           update deliveries d set due_at = $5, attempts = d.attempts + 1
           from picked, outbox o
           where d.tenant_id = $1 and d.endpoint_id = $2 and d.event_id = picked.event_id
             and o.tenant_id = $1 and o.created_at = d.event_created_at and o.event_id = d.event_id
           returning d.event_id as "id: EventId", d.position, d.attempts, d.give_up_at, o.kind, o.payload,
                     o.created_at as "timestamp: Instant", o.domain_id as "account_id: DomainId""#,
        tenant.0,
        endpoint,
        now,
        POSTS_MAX,
        now.saturating_add(time::Duration::try_from(patience * 2).unwrap_or(PAUSE_MAX))
    );
    let due = rows.fetch_all(connection).await?.into_iter().map(|row| Due {
        event: EventView {
            id: row.id,
            position: row.position,
            kind: row.kind,
            timestamp: row.timestamp,
            account_id: row.account_id,
            data: row.payload,
        },
        attempts: row.attempts,
        give_up_at: row.give_up_at,
    });
    Ok(due.collect())
}

/// Notes an attempt, and what follows from it.
pub async fn report(
    connection: &mut PgConnection,
    (tenant, endpoint): (TenantId, Uuid),
    due: &Due,
    outcome: &Outcome,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into delivery_attempts
             (tenant_id, event_id, endpoint_id, attempted_at, attempt_id, status, error, duration_ms)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant.0,
        due.event.id.0,
        endpoint,
        now,
        new_uuid(now),
        outcome.status.map(u16::cast_signed),
        outcome.error,
        i32::try_from(outcome.duration.as_millis()).unwrap_or(i32::MAX)
    )
    .execute(&mut *connection)
    .await?;
    let state = if outcome.error.is_empty() {
        "delivered"
    } else if now >= due.give_up_at {
        "failed"
    } else {
        "open"
    };
    sqlx::query!(
        "update deliveries
         set state = $4, due_at = $5, ended_at = case when $4 <> 'open' then $6::timestamptz end
         where tenant_id = $1 and event_id = $2 and endpoint_id = $3 and state = 'open'",
        tenant.0,
        due.event.id.0,
        endpoint,
        state,
        now.saturating_add(pause(due.attempts)),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
