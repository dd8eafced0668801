//! Placing orders: what customers, services and the system itself order comes in here.

use super::agent_payment;
use super::desk::Desk;
use super::model::{By, Order, OrderStatus};
use super::pay::{self, Way};
use super::record::{self, New};
use super::refusal::NotDone;
use super::store;
use crate::customers::store::State as Customer;
use sqlx::PgConnection;

/// An order that was placed, and why it was not paid, if it was to be paid at once and could not be.
#[derive(Debug)]
pub struct Placed {
    /// The order.
    pub order: Order,
    /// Why it waits to be paid although it should not.
    pub unpaid: Option<NotDone>,
}

/// Places an order of a customer that is locked, and pays it if it says so: in the transaction of who calls. What waits to be paid
/// for a customer whose finances a master account keeps is that one's to pay.
pub async fn place(
    connection: &mut PgConnection,
    desk: &Desk,
    (new, customer): (New, &Customer),
    by: By,
) -> Result<Placed, NotDone> {
    let order = record::write(connection, desk, new, customer, by).await?;
    if order.status == OrderStatus::Processing {
        // Nothing has to be paid: a service can begin.
        store::set_paid(connection, &order, &[], desk.provided_at(by.now), by.now).await?;
    }
    let placed = pay_or_hand_over(connection, desk, (order, customer), by).await?;
    store::count(connection, &placed.order).await?;
    Ok(placed)
}

/// Pays an order that is to be paid without being asked for, if it waits for that. What waits on is handed over to the master
/// account that keeps the customer's finances, if one does.
pub(super) async fn pay_or_hand_over(
    connection: &mut PgConnection,
    desk: &Desk,
    (order, customer): (Order, &Customer),
    by: By,
) -> Result<Placed, NotDone> {
    let Placed { order, unpaid } = pay_if_wanted(connection, desk, (order, customer), by).await?;
    let order = agent_payment::hand_over(connection, (order, customer), by).await?;
    Ok(Placed { order, unpaid })
}

async fn pay_if_wanted(
    connection: &mut PgConnection,
    desk: &Desk,
    (order, customer): (Order, &Customer),
    by: By,
) -> Result<Placed, NotDone> {
    if !order.is_auto_pay || order.status != OrderStatus::PendingPayment {
        return Ok(Placed { order, unpaid: None });
    }
    match pay::pay(connection, desk, (&order, customer), &Way::Automatic, by).await {
        Ok(order) => Ok(Placed { order, unpaid: None }),
        // What could not be paid has moved nothing, and waits.
        Err(error @ NotDone::Refused(_)) => Ok(Placed { order, unpaid: Some(error) }),
        Err(error) => Err(error),
    }
}
