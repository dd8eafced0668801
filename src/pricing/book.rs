//! The price book, in memory: what each product costs, in each region and currency, from which instant on.
//!
//! A book is built from rows and never changed; a price that takes effect later is in it from the start. [`PriceBook`]
//! answers which terms hold at an instant; what follows from them is [`super::rating`]'s.

use super::model::{Currency, Fault, Period, PeriodType, ProductCodes};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use time::OffsetDateTime;

/// How many days or months at a time can be bought: whoever wants more buys months or years.
pub const DAYS_MAX: u32 = 31;
/// The renewal of up to eleven months is documented; the first purchase follows it.
pub const MONTHS_MAX: u32 = 11;

/// What a price depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Shape {
    /// One price for any quantity above zero.
    Fixed,
    /// The price times the quantity.
    Linear,
    /// Each part of the quantity at the price of the tier it lies in.
    Tiered,
    /// All of the quantity at the price of the tier its end lies in.
    Stepped,
    /// Not sold from this instant on; what was bought before cannot be renewed.
    Withdrawn,
}

/// What the tiers are of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// The usage: hours, gigabytes, requests.
    Usage,
    /// The size of the resource: gigabytes of a disk, megabits of a bandwidth.
    Size,
}

/// The sizes in which a linear product is sold.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SizeRule {
    /// The unit.
    pub measure_id: i32,
    /// The smallest.
    pub min: i32,
    /// The largest.
    pub max: i32,
    /// From one to the next.
    pub step: i32,
}

/// What a product costs from an instant on, measured in one way. An empty list of prices: not sold that way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Terms {
    /// From when.
    pub effective_at: OffsetDateTime,
    /// The unit of usage that `on_demand` is the price of.
    pub measure_id: Option<i32>,
    /// Linear products: each price is for a size of one.
    pub size: Option<SizeRule>,
    /// How quantities become amounts.
    pub shape: Shape,
    /// What the tiers are of, where there are several.
    pub tier_by: Option<Axis>,
    /// Where each tier begins: after 0, then after rising numbers.
    pub tiers: Vec<Decimal>,
    /// By use.
    pub on_demand: Vec<Decimal>,
    /// For a day.
    pub day: Vec<Decimal>,
    /// For a month.
    pub month: Vec<Decimal>,
    /// For one, two and three years as a whole.
    pub years: [Vec<Decimal>; 3],
}

impl Terms {
    /// What this many periods cost: prices, and how often to take them.
    fn period(&self, period: Period) -> Option<(&[Decimal], u32)> {
        let (prices, times) = match (period.kind, period.num) {
            (PeriodType::Day, 1..=DAYS_MAX) => (&self.day, period.num),
            (PeriodType::Month, 1..=MONTHS_MAX) => (&self.month, period.num),
            (PeriodType::Year, years @ 1..=3) => (&self.years[years as usize - 1], 1),
            _ => return None,
        };
        (!prices.is_empty()).then_some((prices.as_slice(), times))
    }

    fn is_sold_by_period(&self) -> bool {
        [&self.day, &self.month].into_iter().chain(&self.years).any(|prices| !prices.is_empty())
    }
}

/// A row of the book: one region.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PriceRow {
    /// Of what, where, in which currency, measured how.
    pub key: PriceKey,
    /// What it costs: mostly the same in many regions.
    pub terms: Arc<Terms>,
}

/// What a row's terms are of. The instant from which they hold completes it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct PriceKey {
    /// The resource type.
    pub resource_type: String,
    /// The specification.
    pub resource_spec: String,
    /// The region.
    pub region: String,
    /// The currency.
    pub currency: Currency,
    /// What of it is measured, in lower case; empty: it is sold by period only.
    pub usage_factor: String,
}

/// All prices.
#[derive(Debug, Default)]
pub struct PriceBook {
    resources: HashMap<String, Resource>,
    conversions: HashMap<(i32, i32), Decimal>,
}

#[derive(Debug)]
struct Resource {
    service_type: String,
    /// By specification and region.
    products: HashMap<String, HashMap<String, Product>>,
}

/// What is sold under one specification in one region.
#[derive(Debug)]
pub struct Product {
    /// The product's id where it is paid for by use.
    pub on_demand_id: String,
    /// The product's id where it is paid for by period.
    pub period_id: String,
    offers: Vec<Offer>,
}

#[derive(Debug)]
struct Offer {
    currency: Currency,
    usage_factor: String,
    /// The earliest first. Regions mostly have the same terms, of which there is one for all of them.
    versions: Vec<Arc<Terms>>,
}

