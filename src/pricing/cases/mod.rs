//! The worked cases of rating: `cases.csv` over the price book `prices.csv`, each with its amounts and steps.

use super::book::PriceBook;
use super::discounts::{CustomerTerms, Discount, DiscountKind, IncentivePolicy, Incentives, Scope, in_order};
use super::memory::Pricing;
use super::model::Size;
use super::model::{ChargingMode, Currency, Period, PeriodType, ProductCodes};
use super::quote::Quoting;
use super::rating::{PeriodItem, Rounding, Step, Trace, UsageItem};
use super::sheet;
use crate::seed;
use crate::values::decimal::plain;
use rust_decimal::Decimal;
use std::collections::HashMap;
use std::fmt::Write as _;
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

const PRICES: &str = include_str!("prices.csv");
const CASES: &str = include_str!("cases.csv");
/// When the cases are rated.
pub const NOW: OffsetDateTime = datetime!(2026-06-01 00:00 UTC);

/// The book of the cases, with the real conversions.
pub fn pricing() -> Pricing {
    let rows = sheet::read_csv(PRICES).expect("the sheet is right");
    let conversions = seed::rows(include_str!("../../reference/seed/conversions.csv")).map(|row| {
        let number = |name: &str| row[name].parse::<i64>().expect("a number");
        let id = |name| i32::try_from(number(name)).expect("an id is small");
        (id("measure_id"), id("ref_measure_id"), number("conversion_ratio"))
    });
    let policy =
        IncentivePolicy { effective_at: datetime!(2020-01-01 00:00 UTC), incentive_policy: 0, allow_discount: false };
    Pricing {
        book: PriceBook::new(rows, |kind| format!("service-{kind}"), conversions),
        incentives: Incentives(HashMap::from([("service-closed".to_owned(), vec![policy])])),
    }
}

/// The discount of this name. The ids follow the table, so equal discounts stand in its order.
pub fn discount(name: &str) -> Discount {
    use DiscountKind::{Commercial, Contract, Partner, Promotion};
    let table = [
        ("com80", Commercial, "0.8", false),
        ("com85m", Commercial, "0.85", false),
        ("disk50", Commercial, "0.5", false),
        ("con75", Contract, "0.75", false),
        ("con80", Contract, "0.8", false),
        ("par90", Partner, "0.9", false),
        ("par70", Partner, "0.7", false),
        ("up95", Promotion, "0.95", true),
        ("up50", Promotion, "0.5", true),
        ("promo60", Promotion, "0.6", false),
        ("zero", Promotion, "0", false),
    ];
    let index = table.iter().position(|row| row.0 == name).unwrap_or_else(|| panic!("there is no discount {name}"));
    let (_, kind, ratio, stacks) = table[index];
    let scope = match name {
        "com85m" => Scope { charging_modes: vec![ChargingMode::Monthly], ..Scope::default() },
        "disk50" => Scope { resource_spec: Some("disk".to_owned()), ..Scope::default() },
        _ => Scope::default(),
    };
    let id = Uuid::from_u128(index as u128 + 1);
    Discount { id, kind, name: name.to_owned(), ratio: ratio.parse().expect("a number"), stacks, scope }
}

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    product: String,
    currency: Currency,
    size: Option<i32>,
    factor: String,
    value: Option<Decimal>,
    measure_id: Option<i32>,
    period: String,
    count: u32,
    discounts: String,
    rounding: String,
    official: String,
    amount: String,
    steps: String,
}

