//! What becomes of an order that is paid: resources are opened or renewed, and what could not be provided is given back.

use super::cancel;
use super::desk::Desk;
use super::events;
use super::give_back::{self, Base, GivingBack, Item};
use super::model::{By, Line, LineOutcome, Order, OrderType, SourceType};
use super::number;
use super::refusal::{NotDone, Refusal};
use super::state::Event;
use super::store::{self, lines};
use super::view::SYSTEM;
use crate::charges::model::Spread;
use crate::charges::store as charges;
use crate::customers::store::State as Customer;
use crate::outbox;
use crate::pricing::model::Period;
use crate::subscriptions::lifecycle::{AutoRenewal, DaysBefore, ExpirePolicy, Leniency, ResourceStatus};
use crate::subscriptions::model::{Rules, Subscription, SubscriptionState};
use crate::subscriptions::refund::{Bought, Reason, Refund};
use crate::subscriptions::store::{self as subscriptions, PaidPeriod};
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

fn period(order: &str, place: usize, resource: &Subscription, starts_at: time::OffsetDateTime) -> PaidPeriod {
    PaidPeriod {
        resource_id: resource.resource_id.clone(),
        starts_at,
        ends_at: resource.expires_at,
        order_id: order.to_owned(),
        line: lines::number(place),
    }
}

/// From when to when the order's lines count as costs.
async fn spread(connection: &mut PgConnection, order: &Order, periods: &[PaidPeriod]) -> sqlx::Result<()> {
    let Some(paid_at) = order.paid_at else { return Ok(()) };
    let spreads: Vec<Spread> =
        periods.iter().map(|period| Spread::of(period.line, period.starts_at, period.ends_at)).collect();
    charges::spread(connection, (order.tenant, order.customer), (&order.id, paid_at), &spreads).await
}

async fn complete(connection: &mut PgConnection, mut order: Order, by: By) -> Result<Order, NotDone> {
    let from = order.undergo(Event::Provisioned).ok_or(Refusal::NotProcessing)?;
    lines::set_outcomes(connection, &order).await?;
    store::set_status(connection, &order, by.now).await?;
    store::note(connection, &order, (Event::Provisioned, Some(from)), by).await?;
    outbox::append(connection, order.tenant, &events::completed(&order), by.now).await?;
    Ok(order)
}

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

/// What could not be provided comes back in full, cash coupons too.
async fn undo_failed(
    connection: &mut PgConnection,
    desk: &Desk,
    (order, customer): (&Order, &Customer),
    by: By,
) -> Result<(), NotDone> {
    if order.lines.iter().all(|line| line.outcome != LineOutcome::Failed) {
        return Ok(());
    }
    let shares = store::shares(connection, order.tenant, &order.id).await?;
    let failed = order.lines.iter().enumerate().filter(|(_, line)| line.outcome == LineOutcome::Failed);
    let item = |(place, line): (usize, &Line)| {
        let base = Base::of(order, &shares, place);
        Item {
            // It has none; the line stands for it.
            resource_id: number::line_id(&order.id, place),
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
    let bought = Bought { paid: base.paid(), period, start: by.now, end: by.now + time::Duration::SECOND };
    Refund::of(&bought, Reason::Undone, by.now)
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