/// Why a product is not sold for a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotSold {
    /// For other times, not for this one.
    ForThisPeriod,
    /// No longer.
    AnyMore,
    /// Never by period.
    ByPeriod,
}

impl PriceBook {
    /// A book of these rows. `service_of` names the service of each resource type; `conversions` say how many of the
    /// second unit make one of the first.
    pub fn new(
        mut rows: Vec<PriceRow>,
        service_of: impl Fn(&str) -> String,
        conversions: impl IntoIterator<Item = (i32, i32, i64)>,
    ) -> Self {
        // The order in which rows come says nothing: offers stand in the order of their keys, versions in time.
        rows.sort_by(|one, next| (&one.key, one.terms.effective_at).cmp(&(&next.key, next.terms.effective_at)));
        let mut resources: HashMap<String, Resource> = HashMap::new();
        let mut shared: HashSet<Arc<Terms>> = HashSet::new();
        for PriceRow { key, terms } in rows {
            let resource = resources.entry(key.resource_type).or_insert_with_key(|resource_type| Resource {
                service_type: service_of(resource_type),
                products: HashMap::new(),
            });
            let service_type = &resource.service_type;
            let spec = key.resource_spec.clone();
            let regions = resource.products.entry(key.resource_spec).or_default();
            let product = regions.entry(key.region).or_insert_with_key(|region| {
                let id = |mode| product_id(service_type, &spec, region, mode);
                Product { on_demand_id: id("on demand"), period_id: id("period"), offers: Vec::new() }
            });
            let terms = shared.get(&terms).cloned().unwrap_or(terms);
            shared.insert(terms.clone());
            match product.offers.last_mut() {
                Some(last) if (last.currency, &last.usage_factor) == (key.currency, &key.usage_factor) => {
                    last.versions.push(terms);
                }
                _ => product.offers.push(Offer {
                    currency: key.currency,
                    usage_factor: key.usage_factor,
                    versions: vec![terms],
                }),
            }
        }
        let conversions = conversions.into_iter().map(|(from, to, ratio)| ((from, to), Decimal::from(ratio)));
        Self { resources, conversions: conversions.collect() }
    }

    /// The product of these codes, whatever it costs.
    pub fn product(&self, codes: &ProductCodes<'_>) -> Option<&Product> {
        let resource =
            self.resources.get(codes.resource_type).filter(|found| found.service_type == codes.service_type)?;
        resource.products.get(codes.spec)?.get(codes.region)
    }

    /// By what a number of one unit is multiplied, and then divided, to be a number of another.
    pub fn conversion(&self, from: i32, to: i32) -> Option<(Decimal, Decimal)> {
        if from == to {
            return Some((Decimal::ONE, Decimal::ONE));
        }
        let multiply = self.conversions.get(&(from, to)).map(|ratio| (*ratio, Decimal::ONE));
        multiply.or_else(|| self.conversions.get(&(to, from)).map(|ratio| (Decimal::ONE, *ratio)))
    }
}

impl Product {
    /// The terms that hold at an instant, in the order of the usage factors.
    pub fn current(&self, currency: Currency, now: OffsetDateTime) -> impl Iterator<Item = (&str, &Terms)> {
        self.offers.iter().filter(move |offer| offer.currency == currency).filter_map(move |offer| {
            let started = offer.versions.partition_point(|terms| terms.effective_at <= now);
            let terms = offer.versions[..started].last()?;
            Some((offer.usage_factor.as_str(), terms.as_ref()))
        })
    }

    /// The terms of usage measured by this factor, whatever its case.
    pub fn on_demand(&self, currency: Currency, factor: &str, now: OffsetDateTime) -> Result<&Terms, Fault> {
        let mut fault = Fault::ProductNotFound;
        for (of, terms) in self.current(currency, now).filter(|(_, terms)| !terms.on_demand.is_empty()) {
            if of.eq_ignore_ascii_case(factor) {
                return Ok(terms);
            }
            fault = Fault::UnknownFactor;
        }
        Err(fault)
    }

    /// The terms of a purchase for this time, with its prices and how often to take them.
    pub fn period(
        &self,
        currency: Currency,
        period: Period,
        now: OffsetDateTime,
    ) -> Result<(&Terms, &[Decimal], u32), NotSold> {
        let mut reason = NotSold::ByPeriod;
        for (_, terms) in self.current(currency, now) {
            if let Some((prices, times)) = terms.period(period) {
                return Ok((terms, prices, times));
            }
            if terms.is_sold_by_period() {
                reason = NotSold::ForThisPeriod;
            } else if terms.shape == Shape::Withdrawn && reason == NotSold::ByPeriod {
                reason = NotSold::AnyMore;
            }
        }
        Err(reason)
    }
}

