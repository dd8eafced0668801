//! The only door into the subscriptions.

use super::model::{Subscription, SubscriptionState};
use crate::pricing::model::Size;
use crate::pricing::model::{Currency, Period, PeriodType};
use crate::values::id::{DomainId, TenantId};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// The resources of an account that have one of these ids, and all resources whose parent has.
pub async fn with_dependants(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    ids: &[String],
) -> sqlx::Result<Vec<Subscription>> {
    let rows = sqlx::query!(
        r#"select resource_id, project_id, resource_type_code, resource_spec, region_code, resource_size,
                  size_measure_id, currency as "currency: Currency", is_main, parent_id, period_type, period_num,
                  state as "state: SubscriptionState", expires_at
           from subscriptions
           where tenant_id = $1 and domain_id = $2 and (resource_id = any($3) or parent_id = any($3))
           order by resource_id"#,
        tenant.0,
        domain.0,
        ids
    )
    .fetch_all(connection)
    .await?;
    let read = rows.into_iter().map(|row| Subscription {
        resource_id: row.resource_id,
        project_id: row.project_id,
        resource_type: row.resource_type_code,
        resource_spec: row.resource_spec,
        region: row.region_code,
        size: row.resource_size.zip(row.size_measure_id).map(|(size, measure_id)| Size { size, measure_id }),
        currency: row.currency,
        is_main: row.is_main,
        parent_id: row.parent_id,
        period: Period {
            kind: PeriodType::from_number(row.period_type.into()).expect("subscriptions_period_known"),
            num: row.period_num.unsigned_abs(),
        },
        state: row.state,
        expires_at: row.expires_at,
    });
    Ok(read.collect())
}

/// Adds a resource.
pub async fn insert(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    new: &Subscription,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into subscriptions (tenant_id, resource_id, domain_id, project_id, resource_type_code, resource_spec,
             region_code, resource_size, size_measure_id, currency, is_main, parent_id, period_type, period_num, state,
             expires_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        tenant.0,
        new.resource_id,
        domain.0,
        new.project_id,
        new.resource_type,
        new.resource_spec,
        new.region,
        new.size.map(|size| size.size),
        new.size.map(|size| size.measure_id),
        new.currency as Currency,
        new.is_main,
        new.parent_id,
        i16::try_from(new.period.kind.number()).expect("period types are one digit"),
        i32::try_from(new.period.num).expect("a period that is sold is short"),
        new.state as SubscriptionState,
        new.expires_at,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets the state of a resource. `false`: the account has no such resource.
pub async fn set_state(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    resource_id: &str,
    state: SubscriptionState,
) -> sqlx::Result<bool> {
    let set = sqlx::query!(
        "update subscriptions set state = $4 where tenant_id = $1 and domain_id = $2 and resource_id = $3",
        tenant.0,
        domain.0,
        resource_id,
        state as SubscriptionState
    )
    .execute(connection)
    .await?;
    Ok(set.rows_affected() == 1)
}
