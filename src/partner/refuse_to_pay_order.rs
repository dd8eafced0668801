//! `POST /partner/v1/orders/{order_id}/refuse`

use super::orders::{OfOrder, OrderOfCustomer, policy};
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::Path;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::orders::agent_payment;
use crate::orders::model::By;
use axum::extract::State;

/// Refuses to pay an order for a customer.
///
/// The customer can pay it itself then, until the deadline that it had from the beginning, or ask once more.
#[utoipa::path(
    post, path = "/partner/v1/orders/{order_id}/refuse",
    params(OfOrder),
    responses((status = 200, description = "The order.", body = OrderOfCustomer)),
    extensions(("x-policy" = json!(policy().writes()))),
)]
pub async fn refuse_to_pay_order(
    State(app): State<App>,
    seller: Seller,
    write: Write,
    Path(OfOrder { order_id }): Path<OfOrder>,
) -> Result<Answer, ApiError> {
    let (partner, id) = ((seller.tenant, seller.domain), order_id.id());
    let by = By { user: Some(seller.user), now: app.now(seller.tenant) };
    write
        .once(async |connection| {
            let (order, _) = agent_payment::lock(connection, partner, &id).await?;
            let order = agent_payment::refuse(connection, order, by).await?;
            Outcome::of(&id, &OrderOfCustomer::of(&order))
        })
        .await
}
