//! `/admin/v1/accounts/{account}/orders`

use super::cursor::{Cursor, PageQuery};
use super::named::{OfAccount, account_and_time, refused};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::operation::{Operations, operations};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::identity::administration::find_account;
use crate::operators::store::Role;
use crate::orders::administration::{self as orders, OrderDecision};
use crate::orders::cancel;
use crate::orders::fulfil;
use crate::orders::model::{By, LineOutcome, Order, OrderNumber, OrderStatus, OrderType};
use crate::orders::number;
use crate::orders::ordered::ResourceName;
use crate::orders::outcome::Provided;
use crate::orders::place::Placed;
use crate::orders::refusal::Refusal;
use crate::orders::store;
use crate::orders::store::search::{OrderFilter, OrderRow, Search, Whose};
use crate::pricing::model::ResourceId;
use crate::values::amount::Amount;
use crate::values::id::{DomainId, TenantId};
use crate::values::money::Currency;
use crate::values::number::Number;
use crate::values::time::Instant;
use crate::values::truth;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};

/// The operations on orders.
pub fn register(operations: &mut Operations<App, OperatorPolicy>) {
    operations!(operations, "orders": list_orders, show_order, report_provisioning, decide_order);
}

/// The order in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfOrder {
    /// The account's name.
    #[param(example = "demo-customer")]
    pub account: String,
    /// The order.
    #[param(inline)]
    pub order: OrderNumber,
}

/// An order as operators see it.
#[derive(Serialize, ToSchema)]
pub struct OrderView {
    /// Its id.
    #[schema(example = "CS2603281445NO7AB")]
    order_id: String,
    /// The customer.
    customer_id: DomainId,
    /// What it is for.
    order_type: OrderType,
    /// How it stands.
    status: OrderStatus,
    /// At list prices.
    official_amount: Amount,
    /// What is, or is to be, paid by cash and credit.
    amount_after_discount: Amount,
    /// The currency.
    currency: Currency,
    /// When it was placed.
    created_at: Instant,
    /// Until when it can be paid.
    payable_until: Option<Instant>,
    /// When it was paid.
    paid_at: Option<Instant>,
    /// Since when another account has to pay it, the customer's partner or its enterprise's; null if none has.
    asked_at: Option<Instant>,
    /// Who paid, if it was not the customer.
    paying_agent_id: Option<DomainId>,
    /// Why it waits to be paid although it was to be paid at once: the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "CBC.99005003")]
    unpaid: Option<String>,
    /// Its lines.
    lines: Vec<OrderLineView>,
}

/// A line as operators see it.
#[derive(Serialize, ToSchema)]
pub struct OrderLineView {
    /// Its id.
    #[schema(example = "CS2603281445NO7AB-000001")]
    line_id: String,
    /// The resource type.
    #[schema(example = "hws.resource.type.vm")]
    resource_type: String,
    /// The specification.
    #[schema(example = "s6.large.2.linux")]
    resource_spec: String,
    /// What became of it.
    outcome: LineOutcome,
    /// What was provided, renewed or given back.
    resource_id: Option<String>,
    /// At list price.
    official_amount: Amount,
}

impl OrderView {
    /// Of an order.
    pub fn of(order: &Order) -> Self {
        let amounts = order.amounts();
        let line = |(place, line): (usize, &crate::orders::model::Line)| OrderLineView {
            line_id: number::line_id(&order.id, place),
            resource_type: line.product.resource_type.clone(),
            resource_spec: line.product.resource_spec.clone(),
            outcome: line.outcome,
            resource_id: line.resource_id.clone(),
            official_amount: line.amounts.official.into(),
        };
        Self {
            order_id: order.id.clone(),
            customer_id: order.customer,
            order_type: order.kind,
            status: order.status,
            official_amount: amounts.official.into(),
            amount_after_discount: amounts.after_discount.into(),
            currency: order.currency,
            created_at: Instant(order.created_at),
            payable_until: order.payable_until.map(Instant),
            paid_at: order.paid_at.map(Instant),
            asked_at: order.asked.map(|asked| Instant(asked.at)),
            paying_agent_id: order.paying_agent,
            unpaid: None,
            lines: order.lines.iter().enumerate().map(line).collect(),
        }
    }

    /// Of one that was just placed.
    pub fn of_placed(placed: Placed) -> Self {
        let unpaid = placed.unpaid.map(|error| ApiError::from(error).code.to_owned());
        Self { unpaid, ..Self::of(&placed.order) }
    }
}

/// Orders.
#[derive(Serialize, ToSchema)]
pub struct OrderPage {
    /// The latest first.
    orders: Vec<OrderSummary>,
    /// Where the list goes on; left out at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl OrderPage {
    /// A page of the orders of an account.
    pub async fn read(
        connection: &mut PgConnection,
        (tenant, whose): (TenantId, Whose),
        query: &PageQuery,
    ) -> Result<Self, ApiError> {
        let behind = query.cursor.as_ref().map(Cursor::moment).transpose()?;
        let limit = query.limit.get();
        let search = Search { tenant, whose, filter: OrderFilter::default(), ascending: false };
        let mut rows = search.behind(connection, behind, limit + 1).await?;
        let next_cursor = Cursor::cut_at_moment(&mut rows, limit, |row| (row.created_at, row.order_id.clone()));
        Ok(Self { orders: rows.into_iter().map(OrderSummary::from).collect(), next_cursor })
    }
}

