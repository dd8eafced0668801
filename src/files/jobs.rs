//! What falls due: a file of each subscription, at the instants of its rhythm.

use super::{deliveries, store};
use crate::values::id::TenantId;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;

/// How many files share a transaction.
const BATCH: i64 = 100;

/// Writes down which files are to be delivered that have fallen due by `at`; how many.
pub async fn run(connection: &mut PgConnection, tenant: TenantId, at: OffsetDateTime) -> sqlx::Result<usize> {
    let mut count = 0;
    loop {
        let mut transaction = connection.begin().await?;
        let due = store::lock_due(&mut transaction, tenant, at, BATCH).await?;
        if due.is_empty() {
            return Ok(count);
        }
        for mut subscription in due {
            let (rhythm, due_at) = (subscription.rhythm, subscription.due_at);
            deliveries::insert(&mut transaction, (tenant, subscription.id), rhythm.span(due_at), due_at).await?;
            subscription.due_at = rhythm.next(due_at);
            store::update(&mut transaction, &subscription, None).await?;
            count += 1;
        }
        transaction.commit().await?;
    }
}
