//! Orders that somebody else pays. A partner, if its customer asks: it pays from what it could allocate, or refuses. The master
//! account that keeps a member's finances, unasked: what the member has not paid by itself is handed over to it.
//!
//! Whose turn it is to pay is a part of the life of an order ([`state`](super::state)). While it is another's the customer
//! cannot pay; it can cancel, and the deadline runs on. Paying is [`mod@pay`] as ever, from another purse.

use super::cancel;
use super::desk::Desk;
use super::events;
use super::model::{Agent, Asked, By, Order};
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
    order.asked = Some(Asked { agent: Agent::Partner(partner), at: by.now });
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
    let partner = asked_partner(order)?;
    pay::pay(connection, desk, (order, customer), &Way::ByPartner(partner), by).await
}

/// The partner that is asked does not pay: it is the customer's turn again, until the deadline that was set at first.
pub async fn refuse(connection: &mut PgConnection, mut order: Order, by: By) -> Result<Order, NotDone> {
    let partner = asked_partner(&order)?;
    let from = order.undergo(Event::PartnerRefused).ok_or(Refusal::NotPayable)?;
    store::set_status(connection, &order, by.now).await?;
    store::note(connection, &order, (Event::PartnerRefused, Some(from)), by).await?;
    outbox::append(connection, order.tenant, &events::payment_refused(&order, partner), by.now).await?;
    Ok(order)
}

fn asked_partner(order: &Order) -> Result<DomainId, Refusal> {
    order.asked.and_then(|asked| asked.agent.partner()).ok_or(Refusal::NotPayable)
}

/// An order that waits for a customer whose finances a master account keeps is that one's to pay, until the deadline that was set
/// at first. Both are locked. Any other order is left as it is.
pub async fn hand_over(
    connection: &mut PgConnection,
    (mut order, customer): (Order, &Customer),
    by: By,
) -> sqlx::Result<Order> {
    let Some(master) = customer.custodian else { return Ok(order) };
    let Some(from) = order.undergo(Event::HandedOver) else { return Ok(order) };
    order.payer = Some(master);
    order.asked = Some(Asked { agent: Agent::Master(master), at: by.now });
    store::set_status(connection, &order, by.now).await?;
    store::note(connection, &order, (Event::HandedOver, Some(from)), by).await?;
    Ok(order)
}

/// Hands over what waits for a customer, whose finances are kept from now on: in the transaction of who says so and has locked it.
pub async fn hand_over_all(
    connection: &mut PgConnection,
    ((tenant, id), customer): ((TenantId, DomainId), &Customer),
    by: By,
) -> sqlx::Result<()> {
    for order in search::waiting(connection, (tenant, id)).await? {
        if let Some(order) = store::lock(connection, tenant, &order).await? {
            hand_over(connection, (order, customer), by).await?;
        }
    }
    Ok(())
}

/// A customer whose finances nobody keeps any more pays what waits for its master itself: in the transaction of who ends that and
/// has locked the customer.
pub async fn hand_back_all(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    by: By,
) -> sqlx::Result<()> {
    for id in search::waiting(connection, (tenant, customer)).await? {
        let order = store::lock(connection, tenant, &id).await?.filter(|order| order.payer.is_some());
        let Some(mut order) = order else { continue };
        let Some(from) = order.undergo(Event::HandedBack) else { continue };
        order.payer = None;
        store::set_status(connection, &order, by.now).await?;
        store::note(connection, &order, (Event::HandedBack, Some(from)), by).await?;
    }
    Ok(())
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
