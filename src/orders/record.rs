//! Writing a new order: where purchases, renewals and what is given back begin alike.

use super::desk::Desk;
use super::events;
use super::model::{By, Line, Order, OrderStatus, OrderType, SourceType};
use super::number;
use super::refusal::NotDone;
use super::state::{self, Event};
use super::store;
use crate::customers::store::State as Customer;
use crate::outbox;
use crate::values::id::{DomainId, TenantId};
use crate::values::money::Currency;
use sqlx::PgConnection;
use time::OffsetDateTime;

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
    /// The master account to which it gives back; nobody of what is to be paid.
    pub payer: Option<DomainId>,
    /// How it begins.
    pub begins: Event,
    /// Its lines, with what they cost.
    pub lines: Vec<Line>,
}

/// Writes a new order of a customer that is locked. Who writes one counts it at the end, with [`store::count`].
pub async fn write(
    connection: &mut PgConnection,
    desk: &Desk,
    new: New,
    customer: &Customer,
    by: By,
) -> Result<Order, NotDone> {
    let status = state::next(None, new.begins).expect("an order begins in one of the ways of the table").status();
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
        payable_until: waits.then(|| payable_until(desk, (new.kind, &new.lines), by.now)),
        // Of what begins so nothing has to be paid.
        paid_at: matches!(status, OrderStatus::Processing | OrderStatus::Completed).then_some(by.now),
        paid_as: None,
        paid_under: None,
        paying_agent: None,
        payer: new.payer,
        asked: None,
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

/// Until when an order can be paid that waits for it from now on. A change can be no longer than until the end of the time of its
/// resource that is running.
pub fn payable_until(desk: &Desk, (kind, lines): (OrderType, &[Line]), now: OffsetDateTime) -> OffsetDateTime {
    let ends = lines.iter().filter(|_| kind == OrderType::Change).filter_map(|line| line.expires_at);
    ends.fold(now.saturating_add(desk.patience()), OffsetDateTime::min)
}
