//! What becomes of an order that changes a resource, and is paid or gives back: the service makes the change, or all stays as it was.
//!
//! A change is one of a single resource. Its lines are not resources but parts of the time until the end: what a larger
//! specification costs for each, or what a smaller one gives back of what had paid for each. A change counts from when it was
//! paid, or ordered where it gives back: its amounts are those of that moment, whenever the service gets to it.

use super::courses::courses;
use super::desk::Desk;
use super::give_back::{self, Item};
use super::model::{Amounts, By, LineOutcome, Order, ReductionKind};
use super::outcome::{Provided, complete, spread, undo_failed};
use super::refusal::NotDone;
use super::store::{self, lines};
use crate::charges::model::Spread;
use crate::charges::store as charges;
use crate::customers::store::State as Customer;
use crate::subscriptions::model::{Subscription, SubscriptionState};
use crate::subscriptions::refund::Refund;
use crate::subscriptions::store::{self as subscriptions, PaidPeriod};
use sqlx::PgConnection;

/// Takes what a service says of a change that is locked, as its customer is: of any of its lines, since they are of one resource.
pub async fn report(
    connection: &mut PgConnection,
    desk: &Desk,
    (mut order, customer): (Order, &Customer),
    said: &[Option<Provided>],
    by: By,
) -> Result<Order, NotDone> {
    let mut said = said.iter().flatten().peekable();
    if said.peek().is_none() {
        return Ok(order);
    }
    let is_made = said.all(|said| *said != Provided::Failed);
    let resource = resource(connection, &order).await?;
    // What is gone meanwhile is not changed any more.
    let is_done = is_made && !resource.is_gone();
    for line in &mut order.lines {
        line.outcome = if is_done { LineOutcome::Done } else { LineOutcome::Failed };
    }
    if is_done {
        if order.gives_back() {
            lower(connection, (&mut order, customer), by).await?;
        } else {
            raise(connection, &mut order).await?;
        }
        subscriptions::respecify(connection, order.tenant, &respecified(resource, &order, by)).await?;
    } else {
        let states = (SubscriptionState::Changing, SubscriptionState::InUse);
        subscriptions::change_states(connection, order.tenant, &order.resources(), states).await?;
        if order.gives_back() {
            order.lines.iter_mut().for_each(|line| line.amounts = Amounts::default());
            store::set_given_back(connection, &order).await?;
        }
    }
    let order = complete(connection, order, by).await?;
    if !order.gives_back() {
        undo_failed(connection, desk, (&order, customer), by).await?;
    }
    Ok(order)
}

async fn resource(connection: &mut PgConnection, order: &Order) -> Result<Subscription, NotDone> {
    let ids = order.resources();
    let locked = subscriptions::lock(connection, (order.tenant, order.customer), &ids).await?;
    let found = locked.into_iter().find(|resource| ids.contains(&resource.resource_id));
    found.ok_or_else(|| NotDone::Unreadable(format!("the change {} is of no resource", order.id)))
}

fn respecified(resource: Subscription, order: &Order, by: By) -> Subscription {
    let product = order.lines[0].product.clone();
    Subscription {
        resource_spec: product.resource_spec,
        size: product.size,
        product_id: product.product_id,
        state: SubscriptionState::InUse,
        updated_at: by.now,
        ..resource
    }
}

/// What a larger specification costs pays for the rest of the time, beside what has paid for it before.
async fn raise(connection: &mut PgConnection, order: &mut Order) -> Result<(), NotDone> {
    let mut periods = Vec::with_capacity(order.lines.len());
    for (place, line) in order.lines.iter_mut().enumerate() {
        let (Some(resource_id), Some(from), Some(ends_at)) = (&line.resource_id, line.effective_at, line.expires_at)
        else {
            return Err(NotDone::Unreadable(format!("the change {} has a line without a time", order.id)));
        };
        // It can only be paid before the end of the time that is running.
        let starts_at = order.paid_at.map_or(from, |paid_at| paid_at.max(from));
        line.effective_at = Some(starts_at);
        periods.push(PaidPeriod {
            resource_id: resource_id.clone(),
            starts_at,
            settled_at: None,
            ends_at,
            order_id: order.id.clone(),
            line: lines::number(place),
        });
    }
    subscriptions::insert_periods(connection, order.tenant, &periods).await?;
    Ok(spread(connection, order, &periods).await?)
}

/// What a smaller specification gives back, of each payment what was worked out when it was ordered.
async fn lower(
    connection: &mut PgConnection,
    (order, customer): (&mut Order, &Customer),
    by: By,
) -> Result<(), NotDone> {
    let at = order.created_at;
    let courses = courses(connection, order.tenant, &order.resources(), at).await?;
    let (mut items, mut periods, mut spreads) = (Vec::new(), Vec::new(), Vec::new());
    for (place, line) in order.lines.iter().enumerate() {
        let course = courses.iter().find(|course| line.base.as_ref() == Some(course.line()));
        let (Some(course), Some(resource_id)) = (course, &line.resource_id) else {
            return Err(NotDone::Unreadable(format!("the change {} gives back of what is over", order.id)));
        };
        items.push(Item {
            resource_id: resource_id.clone(),
            resource_name: line.resource_name.clone(),
            product: line.product.clone(),
            refund: Refund::in_part(&course.bought, comes_back(&line.amounts), at),
            base: course.base.clone(),
        });
        periods.push(course.paid.clone());
        spreads.push(Spread::of(lines::number(place), by.now.max(course.paid.starts_at), course.paid.ends_at));
    }
    subscriptions::settle_periods(connection, order.tenant, &periods, at).await?;
    give_back::give_back_parts(connection, (order, customer), items, by).await?;
    // What has come back lowers each day's cost from now on.
    Ok(charges::spread(connection, (order.tenant, order.customer), (&order.id, by.now), &spreads).await?)
}

/// What a line gives back, to all pockets.
fn comes_back(amounts: &Amounts) -> rust_decimal::Decimal {
    amounts.by(ReductionKind::FlexiCoupon) + amounts.card - amounts.after_discount
}
