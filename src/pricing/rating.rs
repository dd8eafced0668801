//! From quantities to amounts: pure functions over the price book, with every step on record where somebody asks.
//!
//! Numbers are exact decimals of up to 28 digits. A conversion between units divides last, and an amount is rounded once,
//! at the place that [`Rounding`] names; what is quoted, discounted and summed afterwards is the rounded amount.

use super::book::{Axis, NotSold, PriceBook, Shape, SizeRule, Terms};
use super::model::{AMOUNT_MAX, Currency, Fault, Period, ProductCodes, Size};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use time::OffsetDateTime;

/// Where an amount is rounded, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// A quote of usage: six digits, the rest cut off. The vendor's word for it is "cut".
    Quote,
    /// A quote of usage with `inquiry_precision` 1: ten digits, as many as prices have.
    PreciseQuote,
    /// A purchase: whole cents, a half up. The vendor's documents do not say how; orders are paid in cents.
    Purchase,
    /// Metered usage on a bill: eight digits, the rest cut off.
    Metered,
    /// What is charged of a metered amount: whole cents; the vendor drops the rest, which bills call the erased amount.
    Charged,
}

impl Rounding {
    /// The rounded amount.
    pub fn apply(self, amount: Decimal) -> Decimal {
        let (digits, strategy) = match self {
            Self::Quote => (6, RoundingStrategy::ToZero),
            Self::PreciseQuote => (10, RoundingStrategy::ToZero),
            Self::Purchase => (2, RoundingStrategy::MidpointAwayFromZero),
            Self::Metered => (8, RoundingStrategy::ToZero),
            Self::Charged => (2, RoundingStrategy::ToZero),
        };
        amount.round_dp_with_strategy(digits, strategy)
    }
}

/// A step on the way to an amount.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are numbers in the units that the variants name")]
pub enum Step {
    /// The item of the request that the following steps are about.
    Item { id: String },
    /// The terms that were found.
    Terms { product_id: String, currency: Currency, effective_at: String, shape: Shape },
    /// Usage was brought into the price's unit: multiplied, and divided at the end.
    Conversion { value: Decimal, from_measure_id: i32, to_measure_id: i32, multiply: Decimal, divide: Decimal },
    /// A part of the quantity at one price; of `stepped` and `linear` prices all of it.
    Tier { after: Decimal, quantity: Decimal, price: Decimal, amount: Decimal },
    /// One price for any quantity.
    Fixed { price: Decimal },
    /// Times the size of the resource.
    Size { size: i32, measure_id: i32 },
    /// Times the periods.
    Periods { period: Period, times: u32 },
    /// Times the resources.
    Count { subscription_num: u32 },
    /// Rounded.
    Rounding { rule: Rounding, before: Decimal, after: Decimal },
    /// Less by a discount, and rounded again.
    Discount { discount_id: String, discount_type: i32, name: String, ratio: Decimal, before: Decimal, after: Decimal },
}

/// Keeps steps, or does not: then they are not even made.
#[derive(Debug, Default)]
pub struct Trace(Option<Vec<Step>>);

impl Trace {
    /// Keeps steps.
    pub fn kept() -> Self {
        Self(Some(Vec::new()))
    }

    /// Notes a step.
    pub fn note(&mut self, step: impl FnOnce() -> Step) {
        if let Some(steps) = &mut self.0 {
            steps.push(step());
        }
    }

    /// The steps so far, which are forgotten.
    pub fn take(&mut self) -> Vec<Step> {
        self.0.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

/// Usage of a product.
#[derive(Clone, Copy, Debug)]
pub struct UsageItem<'a> {
    /// Of which.
    pub codes: ProductCodes<'a>,
    /// Of a linear product: how large it is.
    pub size: Option<Size>,
    /// What is measured.
    pub factor: &'a str,
    /// How much, not below zero.
    pub value: Decimal,
    /// In which unit.
    pub measure_id: i32,
    /// Of how many such resources, each used so much.
    pub count: u32,
}

/// A product for some time.
#[derive(Clone, Copy, Debug)]
pub struct PeriodItem<'a> {
    /// Which.
    pub codes: ProductCodes<'a>,
    /// Of a linear product: how large it is.
    pub size: Option<Size>,
    /// For how long.
    pub period: Period,
    /// How many.
    pub count: u32,
}

/// What something costs before discounts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Official<'a> {
    /// The product.
    pub product_id: &'a str,
    /// The amount, rounded.
    pub amount: Decimal,
}

