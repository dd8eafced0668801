//! What becomes of the lines of an order that is paid, whatever it is for: they have an outcome, what was paid counts as a cost over
//! its time, and what could not be provided is given back.

use super::desk::Desk;
use super::events;
use super::give_back::{self, Base, GivingBack, Item};
use super::model::{By, Line, LineOutcome, Order, OrderType, SourceType};
use super::number;
use super::refusal::{NotDone, Refusal};
use super::state::Event;
use super::store::{self, lines, payments};
use super::view::SYSTEM;
use crate::charges::model::Spread;
use crate::charges::store as charges;
use crate::customers::store::State as Customer;
use crate::outbox;
use crate::pricing::model::Period;
use crate::subscriptions::model::Subscription;
use crate::subscriptions::refund::{Bought, Reason, Refund};
use crate::subscriptions::store::PaidPeriod;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// What a service says of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Provided {
    /// It provided a resource: of this id and name, if it says which.
    Done {
        /// The resource's id.
        resource_id: Option<String>,
        /// Its name.
        name: Option<String>,
    },
    /// It could not.
    Failed,
}

/// A period of a resource that a line has paid for, until the end that the resource has now.
pub fn period(order: &str, place: usize, resource: &Subscription, starts_at: OffsetDateTime) -> PaidPeriod {
    PaidPeriod {
        resource_id: resource.resource_id.clone(),
        starts_at,
        settled_at: None,
        ends_at: resource.expires_at,
        order_id: order.to_owned(),
        line: lines::number(place),
    }
}

/// From when to when the order's lines count as costs.
pub async fn spread(connection: &mut PgConnection, order: &Order, periods: &[PaidPeriod]) -> sqlx::Result<()> {
    let Some(paid_at) = order.paid_at else { return Ok(()) };
    let spreads: Vec<Spread> =
        periods.iter().map(|period| Spread::of(period.line, period.starts_at, period.ends_at)).collect();
    charges::spread(connection, (order.tenant, order.customer), (&order.id, paid_at), &spreads).await
}

/// Completes an order of which all lines have an outcome.
pub async fn complete(connection: &mut PgConnection, mut order: Order, by: By) -> Result<Order, NotDone> {
    let from = order.undergo(Event::Provisioned).ok_or(Refusal::NotProcessing)?;
    lines::set_outcomes(connection, &order).await?;
    store::set_status(connection, &order, by.now).await?;
    store::note(connection, &order, (Event::Provisioned, Some(from)), by).await?;
    outbox::append(connection, order.tenant, &events::completed(&order), by.now).await?;
    Ok(order)
}

/// What could not be provided comes back in full, cash coupons too.
pub async fn undo_failed(
    connection: &mut PgConnection,
    desk: &Desk,
    (order, customer): (&Order, &Customer),
    by: By,
) -> Result<(), NotDone> {
    if order.lines.iter().all(|line| line.outcome != LineOutcome::Failed) {
        return Ok(());
    }
    let shares = payments::shares(connection, order.tenant, &order.id).await?;
    let failed = order.lines.iter().enumerate().filter(|(_, line)| line.outcome == LineOutcome::Failed);
    let item = |(place, line): (usize, &Line)| {
        let base = Base::of(order, &shares, place);
        Item {
            // Of what was to be new there is none; the line stands for it.
            resource_id: line.resource_id.clone().unwrap_or_else(|| number::line_id(&order.id, place)),
            resource_name: line.resource_name.clone(),
            product: line.product.clone(),
            refund: in_full(&base, line.period, by),
            base,
        }
    };
    let giving = GivingBack {
        account: (order.tenant, order.customer),
        kind: OrderType::Unsubscribe,
        source: SourceType::System,
        user_name: SYSTEM.to_owned(),
        currency: order.currency,
        items: failed.map(item).collect(),
    };
    let given_back = give_back::give_back(connection, desk, (giving, customer), by).await?;
    Ok(store::count(connection, &given_back).await?)
}

fn in_full(base: &Base, period: Period, by: By) -> Refund {
    let bought =
        Bought { paid: base.paid(), period, start: by.now, settled_at: None, end: by.now + time::Duration::SECOND };
    Refund::of(&bought, Reason::Undone, by.now)
}
