//! `POST /partner/v1/orders`

use super::orders::{OrderOfCustomer, policy};
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::orders::administration::{Ordering, order_by_partner};
use crate::orders::model::{By, SourceType};
use crate::orders::ordered::{OrderedLine, OrderedProject, wanted_at_list_prices};
use crate::orders::state::Event;
use crate::values::truth;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

/// What a partner orders for a customer.
#[derive(Deserialize, ToSchema)]
pub struct PlaceOrderForCustomerReq {
    /// The customer, a resale customer of the partner's own.
    customer_id: AccountIdText,
    /// What is ordered: up to 100 resources in all.
    #[schema(min_items = 1, max_items = 100)]
    lines: Vec<OrderedLine>,
    /// The enterprise project; none unless said otherwise.
    enterprise_project_id: Option<OrderedProject>,
    /// Whether the customer's money pays it at once, with the best discount and its cash coupon with the largest balance. What
    /// cannot be paid waits.
    #[serde(default, deserialize_with = "truth::value")]
    auto_pay: bool,
}

/// Places an order for a customer.
///
/// For a resale customer that has granted the partner an agency; without one it is refused with 403 `CBC.0151`. The order is the
/// customer's, at list prices, and pays like its other orders: from its balance, or by the partner if the customer asks for that.
#[utoipa::path(
    post, path = "/partner/v1/orders",
    responses((status = 200, description = "The order.", body = OrderOfCustomer)),
    extensions(("x-policy" = json!(policy().writes()))),
)]
pub async fn place_order_for_customer(
    State(app): State<App>,
    seller: Seller,
    write: Write,
    Json(request): Json<PlaceOrderForCustomerReq>,
) -> Result<Answer, ApiError> {
    let customer = app.customers.of_partner(seller.tenant, seller.domain, &request.customer_id).await?;
    let ordering = Ordering {
        wanted: wanted_at_list_prices(&request.lines)?,
        enterprise_project: request.enterprise_project_id.as_ref().map(|id| id.as_str().to_owned()),
        user_name: seller.user_name.clone(),
        source: SourceType::Agent,
        is_auto_pay: request.auto_pay,
        begins: Event::Placed,
    };
    let of = ((seller.tenant, customer.id), seller.domain);
    let (desk, by) = (app.desk(), By { user: Some(seller.user), now: app.now(seller.tenant) });
    write
        .once(async |connection| {
            let placed = order_by_partner(connection, &desk, of, &ordering, by).await?;
            let mut shown = OrderOfCustomer::of(&placed.order);
            shown.unpaid = placed.unpaid.map(|error| ApiError::from(error).code.to_owned());
            Outcome::of(&placed.order.id, &shown)
        })
        .await
}
