//! Events that accounts are to be told of, written in the transaction of the change they are about.

use crate::values::id::{DomainId, TenantId, new_uuid};
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Something to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Whom.
    pub account: DomainId,
    /// What kind of thing it is, for instance `coupon_quota.used`.
    pub kind: &'static str,
    /// What happened.
    pub payload: Value,
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
    sqlx::query!(
        "insert into outbox (tenant_id, event_id, domain_id, kind, payload, created_at)
         select t.tenant_id, e.event_id, e.domain_id, e.kind, e.payload, $6
         from tenants t, unnest($2::uuid[], $3::uuid[], $4::text[], $5::jsonb[]) as e (event_id, domain_id, kind, payload)
         where t.tenant_id = $1",
        tenant.0,
        &events.iter().map(|_| new_uuid(now)).collect::<Vec<_>>(),
        &events.iter().map(|event| event.account.0).collect::<Vec<_>>(),
        &events.iter().map(|event| event.kind.to_owned()).collect::<Vec<_>>(),
        &events.iter().map(|event| event.payload.clone()).collect::<Vec<_>>(),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
