//! Another specification for a resource: what it costs until the end of what is paid for, or what it gives back.

use super::family::{Held, must_be_idle};
use super::refusal::{Failure, Refusal};
use super::renewing::{product, rate};
use crate::orders::courses::{Course, courses};
use crate::orders::desk::Desk;
use crate::orders::give_back;
use crate::orders::model::{Amounts, By, Line, LineOutcome, OrderType, Product, SourceType};
use crate::orders::offers;
use crate::orders::place::{self, Placed};
use crate::orders::record::New;
use crate::orders::refusal::{NotDone, Refusal as OrderRefusal};
use crate::orders::state::Event;
use crate::pricing::model::{Fault, Period, PeriodType, Size};
use crate::pricing::quote;
use crate::pricing::rating::PeriodFault;
use crate::subscriptions::lifecycle::ResourceStatus;
use crate::subscriptions::model::{Subscription, SubscriptionState};
use crate::subscriptions::refund::{Bought, downgrade};
use crate::subscriptions::store as subscriptions;
use crate::subscriptions::term;
use crate::values::id::{DomainId, TenantId};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// A month, whose prices say what a change costs.
const MONTH: Period = Period { kind: PeriodType::Month, num: 1 };

/// Who changes what into what.
#[derive(Clone, Debug)]
pub struct Change {
    /// The resource.
    pub resource: String,
    /// Its new specification, if it gets another.
    pub spec: Option<String>,
    /// Its new size, if it gets another.
    pub size: Option<Size>,
    /// Who orders.
    pub user_name: String,
    /// Where the order comes from.
    pub source: SourceType,
    /// Whether it is paid at once.
    pub is_auto_pay: bool,
    /// How it begins, if it is to be paid.
    pub begins: Event,
}

/// Orders a change of a resource that is locked: what costs more by the month is paid, what costs less gives back.
pub async fn change(
    connection: &mut PgConnection,
    desk: &Desk,
    (account, change, held): ((TenantId, DomainId), &Change, &Held),
    by: By,
) -> Result<Placed, Failure> {
    let resource = changeable(held, &change.resource)?;
    let changed = changed(resource, change)?;
    let old_price = rate(desk, resource, MONTH, by.now).map_err(unpriced)?.amount;
    let new_price = rate(desk, &changed, MONTH, by.now).map_err(unpriced)?;
    let changed = Subscription { product_id: new_price.product_id.to_owned(), ..changed };
    let paid = courses(connection, account.0, std::slice::from_ref(&change.resource), by.now).await?;
    let stretches = stretches(paid, by.now);
    if stretches.is_empty() {
        return Err(refused("change.resource_id", "was not bought by an order: nothing is known of what it cost"));
    }
    let to = (&changed, product(desk, &changed));
    let gives_back = new_price.amount < old_price;
    let lines = if gives_back {
        if change.begins != Event::Placed {
            return Err(refused("review", "must not be given, nor confirm, where nothing has to be paid"));
        }
        lowered(connection, desk, (account, to, &stretches), new_price.amount, by).await?
    } else {
        raised(to, &stretches, (old_price, new_price.amount))
    };
    let under_way = if gives_back { SubscriptionState::Changing } else { SubscriptionState::PendingPayment };
    let ids = std::slice::from_ref(&change.resource);
    subscriptions::change_states(connection, account.0, ids, (SubscriptionState::InUse, under_way)).await?;
    let new = New {
        account,
        kind: OrderType::Change,
        source: change.source,
        user_name: change.user_name.clone(),
        enterprise_project: resource.enterprise_project.clone(),
        currency: resource.currency,
        is_auto_pay: change.is_auto_pay && !gives_back,
        payer: stretches
            .iter()
            .flat_map(|stretch| &stretch.paid)
            .find_map(|course| course.base.payer)
            .filter(|_| gives_back),
        begins: if gives_back { Event::PlacedAndPaid } else { change.begins },
        lines,
    };
    Ok(place::place(connection, desk, (new, &held.customer), by).await?)
}

fn refused(field: &'static str, rule: &'static str) -> Failure {
    NotDone::from(OrderRefusal::Parameter(field, rule)).into()
}

fn unpriced(fault: PeriodFault) -> Failure {
    let fault = match fault {
        PeriodFault::Fault(fault) => fault,
        PeriodFault::Unknown | PeriodFault::NotSold(_) => Fault::ProductNotFound,
    };
    NotDone::from(OrderRefusal::Unchangeable(fault)).into()
}

