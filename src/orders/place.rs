//! Placing orders: what customers, services and the system itself order comes in here.

use super::desk::Desk;
use super::events;
use super::model::{By, Line, Order, OrderStatus, OrderType, SourceType};
use super::number;
use super::pay::{self, Way};
use super::refusal::NotDone;
use super::state::{self, Event};
use super::store;
use crate::customers::store::State as Customer;
use crate::outbox;
use crate::values::id::{DomainId, TenantId};
use crate::values::money::Currency;
use sqlx::PgConnection;

/// An order that is to be placed.
#[derive(Clone, Debug)]
pub struct New {
    /// The customer.
    pub account: (TenantId, DomainId),
    /// What it is for.
    pub kind: OrderType,
    /// Where it comes from.
    pub source: SourceType,
    /// Who ordered.
    pub user_name: String,
    /// The enterprise project.
    pub enterprise_project: Option<String>,
    /// The currency.
    pub currency: Currency,
    /// Whether it is paid without being asked for.
    pub is_auto_pay: bool,
    /// How it begins.
    pub begins: Event,
    /// Its lines, with what they cost.
    pub lines: Vec<Line>,
}

/// An order that was placed, and why it was not paid, if it was to be paid at once and could not be.
#[derive(Debug)]
pub struct Placed {
    /// The order.
    pub order: Order,
    /// Why it waits to be paid although it should not.
    pub unpaid: Option<NotDone>,
}

/// Places an order of a customer that is locked, and pays it if it says so: in the transaction of who calls.
pub async fn place(
    connection: &mut PgConnection,
    desk: &Desk,
    (new, customer): (New, &Customer),
    by: By,
) -> Result<Placed, NotDone> {
    let order = write(connection, desk, new, customer, by).await?;
    let placed = pay_if_wanted(connection, desk, (order, customer), by).await?;
    store::count(connection, &placed.order).await?;
    Ok(placed)
}

/// Pays an order that is to be paid without being asked for, if it waits for that.
pub(super) async fn pay_if_wanted(
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
        // What could not be paid has moved nothing, and waits for its customer.
        Err(error @ NotDone::Refused(_)) => Ok(Placed { order, unpaid: Some(error) }),
        Err(error) => Err(error),
    }
}

/// Writes a new order of a customer that is locked. Who writes one counts it at the end, with [`store::count`].
pub(super) async fn write(
    connection: &mut PgConnection,
    desk: &Desk,
    new: New,
    customer: &Customer,
    by: By,
) -> Result<Order, NotDone> {
    let status = state::next(None, new.begins).expect("an order begins in one of the ways of the table");
    let waits = status == OrderStatus::PendingPayment;
    let mut order = Order {
        id: number::order_id(by.now),
        tenant: new.account.0,
        customer: new.account.1,
        partner: customer.partner,
        kind: new.kind,
        status,
        source: new.source,
        currency: new.currency,
        user_name: new.user_name,
        enterprise_project: new.enterprise_project,
        is_auto_pay: new.is_auto_pay,
        created_at: by.now,
        payable_until: waits.then(|| by.now.saturating_add(desk.patience())),
        paid_at: (status == OrderStatus::Completed).then_some(by.now),
        lines: new.lines,
    };
    // Two orders of one minute may have drawn the same letters.
    while !store::insert(connection, &order).await? {
        order.id = number::order_id(by.now);
    }
    store::note(connection, &order, (new.begins, None), by).await?;
    outbox::append(connection, order.tenant, &events::created(&order), by.now).await?;
    Ok(order)
}
