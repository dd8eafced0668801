//! `PUT /v2/orders/customer-orders/cancel`

use super::cancel;
use super::model::{By, OrderNumber};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

/// Which order to cancel.
#[derive(Deserialize, ToSchema)]
pub struct CancelCustomerOrderReq {
    /// The order.
    order_id: OrderNumber,
}

/// Cancels an order that waits to be paid.
///
/// An order that stands otherwise is refused with `CBC.99005010`. The resources that it was about can be ordered for again. A
/// master account also cancels what it has to pay for members.
#[utoipa::path(
    put, path = "/v2/orders/customer-orders/cancel",
    responses((status = 204, description = "It is cancelled.")),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS).customer_action("bss:order:update").writes()
    ))),
)]
pub async fn cancel_customer_order(
    State(app): State<App>,
    customer: Customer,
    write: Write,
    Json(request): Json<CancelCustomerOrderReq>,
) -> Result<Answer, ApiError> {
    let id = request.order_id.id();
    let by = By { user: Some(customer.user), now: app.now(customer.tenant) };
    write
        .once(async |connection| {
            cancel::by_customer(connection, &customer, &id, by).await?;
            Ok(Outcome::empty(&id))
        })
        .await
}
