//! The worked cases of bills: each row of `bills.csv` through the rules that it is about.

use super::model::Waiting;
use super::model::{Interval, Metered};
use super::peaks;
use super::settlement::{self, amounts, cycle, made_up};
use crate::bills::model::in_cents;
use crate::orders::model::Source;
use crate::orders::plan::{Purse, spread};
use crate::pricing::rating::Rounding;
use crate::values::id::DomainId;
use crate::values::site::Site;
use crate::values::time::CHINA;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use time::format_description::well_known::Rfc3339;
use time::macros::{date, format_description};
use time::{OffsetDateTime, Time};
use uuid::Uuid;

const CASES: &str = include_str!("bills.csv");

#[derive(serde::Deserialize)]
struct Case {
    id: String,
    inputs: String,
    expected: String,
}

fn number(value: &Value) -> Decimal {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().unwrap_or_else(|_| panic!("no number: {value}"))
}

fn or_zero(value: &Value) -> Decimal {
    if value.is_null() { Decimal::ZERO } else { number(value) }
}

fn instant(value: &Value) -> OffsetDateTime {
    OffsetDateTime::parse(value.as_str().expect("an instant"), &Rfc3339).expect("an instant")
}

/// What is expected is what came out; amounts may be written with more zeros.
fn assert_equal(id: &str, expected: &Value, came: &BTreeMap<&str, Value>) {
    for (name, wanted) in expected.as_object().expect("fields") {
        let got = came.get(name.as_str()).unwrap_or_else(|| panic!("{id}: {name} did not come out"));
        let (one, other) = (wanted.as_str().map(str::parse::<Decimal>), got.as_str().map(str::parse::<Decimal>));
        match (one, other) {
            (Some(Ok(wanted)), Some(Ok(got))) => assert_eq!(got, wanted, "{id}: {name}"),
            _ => assert_eq!(got, wanted, "{id}: {name}"),
        }
    }
}

fn text(number: Decimal) -> Value {
    json!(number.to_string())
}

/// What is metered, in yuan with eight decimals.
fn metered(inputs: &Value) -> Decimal {
    let price = || number(&inputs["price"]);
    let exact = if !inputs["official"].is_null() {
        number(&inputs["official"])
    } else if let Some(calls) = inputs["calls"].as_array() {
        Decimal::from(calls.len()) * price()
    } else {
        let size = if inputs["size_gb"].is_null() { Decimal::ONE } else { number(&inputs["size_gb"]) };
        number(&inputs["seconds"]) * price() * size / Decimal::from(3600)
    };
    Rounding::Metered.apply(exact)
}

/// From when to when calls on one day are billed.
fn period(calls: &[Value]) -> String {
    let form = format_description!("[hour]:[minute]:[second]");
    let call = |at: &Value| {
        let at = Time::parse(at.as_str().expect("a time"), form).expect("a time");
        let at = date!(2026 - 03 - 28).with_time(at).assume_offset(CHINA);
        let of = Metered {
            customer: DomainId(Uuid::nil()),
            resource_id: "api".to_owned(),
            name: String::new(),
            service_type: String::new(),
            resource_type: String::new(),
            spec: String::new(),
            region: String::new(),
            size: None,
            enterprise_project: String::new(),
        };
        let (record_id, usage_type) = (at.to_string(), "calls".to_owned());
        let (quantity, measure_id) = (Decimal::ONE, 14);
        Waiting { record_id, from: at, until: at, usage_type, quantity, measure_id, scenario: None, of }
    };
    let mut settled = settlement::together(calls.iter().map(call).collect(), |_| Interval::Day);
    let settled = settled.pop().expect("they are settled together");
    assert_eq!(settled.quantity, Decimal::from(calls.len()));
    let shown = |at: OffsetDateTime| at.to_offset(CHINA).format(form).expect("a time");
    format!("{}/{}", shown(settled.from), shown(settled.until))
}

fn of_charge(inputs: &Value) -> BTreeMap<&'static str, Value> {
    let official = metered(inputs);
    let cut = amounts(official, official - or_zero(&inputs["discount"]), Site::Cn);
    assert_eq!(cut.official, cut.discount + cut.erase + cut.consume);
    BTreeMap::from([
        ("official_amount", text(cut.official)),
        ("discount_amount", text(cut.discount)),
        ("erase_amount", text(cut.erase)),
        ("consume_amount", text(cut.consume)),
        ("period", inputs["calls"].as_array().map_or(Value::Null, |calls| json!(period(calls)))),
    ])
}

