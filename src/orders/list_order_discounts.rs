//! `GET /v2/orders/customer-orders/order-discounts`

use super::model::{Order, OrderNumber};
use super::number;
use super::offers::{self, Offer, OfferKind};
use super::refusal::{NotDone, Refusal};
use super::sight;
use super::store;
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::policy::Policy;
use crate::app::App;
use crate::pricing::quote;
use crate::values::decimal::{WireDecimal, plain};
use axum::extract::State;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Of which order.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListOrderDiscountsQuery {
    /// The order.
    #[param(inline)]
    order_id: OrderNumber,
}

/// The discounts of an order.
#[derive(Serialize, ToSchema)]
pub struct ListOrderDiscountsResponse {
    /// The discounts that it can be paid with, the best first.
    discounts: Vec<DiscountInfoV3>,
}

/// A discount.
#[derive(Serialize, ToSchema)]
pub struct DiscountInfoV3 {
    /// Its id.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    discount_id: String,
    /// The share that is still to be paid; empty for an adjusted price.
    #[schema(example = "0.85")]
    discount_value: String,
    /// Where it comes from: 0 promotion, 1 contract, 2 commercial, 3 the partner, 609 an adjusted price.
    discount_type: OfferKind,
    /// The orders it is for: this one.
    orders: Vec<OrderV3>,
}

/// An order, as a discount sees it.
#[derive(Serialize, ToSchema)]
pub struct OrderV3 {
    /// The order.
    #[schema(example = "CS2603281445NO7AB")]
    order_id: String,
    /// What the discount does to its lines.
    order_line_items: Vec<OrderLineItemV3>,
}

/// Lines of one product, size and price, as a discount sees them.
#[derive(Serialize, ToSchema)]
pub struct OrderLineItemV3 {
    /// The lines.
    #[schema(example = json!(["CS2603281445NO7AB-000001"]))]
    order_line_item_ids: Vec<String>,
    /// 0 a ratio, 1 a fixed price.
    #[schema(example = 0)]
    discount_mode: i32,
    /// What it takes off each of them.
    discount_amount: WireDecimal,
    /// The share of each that is still to be paid.
    discount_ratio: WireDecimal,
}

/// Lists the discounts that an order can be paid with.
///
/// An order that does not wait to be paid, or that another account has to pay, has none. They are those of the customer that
/// ordered.
#[utoipa::path(
    get, path = "/v2/orders/customer-orders/order-discounts",
    params(ListOrderDiscountsQuery),
    responses((status = 200, description = "The discounts.", body = ListOrderDiscountsResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).customer_action("bss:discount:view")))),
)]
pub async fn list_order_discounts(
    State(app): State<App>,
    customer: Customer,
    Query(query): Query<ListOrderDiscountsQuery>,
) -> Result<Json<ListOrderDiscountsResponse>, ApiError> {
    let now = app.now(customer.tenant);
    let desk = app.desk();
    let mut connection = app.database.tenant(customer.tenant).await?;
    let order = store::find(&mut connection, customer.tenant, &query.order_id.id()).await?;
    let order = order.ok_or(Refusal::NoSuchOrder)?;
    if !sight::is_seen(&mut connection, customer.domain, &order).await? {
        return Err(Refusal::NoSuchOrder.into());
    }
    if order.turn() != Some(customer.domain) {
        return Ok(Json(ListOrderDiscountsResponse { discounts: Vec::new() }));
    }
    let account = (order.tenant, order.customer);
    let terms = quote::terms_of(&mut connection, account, desk.currency(), now).await?;
    let offers = offers::offers(&desk.catalogue, &terms, &order, now);
    let offers = offers.map_err(|fault| NotDone::Unreadable(format!("{fault:?}")))?;
    Ok(Json(ListOrderDiscountsResponse { discounts: offers.into_iter().map(|offer| show(&order, offer)).collect() }))
}

fn show(order: &Order, offer: Offer) -> DiscountInfoV3 {
    // Lines that are alike in product, size and price are one entry.
    let mut items: Vec<(usize, OrderLineItemV3)> = Vec::new();
    for (place, (line, left)) in order.lines.iter().zip(&offer.left).enumerate() {
        let is_like = |other: &usize| {
            let first = &order.lines[*other];
            first.product.product_id == line.product.product_id
                && first.product.size == line.product.size
                && first.amounts.official == line.amounts.official
                && offer.left[*other] == *left
        };
        let id = number::line_id(&order.id, place);
        match items.iter_mut().find(|(other, _)| is_like(other)) {
            Some((_, item)) => item.order_line_item_ids.push(id),
            None => items.push((place, item(vec![id], line.amounts.official, *left, offer.ratio))),
        }
    }
    DiscountInfoV3 {
        discount_id: offer.id,
        discount_value: offer.ratio.map(plain).unwrap_or_default(),
        discount_type: offer.kind,
        orders: vec![OrderV3 {
            order_id: order.id.clone(),
            order_line_items: items.into_iter().map(|(_, item)| item).collect(),
        }],
    }
}

fn item(ids: Vec<String>, official: Decimal, left: Decimal, ratio: Option<Decimal>) -> OrderLineItemV3 {
    let share = || left.checked_div(official).unwrap_or(Decimal::ONE).round_dp(8).normalize();
    OrderLineItemV3 {
        order_line_item_ids: ids,
        discount_mode: i32::from(ratio.is_none()),
        discount_amount: WireDecimal(official - left),
        discount_ratio: WireDecimal(ratio.unwrap_or_else(share)),
    }
}
