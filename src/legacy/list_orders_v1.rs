//! `GET /v1.0/{domain_id}/common/order-mgr/orders/detail`

use super::form::{DoneV1, OfCaller, PageNumber, check_own, skipped};
use super::order::OrderV1;
use crate::api::caller::{AnyCaller, CallerKind};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::filter::{Filter, Refused, Taken};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::{AccountIdText, AssociationType};
use crate::orders::list_customer_orders::{Bound, OrderBy, span, whose};
use crate::orders::model::{OrderNumber, OrderStatus, OrderType, ServiceTypeFilter};
use crate::orders::store::search::{OrderFilter, Search};
use crate::values::id::DomainId;
use crate::values::number::Number;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which orders, in the old form.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListOrdersV1Query {
    /// Which page, from 1.
    #[param(inline)]
    page_index: PageNumber,
    /// How many orders a page has.
    #[param(inline)]
    page_size: Number<1, 100>,
    /// Only this one, in any case.
    #[param(inline, value_type = OrderNumber)]
    #[serde(default)]
    order_id: Filter<OrderNumber, Refused, Taken>,
    /// Of a partner: only those of this customer.
    #[param(inline, value_type = AccountIdText)]
    #[serde(default)]
    customer_id: Filter<AccountIdText, Refused, Taken>,
    /// Only those placed at this instant or later; at most a year before `create_time_end`.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    create_time_begin: Bound,
    /// Only those placed at this instant or earlier.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    create_time_end: Bound,
    /// Only those of this service type, in any case.
    #[param(inline, value_type = ServiceTypeFilter)]
    #[serde(default)]
    service_type: Filter<ServiceTypeFilter, Taken, Taken>,
    /// Only those with this status.
    #[param(inline, value_type = OrderStatus)]
    #[serde(default)]
    status: Filter<OrderStatus, Refused>,
    /// Only those for this.
    #[param(inline, value_type = OrderType)]
    #[serde(default)]
    order_type: Filter<OrderType, Refused, Refused>,
    /// In which order; the latest first unless said otherwise.
    #[param(inline, value_type = OrderBy)]
    #[serde(default)]
    sort: Filter<OrderBy>,
    /// Only those paid at this instant or later; at most a year before `payment_time_end`.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    payment_time_begin: Bound,
    /// Only those paid at this instant or earlier.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    payment_time_end: Bound,
}

/// Orders, in the old form.
#[derive(Serialize, ToSchema)]
pub struct ListOrdersV1Response {
    #[serde(flatten)]
    done: DoneV1,
    /// The page.
    data: OrderPageV1,
}

/// A page of orders, in the old form.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderPageV1 {
    /// How many orders a page has.
    #[schema(example = 10)]
    page_size: u32,
    /// Which page it is, from 1.
    #[schema(example = 1)]
    page_index: u32,
    /// How many there are in all.
    #[schema(example = 25)]
    total_size: i64,
    /// The orders.
    order_infos: Vec<OrderV1>,
}

/// Lists orders, in the old form.
///
/// As `ListCustomerOrders` does today. A partner sees those only that customers have paid as resale customers.
#[utoipa::path(
    get, path = "/v1.0/{domain_id}/common/order-mgr/orders/detail",
    params(OfCaller, ListOrdersV1Query),
    responses((status = 200, description = "The orders.", body = ListOrdersV1Response)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS_AND_CUSTOMERS)
            .needs("BPC_ITEM_SUBCUSTSERV_060100")
            .needs("BPC_ITEM_SUBCUSTSERV_060200")
            .customer_action("bss:order:view")
    ))),
)]
pub async fn list_orders_v1(
    State(app): State<App>,
    caller: AnyCaller,
    Path(OfCaller { domain_id }): Path<OfCaller>,
    Query(query): Query<ListOrdersV1Query>,
) -> Result<Json<ListOrdersV1Response>, ApiError> {
    check_own(&caller, &domain_id)?;
    let filter = OrderFilter {
        order: query.order_id.wanted().map(OrderNumber::id),
        // What cannot be an id is nobody's.
        customer: query.customer_id.wanted().map(|text| text.id().unwrap_or(DomainId(Uuid::nil()))),
        created: span("create_time_end", (&query.create_time_begin, &query.create_time_end))?,
        paid: span("payment_time_end", (&query.payment_time_begin, &query.payment_time_end))?,
        service_type: query.service_type.wanted().map(|code| code.as_str().to_ascii_lowercase()),
        status: query.status.wanted().copied(),
        kind: query.order_type.wanted().copied(),
        paid_as: (!caller.kind.is_customer()).then_some(AssociationType::Resale),
    };
    let search = Search {
        tenant: caller.tenant,
        whose: whose(&app, &caller, None).await?,
        filter,
        ascending: query.sort.wanted() == Some(&OrderBy::CreateTime),
    };
    let size = query.page_size.get() as usize;
    let mut connection = app.database.tenant(caller.tenant).await?;
    let (rows, total_size) = search.page(&mut connection, (skipped(query.page_index, size), size)).await?;
    let data = OrderPageV1 {
        page_size: query.page_size.get(),
        page_index: query.page_index.get(),
        total_size,
        order_infos: rows.into_iter().map(OrderV1::from).collect(),
    };
    Ok(Json(ListOrdersV1Response { done: DoneV1::default(), data }))
}