impl Case {
    /// Official amount, amount after discounts, steps.
    fn rate(&self, pricing: &Pricing) -> (Decimal, Decimal, Vec<Step>) {
        let names = self.discounts.split('|').filter(|name| !name.is_empty());
        let customer = CustomerTerms { currency: self.currency, discounts: in_order(names.map(discount).collect()) };
        let quoting = Quoting { pricing, customer: &customer, now: NOW };
        let (resource_type, spec) = self.product.split_once('/').expect("type and specification");
        let service_type = format!("service-{resource_type}");
        let codes = ProductCodes { service_type: &service_type, resource_type, spec, region: "here" };
        let size = self.size.map(|size| Size {
            size,
            measure_id: if ["disk", "capacity", "example"].contains(&spec) { 17 } else { 15 },
        });
        let mut trace = Trace::kept();
        if let Some(value) = self.value {
            let measure_id = self.measure_id.expect("a unit");
            let item = UsageItem { codes, size, factor: &self.factor, value, measure_id, count: self.count };
            let rated = quoting.usage(&item, self.rounding(), &mut trace).expect(&self.name);
            return (rated.official, rated.amount, trace.take());
        }
        let (num, kind) = self.period.split_once(' ').expect("a number and a period");
        let kind = match kind {
            "day" => PeriodType::Day,
            "month" => PeriodType::Month,
            _ => PeriodType::Year,
        };
        let period = Period { kind, num: num.parse().expect("a number") };
        let item = PeriodItem { codes, size, period, count: self.count };
        let official = quoting.official(&item, &mut trace).expect(&self.name);
        let purchase = quoting.purchase(&[item], vec![official], &mut trace).expect(&self.name);
        let first = purchase.offered.first();
        let best = discounts_best(&self.discounts, first.map(|offered| offered.best));
        assert!(best, "{}: a best offer is none, or is missing", self.name);
        (purchase.official, first.map_or(purchase.official, |offered| offered.amount), trace.take())
    }

    fn rounding(&self) -> Rounding {
        match self.rounding.as_str() {
            "quote" => Rounding::Quote,
            "precise_quote" => Rounding::PreciseQuote,
            "metered" => Rounding::Metered,
            other => panic!("no usage is rounded by {other}"),
        }
    }
}

/// Whether the first offer is rightly the best one: of promotions alone none is.
fn discounts_best(names: &str, best: Option<bool>) -> bool {
    let promotions = names.split('|').all(|name| name.starts_with("up") || name.starts_with("promo"));
    best.is_none_or(|best| best != promotions)
}

/// A step as the table writes it; terms and the steps that change nothing are left out.
fn words(step: &Step) -> Option<String> {
    let one = Decimal::ONE;
    match step {
        Step::Conversion { multiply, divide, .. } if *divide != one => Some(format!("*{multiply}/{divide}")),
        Step::Conversion { multiply, .. } if *multiply != one => Some(format!("*{multiply}")),
        Step::Tier { after, quantity, price, amount } => {
            let [after, quantity, price, amount] =
                [*after, quantity.round_dp(12), *price, amount.round_dp(12)].map(plain);
            Some(format!("after {after}: {quantity} at {price} = {amount}"))
        }
        Step::Fixed { price } => Some(format!("fixed {price}")),
        Step::Size { size, .. } => Some(format!("size {size}")),
        Step::Periods { times, .. } if *times != 1 => Some(format!("periods {times}")),
        Step::Count { subscription_num } if *subscription_num != 1 => Some(format!("count {subscription_num}")),
        Step::Rounding { before, after, .. } if before != after => {
            Some(format!("rounded {} to {}", plain(before.round_dp(12)), plain(*after)))
        }
        Step::Discount { name, before, after, .. } => Some(format!("{name} {} to {}", plain(*before), plain(*after))),
        _ => None,
    }
}

#[test]
fn every_case_costs_what_the_table_says_by_the_steps_that_it_says() {
    let pricing = pricing();
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(CASES.as_bytes());
    let cases: Vec<Case> = reader.deserialize().collect::<Result<_, _>>().expect("the table is well-formed");
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let mut wrong = String::new();
    for case in &cases {
        let (official, amount, steps) = case.rate(&pricing);
        let steps = steps.iter().filter_map(words).collect::<Vec<_>>().join("; ");
        let got = (plain(official), plain(amount), steps);
        if got != (case.official.clone(), case.amount.clone(), case.steps.clone()) {
            writeln!(wrong, "{}\t{} {}\t{}", case.name, got.0, got.1, got.2).expect("a string takes everything");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
