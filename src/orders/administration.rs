//! What cloud services and staff do to orders: place them for customers, review them, and say what was provided.

use super::cancel;
use super::desk::Desk;
use super::model::{Amounts, By, Line, LineOutcome, Order, OrderStatus, OrderType, Product, ReductionKind, SourceType};
use super::place::{self, Placed};
use super::record::{self, New};
use super::refusal::{NotDone, Refusal};
use super::state::Event;
use super::store;
use crate::customers::model::AssociationType;
use crate::customers::refusal::Unrelated;
use crate::customers::store as customers;
use crate::identity;
use crate::pricing::list_rate_on_period_detail::fault_of;
use crate::pricing::model::{Currency, Period, ProductCodes, Size};
use crate::pricing::quote;
use crate::pricing::rating::{PeriodItem, Trace, rate_period};
use crate::values::id::{DomainId, TenantId};
use rust_decimal::Decimal;
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

/// Something that a service sells.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The resource type.
    pub resource_type: String,
    /// The specification.
    pub resource_spec: String,
    /// The region.
    pub region: String,
    /// The size, of linear products.
    pub size: Option<Size>,
    /// For how long.
    pub period: Period,
    /// How many of them.
    pub count: u32,
    /// What they are called.
    pub name: String,
    /// Of secondary resources: the place of their primary among what is wanted.
    pub main: Option<usize>,
    /// What staff ask for each instead of the list price.
    pub adjusted: Option<Decimal>,
}

/// What a service orders for a customer.
#[derive(Clone, Debug)]
pub struct Ordering {
    /// What is wanted.
    pub wanted: Vec<Wanted>,
    /// The enterprise project.
    pub enterprise_project: Option<String>,
    /// Who orders.
    pub user_name: String,
    /// Where the order comes from.
    pub source: SourceType,
    /// Whether it is paid at once.
    pub is_auto_pay: bool,
    /// How it begins.
    pub begins: Event,
}

/// Most lines of an order.
pub const LINES_MAX: usize = 100;

/// Places an order of a customer's, at list prices. A wanted thing of which there are several is so many lines.
pub async fn order(
    connection: &mut PgConnection,
    desk: &Desk,
    (account, ordering): ((TenantId, DomainId), &Ordering),
    by: By,
) -> Result<Placed, NotDone> {
    let customer = customers::lock(connection, account.0, account.1).await?;
    let customer = customer.ok_or(Refusal::Parameter("account", "is no customer's"))?;
    if customer.is_frozen() {
        return Err(Refusal::Frozen.into());
    }
    let terms = quote::terms_of(connection, account, desk.currency(), by.now).await?;
    let projects = identity::store::projects(connection, account.0, account.1).await?;
    let mut lines: Vec<Line> = Vec::new();
    let mut first_of: Vec<usize> = Vec::with_capacity(ordering.wanted.len());
    for wanted in &ordering.wanted {
        let project = projects.iter().find(|project| project.name == wanted.region);
        let project = project.ok_or(Refusal::Parameter("region", "there is no such region"))?;
        let main = match wanted.main.map(|main| first_of.get(main).copied()) {
            Some(None) => return Err(Refusal::Parameter("main_line", "must name an earlier line").into()),
            main => main.flatten(),
        };
        first_of.push(lines.len());
        let line = line(desk, wanted, terms.currency, by)?;
        let product = Product { project_id: project.id.0, ..line.product };
        let line = Line { product, main, ..line };
        lines.extend(std::iter::repeat_n(line, wanted.count as usize));
        if lines.len() > LINES_MAX {
            return Err(Refusal::Parameter("lines", "has more than 100 resources").into());
        }
    }
    let new = New {
        account,
        kind: OrderType::New,
        source: ordering.source,
        user_name: ordering.user_name.clone(),
        enterprise_project: ordering.enterprise_project.clone(),
        currency: terms.currency,
        is_auto_pay: ordering.is_auto_pay,
        payer: None,
        begins: ordering.begins,
        lines,
    };
    place::place(connection, desk, (new, &customer), by).await
}

