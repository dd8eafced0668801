//! What happens to resources by itself: they are renewed, expire, are frozen, closed, or turn to pay-per-use.

use super::change;
use super::family::Held;
use super::refusal::Failure;
use super::renewing;
use crate::orders::desk::{Desk, DeskWhenNeeded};
use crate::orders::model::By;
use crate::subscriptions::lifecycle;
use crate::subscriptions::model::SubscriptionState;
use crate::subscriptions::store as subscriptions;
use crate::values::id::{DomainId, TenantId};
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;

/// How many resources are looked up at once; each has a transaction of its own.
const BATCH: i64 = 200;

/// Does what happens to resources by an instant, the earliest first; to how many.
pub async fn run(
    connection: &mut PgConnection,
    desk: &DeskWhenNeeded,
    tenant: TenantId,
    at: OffsetDateTime,
) -> anyhow::Result<usize> {
    let desk = desk.get(connection).await?;
    let mut done = 0;
    loop {
        let due = subscriptions::due_by(connection, (tenant, at), BATCH).await?;
        if due.is_empty() {
            return Ok(done);
        }
        for (customer, resource) in due {
            let mut transaction = connection.begin().await?;
            let is_done = step(&mut transaction, desk, ((tenant, customer), resource), at).await?;
            transaction.commit().await?;
            done += usize::from(is_done);
        }
    }
}

/// Does the one thing that is due to a resource. `false`: nothing is due to it any more.
async fn step(
    connection: &mut PgConnection,
    desk: &Desk,
    (account, id): ((TenantId, DomainId), String),
    at: OffsetDateTime,
) -> Result<bool, Failure> {
    let by = By { user: None, now: at };
    let held = Held::lock(connection, account, std::slice::from_ref(&id), desk.site).await?;
    let Some(primary) = held.find(&id) else { return Ok(false) };
    if primary.next_due(&held.rules).is_none_or(|due| due > at) {
        // Another replica has done it; or the rules by which it was due are others now, and then it must be written when it is.
        subscriptions::update(connection, account.0, std::slice::from_ref(primary), &held.rules).await?;
        return Ok(false);
    }
    let change = lifecycle::next_change(primary.status, primary.policy, primary.expires_at, held.rules.leniency);
    let attempt = primary.renew_attempt_at.filter(|attempt| change.is_none_or(|(change, _)| *attempt <= change));
    if attempt.is_none_or(|attempt| attempt > at) {
        if let Some((_, becomes)) = change {
            change::expire(connection, desk, (account, &held, primary), becomes, by).await?;
        }
        return Ok(true);
    }
    // An order that waits to be paid is not crossed by a second one.
    if primary.state == SubscriptionState::InUse {
        let mut attempt = connection.begin().await?;
        if renewing::renew_by_itself(&mut attempt, desk, (account, &held, primary), by).await? {
            attempt.commit().await?;
            return Ok(true);
        }
        attempt.rollback().await?;
    }
    let mut primary = primary.clone();
    primary.renew_attempt_at = primary.attempt_after(at, &held.rules);
    subscriptions::update(connection, account.0, &[primary], &held.rules).await?;
    Ok(true)
}
