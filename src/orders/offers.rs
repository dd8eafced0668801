//! What an order can be paid with: its discounts and its customer's coupons. Paying asks the same functions as the lists, so
//! what they offer is accepted, and what they do not is refused.

use super::model::{Amounts, Line, Order, OrderType, ReductionKind};
use crate::catalogue::memory::Catalogue;
use crate::coupons::choice::{self, Discount};
use crate::coupons::limits::{self, SubscribeType};
use crate::pricing::discounts::{CustomerTerms, DiscountKind};
use crate::pricing::model::{Fault, PeriodType, ProductCodes};
use crate::pricing::quote::Quoting;
use crate::pricing::rating::{Official, PeriodItem, Trace};
use crate::values::coded::coded;
use rust_decimal::Decimal;
use std::collections::BTreeSet;
use time::OffsetDateTime;

coded! {
    /// Where a discount comes from, as paying names it: 0 a promotion, 1 a contract, 2 commercial, 3 granted by the partner, 609
    /// an adjusted price, which must be used.
    OfferKind {
        /// A promotion.
        Promotion = 0,
        /// A contract within a distributor's business.
        Contract = 1,
        /// By the customer's framework agreement.
        Commercial = 2,
        /// Granted by the partner.
        Partner = 3,
        /// Staff adjusted the price.
        Adjusted = 609,
    }
}

impl OfferKind {
    fn of(kind: DiscountKind) -> Self {
        match kind {
            DiscountKind::Commercial => Self::Commercial,
            DiscountKind::Contract => Self::Contract,
            DiscountKind::Partner => Self::Partner,
            DiscountKind::Promotion => Self::Promotion,
        }
    }

    /// How it is named among what was taken off.
    pub fn reduction(self) -> ReductionKind {
        match self {
            Self::Promotion => ReductionKind::Promotion,
            Self::Contract => ReductionKind::Contract,
            Self::Commercial => ReductionKind::Commercial,
            Self::Partner => ReductionKind::Partner,
            Self::Adjusted => ReductionKind::Adjusted,
        }
    }

    /// What coupons call it; an adjusted price is none of their matters.
    fn beside_coupons(self) -> Option<choice::DiscountKind> {
        match self {
            Self::Promotion => Some(choice::DiscountKind::Promotion),
            Self::Contract | Self::Commercial => Some(choice::DiscountKind::Contract),
            Self::Partner => Some(choice::DiscountKind::Partner),
            Self::Adjusted => None,
        }
    }
}

/// A discount that an order can be paid with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// Its id.
    pub id: String,
    /// Where it comes from.
    pub kind: OfferKind,
    /// The share that is still to be paid; of an adjusted price there is none.
    pub ratio: Option<Decimal>,
    /// What is left of each line.
    pub left: Vec<Decimal>,
    /// Whether it saves most among commercial, contract and partner discounts.
    pub best: bool,
}

/// The discounts that an order can be paid with, the best first. An adjusted price excludes all others.
pub fn offers(
    catalogue: &Catalogue,
    terms: &CustomerTerms,
    order: &Order,
    now: OffsetDateTime,
) -> Result<Vec<Offer>, Fault> {
    if order.amounts().by(ReductionKind::Adjusted) > Decimal::ZERO {
        let left = order.lines.iter().map(|line| line.amounts.after_discount).collect();
        return Ok(vec![Offer { id: order.id.clone(), kind: OfferKind::Adjusted, ratio: None, left, best: true }]);
    }
    discounts(catalogue, terms, &order.lines, now)
}

/// The discounts that lines can be had with, the best first.
pub fn discounts(
    catalogue: &Catalogue,
    terms: &CustomerTerms,
    lines: &[Line],
    now: OffsetDateTime,
) -> Result<Vec<Offer>, Fault> {
    let quoting = Quoting { pricing: &catalogue.pricing, customer: terms, now };
    let items: Vec<PeriodItem<'_>> = lines.iter().map(item).collect();
    let officials =
        lines.iter().map(|line| Official { product_id: &line.product.product_id, amount: line.amounts.after_discount });
    let purchase = quoting.purchase(&items, officials.collect(), &mut Trace::default())?;
    let offered = purchase.offered.into_iter().map(|offered| Offer {
        id: offered.discount.id.simple().to_string(),
        kind: OfferKind::of(offered.discount.kind),
        ratio: Some(offered.discount.ratio),
        left: offered.amounts,
        best: offered.best,
    });
    Ok(offered.collect())
}

/// The discount that is taken where nobody chooses. Of equal ones a commercial discount is taken before a promotion.
pub fn cheapest(offers: Vec<Offer>) -> Option<Offer> {
    offers.into_iter().min_by_key(|offer| (offer.left.iter().sum::<Decimal>(), offer.kind == OfferKind::Promotion))
}

/// A line as prices see it.
pub fn item(line: &Line) -> PeriodItem<'_> {
    let product = &line.product;
    PeriodItem {
        codes: ProductCodes {
            service_type: &product.service_type,
            resource_type: &product.resource_type,
            spec: &product.resource_spec,
            region: &product.region,
        },
        size: product.size,
        period: line.period,
        count: 1,
    }
}

/// An order as coupons see it, once its prices are lowered. `bought_in`: the services in which the customer has paid before.
pub fn purchase(
    order: &Order,
    lines: &[Amounts],
    offer: Option<&Offer>,
    bought_in: &[String],
    now: OffsetDateTime,
) -> choice::Purchase {
    let first_in: BTreeSet<String> = order.lines.iter().map(|line| line.product.service_type.clone()).collect();
    choice::Purchase {
        lines: order
            .lines
            .iter()
            .zip(lines)
            .map(|(line, amounts)| choice::Line {
                product: line.product.product_id.clone(),
                service: line.product.service_type.clone(),
                amount: amounts.after_discount,
            })
            .collect(),
        currency: order.currency,
        subscribe_type: Some(subscribe_type(order.kind)),
        period: period(order.lines.first().map_or(PeriodType::Month, |line| line.period.kind)),
        first_in: first_in.into_iter().filter(|service| !bought_in.contains(service)).collect(),
        discounts: offer.and_then(|offer| beside(offer, order)).into_iter().collect(),
        now,
    }
}

/// A discount as coupons see it: by what is left on the line where it is the mildest.
fn beside(offer: &Offer, order: &Order) -> Option<Discount> {
    let ratios = order.lines.iter().zip(&offer.left).filter_map(|(line, left)| left.checked_div(line.amounts.official));
    Some(Discount { kind: offer.kind.beside_coupons()?, ratio: ratios.max().unwrap_or(Decimal::ONE) })
}

fn subscribe_type(kind: OrderType) -> SubscribeType {
    match kind {
        OrderType::Renew => SubscribeType::Renew,
        OrderType::Change => SubscribeType::Change,
        _ => SubscribeType::New,
    }
}

fn period(kind: PeriodType) -> limits::Period {
    match kind {
        PeriodType::Year => limits::Period::Years,
        PeriodType::Month => limits::Period::Months,
        PeriodType::Day => limits::Period::Days,
        PeriodType::Hour => limits::Period::Hours,
    }
}
