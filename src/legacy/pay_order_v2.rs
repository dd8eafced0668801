//! `POST /v2/orders/customer-orders/pay`

use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::coupons::choice;
use crate::orders::model::OrderNumber;
use crate::orders::pay_orders::{CouponSimpleInfoOrderPayV3, DiscountSimpleInfoV3, chosen, pay_as_chosen};
use crate::values::list::List;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

/// Which order to pay, and with what, in the form of version 2.
#[derive(Deserialize, ToSchema)]
pub struct PayOrderV2Req {
    /// The order.
    order_id: OrderNumber,
    /// Up to three coupons or stored-value cards; null and an empty list are none.
    #[schema(inline, nullable, value_type = Option<Vec<CouponSimpleInfoOrderPayV3>>, max_items = 3)]
    coupon_infos: Option<List<CouponSimpleInfoOrderPayV3, { choice::ORDER_MAX }>>,
    /// One discount; null and an empty list are none.
    #[schema(inline, nullable, value_type = Option<Vec<DiscountSimpleInfoV3>>, max_items = 1)]
    discount_infos: Option<List<DiscountSimpleInfoV3, 1>>,
}

/// Pays an order, in the form of version 2.
///
/// As `PayOrders` does today, with what is named.
#[utoipa::path(
    post, path = "/v2/orders/customer-orders/pay",
    responses((status = 204, description = "It is paid.")),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).customer_action("bss:order:pay").writes()))),
)]
pub async fn pay_order_v2(
    State(app): State<App>,
    customer: Customer,
    write: Write,
    Json(request): Json<PayOrderV2Req>,
) -> Result<Answer, ApiError> {
    let coupons = request.coupon_infos.as_ref().map_or(&[][..], List::as_slice);
    let discounts = request.discount_infos.as_ref().map_or(&[][..], List::as_slice);
    let chosen = chosen(coupons, discounts)?;
    pay_as_chosen((&app, &customer), write, &request.order_id, chosen, |order| Ok(Outcome::empty(&order.id))).await
}