/// Why a purchase has no price.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PeriodFault {
    /// The book has no such product.
    Unknown,
    /// It has, but does not sell it this way.
    NotSold(NotSold),
    /// It does, but not as asked.
    Fault(Fault),
}

/// What usage costs.
pub fn rate_usage<'a>(
    book: &'a PriceBook,
    currency: Currency,
    now: OffsetDateTime,
    item: &UsageItem<'_>,
    rounding: Rounding,
    trace: &mut Trace,
) -> Result<Official<'a>, Fault> {
    let product = book.product(&item.codes).ok_or(Fault::ProductNotFound)?;
    let terms = product.on_demand(currency, item.factor, now)?;
    trace.note(|| terms_step(&product.on_demand_id, currency, terms));
    let to = terms.measure_id.ok_or(Fault::UsageUnit)?;
    let (multiply, divide) = book.conversion(item.measure_id, to).ok_or(Fault::UsageUnit)?;
    trace.note(|| Step::Conversion {
        value: item.value,
        from_measure_id: item.measure_id,
        to_measure_id: to,
        multiply,
        divide,
    });
    let size = checked_size(terms.size, item.size)?;
    let usage = item.value.checked_mul(multiply).ok_or(Fault::TooLarge)?;
    // All of it is `divide` times too large until the end.
    let exact = if terms.tier_by == Some(Axis::Size) {
        let one = along(terms, &terms.on_demand, sized(size), Decimal::ONE, trace);
        one.and_then(|amount| amount.checked_mul(usage))
    } else {
        let one = along(terms, &terms.on_demand, usage, divide, trace);
        one.and_then(|amount| times_size(terms, amount, size, trace))
    };
    let exact =
        exact.and_then(|amount| times_count(amount, item.count, trace)).and_then(|amount| amount.checked_div(divide));
    Ok(Official { product_id: &product.on_demand_id, amount: rounded(exact, rounding, trace)? })
}

/// What usage costs on top of what was used before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metered<'a> {
    /// The product and the amount.
    pub official: Official<'a>,
    /// The price and for how many units of usage it is, where there is one price for any quantity.
    pub unit_price: Option<(Decimal, Decimal)>,
}

/// What usage costs where so much was used `before`, in the same unit, in the month: tiers go on where that ended.
pub fn rate_usage_after<'a>(
    book: &'a PriceBook,
    currency: Currency,
    now: OffsetDateTime,
    (item, before): (&UsageItem<'_>, Decimal),
    trace: &mut Trace,
) -> Result<Metered<'a>, Fault> {
    let product = book.product(&item.codes).ok_or(Fault::ProductNotFound)?;
    let terms = product.on_demand(currency, item.factor, now)?;
    let rate = |value, trace: &mut Trace| {
        rate_usage(book, currency, now, &UsageItem { value, ..*item }, Rounding::Metered, trace)
    };
    let goes_on = matches!(terms.shape, Shape::Tiered | Shape::Stepped) && terms.tier_by != Some(Axis::Size);
    let official = if goes_on && before > Decimal::ZERO {
        let so_far = rate(before, &mut Trace::default())?;
        let all = rate(before.checked_add(item.value).ok_or(Fault::TooLarge)?, trace)?;
        // A lower price for all of it can make all of it cost less than a part did.
        Official { amount: (all.amount - so_far.amount).max(Decimal::ZERO), ..all }
    } else {
        rate(item.value, trace)?
    };
    let to = terms.measure_id.ok_or(Fault::UsageUnit)?;
    let (multiply, divide) = book.conversion(item.measure_id, to).ok_or(Fault::UsageUnit)?;
    let is_plain = terms.shape == Shape::Linear && terms.tier_by.is_none();
    let unit_price = is_plain.then(|| Some((*terms.on_demand.first()?, divide.checked_div(multiply)?))).flatten();
    Ok(Metered { official, unit_price })
}

/// What a purchase costs.
pub fn rate_period<'a>(
    book: &'a PriceBook,
    currency: Currency,
    now: OffsetDateTime,
    item: &PeriodItem<'_>,
    trace: &mut Trace,
) -> Result<Official<'a>, PeriodFault> {
    let product = book.product(&item.codes).ok_or(PeriodFault::Unknown)?;
    let (terms, prices, times) = product.period(currency, item.period, now).map_err(PeriodFault::NotSold)?;
    trace.note(|| terms_step(&product.period_id, currency, terms));
    let size = checked_size(terms.size, item.size).map_err(PeriodFault::Fault)?;
    let exact = if terms.tier_by == Some(Axis::Size) {
        along(terms, prices, sized(size), Decimal::ONE, trace)
    } else {
        along(terms, prices, Decimal::ONE, Decimal::ONE, trace)
            .and_then(|amount| times_size(terms, amount, size, trace))
    };
    trace.note(|| Step::Periods { period: item.period, times });
    let exact = exact.and_then(|amount| amount.checked_mul(times.into()));
    let exact = exact.and_then(|amount| times_count(amount, item.count, trace));
    let amount = rounded(exact, Rounding::Purchase, trace).map_err(PeriodFault::Fault)?;
    Ok(Official { product_id: &product.period_id, amount })
}

