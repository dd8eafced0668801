//! `GET /partner/v1/orders/to-pay`

use super::orders::{OrderOfCustomer, policy};
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter, Refused};
use crate::api::page::{Limit, Offset};
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::orders::model::OrderNumber;
use crate::orders::store::search::{OrderFilter, Search, Whose};
use crate::values::id::DomainId;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which orders.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListOrdersToPayQuery {
    /// Only this one, in any case; not empty.
    #[param(inline, value_type = OrderNumber)]
    #[serde(default)]
    order_id: Filter<OrderNumber, Refused, Refused>,
    /// Only those of this customer; not empty.
    #[param(inline, value_type = AccountIdText)]
    #[serde(default)]
    customer_id: Filter<AccountIdText, Refused, Refused>,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
}

/// Orders that a partner is asked to pay.
#[derive(Serialize, ToSchema)]
pub struct ListOrdersToPayResponse {
    /// How many there are in all.
    #[schema(example = 25)]
    total_count: i64,
    /// This part of them, the latest first.
    orders: Vec<OrderOfCustomer>,
}

/// Lists the orders that the partner is asked to pay.
///
/// What customers have asked for and nobody has paid, refused, cancelled or let expire.
#[utoipa::path(
    get, path = "/partner/v1/orders/to-pay",
    params(ListOrdersToPayQuery),
    responses((status = 200, description = "The orders.", body = ListOrdersToPayResponse)),
    extensions(("x-policy" = json!(policy()))),
)]
pub async fn list_orders_to_pay(
    State(app): State<App>,
    seller: Seller,
    Query(query): Query<ListOrdersToPayQuery>,
) -> Result<Json<ListOrdersToPayResponse>, ApiError> {
    let filter = OrderFilter {
        order: query.order_id.wanted().map(OrderNumber::id),
        // What cannot be an id is nobody's.
        customer: query.customer_id.wanted().map(|text| text.id().unwrap_or(DomainId(Uuid::nil()))),
        ..OrderFilter::default()
    };
    let search = Search { tenant: seller.tenant, whose: Whose::Asked(seller.domain), filter, ascending: false };
    let mut connection = app.database.tenant(seller.tenant).await?;
    let (rows, total_count) = search.page(&mut connection, (query.offset.get(), query.limit.get())).await?;
    Ok(Json(ListOrdersToPayResponse { total_count, orders: rows.into_iter().map(OrderOfCustomer::from).collect() }))
}