/// An id that says the same in every replica and after every load.
fn product_id(service_type: &str, spec: &str, region: &str, mode: &str) -> String {
    let digest = Sha256::digest(format!("bss-gateway product {service_type} {spec} {region} {mode}"));
    hex::encode(&digest[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::sheet;
    use time::macros::datetime;

    fn book(sheet: &str) -> PriceBook {
        let rows = sheet::read_csv(&format!("{}\n{sheet}", sheet::HEADER)).expect("the test's sheet is well-formed");
        PriceBook::new(rows, |_| "service".to_owned(), [(0, 4, 24), (4, 6, 3600)])
    }

    const CODES: ProductCodes<'_> =
        ProductCodes { service_type: "service", resource_type: "type", spec: "spec", region: "here" };

    #[test]
    fn the_terms_of_an_instant_are_the_latest_that_have_begun() {
        let book = book(
            "type,spec,here,CNY,2026-03-01T00:00:00Z,duration,4,,,,,linear,,,3,,,,,\n\
             type,spec,here,CNY,2026-01-01T00:00:00Z,duration,4,,,,,linear,,,1,,,,,\n\
             type,spec,here,CNY,2026-05-01T00:00:00Z,duration,4,,,,,withdrawn,,,,,,,,",
        );
        let product = book.product(&CODES).expect("it is in the book");
        let price = |now| product.on_demand(Currency::Cny, "DURATION", now).map(|terms| terms.on_demand[0]);
        assert_eq!(price(datetime!(2025-12-31 23:59:59 UTC)), Err(Fault::ProductNotFound));
        assert_eq!(price(datetime!(2026-01-01 00:00 UTC)), Ok(Decimal::ONE));
        assert_eq!(price(datetime!(2026-02-28 23:59:59.999 UTC)), Ok(Decimal::ONE));
        assert_eq!(price(datetime!(2026-03-01 00:00 UTC)), Ok(Decimal::from(3)));
        assert_eq!(price(datetime!(2026-05-01 00:00 UTC)), Err(Fault::ProductNotFound));
    }

    #[test]
    fn a_currency_has_only_its_own_prices() {
        let book = book("type,spec,here,CNY,2026-01-01T00:00:00Z,duration,4,,,,,linear,,,1,,,,,");
        let product = book.product(&CODES).expect("it is in the book");
        let now = datetime!(2026-06-01 00:00 UTC);
        assert_eq!(product.on_demand(Currency::Usd, "duration", now), Err(Fault::ProductNotFound));
        assert_eq!(product.on_demand(Currency::Cny, "flow", now), Err(Fault::UnknownFactor));
    }

    #[test]
    fn why_a_product_is_not_sold_for_a_time_is_told_apart() {
        let book = book(
            "type,spec,here,CNY,2026-01-01T00:00:00Z,duration,4,,,,,linear,,,1,,20,,,\n\
             type,spec,here,CNY,2026-05-01T00:00:00Z,duration,4,,,,,withdrawn,,,,,,,,\n\
             type,spec,there,CNY,2026-01-01T00:00:00Z,duration,4,,,,,linear,,,1,,,,,",
        );
        let (before, after) = (datetime!(2026-02-01 00:00 UTC), datetime!(2026-06-01 00:00 UTC));
        let sold = |region, kind, num, now| {
            let product = book.product(&ProductCodes { region, ..CODES }).expect("it is in the book");
            product.period(Currency::Cny, Period { kind, num }, now).map(|(_, prices, times)| (prices[0], times))
        };
        assert_eq!(sold("here", PeriodType::Month, 11, before), Ok((Decimal::from(20), 11)));
        assert_eq!(sold("here", PeriodType::Month, 12, before), Err(NotSold::ForThisPeriod));
        assert_eq!(sold("here", PeriodType::Year, 1, before), Err(NotSold::ForThisPeriod));
        assert_eq!(sold("here", PeriodType::Month, 1, after), Err(NotSold::AnyMore));
        assert_eq!(sold("there", PeriodType::Month, 1, before), Err(NotSold::ByPeriod));
    }

    #[test]
    fn units_convert_both_ways_and_only_where_a_ratio_is_known() {
        let book = book("type,spec,here,CNY,2026-01-01T00:00:00Z,duration,4,,,,,linear,,,1,,,,,");
        assert_eq!(book.conversion(0, 4), Some((Decimal::from(24), Decimal::ONE)));
        assert_eq!(book.conversion(6, 4), Some((Decimal::ONE, Decimal::from(3600))));
        assert_eq!(book.conversion(4, 10), None);
    }
}
