//! Renewing resources: which can be, what it costs, and the orders that it takes.

use super::family::{self, Held};
use super::refusal::{Failure, Refusal};
use crate::orders::desk::Desk;
use crate::orders::model::{Amounts, By, Line, LineOutcome, Order, OrderType, Product, SourceType};
use crate::orders::place::{self, Placed};
use crate::orders::record::New;
use crate::orders::state::Event;
use crate::orders::view::SYSTEM;
use crate::pricing::book::NotSold;
use crate::pricing::model::{Currency, Period, PeriodType, ProductCodes};
use crate::pricing::rating::{Official, PeriodFault, PeriodItem, Trace, rate_period};
use crate::subscriptions::lifecycle::{ExpirePolicy, renewal_period};
use crate::subscriptions::model::{Subscription, SubscriptionState};
use crate::subscriptions::store as subscriptions;
use crate::subscriptions::term::{self, Unified};
use crate::values::id::{DomainId, TenantId};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Who renews what for how long.
#[derive(Clone, Debug)]
pub struct Renewal {
    /// The customer.
    pub account: (TenantId, DomainId),
    /// The primaries.
    pub ids: Vec<String>,
    /// For how long.
    pub period: Period,
    /// Whether it is paid at once.
    pub is_auto_pay: bool,
    /// Where the orders come from.
    pub source: SourceType,
    /// Who orders.
    pub user_name: String,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Renewed {
    /// The orders: one for each currency.
    pub orders: Vec<Placed>,
    /// What could not be renewed, and why.
    pub failed: Vec<(String, Refusal)>,
}

/// Renews resources that are locked. Those that cannot be are left out, with the reason.
pub async fn renew(
    connection: &mut PgConnection,
    desk: &Desk,
    (renewal, held): (&Renewal, &Held),
    by: By,
) -> Result<Renewed, Failure> {
    let mut renewed = Renewed::default();
    let mut lines: Vec<(Currency, Line)> = Vec::new();
    for id in &renewal.ids {
        match plan(desk, held, id, renewal.period, by.now) {
            Ok(planned) => lines.extend(planned),
            Err(refusal) => renewed.failed.push((id.clone(), refusal)),
        }
    }
    // A transaction posts to the ledger once, so of orders in two currencies none is paid at once.
    let is_one_currency = lines.windows(2).all(|pair| pair[0].0 == pair[1].0);
    for currency in [Currency::Cny, Currency::Usd] {
        let lines: Vec<Line> = lines.iter().filter(|(of, _)| *of == currency).map(|(_, line)| line.clone()).collect();
        if lines.is_empty() {
            continue;
        }
        let blocked: Vec<String> = lines.iter().filter_map(|line| line.resource_id.clone()).collect();
        let states = (SubscriptionState::InUse, SubscriptionState::PendingPayment);
        subscriptions::change_states(connection, renewal.account.0, &blocked, states).await?;
        let new = New {
            account: renewal.account,
            kind: OrderType::Renew,
            source: renewal.source,
            user_name: renewal.user_name.clone(),
            enterprise_project: held.find(&renewal.ids[0]).and_then(|resource| resource.enterprise_project.clone()),
            currency,
            is_auto_pay: renewal.is_auto_pay && is_one_currency,
            payer: None,
            begins: Event::Placed,
            lines,
        };
        renewed.orders.push(place::place(connection, desk, (new, &held.customer), by).await?);
    }
    Ok(renewed)
}

/// The lines that renew a primary and its secondaries.
fn plan(
    desk: &Desk,
    held: &Held,
    id: &str,
    period: Period,
    now: OffsetDateTime,
) -> Result<Vec<(Currency, Line)>, Refusal> {
    let primary = held.find(id).filter(|resource| !resource.is_gone()).ok_or(Refusal::Gone)?;
    if !primary.is_main {
        return Err(Refusal::NotPrimary);
    }
    if primary.policy == ExpirePolicy::ToOnDemand || held.customer.is_frozen() {
        return Err(Refusal::NotRenewable);
    }
    let family = held.family(id);
    family.iter().try_for_each(family::must_be_idle)?;
    family.iter().map(|member| Ok((member.currency, line(desk, held, member, period, now)?))).collect()
}

/// The line that renews a resource: from its old end, whenever that was.
fn line(
    desk: &Desk,
    held: &Held,
    resource: &Subscription,
    period: Period,
    now: OffsetDateTime,
) -> Result<Line, Refusal> {
    let start = resource.expires_at;
    let end = term::end_of(start, period, resource.anchor);
    let mut official = price(desk, resource, period, now)?;
    let unified = held.rules.unified.map(|day| term::unified(end, day));
    let end = unified.map_or(end, |unified| unified.end);
    if let Some(Unified { extra_months, .. }) = unified.filter(|unified| !unified.extra_months.is_zero()) {
        let month = price(desk, resource, Period { kind: PeriodType::Month, num: 1 }, now)?;
        official += term::fee_of(month, extra_months);
    }
    Ok(Line {
        product: product(desk, resource),
        period,
        amounts: Amounts::unpaid(official),
        main: None,
        base: None,
        resource_id: Some(resource.resource_id.clone()),
        resource_name: resource.name.clone(),
        outcome: LineOutcome::Waiting,
        effective_at: Some(start),
        expires_at: Some(end),
    })
}

fn price(desk: &Desk, resource: &Subscription, period: Period, now: OffsetDateTime) -> Result<Decimal, Refusal> {
    rate(desk, resource, period, now).map(|official| official.amount).map_err(|fault| match fault {
        PeriodFault::NotSold(NotSold::ForThisPeriod) => Refusal::NoSuchPeriod,
        _ => Refusal::NotRenewable,
    })
}

/// What a resource costs for a time, at list price.
pub fn rate<'a>(
    desk: &'a Desk,
    resource: &Subscription,
    period: Period,
    now: OffsetDateTime,
) -> Result<Official<'a>, PeriodFault> {
    let service = service(desk, resource);
    let item = PeriodItem {
        codes: ProductCodes {
            service_type: &service,
            resource_type: &resource.resource_type,
            spec: &resource.resource_spec,
            region: &resource.region,
        },
        size: resource.size,
        period,
        count: 1,
    };
    rate_period(&desk.catalogue.pricing.book, resource.currency, now, &item, &mut Trace::default())
}

