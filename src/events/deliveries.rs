//! What became of events at an endpoint, and how they are sent again.

use super::endpoints;
use super::model::{
    AttemptView, DeliveryList, DeliveryState, DeliveryView, EventView, ListWebhookDeliveriesQuery, Position, Refusal,
    ReplayWebhookReq, WebhookView,
};
use super::places::{self, PATIENCE};
use super::post::binding;
use crate::values::id::{DomainId, EventId, TenantId, WebhookId};
use crate::values::time::Instant;
use serde::Serialize;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// Most events of a span that is replayed.
const REPLAY_MAX: i64 = 10_000;

/// The deliveries to an account's endpoint, the latest event first; `now` is the system's time.
pub async fn list(
    connection: &mut PgConnection,
    (owner, id): ((TenantId, DomainId), WebhookId),
    query: &ListWebhookDeliveriesQuery,
    now: OffsetDateTime,
) -> Result<DeliveryList, Refusal> {
    let limit = query.limit.get();
    if !endpoints::list(connection, owner).await?.iter().any(|webhook| webhook.id == id) {
        return Err(Refusal::NoSuchWebhook(id));
    }
    places::place(connection, owner.0, now).await?;
    let rows = sqlx::query!(
        r#"select d.event_id as "event_id: EventId", d.position, o.kind, d.state as "state: DeliveryState",
                  coalesce((select jsonb_agg(jsonb_build_object(
                                'time', to_char(a.attempted_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                                'status', a.status, 'error', a.error, 'duration_ms', a.duration_ms)
                                order by a.attempted_at, a.attempt_id)
                            from delivery_attempts a
                            where a.tenant_id = $1 and a.event_id = d.event_id and a.endpoint_id = $2), '[]')
                      as "attempts!: Json<Vec<AttemptView>>"
           from deliveries d
           join outbox o on o.tenant_id = $1 and o.created_at = d.event_created_at and o.event_id = d.event_id
           where d.tenant_id = $1 and d.endpoint_id = $2 and ($3::bigint is null or d.position < $3)
             and ($4::text is null or d.state = $4)
           order by d.position desc limit $5"#,
        owner.0.0,
        id.0,
        query.before.map(Position::get),
        query.state as Option<DeliveryState>,
        i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
    );
    let deliveries = rows.fetch_all(connection).await?.into_iter().map(|row| DeliveryView {
        event_id: row.event_id,
        position: row.position,
        kind: row.kind,
        state: row.state,
        attempts: row.attempts.0,
    });
    let mut deliveries: Vec<DeliveryView> = deliveries.collect();
    let goes_on = deliveries.len() > limit;
    deliveries.truncate(limit);
    let next_before = deliveries.last().filter(|_| goes_on).map(|last| last.position);
    Ok(DeliveryList { deliveries, next_before })
}

/// What a request names to be sent again.
enum Span {
    Event(EventId),
    Between(OffsetDateTime, OffsetDateTime),
}

fn span(request: &ReplayWebhookReq) -> Result<Span, Refusal> {
    match (request.event_id, request.from, request.until) {
        (Some(event), None, None) => Ok(Span::Event(event)),
        (None, Some(from), Some(until)) if from < until => Ok(Span::Between(from.0, until.0)),
        (None, Some(_), Some(_)) => Err(Refusal::field("until", "must be later than from")),
        (None, Some(_), None) => Err(Refusal::field("until", "must be given with from")),
        (Some(_), ..) => Err(Refusal::field("event_id", "must be given without from and until")),
        (None, None, _) => Err(Refusal::field("event_id", "must be given, or from and until")),
    }
}

/// Sends events to an endpoint once more, whether they were taken or not, and also those that happened before it was there or
/// while it was disabled; how many. `now` is the system's time.
pub async fn replay(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
    id: WebhookId,
    request: &ReplayWebhookReq,
    now: OffsetDateTime,
) -> Result<i64, Refusal> {
    let span = span(request)?;
    let webhook = endpoints::lock(connection, (tenant, account), id).await?;
    places::place(connection, tenant, now).await?;
    let (event, from, until) = match span {
        Span::Event(event) => (Some(event), None, None),
        Span::Between(from, until) => (None, Some(from), Some(until)),
    };
    let sent = send(connection, (tenant, account), (&webhook, event, from, until), now).await?;
    match (sent, event) {
        (0, Some(_)) => Err(Refusal::field("event_id", "there is no such event for this webhook")),
        (sent, _) if sent > REPLAY_MAX => {
            Err(Refusal::field("until", format!("there are more than {REPLAY_MAX} events in between")))
        }
        (sent, _) => Ok(sent),
    }
}

type Chosen<'a> = (&'a WebhookView, Option<EventId>, Option<OffsetDateTime>, Option<OffsetDateTime>);