/// The resource, if it can be changed: it is in use, and nothing else is under way with it.
fn changeable<'a>(held: &'a Held, id: &str) -> Result<&'a Subscription, Failure> {
    if held.customer.is_frozen() {
        return Err(NotDone::from(OrderRefusal::Frozen).into());
    }
    let resource = held.find(id).filter(|resource| !resource.is_gone()).ok_or(Refusal::Unknown)?;
    must_be_idle(resource)?;
    if resource.status != ResourceStatus::InUse {
        return Err(Refusal::Frozen.into());
    }
    Ok(resource)
}

/// What the resource becomes.
fn changed(resource: &Subscription, change: &Change) -> Result<Subscription, Failure> {
    if resource.size.is_none() && change.size.is_some() {
        return Err(refused("change.resource_size", "must not be given: the resource has none"));
    }
    let resource_spec = change.spec.clone().unwrap_or_else(|| resource.resource_spec.clone());
    let size = change.size.or(resource.size);
    if (&resource_spec, size) == (&resource.resource_spec, resource.size) {
        return Err(refused("change", "must name another specification or size than the resource has"));
    }
    Ok(Subscription { resource_spec, size, ..resource.clone() })
}

/// A part of the time until the end, in which the same payments pay: what is left of the running period, or a renewal ahead.
struct Stretch {
    start: OffsetDateTime,
    end: OffsetDateTime,
    paid: Vec<Course>,
}

/// The parts of the time from now on, in time.
fn stretches(paid: Vec<Course>, now: OffsetDateTime) -> Vec<Stretch> {
    let mut by_end: BTreeMap<OffsetDateTime, Vec<Course>> = BTreeMap::new();
    for course in paid {
        by_end.entry(course.bought.end).or_default().push(course);
    }
    let mut start = now;
    let stretch = |(end, paid)| Stretch { start: std::mem::replace(&mut start, end), end, paid };
    by_end.into_iter().map(stretch).collect()
}

impl Stretch {
    fn months(&self) -> Decimal {
        term::remaining_months(self.start, self.end)
    }

    fn line(&self, (resource, product): (&Subscription, Product), amounts: Amounts) -> Line {
        Line {
            product,
            // A fee by the term that was bought counts that of what runs.
            period: self.paid[0].bought.period,
            amounts,
            main: None,
            base: None,
            resource_id: Some(resource.resource_id.clone()),
            resource_name: resource.name.clone(),
            outcome: LineOutcome::Waiting,
            effective_at: Some(self.start),
            expires_at: Some(self.end),
        }
    }
}

/// What a larger specification costs: a line for each part of the time.
fn raised(
    (resource, product): (&Subscription, Product),
    stretches: &[Stretch],
    (old_price, new_price): (Decimal, Decimal),
) -> Vec<Line> {
    let line = |stretch: &Stretch| {
        let fee = term::upgrade_fee(old_price, new_price, stretch.months());
        stretch.line((resource, product.clone()), Amounts::unpaid(fee))
    };
    stretches.iter().map(line).collect()
}

/// What a smaller specification gives back: a line for each payment. It costs what an order for it would that is paid by itself,
/// with the best discount.
async fn lowered(
    connection: &mut PgConnection,
    desk: &Desk,
    (account, (resource, product), stretches): ((TenantId, DomainId), (&Subscription, Product), &[Stretch]),
    price: Decimal,
    by: By,
) -> Result<Vec<Line>, NotDone> {
    let costs = |stretch: &Stretch| Amounts::unpaid(term::fee_of(price, stretch.months()));
    let anew: Vec<Line> =
        stretches.iter().map(|stretch| stretch.line((resource, product.clone()), costs(stretch))).collect();
    let terms = quote::terms_of(connection, account, desk.currency(), by.now).await?;
    let offers = offers::discounts(&desk.catalogue, &terms, &anew, by.now);
    let offers = offers.map_err(|fault| NotDone::Unreadable(format!("{fault:?}")))?;
    let left = offers::cheapest(offers).map(|offer| offer.left);
    let left = left.unwrap_or_else(|| anew.iter().map(|line| line.amounts.official).collect());
    let mut lines = Vec::new();
    for ((stretch, anew), cost) in stretches.iter().zip(anew).zip(left) {
        let payments: Vec<Bought> = stretch.paid.iter().map(|course| course.bought).collect();
        for (course, refund) in stretch.paid.iter().zip(downgrade(&payments, cost, by.now)) {
            lines.push(Line {
                // What gives back is for no period.
                period: Period { num: 0, ..MONTH },
                amounts: give_back::amounts(&refund),
                base: Some(course.line().clone()),
                ..anew.clone()
            });
        }
    }
    Ok(lines)
}
