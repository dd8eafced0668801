//! The only door into the table of deliveries.

use super::model::{Delivery, LISTED, PATIENCE, Subscription};
use super::schedule::Span;
use super::state::State;
use super::upload::Progress;
use crate::exports::model::Holder;
use crate::values::id::{ExportId, FileSubscriptionId, TenantId};
use crate::values::time::{Day, FAR_FUTURE};
use sqlx::PgConnection;
use sqlx::types::Json;
use std::time::Duration;
use time::{Date, OffsetDateTime};

/// How long a replica has a delivery to itself from its last step on. Another one goes on then. No step takes longer, of at most
/// three requests to a store.
pub const HELD: Duration = Duration::from_mins(2);

/// Whose delivery.
type Of = (TenantId, FileSubscriptionId);

/// Writes down that the file of a span has fallen due, unless it has before.
pub async fn insert(
    connection: &mut PgConnection,
    (tenant, subscription): Of,
    (first, last): Span,
    due_at: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into file_deliveries (tenant_id, subscription_id, first_day, last_day, due_at, state, attempts, updated_at, held_until)
         values ($1, $2, $3, $4, $5, 'waiting', 0, $5, 'epoch')
         on conflict do nothing",
        tenant.0,
        subscription.0,
        first.0,
        last.0,
        due_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The deliveries of a subscription whose days begin before one, the latest first.
pub async fn list(
    connection: &mut PgConnection,
    subscription: &Subscription,
    (before, limit): (Option<Day>, usize),
) -> sqlx::Result<Vec<Delivery>> {
    let rows = sqlx::query!(
        r#"select first_day, last_day, due_at, export_id as "export: ExportId", state as "state: State", attempts, error, sha256,
                  updated_at
           from file_deliveries where tenant_id = $1 and subscription_id = $2 and first_day < $3
           order by first_day desc limit $4"#,
        subscription.account.0.0,
        subscription.id.0,
        before.map_or_else(|| FAR_FUTURE.date(), |day| day.0),
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    let deliveries = rows.fetch_all(connection).await?.into_iter().map(|row| Delivery {
        span: (Day(row.first_day), Day(row.last_day)),
        due_at: row.due_at,
        export: row.export,
        state: row.state,
        attempts: row.attempts,
        error: row.error,
        sha256: row.sha256,
        updated_at: row.updated_at,
    });
    Ok(deliveries.collect())
}

/// The tenant whose delivery has waited longest for a replica; `now` is the system's time.
pub async fn next_tenant(connection: &mut PgConnection, now: OffsetDateTime) -> sqlx::Result<Option<TenantId>> {
    sqlx::query_scalar!(
        r#"select tenant_id as "tenant: TenantId" from file_deliveries
           where state in ('waiting', 'uploading') and held_until <= $1 order by held_until limit 1"#,
        now
    )
    .fetch_optional(connection)
    .await
}

/// A delivery that a replica has taken up.
#[derive(Debug)]
pub struct Taken {
    /// Of which tenant and subscription.
    pub of: Of,
    /// The delivery.
    pub delivery: Delivery,
    /// How far a long file is.
    pub upload: Option<Progress>,
    /// When it is given up, by the system's time.
    pub give_up_at: OffsetDateTime,
}

struct Row {
    subscription: FileSubscriptionId,
    first_day: Date,
    last_day: Date,
    due_at: OffsetDateTime,
    export: Option<ExportId>,
    state: State,
    attempts: i32,
    error: Option<String>,
    sha256: Option<String>,
    upload: Option<Json<Progress>>,
    updated_at: OffsetDateTime,
    give_up_at: OffsetDateTime,
}

/// Takes up the delivery of a tenant that has waited longest, for this replica alone; `now` is the system's time.
pub async fn take(
    connection: &mut PgConnection,
    tenant: TenantId,
    holder: Holder,
    now: OffsetDateTime,
) -> sqlx::Result<Option<Taken>> {
    let row = sqlx::query_as!(
        Row,
        r#"with picked as (select subscription_id, first_day from file_deliveries
                           where tenant_id = $1 and state in ('waiting', 'uploading') and held_until <= $2
                           order by held_until limit 1 for no key update skip locked)
           update file_deliveries d set holder = $3, held_until = $4, give_up_at = coalesce(d.give_up_at, $5)
           from picked
           where d.tenant_id = $1 and d.subscription_id = picked.subscription_id and d.first_day = picked.first_day
           returning d.subscription_id as "subscription: FileSubscriptionId", d.first_day, d.last_day, d.due_at,
                     d.export_id as "export: ExportId", d.state as "state: State", d.attempts, d.error, d.sha256,
                     d.upload as "upload: Json<Progress>", d.updated_at, d.give_up_at as "give_up_at!""#,
        tenant.0,
        now,
        holder.0,
        now + HELD,
        now + PATIENCE
    );
    let taken = row.fetch_optional(connection).await?.map(|row| Taken {
        of: (tenant, row.subscription),
        delivery: Delivery {
            span: (Day(row.first_day), Day(row.last_day)),
            due_at: row.due_at,
            export: row.export,
            state: row.state,
            attempts: row.attempts,
            error: row.error,
            sha256: row.sha256,
            updated_at: row.updated_at,
        },
        upload: row.upload.map(|upload| upload.0),
        give_up_at: row.give_up_at,
    });
    Ok(taken)
}

/// Writes how a delivery stands, which nobody takes up before an instant of the system's time; whether it is still this replica's.
pub async fn save(
    connection: &mut PgConnection,
    taken: &Taken,
    holder: Holder,
    held_until: OffsetDateTime,
) -> sqlx::Result<bool> {
    let delivery = &taken.delivery;
    let saved = sqlx::query!(
        "update file_deliveries
         set export_id = $5, state = $6, attempts = $7, error = $8, sha256 = $9, upload = $10, updated_at = $11, held_until = $12
         where tenant_id = $1 and subscription_id = $2 and first_day = $3 and holder = $4 and state in ('waiting', 'uploading')",
        taken.of.0.0,
        taken.of.1.0,
        delivery.span.0.0,
        holder.0,
        delivery.export.map(|export| export.0),
        delivery.state as State,
        delivery.attempts,
        delivery.error,
        delivery.sha256,
        taken.upload.as_ref().map(Json) as Option<Json<&Progress>>,
        delivery.updated_at,
        held_until
    );
    Ok(saved.execute(connection).await?.rows_affected() == 1)
}

/// Tenants in which something may have to be forgotten; `latest` is the latest time that any tenant's clock shows.
pub async fn tenants_with_old(connection: &mut PgConnection, latest: OffsetDateTime) -> sqlx::Result<Vec<TenantId>> {
    sqlx::query_scalar!(
        r#"select distinct tenant_id as "tenant: TenantId" from file_deliveries
           where state in ('delivered', 'failed') and due_at < $1"#,
        latest.saturating_sub(LISTED)
    )
    .fetch_all(connection)
    .await
}

/// Deletes what was said of a tenant's deliveries that ended long ago; `now` is the tenant's time.
pub async fn delete_old(connection: &mut PgConnection, tenant: TenantId, now: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query!(
        "delete from file_deliveries where tenant_id = $1 and state in ('delivered', 'failed') and due_at < $2",
        tenant.0,
        now.saturating_sub(LISTED)
    )
    .execute(connection)
    .await?;
    Ok(())
}