/// Makes the chosen events due, one more than can be asked for; how many.
async fn send(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
    (webhook, event, from, until): Chosen<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<i64> {
    let sent = sqlx::query!(
        "insert into deliveries (tenant_id, event_id, endpoint_id, event_created_at, position, subject_id, state, due_at,
                                 give_up_at, attempts)
         select o.tenant_id, o.event_id, $3, o.created_at, o.position, coalesce(o.subject_id, o.event_id), 'open', 'epoch', $4, 0
         from outbox o
         where o.tenant_id = $1 and o.position is not null and $2 in (o.domain_id, o.tenant_id)
           and ($5::text[] = '{}' or o.kind = any($5)) and ($6::uuid is null or o.event_id = $6)
           and ($7::timestamptz is null or o.created_at >= $7) and ($8::timestamptz is null or o.created_at < $8)
         order by o.position limit $9
         on conflict (tenant_id, event_id, endpoint_id) do update
         set state = 'open', due_at = 'epoch', give_up_at = excluded.give_up_at, attempts = 0, ended_at = null",
        tenant.0,
        account.0,
        webhook.id.0,
        now.saturating_add(PATIENCE),
        &webhook.kinds,
        event.map(|event| event.0),
        from,
        until,
        REPLAY_MAX + 1
    );
    Ok(sent.execute(connection).await?.rows_affected().cast_signed())
}

/// A notification of a binding with its attempts, for operators.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = NotificationView)]
pub struct Trace {
    /// Its id: that of the event.
    #[schema(value_type = String, example = "01978d6a-2b3c-7d4e-8f90-a1b2c3d4e5f6")]
    pub id: Uuid,
    /// The JSON that it carries, signed.
    #[schema(example = "{\"bindAction\":1,\"domainId\":\"01978d6a2b3c7d4e8f90a1b2c3d4e5f6\"}")]
    pub body: String,
    /// When it was written, by the tenant's time.
    pub created_at: Instant,
    /// When it was taken; left out while it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Instant>,
    /// Each attempt, oldest first: the answer's status, or what went wrong.
    #[schema(example = json!(["503", "200"]))]
    pub attempts: Vec<String>,
}

/// The notifications about a partner's customers, latest first, from behind one on; of who is at a tenant's top all of the
/// tenant's. `now` is the system's time.
pub async fn traces(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    (behind, limit): (Option<(OffsetDateTime, Uuid)>, usize),
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Trace>> {
    places::place(connection, tenant, now).await?;
    let rows = sqlx::query!(
        r#"select o.event_id, o.position as "position!", o.kind, o.payload, o.domain_id as "account: DomainId",
                  o.created_at as "created_at: Instant",
                  case when d.state = 'delivered' then d.ended_at end as "delivered_at: Instant",
                  array(select coalesce(a.status::text, a.error) from delivery_attempts a
                        where a.tenant_id = $1 and a.event_id = d.event_id and a.endpoint_id = d.endpoint_id
                        order by a.attempted_at, a.attempt_id) as "attempts!"
           from deliveries d
           join outbox o on o.tenant_id = $1 and o.created_at = d.event_created_at and o.event_id = d.event_id
           where d.tenant_id = $1 and d.endpoint_id in (o.domain_id, o.tenant_id) and ($2 = $1 or o.domain_id = $2)
             and ($3::timestamptz is null or (o.created_at, o.event_id) < ($3, $4))
           order by o.created_at desc, o.event_id desc limit $5"#,
        tenant.0,
        partner.0,
        behind.map(|(at, _)| at),
        behind.map(|(_, id)| id),
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    let traces = rows.fetch_all(connection).await?.into_iter().map(|row| {
        let event = EventView {
            id: EventId(row.event_id),
            position: row.position,
            kind: row.kind,
            timestamp: row.created_at,
            account_id: row.account,
            data: row.payload,
        };
        Trace {
            id: row.event_id,
            body: binding(&event).unwrap_or_default(),
            created_at: row.created_at,
            delivered_at: row.delivered_at,
            attempts: row.attempts,
        }
    });
    Ok(traces.collect())
}

/// Why a notification is not sent again.
#[derive(Debug, thiserror::Error)]
pub enum SendAgainError {
    /// There is none.
    #[error("there is no notification {0} about the account's customers")]
    NoSuchNotification(Uuid),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Makes a notification due at once, whether it was taken or not. `now` is the system's time.
pub async fn send_again(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    id: Uuid,
    now: OffsetDateTime,
) -> Result<(), SendAgainError> {
    let due = sqlx::query!(
        "update deliveries d
         set state = 'open', due_at = 'epoch', give_up_at = $4, attempts = 0, ended_at = null
         from outbox o
         where d.tenant_id = $1 and d.event_id = $3 and o.tenant_id = $1 and o.created_at = d.event_created_at
           and o.event_id = d.event_id and d.endpoint_id in (o.domain_id, o.tenant_id) and ($2 = $1 or o.domain_id = $2)",
        tenant.0,
        partner.0,
        id,
        now.saturating_add(PATIENCE)
    );
    match due.execute(connection).await?.rows_affected() {
        0 => Err(SendAgainError::NoSuchNotification(id)),
        _ => Ok(()),
    }
}