fn service(desk: &Desk, resource: &Subscription) -> String {
    let known = desk.catalogue.products.find_resource(&resource.resource_type);
    known.map_or_else(|| resource.service_type.clone(), |found| found.service_type_code.clone())
}

/// A resource as orders sell it.
pub fn product(desk: &Desk, resource: &Subscription) -> Product {
    Product {
        service_type: service(desk, resource),
        resource_type: resource.resource_type.clone(),
        resource_spec: resource.resource_spec.clone(),
        region: resource.region.clone(),
        project_id: resource.project_id,
        size: resource.size,
        product_id: resource.product_id.clone(),
    }
}

/// The ids of orders.
pub fn order_ids<'a>(orders: impl IntoIterator<Item = &'a Order>) -> Vec<String> {
    orders.into_iter().map(|order| order.id.clone()).collect()
}

/// Renews a primary by itself: paid with the best discount, or not at all. `false`: it could not be paid, and nothing is left of
/// the attempt. Where a master account keeps the customer's finances, what it could not pay is left: an order for it to pay.
pub async fn renew_by_itself(
    connection: &mut PgConnection,
    desk: &Desk,
    (account, held, primary): ((TenantId, DomainId), &Held, &Subscription),
    by: By,
) -> Result<bool, Failure> {
    let renewal = Renewal {
        account,
        ids: vec![primary.resource_id.clone()],
        period: renewal_period(primary.renew_kind, primary.period),
        is_auto_pay: true,
        source: SourceType::System,
        user_name: SYSTEM.to_owned(),
    };
    let renewed = renew(connection, desk, (&renewal, held), by).await?;
    let is_paid = renewed.orders.iter().all(|placed| placed.unpaid.is_none());
    let is_handed_over = renewed.orders.iter().any(|placed| placed.order.asked.is_some());
    if !renewed.failed.is_empty() || !(is_paid || is_handed_over) {
        return Ok(false);
    }
    let mut family = subscriptions::lock(connection, account, &renewal.ids).await?;
    family.retain(|member| member.resource_id == primary.resource_id);
    for member in &mut family {
        if is_paid {
            (member.auto_renewal, member.policy) = member.auto_renewal.renewed();
        }
        member.renew_attempt_at = member.attempt_after(by.now, &held.rules);
    }
    subscriptions::update(connection, account.0, &family, &held.rules).await?;
    Ok(true)
}
