//! `GET /v1.0/{domain_id}/common/order-mgr/orders-resource/{order_id}`

use super::form::{OrderOfCaller, PageNumber, check_own, skipped};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::page::Limit;
use crate::api::policy::Policy;
use crate::app::App;
use crate::orders::model::{Line, OrderStatus};
use crate::orders::show_customer_order_details::visible;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which of an order's resources.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListOrderResourcesV1Query {
    /// Which page, from 1; the first unless said otherwise.
    #[param(inline)]
    offset: Option<PageNumber>,
    /// How many resources a page has.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<50>,
}

/// What became of an order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListOrderResourcesV1Response {
    /// How many resources it has.
    #[schema(example = 1)]
    total_size: usize,
    /// This page of them.
    resources: Vec<OrderResourceV1>,
}

/// A resource that was ordered.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderResourceV1 {
    /// Its id; null until it is provided.
    #[schema(nullable, example = "01978d6a-2b3c-7d4e-8f90-a1b2c3d4e5f6")]
    resource_id: Option<String>,
    /// Its service type.
    #[schema(example = "hws.service.type.ec2")]
    cloud_service_type: String,
    /// Its region.
    #[schema(example = "cn-north-4")]
    region_code: String,
    /// Its type.
    #[schema(example = "hws.resource.type.vm")]
    resource_type: String,
    /// Its specification.
    #[schema(example = "s6.large.2.linux")]
    resource_spec_code: String,
    /// Its size; of linear products only.
    #[schema(nullable, example = 40)]
    resource_size: Option<i32>,
    /// The unit of the size; the name's spelling is the vendor's.
    #[schema(nullable, example = 17)]
    resouce_size_measure_id: Option<i32>,
    /// How the order stands.
    status: OrderStatus,
}

/// Lists what an order has provided.
///
/// Line by line; there is no such operation today. The answer has no `CBC.0000`.
#[utoipa::path(
    get, path = "/v1.0/{domain_id}/common/order-mgr/orders-resource/{order_id}",
    params(OrderOfCaller, ListOrderResourcesV1Query),
    responses((status = 200, description = "The resources.", body = ListOrderResourcesV1Response)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).customer_action("bss:order:view")))),
)]
pub async fn list_order_resources_v1(
    State(app): State<App>,
    customer: Customer,
    Path(OrderOfCaller { domain_id, order_id }): Path<OrderOfCaller>,
    Query(query): Query<ListOrderResourcesV1Query>,
) -> Result<Json<ListOrderResourcesV1Response>, ApiError> {
    check_own(&customer, &domain_id)?;
    let order = visible(&app, &customer, &order_id, None).await?;
    let size = query.limit.get();
    let skipped = query.offset.map_or(0, |page| skipped(page, size));
    let resources = order.lines.iter().skip(skipped).take(size).map(|line| show(line, order.status)).collect();
    Ok(Json(ListOrderResourcesV1Response { total_size: order.lines.len(), resources }))
}

fn show(line: &Line, status: OrderStatus) -> OrderResourceV1 {
    let product = &line.product;
    OrderResourceV1 {
        resource_id: line.resource_id.clone(),
        cloud_service_type: product.service_type.clone(),
        region_code: product.region.clone(),
        resource_type: product.resource_type.clone(),
        resource_spec_code: product.resource_spec.clone(),
        resource_size: product.size.map(|size| size.size),
        resouce_size_measure_id: product.size.map(|size| size.measure_id),
        status,
    }
}
