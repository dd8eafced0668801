//! Ways in which an order ends without being paid.

use super::events;
use super::model::{By, Order};
use super::refusal::{NotDone, Refusal};
use super::state::Event;
use super::store;
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

/// Its customer cancels it.
pub async fn by_customer(
    connection: &mut PgConnection,
    account: (TenantId, DomainId),
    id: &str,
    by: By,
) -> Result<(), NotDone> {
    let (order, _) = lock(connection, account, id).await?;
    end(connection, order, Event::Cancelled, by).await
}

/// Ends an order that is locked, as its customer is: the resources it was about are free for others again.
pub async fn end(connection: &mut PgConnection, mut order: Order, event: Event, by: By) -> Result<(), NotDone> {
    let from = order.undergo(event).ok_or(Refusal::NotCancellable(order.status))?;
    store::set_status(connection, &order, by.now).await?;
    store::note(connection, &order, (event, Some(from)), by).await?;
    let states = (SubscriptionState::PendingPayment, SubscriptionState::InUse);
    subscriptions::change_states(connection, order.tenant, &order.resources(), states).await?;
    outbox::append(connection, order.tenant, &events::cancelled(&order), by.now).await?;
    Ok(())
}
