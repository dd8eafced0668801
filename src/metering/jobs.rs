//! What happens to usage by itself: it is settled.

use super::settle::settle;
use super::store;
use crate::orders::desk::DeskWhenNeeded;
use crate::values::id::TenantId;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;

/// How many customers are looked up at once; each has a transaction of its own.
const BATCH: i64 = 200;

/// Settles what is due by an instant; how many records that was.
pub async fn run(
    connection: &mut PgConnection,
    desk: &DeskWhenNeeded,
    tenant: TenantId,
    at: OffsetDateTime,
) -> anyhow::Result<usize> {
    let desk = desk.get(connection).await?;
    let mut done = 0;
    loop {
        let customers = store::customers_to_settle(connection, (tenant, at), BATCH).await?;
        if customers.is_empty() {
            return Ok(done);
        }
        let before = done;
        for customer in customers {
            let mut transaction = connection.begin().await?;
            done += settle(&mut transaction, desk, (tenant, customer), at).await?;
            transaction.commit().await?;
        }
        // Another replica has settled what was found.
        if done == before {
            return Ok(done);
        }
    }
}
