//! What becomes of an order that is paid: resources are opened, renewed or changed, and what could not be provided is given back.

use super::cancel;
use super::change;
use super::desk::Desk;
use super::model::{By, Line, LineOutcome, Order, OrderType};
use super::number;
use super::outcome::{Provided, complete, period, spread, undo_failed};
use super::refusal::{NotDone, Refusal};
use super::state::Event;
use super::store::lines;
use crate::charges::store as charges;
use crate::customers::store::State as Customer;
use crate::subscriptions::lifecycle::{AutoRenewal, DaysBefore, ExpirePolicy, Leniency, ResourceStatus};
use crate::subscriptions::model::{Rules, Subscription, SubscriptionState};
use crate::subscriptions::store as subscriptions;
use crate::subscriptions::term::UnifiedDay;
use crate::values::id::{DomainId, TenantId, new_uuid};
use crate::values::site::Site;
use sqlx::PgConnection;

/// Whether a service has to provide what was ordered; a renewal is done as soon as it is paid.
pub fn waits_for_a_service(order: &Order) -> bool {
    order.kind != OrderType::Renew
}

/// By which rules an account's resources go on.
pub async fn rules(
    connection: &mut PgConnection,
    (account, customer): ((TenantId, DomainId), &Customer),
    site: Site,
) -> sqlx::Result<Rules> {
    let config = subscriptions::renew_config(connection, account).await?;
    Ok(Rules {
        leniency: Leniency::of_period(site, customer.level),
        days_before: config.deduction_days.and_then(DaysBefore::from_number).unwrap_or_default(),
        unified: config.expire_day.and_then(UnifiedDay::from_number),
    })
}

/// Renews what a paid order is for: each resource from its old end on, and it is in use again.
pub async fn renew(
    connection: &mut PgConnection,
    (mut order, customer): (Order, &Customer),
    site: Site,
    by: By,
) -> Result<Order, NotDone> {
    let account = (order.tenant, order.customer);
    let rules = rules(connection, (account, customer), site).await?;
    let mut resources = subscriptions::lock(connection, account, &order.resources()).await?;
    resources
        .retain(|resource| order.lines.iter().any(|line| line.resource_id.as_ref() == Some(&resource.resource_id)));
    let mut periods = Vec::with_capacity(resources.len());
    for (place, line) in order.lines.iter_mut().enumerate() {
        line.outcome = LineOutcome::Done;
        let resource = resources.iter_mut().find(|resource| line.resource_id.as_ref() == Some(&resource.resource_id));
        let (Some(resource), Some(starts_at), Some(ends_at)) = (resource, line.effective_at, line.expires_at) else {
            return Err(NotDone::Unreadable(format!("the renewal {} has a line without a resource", order.id)));
        };
        resource.expires_at = ends_at;
        resource.period = line.period;
        resource.anchor = rules.unified.map_or(resource.anchor, UnifiedDay::anchor);
        resource.state = SubscriptionState::InUse;
        if by.now < ends_at {
            resource.status = ResourceStatus::InUse;
        }
        resource.renew_attempt_at = resource.attempt_after(by.now, &rules);
        resource.updated_at = by.now;
        periods.push(period(&order.id, place, resource, starts_at));
    }
    subscriptions::update(connection, order.tenant, &resources, &rules).await?;
    subscriptions::insert_periods(connection, order.tenant, &periods).await?;
    spread(connection, &order, &periods).await?;
    complete(connection, order, by).await
}

