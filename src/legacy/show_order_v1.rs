//! `GET /v1.0/{domain_id}/common/order-mgr/orders/{order_id}`

use super::form::{DoneV1, OrderOfCaller, PageNumber, check_own, skipped};
use super::order::{AmountInfoV1, OrderV1};
use crate::api::caller::{AnyCaller, CallerKind};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::page::Limit;
use crate::api::policy::Policy;
use crate::app::App;
use crate::orders::list_customer_orders::whose;
use crate::orders::model::{Line, Order};
use crate::orders::number;
use crate::orders::refusal::Refusal;
use crate::orders::show_customer_order_details::visible;
use crate::orders::store::search::{OrderFilter, Search};
use crate::values::amount::Amount;
use crate::values::money::Currency;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which of an order's lines, in the old form.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShowOrderV1Query {
    /// Which page, from 1; the first unless said otherwise.
    #[param(inline)]
    offset: Option<PageNumber>,
    /// How many lines a page has.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100>,
}

/// An order with its lines, in the old form.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShowOrderV1Response {
    #[serde(flatten)]
    done: DoneV1,
    /// The order.
    order_info: OrderV1,
    /// How many lines it has.
    #[schema(example = 1)]
    count: usize,
    /// This page of its lines.
    #[serde(rename = "orderlineItems")]
    orderline_items: Vec<OrderLineV1>,
}

/// A line of an order, in the old form.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderLineV1 {
    /// Its id.
    #[schema(example = "CS2603281445NO7AB-000001")]
    order_line_item_id: String,
    /// Its service type.
    #[schema(example = "hws.service.type.ec2")]
    cloud_service_type: String,
    /// The product.
    #[schema(example = "00301-110060-0--0")]
    product_id: String,
    /// What it is in words.
    #[schema(example = "s6.large.2.linux")]
    product_spec_desc: String,
    /// 0 days, 2 months, 3 years.
    #[schema(example = 2)]
    period_type: i32,
    /// How many of them; null on an unsubscription.
    #[schema(nullable, example = 1)]
    period_num: Option<u32>,
    /// From when on it is paid for; null until it is provided.
    #[schema(nullable)]
    valid_time: Option<Instant>,
    /// Until when.
    #[schema(nullable)]
    expire_time: Option<Instant>,
    /// How many: 1, since each resource has a line of its own.
    #[schema(example = 1)]
    subscription_num: i32,
    /// Before anything is taken off.
    currency: Amount,
    /// What is paid by cash and credit.
    currency_after_discount: Amount,
    /// At list prices.
    currency_official: Amount,
    /// What was taken off, and paid otherwise.
    amount_info: AmountInfoV1,
    /// The currency.
    currency_type: Currency,
    /// The product's place in the vendor's catalogue: it is not published.
    #[schema(example = "")]
    category_code: &'static str,
}

/// Shows an order and its lines, in the old form.
///
/// As `ShowCustomerOrderDetails` does today.
#[utoipa::path(
    get, path = "/v1.0/{domain_id}/common/order-mgr/orders/{order_id}",
    params(OrderOfCaller, ShowOrderV1Query),
    responses((status = 200, description = "The order.", body = ShowOrderV1Response)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS_AND_CUSTOMERS)
            .needs("BPC_ITEM_SUBCUSTSERV_060100")
            .needs("BPC_ITEM_SUBCUSTSERV_060200")
            .customer_action("bss:order:view")
    ))),
)]
pub async fn show_order_v1(
    State(app): State<App>,
    caller: AnyCaller,
    Path(OrderOfCaller { domain_id, order_id }): Path<OrderOfCaller>,
    Query(query): Query<ShowOrderV1Query>,
) -> Result<Json<ShowOrderV1Response>, ApiError> {
    check_own(&caller, &domain_id)?;
    let order = visible(&app, &caller, &order_id, None).await?;
    let filter = OrderFilter { order: Some(order.id.clone()), ..OrderFilter::default() };
    let search = Search { tenant: caller.tenant, whose: whose(&app, &caller, None).await?, filter, ascending: false };
    let mut connection = app.database.tenant(caller.tenant).await?;
    let head = search.behind(&mut connection, None, 1).await?.pop().ok_or(Refusal::NoSuchOrder)?;
    let size = query.limit.get();
    let skipped = query.offset.map_or(0, |page| skipped(page, size));
    let lines = order.lines.iter().enumerate().skip(skipped).take(size);
    Ok(Json(ShowOrderV1Response {
        done: DoneV1::default(),
        order_info: head.into(),
        count: order.lines.len(),
        orderline_items: lines.map(|line| show(&order, line)).collect(),
    }))
}

fn show(order: &Order, (place, line): (usize, &Line)) -> OrderLineV1 {
    let amounts = &line.amounts;
    OrderLineV1 {
        order_line_item_id: number::line_id(&order.id, place),
        cloud_service_type: line.product.service_type.clone(),
        product_id: line.product.product_id.clone(),
        product_spec_desc: line.product.description(),
        period_type: line.period.kind.number(),
        period_num: Some(line.period.num).filter(|num| *num > 0),
        valid_time: line.effective_at.map(Instant),
        expire_time: line.expires_at.map(Instant),
        subscription_num: 1,
        currency: amounts.official.into(),
        currency_after_discount: amounts.after_discount.into(),
        currency_official: amounts.official.into(),
        amount_info: AmountInfoV1::new(&amounts.reductions, amounts.card, (amounts.commission, amounts.consumed)),
        currency_type: order.currency,
        category_code: "",
    }
}
