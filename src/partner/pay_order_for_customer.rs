//! `POST /partner/v1/orders/{order_id}/pay`

use super::orders::{OfOrder, OrderOfCustomer, policy};
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::Path;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::orders::agent_payment;
use crate::orders::model::By;
use axum::extract::State;

/// Pays an order for a customer.
///
/// One that the customer has asked for: all of it, with the best discount there is, from what the partner could allocate; the
/// customer's own money and coupons stay as they are. What is given back of it later goes to the partner.
#[utoipa::path(
    post, path = "/partner/v1/orders/{order_id}/pay",
    params(OfOrder),
    responses((status = 200, description = "The order.", body = OrderOfCustomer)),
    extensions(("x-policy" = json!(policy().writes()))),
)]
pub async fn pay_order_for_customer(
    State(app): State<App>,
    seller: Seller,
    write: Write,
    Path(OfOrder { order_id }): Path<OfOrder>,
) -> Result<Answer, ApiError> {
    let (partner, id) = ((seller.tenant, seller.domain), order_id.id());
    let (desk, by) = (app.desk(), By { user: Some(seller.user), now: app.now(seller.tenant) });
    write
        .once(async |connection| {
            let (order, customer) = agent_payment::lock(connection, partner, &id).await?;
            let order = agent_payment::pay(connection, &desk, (&order, &customer), by).await?;
            Outcome::of(&id, &OrderOfCustomer::of(&order))
        })
        .await
}