/// Takes what a service says of the lines of an order that is locked, as its customer is: those that are `None` still wait, and
/// those that have an outcome keep it.
/// Once none waits, the order is completed, and what failed is given back.
pub async fn report(
    connection: &mut PgConnection,
    desk: &Desk,
    (mut order, customer): (Order, &Customer),
    said: &[Option<Provided>],
    by: By,
) -> Result<Order, NotDone> {
    if !order.admits(Event::Provisioned) {
        return Err(Refusal::NotProcessing.into());
    }
    if order.kind == OrderType::Change {
        return change::report(connection, desk, (order, customer), said, by).await;
    }
    let account = (order.tenant, order.customer);
    let rules = rules(connection, (account, customer), desk.site).await?;
    let mut periods = Vec::new();
    let mut named = Vec::new();
    // Primaries first: their secondaries refer to them.
    let mut places: Vec<usize> = (0..order.lines.len().min(said.len())).collect();
    places.sort_by_key(|place| order.lines[*place].main.is_some());
    for place in places {
        let (Some(provided), LineOutcome::Waiting) = (&said[place], order.lines[place].outcome) else { continue };
        let main =
            order.lines[place].main.map(|main| (order.lines[main].outcome, order.lines[main].resource_id.clone()));
        let parent = match (provided, main) {
            // A secondary without its primary is of no use.
            (Provided::Failed, _) | (_, Some((LineOutcome::Failed, _))) => {
                order.lines[place].outcome = LineOutcome::Failed;
                continue;
            }
            (_, Some((LineOutcome::Waiting, _))) => {
                return Err(
                    Refusal::Parameter("lines.line", "waits for its primary, which must be reported first").into()
                );
            }
            (_, Some((LineOutcome::Done, parent))) => parent,
            (_, None) => None,
        };
        let resource = open(&order, place, (provided, parent), by);
        order.lines[place].outcome = LineOutcome::Done;
        order.lines[place].resource_id = Some(resource.resource_id.clone());
        order.lines[place].effective_at = Some(resource.effective_at);
        order.lines[place].expires_at = Some(resource.expires_at);
        subscriptions::insert(connection, account, &resource, resource.next_due(&rules)).await.map_err(taken)?;
        periods.push(period(&order.id, place, &resource, resource.effective_at));
        named.push(charges::Provided {
            line: lines::number(place),
            resource_id: resource.resource_id,
            name: resource.name,
            parent: resource.parent_id,
        });
    }
    subscriptions::insert_periods(connection, order.tenant, &periods).await?;
    spread(connection, &order, &periods).await?;
    if let Some(paid_at) = order.paid_at {
        charges::name_resources(connection, account, (&order.id, paid_at), &named).await?;
    }
    if order.lines.iter().any(|line| line.outcome == LineOutcome::Waiting) {
        lines::set_outcomes(connection, &order).await?;
        return Ok(order);
    }
    let order = complete(connection, order, by).await?;
    undo_failed(connection, desk, (&order, customer), by).await?;
    Ok(order)
}

fn taken(error: sqlx::Error) -> NotDone {
    match error {
        error if crate::database::violates(&error, "subscriptions_pk") => {
            Refusal::Parameter("resource_id", "there is already a resource of this id").into()
        }
        error => error.into(),
    }
}

/// The resource that a line has bought.
fn open(order: &Order, place: usize, (provided, parent): (&Provided, Option<String>), by: By) -> Subscription {
    let line = &order.lines[place];
    let (id, name) = match provided {
        Provided::Done { resource_id, name } => (resource_id.clone(), name.clone()),
        Provided::Failed => (None, None),
    };
    let resource_id = id.unwrap_or_else(|| new_uuid(by.now).to_string());
    let product = line.product.clone();
    Subscription {
        instance_id: number::instance_id(by.now),
        name: name.unwrap_or_else(|| line.resource_name.clone()),
        resource_id,
        project_id: product.project_id,
        service_type: product.service_type,
        resource_type: product.resource_type,
        resource_spec: product.resource_spec,
        region: product.region,
        size: product.size,
        product_id: product.product_id,
        enterprise_project: order.enterprise_project.clone(),
        order_id: order.id.clone(),
        currency: order.currency,
        is_main: line.main.is_none(),
        parent_id: parent,
        period: line.period,
        state: SubscriptionState::InUse,
        status: ResourceStatus::InUse,
        effective_at: by.now,
        expires_at: by.now,
        anchor: 1,
        policy: ExpirePolicy::Grace,
        renew_kind: None,
        auto_renewal: AutoRenewal { times: 0, done: 0 },
        renew_attempt_at: None,
        updated_at: by.now,
    }
    .opened(by.now)
}

/// Provides all that an order waits for, as the sandbox does.
pub async fn provide_all(
    connection: &mut PgConnection,
    desk: &Desk,
    account: (TenantId, DomainId),
    order: &str,
    by: By,
) -> Result<Order, NotDone> {
    let (order, customer) = cancel::lock(connection, account, order).await?;
    let done = |_: &Line| Some(Provided::Done { resource_id: None, name: None });
    let said: Vec<Option<Provided>> = order.lines.iter().map(done).collect();
    report(connection, desk, (order, &customer), &said, by).await
}
