//! `GET /v2/orders/customer-orders/refund-orders`

use super::model::{Order, OrderNumber, OrderType};
use super::refusal::Refusal;
use super::show_customer_order_details::visible;
use super::store::refunds::{self, RefundRow};
use super::view::{resource_name, service_name};
use crate::api::caller::{AnyCaller, CallerKind};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::products::store::Products;
use crate::values::amount::Amount;
use crate::values::id::DomainId;
use crate::values::language::Language;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Of which order.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShowRefundOrderDetailsQuery {
    /// An unsubscription, or a change that gives back.
    #[param(inline)]
    order_id: OrderNumber,
    /// Of a partner: the customer, which must be given. Ignored for customers.
    #[param(inline)]
    customer_id: Option<AccountIdText>,
    /// For a distributor: the reseller whose customer it is. Ignored for other callers.
    #[param(inline)]
    indirect_partner_id: Option<AccountIdText>,
}

/// What an order gave back and kept.
#[derive(Serialize, ToSchema)]
pub struct ShowRefundOrderDetailsResponse {
    /// How many records there are.
    #[schema(example = 2)]
    total_count: usize,
    /// The records; their sum is what was given back, below zero.
    refund_infos: Vec<OrderRefundInfoV2>,
}

/// An amount that was given back or kept.
#[derive(Serialize, ToSchema)]
pub struct OrderRefundInfoV2 {
    /// The record's id.
    #[schema(example = "CS2603281445NO7AB-000001")]
    id: String,
    /// Below zero: given back; above: what was used, or a fee.
    amount: Amount,
    /// The unit: 1, the currency's main unit.
    #[schema(example = "1")]
    measure_id: &'static str,
    /// The customer.
    customer_id: DomainId,
    /// The resource's type.
    #[schema(example = "hws.resource.type.vm")]
    resource_type_code: String,
    /// Its service type.
    #[schema(example = "hws.service.type.ec2")]
    service_type_code: String,
    /// The name of the resource's type.
    #[schema(example = "Cloud server")]
    resource_type_name: String,
    /// The name of its service type.
    #[schema(example = "Elastic Cloud Server")]
    service_type_name: String,
    /// Its region.
    #[schema(example = "cn-north-4")]
    region_code: String,
    /// The purchase, renewal or change that had been paid.
    #[schema(example = "CS2603281445NO7AB")]
    base_order_id: String,
}

/// Shows what an unsubscription, or a change to something smaller, gave back and kept.
///
/// Of an unsubscription, for each resource and each order that had been paid for it: all of that, below zero; what was used of it;
/// and the fee. Of a change: what came back of each of these orders, once the service has made the change.
#[utoipa::path(
    get, path = "/v2/orders/customer-orders/refund-orders",
    params(ShowRefundOrderDetailsQuery),
    responses((status = 200, description = "The records.", body = ShowRefundOrderDetailsResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::PARTNERS_AND_CUSTOMERS).customer_action("bss:order:view")))),
)]
pub async fn show_refund_order_details(
    State(app): State<App>,
    caller: AnyCaller,
    language: Language,
    Query(query): Query<ShowRefundOrderDetailsQuery>,
) -> Result<Json<ShowRefundOrderDetailsResponse>, ApiError> {
    let order = visible(&app, &caller, &query.order_id, query.indirect_partner_id.as_ref()).await?;
    if !caller.kind.is_customer() {
        let named = AccountIdText::given(query.customer_id.as_ref());
        let named = named.ok_or_else(|| ApiError::parameter("customer_id", "must be given by a partner"))?;
        if named.id() != Some(order.customer) {
            return Err(Refusal::NoSuchOrder.into());
        }
    }
    let rows = rows(&app, &order).await?;
    let catalogue = app.catalogue.load();
    let shown = rows.into_iter().enumerate();
    let refund_infos: Vec<OrderRefundInfoV2> =
        shown.map(|row| show((&order.id, order.customer), row, &catalogue.products, language)).collect();
    Ok(Json(ShowRefundOrderDetailsResponse { total_count: refund_infos.len(), refund_infos }))
}

/// What an order gave back and kept, if it is one that gives back.
pub async fn rows(app: &App, order: &Order) -> Result<Vec<RefundRow>, ApiError> {
    if !(order.kind == OrderType::Unsubscribe || order.kind == OrderType::Change && order.gives_back()) {
        return Err(Refusal::NotARefund.into());
    }
    let mut connection = app.database.tenant(order.tenant).await?;
    Ok(refunds::of(&mut connection, order.tenant, &order.id).await?)
}

fn show(
    (order, customer_id): (&str, DomainId),
    (place, row): (usize, RefundRow),
    products: &Products,
    language: Language,
) -> OrderRefundInfoV2 {
    OrderRefundInfoV2 {
        id: super::number::line_id(order, place),
        amount: row.amount.into(),
        measure_id: "1",
        customer_id,
        resource_type_name: resource_name(products, &row.resource_type, language),
        resource_type_code: row.resource_type,
        service_type_name: service_name(products, &row.service_type, language),
        service_type_code: row.service_type,
        region_code: row.region,
        base_order_id: row.base_order,
    }
}
