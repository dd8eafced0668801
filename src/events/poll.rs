//! Events for who asks instead of being told.

use super::model::EventView;
use super::places;
use crate::values::id::{DomainId, EventId, TenantId};
use crate::values::time::Instant;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// How long events are kept.
pub const KEPT: time::Duration = time::Duration::days(30);

/// The events for an account behind a position, in order; `now` is the system's time.
pub async fn events(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
    (after, limit): (i64, usize),
    kind: Option<&str>,
    now: OffsetDateTime,
) -> sqlx::Result<Vec<EventView>> {
    places::place(connection, tenant, now).await?;
    let rows = sqlx::query_as!(
        EventView,
        r#"select event_id as "id: EventId", position as "position!", kind, created_at as "timestamp: Instant",
                  domain_id as "account_id: DomainId", payload as data
           from outbox
           where tenant_id = $1 and position > $2 and $3 in (domain_id, tenant_id) and ($4::text is null or kind = $4)
           order by position limit $5"#,
        tenant.0,
        after,
        account.0,
        kind,
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    rows.fetch_all(connection).await
}