/// Places an order that a partner makes for its resale customer, which has granted it an agency.
pub async fn order_by_partner(
    connection: &mut PgConnection,
    desk: &Desk,
    (account, partner): ((TenantId, DomainId), DomainId),
    ordering: &Ordering,
    by: By,
) -> Result<Placed, NotDone> {
    let customer = customers::lock(connection, account.0, account.1).await?;
    let is_its = |state: &customers::State| state.partner == Some(partner);
    let customer = customer.filter(is_its).ok_or(Refusal::Customer(Unrelated::NotACustomer))?;
    if customer.kind != Some(AssociationType::Resale) {
        return Err(Refusal::Customer(Unrelated::NoPermissionOnCustomer).into());
    }
    if !identity::store::trusts(connection, account, partner).await? {
        return Err(Refusal::NotAuthorised.into());
    }
    order(connection, desk, (account, ordering), by).await
}

fn line(desk: &Desk, wanted: &Wanted, currency: Currency, by: By) -> Result<Line, NotDone> {
    let products = &desk.catalogue.products;
    let service = products.find_resource(&wanted.resource_type).map_or("", |found| &found.service_type_code);
    let item = PeriodItem {
        codes: ProductCodes {
            service_type: service,
            resource_type: &wanted.resource_type,
            spec: &wanted.resource_spec,
            region: &wanted.region,
        },
        size: wanted.size,
        period: wanted.period,
        count: 1,
    };
    let rated = rate_period(&desk.catalogue.pricing.book, currency, by.now, &item, &mut Trace::default());
    let official = rated.map_err(|fault| Refusal::Price(fault_of(fault, &item, products)))?;
    let mut amounts = Amounts::unpaid(official.amount);
    if let Some(adjusted) = wanted.adjusted {
        if adjusted > official.amount {
            return Err(Refusal::Parameter("adjusted_amount", "must not be above the list price").into());
        }
        amounts.reduce(ReductionKind::Adjusted, official.amount - adjusted);
    }
    Ok(Line {
        product: Product {
            service_type: service.to_owned(),
            resource_type: wanted.resource_type.clone(),
            resource_spec: wanted.resource_spec.clone(),
            region: wanted.region.clone(),
            project_id: uuid::Uuid::nil(),
            size: wanted.size,
            product_id: official.product_id.to_owned(),
        },
        period: wanted.period,
        amounts,
        main: None,
        base: None,
        resource_id: None,
        resource_name: wanted.name.clone(),
        outcome: LineOutcome::Waiting,
        effective_at: None,
        expires_at: None,
    })
}

/// What staff decide about an order that does not wait to be paid yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrderDecision {
    /// The review is passed: it waits to be paid.
    Approve,
    /// The review is not passed: it is cancelled.
    Refuse,
    /// The customer has confirmed what staff ordered for it: it waits to be paid.
    Confirm,
}

/// Decides about an order: it is cancelled, or waits to be paid, or is paid at once if it said so.
pub async fn decide(
    connection: &mut PgConnection,
    desk: &Desk,
    (account, id): ((TenantId, DomainId), &str),
    decision: OrderDecision,
    by: By,
) -> Result<Order, NotDone> {
    let (mut order, customer) = cancel::lock(connection, account, id).await?;
    let event = match decision {
        OrderDecision::Approve => Event::Approved,
        OrderDecision::Refuse => Event::Refused,
        OrderDecision::Confirm => Event::Confirmed,
    };
    if decision == OrderDecision::Refuse && order.admits(event) {
        return cancel::end(connection, order, event, by).await;
    }
    let from = order.undergo(event).ok_or(Refusal::NotDecidable)?;
    if order.status == OrderStatus::PendingPayment {
        order.payable_until = Some(record::payable_until(desk, (order.kind, &order.lines), by.now));
    }
    store::set_status(connection, &order, by.now).await?;
    store::note(connection, &order, (event, Some(from)), by).await?;
    Ok(place::pay_or_hand_over(connection, desk, (order, &customer), by).await?.order)
}
