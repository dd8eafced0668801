//! Events that accounts are to be told of, written in the transaction of the change they are about.
//!
//! What a domain can tell is a type that is a [`Payload`]; the catalogue of events, in [`crate::events::catalogue`], makes it
//! one. How events get their order and where they are sent is the matter of [`crate::events`].

use crate::values::id::{DomainId, TenantId, new_uuid};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// What an event of one kind says.
pub trait Payload: Serialize {
    /// The kind, for instance `coupon_quota.used`.
    const KIND: &'static str;

    /// What it is about. Events about one thing are told in the order in which they happened.
    fn subject(&self) -> Uuid;
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    account: DomainId,
    kind: &'static str,
    subject: Uuid,
    payload: Value,
}

impl Event {
    /// An event for an account.
    pub fn new<P: Payload>(account: DomainId, payload: &P) -> Self {
        let json = serde_json::to_value(payload).expect("payloads are plain fields");
        Self { account, kind: P::KIND, subject: payload.subject(), payload: json }
    }
}

/// Writes events; `now` is the tenant's time.
pub async fn append(
    connection: &mut PgConnection,
    tenant: TenantId,
    events: &[Event],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    // Ordered, since rows are numbered as they are written.
    sqlx::query!(
        "insert into outbox (tenant_id, created_at, event_id, domain_id, kind, subject_id, payload)
         select t.tenant_id, $2, e.event_id, e.domain_id, e.kind, e.subject_id, e.payload
         from tenants t,
              unnest($3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::jsonb[]) with ordinality
                  as e (event_id, domain_id, kind, subject_id, payload, place)
         where t.tenant_id = $1 order by e.place",
        tenant.0,
        now,
        &events.iter().map(|_| new_uuid(now)).collect::<Vec<_>>(),
        &events.iter().map(|event| event.account.0).collect::<Vec<_>>(),
        &events.iter().map(|event| event.kind.to_owned()).collect::<Vec<_>>(),
        &events.iter().map(|event| event.subject).collect::<Vec<_>>(),
        &events.iter().map(|event| event.payload.clone()).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}
