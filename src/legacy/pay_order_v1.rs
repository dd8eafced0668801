//! `POST /v1.0/{domain_id}/customer/order-mgr/order/pay`

use super::form::{DoneV1, OfCaller, check_own};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::coupons::choice;
use crate::orders::model::OrderNumber;
use crate::orders::pay::Chosen;
use crate::orders::pay_orders::{PaymentCouponId, pay_as_chosen};
use crate::values::id::CouponId;
use crate::values::list::List;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which order to pay, in the old form.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PayOrderV1Req {
    /// The order.
    order_id: OrderNumber,
    /// Up to three coupons; null and an empty list are none.
    #[schema(inline, nullable, value_type = Option<Vec<PaymentCouponId>>, max_items = 3)]
    coupon_ids: Option<List<PaymentCouponId, { choice::ORDER_MAX }>>,
}

/// That it is paid, in the old form.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PayOrderV1Response {
    #[serde(flatten)]
    done: DoneV1,
    /// Under which number it was paid: the order's.
    #[schema(example = "CS2603281445NO7AB")]
    trade_no: String,
    /// Resources for which there is no room: none.
    #[schema(example = json!([]))]
    quota_infos: Vec<String>,
    /// Enterprise projects without funds: none.
    #[schema(example = json!([]))]
    enterprise_project_auth_result: Vec<String>,
}

/// Pays an order, in the old form.
///
/// As `PayOrders` does today, without a discount. From which account (`payAccountType`, `bpId`) is not read: a customer pays from
/// its own.
#[utoipa::path(
    post, path = "/v1.0/{domain_id}/customer/order-mgr/order/pay",
    params(OfCaller),
    responses((status = 200, description = "It is paid.", body = PayOrderV1Response)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).customer_action("bss:order:pay").writes()))),
)]
pub async fn pay_order_v1(
    State(app): State<App>,
    customer: Customer,
    write: Write,
    Path(OfCaller { domain_id }): Path<OfCaller>,
    Json(request): Json<PayOrderV1Req>,
) -> Result<Answer, ApiError> {
    check_own(&customer, &domain_id)?;
    let mut chosen = Chosen::default();
    for id in request.coupon_ids.iter().flat_map(List::as_slice) {
        chosen.coupons.push((CouponId(id.id("couponIds")?), None));
    }
    pay_as_chosen((&app, &customer), write, &request.order_id, chosen, |order| {
        let body = PayOrderV1Response {
            done: DoneV1::default(),
            trade_no: order.id.clone(),
            quota_infos: Vec::new(),
            enterprise_project_auth_result: Vec::new(),
        };
        Outcome::of(&order.id, &body)
    })
    .await
}
