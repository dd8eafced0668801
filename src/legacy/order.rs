//! An order in its old form.

use crate::orders::model::{OrderStatus, OrderType, Reduction, ReductionKind, SourceType};
use crate::orders::store::search::OrderRow;
use crate::values::amount::Amount;
use crate::values::id::DomainId;
use crate::values::money::{Currency, MAIN_UNIT};
use crate::values::time::Instant;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

/// An order, in its old form.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderV1 {
    /// Its id.
    #[schema(example = "CS2603281445NO7AB")]
    order_id: String,
    /// The order it was split from: there is none.
    #[schema(nullable)]
    base_order_id: Option<String>,
    /// The vendor's operating entity.
    #[schema(example = "0")]
    be_id: &'static str,
    /// The customer.
    customer_id: DomainId,
    /// Where it comes from.
    source_type: SourceType,
    /// How it stands.
    status: OrderStatus,
    /// What it is for.
    order_type: OrderType,
    /// Before anything is taken off.
    currency: Amount,
    /// What is paid by cash and credit.
    currency_after_discount: Amount,
    /// The unit of the amounts: 1, the currency's main unit.
    #[schema(example = 1)]
    measure_id: i32,
    /// The unit's name: it is not told.
    #[schema(nullable)]
    measure_name: Option<String>,
    /// When it was placed.
    create_time: Instant,
    /// When it was paid; null until then.
    #[schema(nullable)]
    payment_time: Option<Instant>,
    /// When it was changed last.
    last_update_time: Instant,
    /// Whether it is reviewed.
    need_audit: bool,
    /// The currency.
    currency_type: Currency,
    /// A contract: there is none.
    #[schema(nullable)]
    contract_id: Option<String>,
    /// At list prices.
    currency_official: Amount,
    /// What was taken off, and paid otherwise.
    amount_info: AmountInfoV1,
    /// The service type of its first line.
    #[schema(example = "hws.service.type.ec2")]
    service_type: String,
}

/// What was taken off a price and paid other than by money, in its old form.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AmountInfoV1 {
    /// What was taken off, coupons among it.
    discount_list: Vec<DiscountItemV1>,
    /// Paid by flexi-purchase coupons.
    cashcoupon_amount: Amount,
    /// Paid by cash coupons.
    coupon_amount: Amount,
    /// Paid by stored-value cards.
    card_amount: Amount,
    /// The fee; of an unsubscription only.
    #[schema(nullable)]
    commission_amount: Option<Amount>,
    /// What was used; of an unsubscription only.
    #[schema(nullable)]
    consumed_amount: Option<Amount>,
}

/// Something that was taken off, in its old form.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiscountItemV1 {
    /// What took it off, by the codes of today.
    #[schema(example = "301")]
    discount_type: String,
    /// How much.
    discount_amount: Amount,
}

impl AmountInfoV1 {
    /// Of what was taken off and paid.
    pub fn new(
        reductions: &[Reduction],
        card: Decimal,
        (commission, consumed): (Option<Decimal>, Option<Decimal>),
    ) -> Self {
        let by = |kind| reductions.iter().filter(|one| one.0 == kind).map(|one| one.1).sum::<Decimal>().into();
        let item = |Reduction(kind, amount): &Reduction| DiscountItemV1 {
            discount_type: kind.code().to_string(),
            discount_amount: (*amount).into(),
        };
        Self {
            discount_list: reductions.iter().map(item).collect(),
            cashcoupon_amount: by(ReductionKind::FlexiCoupon),
            coupon_amount: by(ReductionKind::CashCoupon),
            card_amount: card.into(),
            commission_amount: commission.map(Amount::from),
            consumed_amount: consumed.map(Amount::from),
        }
    }
}

impl From<OrderRow> for OrderV1 {
    fn from(row: OrderRow) -> Self {
        let amount_info =
            AmountInfoV1::new(&row.discounts, row.card_amount, (row.commission_amount, row.consumed_amount));
        Self {
            order_id: row.order_id,
            base_order_id: None,
            be_id: "0",
            customer_id: row.domain_id,
            source_type: row.source_type,
            status: row.status,
            order_type: row.order_type,
            currency: row.official_amount.into(),
            currency_after_discount: row.amount_after_discount.into(),
            measure_id: MAIN_UNIT,
            measure_name: None,
            create_time: Instant(row.created_at),
            payment_time: row.paid_at.map(Instant),
            last_update_time: Instant(row.updated_at),
            need_audit: row.status == OrderStatus::Reviewing,
            currency_type: row.currency,
            contract_id: None,
            currency_official: row.official_amount.into(),
            amount_info,
            service_type: row.service_type_code,
        }
    }
}
