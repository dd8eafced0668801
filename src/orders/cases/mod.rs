//! The worked cases of orders: each row of `orders.csv` through the plan of payments, or through the table of statuses.

use super::model::{Amounts, OrderStatus, Reduction, ReductionKind, Share, Source};
use super::plan::{self, Coupon, Insufficient, Purse};
use super::state::{self, Event, Stage};
use crate::accounts::model::INSUFFICIENT_BALANCE;
use rust_decimal::Decimal;
use serde_json::Value;
use std::collections::BTreeSet;
use uuid::Uuid;

const CASES: &str = include_str!("orders.csv");

#[derive(serde::Deserialize)]
struct Case {
    id: String,
    inputs: String,
    expected: String,
}

fn cases() -> impl Iterator<Item = (String, Value, Value)> {
    csv::Reader::from_reader(CASES.as_bytes()).into_deserialize().map(|row| {
        let Case { id, inputs, expected } = row.expect("each row is a case");
        let json = |text: &str| serde_json::from_str(text).expect("JSON");
        (id, json(&inputs), json(&expected))
    })
}

fn amount(value: &Value) -> Decimal {
    value.as_str().map_or(Decimal::ZERO, |text| text.parse().expect("an amount"))
}

fn kind(value: &Value) -> ReductionKind {
    let code: i64 = value.as_str().expect("a code").parse().expect("a number");
    ReductionKind::try_from(code).expect("it is one of them")
}

/// Pays one line with all that the case has.
fn pay(inputs: &Value) -> Result<(Amounts, Vec<Share>), Insufficient> {
    let mut lines = vec![Amounts::unpaid(amount(&inputs["official"]))];
    for discount in inputs["disc"].as_array().into_iter().flatten() {
        let left = lines[0].after_discount - amount(&discount[1]);
        plan::lower(&mut lines, kind(&discount[0]), &[left]);
    }
    let mut due = lines[0].after_discount;
    let mut coupons = Vec::new();
    for (name, source) in [("coupon", Source::CashCoupon), ("flexi", Source::FlexiCoupon)] {
        let paid = amount(&inputs[name]).min(due);
        due -= paid;
        if !paid.is_zero() {
            coupons.push(Coupon { id: Uuid::nil(), source, lines: vec![(0, paid)] });
        }
    }
    let mut shares = plan::pay_by_coupons(&mut lines, &coupons);
    let purse = |name: &str, source| Purse { source, id: Uuid::nil(), available: amount(&inputs[name]) };
    let purses = [purse("card", Source::Card), purse("cash", Source::Cash), purse("credit", Source::Credit)];
    shares.extend(plan::pay_by_purses(&mut lines, &purses)?);
    Ok((lines.remove(0), shares))
}

#[test]
fn payments_are_what_the_cases_say() {
    let mut seen = 0;
    for (id, inputs, expected) in cases().filter(|case| case.0.starts_with('P')) {
        seen += 1;
        let Ok((line, shares)) = pay(&inputs) else {
            assert_eq!(expected["error_code"], INSUFFICIENT_BALANCE.0, "{id}");
            continue;
        };
        let by =
            |source| shares.iter().filter(|share| share.source == source).map(|share| share.amount).sum::<Decimal>();
        let shown = [
            ("official_amount", line.official),
            ("amount_after_discount", line.after_discount),
            ("coupon_amount", line.by(ReductionKind::CashCoupon)),
            ("flexipurchase_coupon_amount", line.by(ReductionKind::FlexiCoupon)),
            ("stored_card_amount", line.card),
            ("cash_paid", by(Source::Cash)),
            ("credit_paid", by(Source::Credit)),
        ];
        for (field, shown) in shown {
            assert_eq!(shown, amount(&expected[field]), "{id}: {field}");
        }
        let discounts = expected["discounts"].as_array().expect("a list").iter();
        let expected: BTreeSet<_> =
            discounts.map(|one| (kind(&one["discount_type"]), amount(&one["discount_amount"]))).collect();
        let shown: BTreeSet<_> = line.reductions.iter().map(|Reduction(kind, amount)| (*kind, *amount)).collect();
        assert_eq!(shown, expected, "{id}");
    }
    assert_eq!(seen, 14);
}

#[test]
fn statuses_follow_as_the_cases_say() {
    let mut seen = 0;
    for (id, inputs, expected) in cases().filter(|case| case.0.starts_with('L')) {
        seen += 1;
        let from = OrderStatus::try_from(inputs["status"].as_i64().expect("a number")).expect("a status");
        let event = match inputs["event"].as_str().expect("a text") {
            "pay ok" | "pay" => Event::Paid,
            "cancel" => Event::Cancelled,
            "deadline" => Event::Expired,
            "audit refused" => Event::Refused,
            _ => Event::Overtaken,
        };
        let to = state::next(Some(from.into()), event);
        match expected["result"].as_str().expect("a text") {
            "3 then 5" => {
                assert_eq!(to, Some(Stage::Processing), "{id}");
                assert_eq!(state::next(to, Event::Provisioned), Some(Stage::Completed), "{id}");
            }
            "4" => assert_eq!(to, Some(Stage::Cancelled), "{id}"),
            _ => assert_eq!(to, None, "{id}"),
        }
    }
    assert_eq!(seen, 8);
}