fn terms_step(product_id: &str, currency: Currency, terms: &Terms) -> Step {
    let effective_at = crate::values::time::write_instant(terms.effective_at);
    Step::Terms { product_id: product_id.to_owned(), currency, effective_at, shape: terms.shape }
}

/// The size of a linear product, which must be given as it is sold. Of other products a size says nothing.
fn checked_size(rule: Option<SizeRule>, size: Option<Size>) -> Result<Option<Size>, Fault> {
    let Some(rule) = rule else { return Ok(None) };
    let missing =
        || Fault::Parameter("resource_size", "must be given with size_measure_id for this product".to_owned());
    let size = size.ok_or_else(missing)?;
    if size.measure_id != rule.measure_id {
        return Err(Fault::Parameter("size_measure_id", format!("must be {} for this product", rule.measure_id)));
    }
    let fits = (rule.min..=rule.max).contains(&size.size) && (size.size - rule.min) % rule.step == 0;
    if !fits {
        let SizeRule { min, max, step, .. } = rule;
        return Err(Fault::Parameter("resource_size", format!("must be from {min} to {max} in steps of {step}")));
    }
    Ok(Some(size))
}

fn sized(size: Option<Size>) -> Decimal {
    size.map_or(Decimal::ONE, |size| size.size.into())
}

fn times_size(terms: &Terms, amount: Decimal, size: Option<Size>, trace: &mut Trace) -> Option<Decimal> {
    let Some(size) = size.filter(|_| terms.shape != Shape::Fixed) else { return Some(amount) };
    trace.note(|| Step::Size { size: size.size, measure_id: size.measure_id });
    amount.checked_mul(size.size.into())
}

fn times_count(amount: Decimal, count: u32, trace: &mut Trace) -> Option<Decimal> {
    trace.note(|| Step::Count { subscription_num: count });
    amount.checked_mul(count.into())
}

/// What a quantity costs at these prices. The quantity is `scale` times too large, and so is the amount. A quantity that
/// ends where a tier ends belongs to that tier, not to the next; the vendor's documents do not say.
fn along(terms: &Terms, prices: &[Decimal], quantity: Decimal, scale: Decimal, trace: &mut Trace) -> Option<Decimal> {
    let mut part = |after: Decimal, quantity: Decimal, price: Decimal| {
        let amount = quantity.checked_mul(price)?;
        trace.note(|| {
            let [quantity, amount] = [quantity, amount].map(|scaled| (scaled / scale).normalize());
            Step::Tier { after, quantity, price, amount }
        });
        Some(amount)
    };
    match terms.shape {
        Shape::Fixed | Shape::Withdrawn => {
            let price = if quantity.is_zero() { Decimal::ZERO } else { prices[0] };
            trace.note(|| Step::Fixed { price });
            price.checked_mul(scale)
        }
        Shape::Linear => part(Decimal::ZERO, quantity, prices[0]),
        Shape::Stepped => {
            let mut tier = 0;
            for (index, begin) in terms.tiers.iter().enumerate().take(prices.len()) {
                if begin.checked_mul(scale)? < quantity {
                    tier = index;
                }
            }
            part(terms.tiers[tier], quantity, prices[tier])
        }
        Shape::Tiered => {
            let mut amount = Decimal::ZERO;
            for (index, price) in prices.iter().enumerate() {
                let begin = terms.tiers[index].checked_mul(scale)?;
                if index > 0 && quantity <= begin {
                    break;
                }
                let end = terms.tiers.get(index + 1).filter(|_| index + 1 < prices.len());
                let end = end.map_or(Some(quantity), |end| Some(end.checked_mul(scale)?.min(quantity)))?;
                amount = amount.checked_add(part(terms.tiers[index], end - begin, *price)?)?;
            }
            Some(amount)
        }
    }
}

fn rounded(exact: Option<Decimal>, rule: Rounding, trace: &mut Trace) -> Result<Decimal, Fault> {
    let before = exact.filter(|amount| *amount <= AMOUNT_MAX).ok_or(Fault::TooLarge)?;
    let after = rule.apply(before);
    trace.note(|| Step::Rounding { rule, before: before.normalize(), after: after.normalize() });
    Ok(after)
}

