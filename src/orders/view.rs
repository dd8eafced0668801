//! How orders are shown, where several operations show them alike.

use super::model::{Amounts, Reduction, ReductionKind};
use crate::products::store::Products;
use crate::values::amount::Amount;
use crate::values::language::Language;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

/// Who an order's user is called if it is no user of the customer's.
pub const STAFF: &str = "operations staff";
/// Who an order's user is called if nobody ordered.
pub const SYSTEM: &str = "operations system";

/// What was taken off a price and paid other than by money.
#[derive(Serialize, ToSchema)]
pub struct AmountInfomationV2 {
    /// What was taken off, coupons among it.
    discounts: Vec<DiscountItemV2>,
    /// Paid by flexi-purchase coupons.
    flexipurchase_coupon_amount: Amount,
    /// Paid by cash coupons.
    coupon_amount: Amount,
    /// Paid by stored-value cards.
    stored_card_amount: Amount,
    /// The fee; of an unsubscription only.
    #[schema(nullable)]
    commission_amount: Option<Amount>,
    /// What was used; of an unsubscription only.
    #[schema(nullable)]
    consumed_amount: Option<Amount>,
}

/// Something that was taken off.
#[derive(Serialize, ToSchema)]
pub struct DiscountItemV2 {
    /// 200 the product's promotion, 300 to 302 coupons, 605 commercial, 606 contract, 607 the partner's, 609 an adjusted price,
    /// 610 free of charge, 700 a promotion.
    #[schema(example = "301")]
    discount_type: String,
    /// How much.
    discount_amount: Amount,
}

/// An enterprise project.
#[derive(Serialize, ToSchema)]
pub struct EnterpriseProject {
    /// Its id; 0 is the default one.
    #[schema(example = "0")]
    id: String,
    /// Its name.
    #[schema(example = "default")]
    name: String,
}

impl EnterpriseProject {
    /// The one of this id. Their names are the enterprise service's; only the default one has one here.
    pub fn of(id: &str) -> Self {
        Self { id: id.to_owned(), name: if id == "0" { "default".to_owned() } else { String::new() } }
    }
}

impl AmountInfomationV2 {
    /// Of these amounts.
    pub fn of(amounts: &Amounts) -> Self {
        Self::new(&amounts.reductions, amounts.card, (amounts.commission, amounts.consumed))
    }

    /// Of what was taken off and paid.
    pub fn new(
        reductions: &[Reduction],
        card: Decimal,
        (commission, consumed): (Option<Decimal>, Option<Decimal>),
    ) -> Self {
        let by = |kind| -> Amount {
            reductions
                .iter()
                .filter(|reduction| reduction.0 == kind)
                .map(|reduction| reduction.1)
                .sum::<Decimal>()
                .into()
        };
        let item = |Reduction(kind, amount): &Reduction| DiscountItemV2 {
            discount_type: kind.code().to_string(),
            discount_amount: (*amount).into(),
        };
        Self {
            discounts: reductions.iter().map(item).collect(),
            flexipurchase_coupon_amount: by(ReductionKind::FlexiCoupon),
            coupon_amount: by(ReductionKind::CashCoupon),
            stored_card_amount: card.into(),
            commission_amount: commission.map(Amount::from),
            consumed_amount: consumed.map(Amount::from),
        }
    }
}

/// A service type's name, empty if it is not in the catalogue any more.
pub fn service_name(products: &Products, code: &str, language: Language) -> String {
    products.service_names(code).map(|names| language.of(names).to_owned()).unwrap_or_default()
}

/// Likewise a resource type's.
pub fn resource_name(products: &Products, code: &str, language: Language) -> String {
    products.resource_names(code).map(|names| language.of(names).to_owned()).unwrap_or_default()
}
