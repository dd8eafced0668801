//! Ways in which an order ends without being paid.

use super::events;
use super::model::{By, Order};
use super::refusal::{NotDone, Refusal};
use super::sight;
use super::state::Event;
use super::store;
use crate::api::caller::{Caller, CallerKind};
use crate::customers::store as customers;
use crate::outbox;
use crate::subscriptions::model::SubscriptionState;
use crate::subscriptions::store as subscriptions;
use crate::values::id::{DomainId, TenantId};
use sqlx::PgConnection;

/// An order of a customer's, with the customer, both locked in this order.
pub async fn lock(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    id: &str,
) -> Result<(Order, customers::State), NotDone> {
    let state = customers::lock(connection, tenant, customer).await?.ok_or(Refusal::NoSuchOrder)?;
    let order = store::lock(connection, tenant, id).await?.filter(|order| order.customer == customer);
    Ok((order.ok_or(Refusal::NoSuchOrder)?, state))
}

/// An order of a caller's, or one that it has to pay for a member of its enterprise, with the customer, both locked.
pub async fn lock_for(
    connection: &mut PgConnection,
    caller: &Caller,
    id: &str,
) -> Result<(Order, customers::State), NotDone> {
    let (tenant, account) = (caller.tenant, caller.domain);
    if caller.kind != CallerKind::Master {
        return lock(connection, (tenant, account), id).await;
    }
    let customer = store::customer_of(connection, tenant, id).await?.ok_or(Refusal::NoSuchOrder)?;
    let (order, state) = lock(connection, (tenant, customer), id).await?;
    let is_seen = sight::is_seen(connection, account, &order).await?;
    if is_seen { Ok((order, state)) } else { Err(Refusal::NoSuchOrder.into()) }
}

/// Its customer cancels it, or the master account that has to pay it.
pub async fn by_customer(connection: &mut PgConnection, caller: &Caller, id: &str, by: By) -> Result<(), NotDone> {
    let (order, _) = lock_for(connection, caller, id).await?;
    end(connection, order, Event::Cancelled, by).await.map(drop)
}

/// Ends an order that is locked, as its customer is: the resources it was about are free for others again.
pub async fn end(connection: &mut PgConnection, mut order: Order, event: Event, by: By) -> Result<Order, NotDone> {
    let from = order.undergo(event).ok_or(Refusal::NotCancellable(order.status))?;
    store::set_status(connection, &order, by.now).await?;
    store::note(connection, &order, (event, Some(from)), by).await?;
    let states = (SubscriptionState::PendingPayment, SubscriptionState::InUse);
    subscriptions::change_states(connection, order.tenant, &order.resources(), states).await?;
    outbox::append(connection, order.tenant, &events::cancelled(&order), by.now).await?;
    Ok(order)
}
