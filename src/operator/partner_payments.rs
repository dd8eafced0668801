//! Orders that partners are asked to pay: `/admin/v1/accounts/{account}/orders-to-pay`, `…/orders/{order}/partner-payment`

use super::cursor::PageQuery;
use super::named::{OfAccount, account_and_time, refused};
use super::orders::{OfOrder, OrderPage, OrderView};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::operation::{Operations, operations};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::identity::administration::find_account;
use crate::operators::store::Role;
use crate::orders::model::By;
use crate::orders::store::search::Whose;
use crate::orders::{agent_payment, cancel};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

/// The operations on what partners pay.
pub fn register(operations: &mut Operations<App, OperatorPolicy>) {
    operations!(operations, "orders": list_orders_to_pay, settle_partner_payment);
}

/// List the orders that a partner is asked to pay
///
/// The latest first.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/orders-to-pay",
    params(OfAccount, PageQuery),
    responses((status = 200, body = OrderPage, description = "The orders.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_orders_to_pay(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
    Query(query): Query<PageQuery>,
) -> Result<Json<OrderPage>, ApiError> {
    let mut connection = app.database.control().await?;
    let (tenant, partner) = find_account(&mut connection, &account).await.map_err(refused)?;
    Ok(Json(OrderPage::read(&mut connection, (tenant, Whose::Asked(partner)), &query).await?))
}

/// What happens between a customer and its partner, who is to pay an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PartnerPaymentStep {
    /// The customer asks its partner to pay.
    Ask,
    /// The partner pays.
    Pay,
    /// The partner does not pay.
    Refuse,
}

/// What is done about the payment of an order by a partner.
#[derive(Deserialize, ToSchema)]
pub struct PartnerPaymentBody {
    /// The step.
    step: PartnerPaymentStep,
}

/// Settle who pays an order
///
/// What the customer and its partner do themselves, done for them by staff. The account is the customer's.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/orders/{order}/partner-payment",
    params(OfOrder),
    request_body = PartnerPaymentBody,
    responses((status = 200, body = OrderView, description = "The order afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn settle_partner_payment(
    State(app): State<App>,
    write: Write,
    Path(OfOrder { account, order }): Path<OfOrder>,
    Json(body): Json<PartnerPaymentBody>,
) -> Result<Answer, ApiError> {
    let desk = app.desk();
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let by = By { user: None, now };
            let (order, customer) = cancel::lock(connection, of, &order.id()).await?;
            let order = match body.step {
                PartnerPaymentStep::Ask => agent_payment::ask(connection, (order, &customer), by).await?,
                PartnerPaymentStep::Pay => agent_payment::pay(connection, &desk, (&order, &customer), by).await?,
                PartnerPaymentStep::Refuse => agent_payment::refuse(connection, order, by).await?,
            };
            Outcome::of(&order.id, &OrderView::of(&order))
        })
        .await
}