fn of_payment(inputs: &Value) -> BTreeMap<&'static str, Value> {
    let pockets = [
        ("coupon_amount", Source::CashCoupon),
        ("flexipurchase_coupon_amount", Source::FlexiCoupon),
        ("stored_card_amount", Source::Card),
        ("bonus_amount", Source::Bonus),
        ("cash_amount", Source::Cash),
        ("credit_amount", Source::Credit),
    ];
    let purse = |(name, source)| Purse { source, id: Uuid::nil(), available: number(&inputs[name]) };
    let (shares, left) = spread(vec![number(&inputs["due"])], &pockets.map(purse));
    let paid = |source| shares.iter().filter(|share| share.source == source).map(|share| share.amount).sum();
    let mut came: BTreeMap<&str, Value> =
        pockets.into_iter().map(|(name, source)| (name, text(paid(source)))).collect();
    came.insert("debt_amount", text(left[0]));
    came.insert("status", json!(if left[0].is_zero() { 1 } else { 2 }));
    came
}

fn of_make_up(inputs: &Value) -> BTreeMap<&'static str, Value> {
    let erased = number(&inputs["erased"]);
    let Some(made_up) = made_up(erased) else { return BTreeMap::from([("record", Value::Null)]) };
    BTreeMap::from([
        ("bill_type", json!(25)),
        ("official_amount", text(made_up.official)),
        ("erase_amount", text(made_up.erase)),
        ("consume_amount", text(made_up.consume)),
        ("left_erased", text(erased + made_up.erase)),
    ])
}

fn of_cycle(inputs: &Value) -> BTreeMap<&'static str, Value> {
    let consumed = instant(&inputs["consume_time"]);
    let settled = ["reported", "trade_time"].into_iter().find(|name| !inputs[name].is_null());
    let settled = settled.map_or(consumed, |name| instant(&inputs[name]));
    BTreeMap::from([
        ("bill_cycle", json!(cycle(consumed, settled).to_string())),
        ("consume_time", inputs["consume_time"].clone()),
    ])
}

fn of_points(inputs: &Value) -> BTreeMap<&'static str, Value> {
    let points = inputs["points"].as_str().expect("points");
    let points: Vec<Decimal> = if let Some((first, last)) = points.split_once("..") {
        (first.parse().expect("a number")..=last.parse::<i64>().expect("a number")).map(Decimal::from).collect()
    } else {
        let (count, point) = points.split_once(" times ").expect("so many of one");
        vec![point.parse().expect("a number"); count.parse().expect("a number")]
    };
    let count = i64::try_from(points.len()).expect("few");
    let (bandwidth, days) = (peaks::bandwidth(points), peaks::days(count));
    let official = bandwidth * number(&inputs["price"]) * days / number(&inputs["days"]);
    let official = Rounding::Metered.apply(official);
    let cut = amounts(official, Rounding::Metered.apply(official * number(&inputs["discount"])), Site::Cn);
    BTreeMap::from([
        ("dropped", json!(peaks::left_out(count))),
        ("band_width", text(bandwidth)),
        ("actual_days", text(days)),
        ("official_amount", text(cut.official)),
        ("discount_amount", text(cut.discount)),
        ("erase_amount", text(cut.erase)),
        ("consume_amount", text(cut.consume)),
    ])
}

fn of_month(inputs: &Value) -> BTreeMap<&'static str, Value> {
    let charges = inputs["charges"].as_array().cloned().unwrap_or_else(|| vec![inputs["total"].clone()]);
    let charges = charges.iter().map(|charge| amounts(number(charge), number(charge), Site::Intl));
    let (mut erased, mut total) = (Decimal::ZERO, Decimal::ZERO);
    for charge in charges {
        erased += charge.erase;
        total += charge.consume;
    }
    BTreeMap::from([("erase_amount", text(erased)), ("month_total", text(in_cents(total)))])
}

#[test]
fn each_case_comes_out_as_it_was_calculated() {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(CASES.as_bytes());
    let mut count = 0;
    for case in reader.deserialize() {
        let Case { id, inputs, expected } = case.expect("a row");
        let inputs: Value = serde_json::from_str(&inputs).expect("inputs");
        let expected: Value = serde_json::from_str(&expected).expect("what is expected");
        let came = if !inputs["points"].is_null() {
            of_points(&inputs)
        } else if !inputs["due"].is_null() {
            of_payment(&inputs)
        } else if !inputs["erased"].is_null() {
            of_make_up(&inputs)
        } else if !inputs["consume_time"].is_null() {
            of_cycle(&inputs)
        } else if inputs["charges"].is_array() || !inputs["total"].is_null() {
            of_month(&inputs)
        } else {
            of_charge(&inputs)
        };
        assert_equal(&id, &expected, &came);
        count += 1;
    }
    assert_eq!(count, 31);
}
