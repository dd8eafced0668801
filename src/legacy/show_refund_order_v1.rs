//! `GET /v1.0/{domain_id}/common/order-mgr/orders/refund-order`

use super::form::{DoneV1, OfCaller, check_own};
use crate::api::caller::{AnyCaller, CallerKind};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::policy::Policy;
use crate::app::App;
use crate::orders::model::OrderNumber;
use crate::orders::number;
use crate::orders::show_customer_order_details::visible;
use crate::orders::show_refund_order_details::rows;
use crate::values::amount::Amount;
use crate::values::id::DomainId;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Of which order, in the old form.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShowRefundOrderV1Query {
    /// An unsubscription.
    #[param(inline)]
    order_id: OrderNumber,
}

/// What an unsubscription gave back and kept, in the old form.
#[derive(Serialize, ToSchema)]
pub struct ShowRefundOrderV1Response {
    #[serde(flatten)]
    done: DoneV1,
    /// How many records there are.
    #[schema(example = 2)]
    total_count: usize,
    /// The records; their sum is what was given back, below zero.
    resource_info_list: Vec<RefundInfoV1>,
}

/// An amount that was given back or kept, in the old form.
#[derive(Serialize, ToSchema)]
pub struct RefundInfoV1 {
    /// The record's id.
    #[schema(example = "CS2603281445NO7AB-000001")]
    id: String,
    /// Reserved.
    #[schema(nullable)]
    resource_id: Option<String>,
    /// Below zero: given back; above: what was used, or a fee.
    amount: Amount,
    /// The unit: 1, the currency's main unit.
    #[schema(example = "1")]
    measure_id: &'static str,
    /// The customer.
    customer_id: DomainId,
    /// The resource's type.
    #[serde(rename = "resourceType")]
    #[schema(example = "hws.resource.type.vm")]
    resource_type: String,
    /// Its service type.
    #[serde(rename = "cloudServiceType")]
    #[schema(example = "hws.service.type.ec2")]
    service_type: String,
    /// Its region.
    #[serde(rename = "regionCode")]
    #[schema(example = "cn-north-4")]
    region: String,
    /// The purchase or renewal that had been paid.
    #[serde(rename = "preOrderId")]
    #[schema(example = "CS2603281445NO7AB")]
    base_order: String,
}

/// Shows what an unsubscription gave back and kept, in the old form.
///
/// As `ShowRefundOrderDetails` does today; a partner need not name its customer.
#[utoipa::path(
    get, path = "/v1.0/{domain_id}/common/order-mgr/orders/refund-order",
    params(OfCaller, ShowRefundOrderV1Query),
    responses((status = 200, description = "The records.", body = ShowRefundOrderV1Response)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS_AND_CUSTOMERS).customer_action("bss:order:view")
    ))),
)]
pub async fn show_refund_order_v1(
    State(app): State<App>,
    caller: AnyCaller,
    Path(OfCaller { domain_id }): Path<OfCaller>,
    Query(query): Query<ShowRefundOrderV1Query>,
) -> Result<Json<ShowRefundOrderV1Response>, ApiError> {
    check_own(&caller, &domain_id)?;
    let order = visible(&app, &caller, &query.order_id, None).await?;
    let records = rows(&app, &order).await?.into_iter().enumerate();
    let resource_info_list: Vec<RefundInfoV1> = records
        .map(|(place, row)| RefundInfoV1 {
            id: number::line_id(&order.id, place),
            resource_id: None,
            amount: row.amount.into(),
            measure_id: "1",
            customer_id: order.customer,
            resource_type: row.resource_type,
            service_type: row.service_type,
            region: row.region,
            base_order: row.base_order,
        })
        .collect();
    let total_count = resource_info_list.len();
    Ok(Json(ShowRefundOrderV1Response { done: DoneV1::default(), total_count, resource_info_list }))
}