/// A metered amount on a bill.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Charge {
    /// What is paid: whole cents.
    pub charged: Decimal,
    /// What is dropped.
    pub erased: Decimal,
}

/// Splits a metered amount into what is charged and what is dropped.
pub fn charge(metered: Decimal) -> Charge {
    let charged = Rounding::Charged.apply(metered);
    Charge { charged, erased: metered - charged }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::book::{PriceKey, PriceRow};
    use std::sync::Arc;
    use time::macros::datetime;

    fn number(text: &str) -> Decimal {
        text.parse().expect("the test writes a number")
    }

    #[test]
    fn tiers_go_on_where_the_months_usage_ended_and_plain_prices_do_not_care() {
        let now = datetime!(2026-03-28 00:00 UTC);
        let row = |spec: &str, shape, tiers: &[&str], prices: &[&str]| PriceRow {
            key: PriceKey {
                resource_type: "type".to_owned(),
                resource_spec: spec.to_owned(),
                region: "here".to_owned(),
                currency: Currency::Cny,
                usage_factor: "traffic".to_owned(),
            },
            terms: Arc::new(Terms {
                effective_at: datetime!(2026-01-01 00:00 UTC),
                measure_id: Some(10),
                size: None,
                shape,
                tier_by: (tiers.len() > 1).then_some(Axis::Usage),
                tiers: tiers.iter().copied().map(number).collect(),
                on_demand: prices.iter().copied().map(number).collect(),
                day: Vec::new(),
                month: Vec::new(),
                years: [Vec::new(), Vec::new(), Vec::new()],
            }),
        };
        let rows = vec![
            row("tiered", Shape::Tiered, &["0", "10"], &["1.00", "0.50"]),
            row("stepped", Shape::Stepped, &["0", "10"], &["1.00", "0.50"]),
            row("plain", Shape::Linear, &["0"], &["0.5"]),
        ];
        let book = PriceBook::new(rows, |_| "service".to_owned(), []);
        let rated = |spec: &str, before: &str, value: &str| {
            let codes = ProductCodes { service_type: "service", resource_type: "type", spec, region: "here" };
            let item =
                UsageItem { codes, size: None, factor: "traffic", value: number(value), measure_id: 10, count: 1 };
            let before = (&item, number(before));
            rate_usage_after(&book, Currency::Cny, now, before, &mut Trace::default()).expect("it has a price")
        };
        for (spec, before, value, amount) in [
            ("tiered", "0", "8", "8.00"),
            // 2 at the first price and 4 at the second.
            ("tiered", "8", "6", "4.00"),
            ("tiered", "14", "2", "1.00"),
            // 14 at the second price cost 7, one less than the first 8 did: nothing more is taken.
            ("stepped", "8", "6", "0"),
            ("plain", "8", "6", "3.00"),
        ] {
            assert_eq!(rated(spec, before, value).official.amount, number(amount), "{value} of {spec} after {before}");
        }
        assert_eq!(rated("plain", "0", "1").unit_price, Some((number("0.5"), Decimal::ONE)));
        assert_eq!(rated("tiered", "0", "1").unit_price, None);
    }

    #[test]
    fn each_place_rounds_in_its_own_way_at_the_half() {
        for (rule, before, after) in [
            (Rounding::Quote, "0.0000005", "0"),
            (Rounding::Quote, "1.2345678", "1.234567"),
            (Rounding::PreciseQuote, "0.00000000005", "0"),
            (Rounding::PreciseQuote, "1.23456789019", "1.2345678901"),
            (Rounding::Purchase, "0.005", "0.01"),
            (Rounding::Purchase, "0.00499999", "0"),
            (Rounding::Purchase, "2.675", "2.68"),
            (Rounding::Metered, "0.045998222222", "0.04599822"),
            (Rounding::Charged, "0.999", "0.99"),
        ] {
            assert_eq!(rule.apply(number(before)), number(after), "{rule:?} {before}");
        }
    }

    #[test]
    fn what_is_charged_and_what_is_dropped_make_the_metered_amount() {
        // The vendor's own example of an erased amount.
        let charge = charge(number("0.04599822"));
        assert_eq!((charge.charged, charge.erased), (number("0.04"), number("0.00599822")));
    }

    #[test]
    fn steps_that_nobody_asks_for_are_not_made() {
        Trace::default().note(|| panic!("it must not be made"));
    }
}
