//! Events are kept for a while, and what became of them as long.

use super::poll::KEPT;
use crate::app::App;
use crate::values::id::TenantId;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;

/// Most events that are deleted in one transaction.
const BATCH: i64 = 1000;

/// Deletes what is too old in all tenants, each by its own time.
pub async fn delete_old(app: &App) -> sqlx::Result<()> {
    let before = |now: OffsetDateTime| now.saturating_sub(KEPT);
    let latest = app.clocks.moved().into_iter().map(|(_, shown)| shown).chain([app.clock.now()]).max();
    let old = sqlx::query_scalar!(
        r#"select distinct tenant_id as "tenant: TenantId" from outbox where created_at < $1"#,
        latest.map(before)
    );
    let tenants = old.fetch_all(&mut *app.database.control().await?).await?;
    for tenant in tenants {
        let mut connection = app.database.tenant(tenant).await?;
        while delete_batch(&mut connection, tenant, before(app.now(tenant)), app.clock.now()).await? == BATCH {}
    }
    Ok(())
}

/// Deletes events from before an instant that are on their way nowhere; how many.
async fn delete_batch(
    connection: &mut PgConnection,
    tenant: TenantId,
    before: OffsetDateTime,
    now: OffsetDateTime,
) -> sqlx::Result<i64> {
    let mut transaction = connection.begin().await?;
    // What waits for an endpoint that is disabled waits no longer.
    sqlx::query!(
        "update deliveries set state = 'failed', ended_at = $3
         where tenant_id = $1 and state = 'open' and event_created_at < $2 and give_up_at < $3",
        tenant.0,
        before,
        now
    )
    .execute(&mut *transaction)
    .await?;
    let gone = sqlx::query_scalar!(
        "with picked as (
             select created_at, event_id from outbox o
             where tenant_id = $1 and created_at < $2 and position is not null
               and not exists (select 1 from deliveries d
                               where d.tenant_id = $1 and d.event_id = o.event_id and d.state = 'open')
             order by created_at limit $3 for update skip locked)
         delete from outbox o using picked
         where o.tenant_id = $1 and o.created_at = picked.created_at and o.event_id = picked.event_id
         returning o.event_id",
        tenant.0,
        before,
        BATCH
    );
    let gone = gone.fetch_all(&mut *transaction).await?;
    sqlx::query!("delete from delivery_attempts where tenant_id = $1 and event_id = any($2)", tenant.0, &gone)
        .execute(&mut *transaction)
        .await?;
    sqlx::query!("delete from deliveries where tenant_id = $1 and event_id = any($2)", tenant.0, &gone)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(i64::try_from(gone.len()).unwrap_or(i64::MAX))
}
