//! What falls due for orders: unpaid ones are cancelled after their deadline, and the sandbox provides what was paid for.

use super::cancel;
use super::desk::{Desk, DeskWhenNeeded};
use super::fulfil;
use super::model::By;
use super::refusal::{NotDone, Refusal};
use super::state::Event;
use super::store;
use super::store::due::{self, Due};
use crate::values::id::{DomainId, TenantId};
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;

/// How many orders are looked up at once; each has a transaction of its own.
const BATCH: i64 = 200;

/// Cancels what was not paid by its deadline; how many.
pub async fn expire(
    connection: &mut PgConnection,
    desk: &DeskWhenNeeded,
    tenant: TenantId,
    at: OffsetDateTime,
) -> anyhow::Result<usize> {
    run(connection, desk, Due::Payment, (tenant, at)).await
}

/// Provides what the sandbox was paid for; how many orders.
pub async fn provide(
    connection: &mut PgConnection,
    desk: &DeskWhenNeeded,
    tenant: TenantId,
    at: OffsetDateTime,
) -> anyhow::Result<usize> {
    run(connection, desk, Due::Provision, (tenant, at)).await
}

/// Does it for each order for which it has fallen due. What another replica has done meanwhile is left alone: an order's status
/// is looked at under the locks.
async fn run(
    connection: &mut PgConnection,
    desk: &DeskWhenNeeded,
    due: Due,
    (tenant, at): (TenantId, OffsetDateTime),
) -> anyhow::Result<usize> {
    let desk = desk.get(connection).await?;
    let mut done = 0;
    loop {
        let orders = due::by(connection, due, (tenant, at), BATCH).await?;
        if orders.is_empty() {
            return Ok(done);
        }
        for order in orders {
            let mut transaction = connection.begin().await?;
            let Some(customer) = store::customer_of(&mut transaction, tenant, &order).await? else { continue };
            match act(&mut transaction, desk, due, ((tenant, customer), &order, at)).await {
                Ok(()) => {
                    transaction.commit().await?;
                    done += 1;
                }
                Err(NotDone::Refused(Refusal::NotCancellable(_) | Refusal::NotProcessing)) => {
                    transaction.rollback().await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

async fn act(
    connection: &mut PgConnection,
    desk: &Desk,
    due: Due,
    (account, order, at): ((TenantId, DomainId), &str, OffsetDateTime),
) -> Result<(), NotDone> {
    let by = By { user: None, now: at };
    match due {
        Due::Payment => {
            let (order, _) = cancel::lock(connection, account, order).await?;
            cancel::end(connection, order, Event::Expired, by).await.map(drop)
        }
        Due::Provision => fulfil::provide_all(connection, desk, account, order, by).await.map(drop),
    }
}
