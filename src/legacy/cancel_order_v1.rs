//! `PUT /v1.0/{domain_id}/customer/order-mgr/orders/actions`

use super::form::{DoneV1, OfCaller, check_own};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::orders::cancel;
use crate::orders::model::{By, OrderNumber};
use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// What to do to an order.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CancelOrderV1Query {
    /// `cancel`.
    #[serde(rename = "action_id")]
    #[param(inline, rename = "action_id")]
    _action: OrderActionV1,
}

/// What is done to an order.
#[derive(Deserialize, ToSchema)]
pub enum OrderActionV1 {
    /// It is cancelled.
    #[serde(rename = "cancel")]
    Cancel,
}

/// Which order to cancel, in the old form.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancelOrderV1Req {
    /// The order.
    order_id: OrderNumber,
}

/// Cancels an order that waits to be paid, in the old form.
///
/// As `CancelCustomerOrder` does today.
#[utoipa::path(
    put, path = "/v1.0/{domain_id}/customer/order-mgr/orders/actions",
    params(OfCaller, CancelOrderV1Query),
    responses((status = 200, description = "It is cancelled.", body = DoneV1)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS).customer_action("bss:order:update").writes()
    ))),
)]
pub async fn cancel_order_v1(
    State(app): State<App>,
    customer: Customer,
    write: Write,
    Path(OfCaller { domain_id }): Path<OfCaller>,
    _action: Query<CancelOrderV1Query>,
    Json(request): Json<CancelOrderV1Req>,
) -> Result<Answer, ApiError> {
    check_own(&customer, &domain_id)?;
    let id = request.order_id.id();
    let by = By { user: Some(customer.user), now: app.now(customer.tenant) };
    write
        .once(async |connection| {
            cancel::by_customer(connection, &customer, &id, by).await?;
            Outcome::of(&id, &DoneV1::default())
        })
        .await
}
