//! `POST /v3/orders/customer-orders/pay`

use super::cancel;
use super::model::{By, Order, OrderNumber};
use super::offers::OfferKind;
use super::pay::{self, Chosen, Way};
use super::refusal::Refusal;
use crate::api::caller::{Caller, CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::coupons::choice;
use crate::coupons::model::CouponKind;
use crate::values::coded::coded;
use crate::values::id::CouponId;
use crate::values::text::texts;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

texts! {
    /// The id of a coupon, or of a stored-value card.
    PaymentCouponId, 1..=64, "01978d6a2b3c7d4e8f90a1b2c3d4e5f6";
    /// The id of a discount.
    PaymentDiscountId, 1..=64, "01978d6a2b3c7d4e8f90a1b2c3d4e5f6";
}

coded! {
    /// What a coupon is, as paying names it: 300 discount, 301 cash, 302 flexi-purchase coupon, 303 stored-value card.
    PaymentCouponKind {
        /// A discount coupon.
        Discount = 300,
        /// A cash coupon.
        Cash = 301,
        /// A flexi-purchase coupon.
        Flexi = 302,
        /// A stored-value card.
        Card = 303,
    }
}

/// Whether something is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
pub enum Use {
    /// It is.
    #[serde(rename = "YES")]
    Yes,
    /// It is not.
    #[serde(rename = "NO")]
    No,
}

/// Which order to pay, and with what.
#[derive(Deserialize, ToSchema)]
pub struct PayCustomerOrderV3Req {
    /// The order.
    order_id: OrderNumber,
    /// `YES`: with the coupons of `coupon_infos`; `NO`: with none, whatever it names.
    use_coupon: Use,
    /// `YES`: with the discount of `discount_infos`; `NO`: with none, whatever it names.
    use_discount: Use,
    /// Up to three coupons or stored-value cards: one cash or one discount coupon, several of the others.
    #[schema(nullable, max_items = 3)]
    coupon_infos: Option<Vec<CouponSimpleInfoOrderPayV3>>,
    /// One discount.
    #[schema(nullable, max_items = 1)]
    discount_infos: Option<Vec<DiscountSimpleInfoV3>>,
}

/// A coupon to pay with.
#[derive(Deserialize, ToSchema)]
pub struct CouponSimpleInfoOrderPayV3 {
    /// The coupon, or the card.
    id: PaymentCouponId,
    /// What it is.
    r#type: PaymentCouponKind,
}

/// A discount to pay with.
#[derive(Deserialize, ToSchema)]
pub struct DiscountSimpleInfoV3 {
    /// The discount.
    id: PaymentDiscountId,
    /// Where it comes from.
    r#type: OfferKind,
}

/// Pays an order.
///
/// Discounts lower the price first; then coupons pay, stored-value cards, cash, and last credit. All is paid, or nothing moves
/// and the order waits on. An adjusted price (609) is used even where no discount is asked for. A master account pays the orders
/// of members whose finances it keeps, from what it has itself.
#[utoipa::path(
    post, path = "/v3/orders/customer-orders/pay",
    responses((status = 204, description = "It is paid.")),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).customer_action("bss:order:pay").writes()))),
)]
pub async fn pay_orders(
    State(app): State<App>,
    customer: Customer,
    write: Write,
    Json(request): Json<PayCustomerOrderV3Req>,
) -> Result<Answer, ApiError> {
    let coupons = given("coupon_infos", request.use_coupon, request.coupon_infos.as_deref(), choice::ORDER_MAX)?;
    let discounts = given("discount_infos", request.use_discount, request.discount_infos.as_deref(), 1)?;
    let chosen = chosen(coupons, discounts)?;
    pay_as_chosen((&app, &customer), write, &request.order_id, chosen, |order| Ok(Outcome::empty(&order.id))).await
}

/// Pays an order as the customer has chosen whose turn that is, and answers what `answer` makes of it.
pub async fn pay_as_chosen(
    (app, customer): (&App, &Caller),
    write: Write,
    order: &OrderNumber,
    chosen: Chosen,
    answer: impl FnOnce(&Order) -> Result<Outcome, ApiError>,
) -> Result<Answer, ApiError> {
    let way = Way::Chosen(chosen);
    let (desk, by) = (app.desk(), By { user: Some(customer.user), now: app.now(customer.tenant) });
    write
        .once(async |connection| {
            let (order, state) = cancel::lock_for(connection, customer, &order.id()).await?;
            if order.turn() != Some(customer.domain) {
                return Err(Refusal::NotPayable.into());
            }
            answer(&pay::pay(connection, &desk, (&order, &state), &way, by).await?)
        })
        .await
}

/// What these coupons and discounts of a request are.
pub fn chosen(coupons: &[CouponSimpleInfoOrderPayV3], discounts: &[DiscountSimpleInfoV3]) -> Result<Chosen, ApiError> {
    let mut chosen = Chosen {
        discount: discounts.first().map(|discount| (discount.id.as_str().to_owned(), discount.r#type)),
        ..Chosen::default()
    };
    for coupon in coupons {
        let id = coupon.id.id("coupon_infos")?;
        match coupon.r#type {
            PaymentCouponKind::Card => chosen.cards.push(id),
            PaymentCouponKind::Discount => chosen.coupons.push((CouponId(id), Some(CouponKind::Discount))),
            PaymentCouponKind::Cash => chosen.coupons.push((CouponId(id), Some(CouponKind::Cash))),
            PaymentCouponKind::Flexi => chosen.coupons.push((CouponId(id), Some(CouponKind::Flexi))),
        }
    }
    Ok(chosen)
}

impl PaymentCouponId {
    /// The id, which is what can be an id of ours; `field` names it.
    pub fn id(&self, field: &str) -> Result<Uuid, ApiError> {
        Uuid::try_parse(self.as_str()).map_err(|_| ApiError::parameter(field, "the customer has no such coupon"))
    }
}

/// A list that is used only if it is said so; then it must be there. One vendor's text refuses a list that is not used, another ignores it; so do we.
fn given<'a, T>(field: &str, used: Use, list: Option<&'a [T]>, most: usize) -> Result<&'a [T], ApiError> {
    match (used, list) {
        (Use::No, _) => Ok(&[]),
        (Use::Yes, None | Some([])) => Err(ApiError::parameter(field, "must be given when it is to be used")),
        (Use::Yes, Some(list)) if list.len() > most => {
            Err(ApiError::parameter(field, format_args!("must have at most {most} entries")))
        }
        (Use::Yes, Some(list)) => Ok(list),
    }
}
