//! Orders that a partner pays: its customer asks, and it pays from what it could allocate, or refuses.
//!
//! Whose turn it is to pay is a part of the life of an order ([`state`](super::state)). While it is the partner's the customer
//! cannot pay; it can cancel, and the deadline runs on. Paying is [`mod@pay`] as ever, from another purse.

use super::cancel;
use super::desk::Desk;
use super::events;
use super::model::{Asked, By, Order};
use super::pay::{self, Way};
use super::refusal::{NotDone, Refusal};
use super::state::Event;
use super::store::{self, search};
use crate::customers::store::State as Customer;
use crate::outbox;
use crate::values::id::{DomainId, TenantId};
use sqlx::PgConnection;

/// An order of a partner's customer, with the customer, both locked. To everybody else there is no such order.
pub async fn lock(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    id: &str,
) -> Result<(Order, Customer), NotDone> {
    let customer = store::customer_of(connection, tenant, id).await?.ok_or(Refusal::NoSuchOrder)?;
    let locked = cancel::lock(connection, (tenant, customer), id).await?;
    if locked.1.partner == Some(partner) { Ok(locked) } else { Err(Refusal::NoSuchOrder.into()) }
}

/// The customer of an order that is locked, as it is itself, asks its partner to pay it.
pub async fn ask(
    connection: &mut PgConnection,
    (mut order, customer): (Order, &Customer),
    by: By,
) -> Result<Order, NotDone> {
    let from = order.undergo(Event::PartnerAsked).ok_or(Refusal::NotPayable)?;
    if order.payable_until.is_some_and(|until| until <= by.now) {
        return Err(Refusal::TooLate.into());
    }
    let partner = customer.partner.ok_or(Refusal::Parameter("order_id", "the customer has no partner to ask"))?;
    order.asked = Some(Asked { partner, at: by.now });
    store::set_status(connection, &order, by.now).await?;
    store::note(connection, &order, (Event::PartnerAsked, Some(from)), by).await?;
    outbox::append(connection, order.tenant, &events::payment_asked(&order, partner), by.now).await?;
    Ok(order)
}

/// The partner that is asked pays an order that is locked, as its customer is.
pub async fn pay(
    connection: &mut PgConnection,
    desk: &Desk,
    (order, customer): (&Order, &Customer),
    by: By,
) -> Result<Order, NotDone> {
    let asked = order.asked.ok_or(Refusal::NotPayable)?;
    pay::pay(connection, desk, (order, customer), &Way::ByPartner(asked.partner), by).await
}

/// The partner that is asked does not pay: it is the customer's turn again, until the deadline that was set at first.
pub async fn refuse(connection: &mut PgConnection, mut order: Order, by: By) -> Result<Order, NotDone> {
    let asked = order.asked.ok_or(Refusal::NotPayable)?;
    let from = order.undergo(Event::PartnerRefused).ok_or(Refusal::NotPayable)?;
    store::set_status(connection, &order, by.now).await?;
    store::note(connection, &order, (Event::PartnerRefused, Some(from)), by).await?;
    outbox::append(connection, order.tenant, &events::payment_refused(&order, asked.partner), by.now).await?;
    Ok(order)
}

/// Who was a customer's partner pays nothing more for it: what it is asked to pay is the customer's own again. In the
/// transaction of who ends the association and has locked the customer.
pub async fn release(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    partner: DomainId,
    by: By,
) -> Result<(), NotDone> {
    for id in search::asked_of(connection, (tenant, customer), partner).await? {
        if let Some(order) = store::lock(connection, tenant, &id).await? {
            refuse(connection, order, by).await?;
        }
    }
    Ok(())
}