/// An order in a list.
#[derive(Serialize, ToSchema)]
pub struct OrderSummary {
    /// Its id.
    #[schema(example = "CS2603281445NO7AB")]
    order_id: String,
    /// The customer.
    customer_id: DomainId,
    /// What it is for.
    order_type: OrderType,
    /// How it stands.
    status: OrderStatus,
    /// At list prices.
    official_amount: Amount,
    /// What is, or is to be, paid by cash and credit.
    amount_after_discount: Amount,
    /// The currency.
    currency: Currency,
    /// When it was placed.
    created_at: Instant,
}

impl From<OrderRow> for OrderSummary {
    fn from(row: OrderRow) -> Self {
        Self {
            order_id: row.order_id,
            customer_id: row.domain_id,
            order_type: row.order_type,
            status: row.status,
            official_amount: row.official_amount.into(),
            amount_after_discount: row.amount_after_discount.into(),
            currency: row.currency,
            created_at: Instant(row.created_at),
        }
    }
}

/// List the orders of a customer
///
/// The latest first.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/orders",
    params(OfAccount, PageQuery),
    responses((status = 200, body = OrderPage, description = "The orders.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_orders(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
    Query(query): Query<PageQuery>,
) -> Result<Json<OrderPage>, ApiError> {
    let mut connection = app.database.control().await?;
    let (tenant, customer) = find_account(&mut connection, &account).await.map_err(refused)?;
    Ok(Json(OrderPage::read(&mut connection, (tenant, Whose::Customer(customer)), &query).await?))
}

/// Show an order
///
/// With its lines, and what became of each.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/orders/{order}",
    params(OfOrder),
    responses((status = 200, body = OrderView, description = "The order.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn show_order(
    State(app): State<App>,
    Path(OfOrder { account, order }): Path<OfOrder>,
) -> Result<Json<OrderView>, ApiError> {
    let mut connection = app.database.control().await?;
    let (tenant, customer) = find_account(&mut connection, &account).await.map_err(refused)?;
    let found = store::find(&mut connection, tenant, &order.id()).await?;
    let found = found.filter(|order| order.customer == customer).ok_or(Refusal::NoSuchOrder)?;
    Ok(Json(OrderView::of(&found)))
}

/// What a service says of an order.
#[derive(Deserialize, ToSchema)]
pub struct ProvisioningBody {
    /// Of the lines it can say something of.
    #[schema(min_items = 1, max_items = 100)]
    lines: Vec<ProvidedLine>,
}

/// What a service says of a line.
#[derive(Deserialize, ToSchema)]
pub struct ProvidedLine {
    /// Which line, from 1.
    #[schema(value_type = i32, minimum = 1, maximum = 100, example = 1)]
    line: Number<1, 100>,
    /// Whether it was provided.
    #[serde(deserialize_with = "truth::value")]
    provided: bool,
    /// The resource's id; a new one unless said otherwise. A change keeps the one that there is.
    resource_id: Option<ResourceId>,
    /// Its name; as it was ordered unless said otherwise. A change keeps it.
    name: Option<ResourceName>,
}

/// Report what was provided
///
/// Line by line, in one call or several. Once all lines have an outcome the order is completed, and what failed is given back in
/// full by an order of its own. A change is made as a whole: what is said of one of its lines is said of all.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/orders/{order}/provisioning",
    params(OfOrder),
    request_body = ProvisioningBody,
    responses((status = 200, body = OrderView, description = "The order afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn report_provisioning(
    State(app): State<App>,
    write: Write,
    Path(OfOrder { account, order }): Path<OfOrder>,
    Json(body): Json<ProvisioningBody>,
) -> Result<Answer, ApiError> {
    let desk = app.desk();
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let (order, customer) = cancel::lock(connection, of, &order.id()).await?;
            let mut said = vec![None; order.lines.len()];
            for line in &body.lines {
                let place = said.get_mut(line.line.get() as usize - 1);
                *place.ok_or_else(|| ApiError::parameter("lines.line", "the order has no such line"))? =
                    Some(line.said());
            }
            let by = By { user: None, now };
            let order = fulfil::report(connection, &desk, (order, &customer), &said, by).await?;
            Outcome::of(&order.id, &OrderView::of(&order))
        })
        .await
}

impl ProvidedLine {
    fn said(&self) -> Provided {
        if !self.provided {
            return Provided::Failed;
        }
        Provided::Done {
            resource_id: self.resource_id.as_ref().map(|id| id.as_str().to_owned()),
            name: self.name.as_ref().map(|name| name.as_str().to_owned()),
        }
    }
}

/// What is decided about an order.
#[derive(Deserialize, ToSchema)]
pub struct DecisionBody {
    /// The decision.
    decision: OrderDecision,
}

/// Decide about an order
///
/// One that is reviewed (1), or that waits for the customer to confirm it (9).
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/orders/{order}/decision",
    params(OfOrder),
    request_body = DecisionBody,
    responses((status = 200, body = OrderView, description = "The order afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn decide_order(
    State(app): State<App>,
    write: Write,
    Path(OfOrder { account, order }): Path<OfOrder>,
    Json(body): Json<DecisionBody>,
) -> Result<Answer, ApiError> {
    let desk = app.desk();
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let order =
                orders::decide(connection, &desk, (of, &order.id()), body.decision, By { user: None, now }).await?;
            Outcome::of(&order.id, &OrderView::of(&order))
        })
        .await
}
