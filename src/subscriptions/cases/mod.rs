//! The worked cases of subscriptions: each row of `subscriptions.csv` through the rule that it names.

use super::lifecycle::{
    AutoRenewal, Becomes, CustomerLevel, DaysBefore, ExpirePolicy, Leniency, ResourceStatus, next_attempt, next_change,
    renewal_period,
};
use super::refund::{
    Bought, Instance, Paid, Payer, Reason, Refund, Stage, destination, downgrade, end_without_renewals, fee_rate,
    five_days, quota_year,
};
use super::term::{CENTS, Hours, UnifiedDay, end_of, fee_of, remaining_months, unified, upgrade_fee};
use crate::pricing::model::{Period, PeriodType};
use crate::values::site::Site;
use crate::values::time::{CHINA, Day, write_instant};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const CASES: &str = include_str!("subscriptions.csv");

#[derive(serde::Deserialize)]
struct Case {
    id: String,
    rule: String,
    inputs: String,
    expected: String,
}

/// What a case is given.
struct Inputs(Value);

impl Inputs {
    fn given(&self, name: &str) -> bool {
        !self.0[name].is_null()
    }

    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("{name} is no text"))
    }

    fn number(&self, name: &str) -> i64 {
        self.0[name].as_i64().unwrap_or_else(|| panic!("{name} is no number"))
    }

    fn small<N: TryFrom<i64>>(&self, name: &str) -> N {
        N::try_from(self.number(name)).unwrap_or_else(|_| panic!("{name} is too large"))
    }

    fn amount(&self, name: &str) -> Decimal {
        if self.given(name) { self.text(name).parse().expect("an amount") } else { Decimal::ZERO }
    }

    fn instant(&self, name: &str) -> OffsetDateTime {
        let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        PrimitiveDateTime::parse(self.text(name), form).expect("a time").assume_offset(CHINA)
    }

    fn site(&self) -> Site {
        if self.text("site") == "intl" { Site::Intl } else { Site::Cn }
    }

    fn months(&self, name: &str) -> Period {
        Period { kind: PeriodType::Month, num: self.small(name) }
    }

    fn period(&self) -> Period {
        match self.small("years") {
            0 => Period { kind: PeriodType::Month, num: 1 },
            num => Period { kind: PeriodType::Year, num },
        }
    }

    fn parts(&self, name: &str) -> Vec<Self> {
        self.0[name].as_array().expect("a list").iter().cloned().map(Self).collect()
    }

    fn bought(&self) -> Bought {
        let paid = Self(self.0["paid"].clone());
        let paid = Paid {
            cash_coupon: paid.amount("coupon"),
            flexi: paid.amount("flexi"),
            card: paid.amount("card"),
            credit: paid.amount("credit"),
            cash: paid.amount("cash"),
        };
        Bought { paid, period: self.period(), start: self.instant("eff"), settled_at: None, end: self.instant("exp") }
    }
}

fn money(amount: Decimal) -> String {
    format!("{amount:.2}")
}

fn local(instant: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    instant.to_offset(CHINA).format(form).expect("it has all parts")
}

fn refund(inputs: &Inputs) -> Value {
    let (bought, at, site) = (inputs.bought(), inputs.instant("at"), inputs.site());
    let used = if inputs.given("used_this_year") { inputs.number("used_this_year") } else { 0 };
    let (reason, rate) = if inputs.given("undone") || five_days(site, true, bought.start, at, used) {
        (Reason::Undone, Decimal::ZERO)
    } else if inputs.given("waived") {
        (Reason::WithoutFee, Decimal::ZERO)
    } else {
        (Reason::Unsubscribed(site), fee_rate(site, bought.period, at - bought.start))
    };
    let (refund, hours) = (Refund::of(&bought, reason, at), Hours::of(bought.start, bought.end, at));
    let (paid, returned) = (bought.paid, refund.returned);
    let pockets = [
        ("flexi", paid.flexi, returned.flexi),
        ("card", paid.card, returned.card),
        ("credit", paid.credit, returned.credit),
        ("cash", paid.cash, returned.cash),
    ];
    let by_source = pockets.into_iter().filter(|pocket| !pocket.1.is_zero());
    json!({
        "total_hours": hours.total,
        "used_hours": hours.used,
        "consumed_amount": money(refund.consumed),
        "fee_rate": rate.normalize().to_string(),
        "commission_amount": money(refund.fee),
        "refund": money(returned.charged()),
        "refund_by_source": by_source.map(|pocket| (pocket.0, money(pocket.2))).collect::<std::collections::BTreeMap<_, _>>(),
        "coupon_returned": money(returned.cash_coupon),
        "refund_infos_sum": money(refund.rows().into_iter().sum()),
    })
}

/// What comes back of the periods of a resource, all of them or those that lie ahead.
fn periods(inputs: &Inputs, only_ahead: bool) -> Value {
    let at = inputs.instant("at");
    let (mut rows, mut returned) = (Vec::new(), Paid::default());
    let mut sum = Decimal::ZERO;
    let parts = inputs.parts("periods");
    for (part, bought) in parts.iter().map(|part| (part, part.bought())) {
        if only_ahead && bought.stage(at) != Stage::Ahead {
            continue;
        }
        let refund = Refund::of(&bought, Reason::Unsubscribed(inputs.site()), at);
        returned = returned + refund.returned;
        for amount in refund.rows() {
            rows.push(json!({"base_order_id": part.text("order"), "amount": money(amount)}));
            sum += amount;
        }
    }
    let periods: Vec<Bought> = parts.iter().map(Inputs::bought).collect();
    json!({
        "refund_rows": rows,
        "sum": money(sum),
        "cash_refund": money(returned.cash),
        "coupon_returned": money(returned.cash_coupon),
        "expire_time": end_without_renewals(&periods, at).map(write_instant),
    })
}

fn leniency(inputs: &Inputs) -> Value {
    let expiry = inputs.instant("expire_local");
    let levels = inputs.0["levels"].as_array().expect("levels").iter().map(|level| match level.as_str() {
        Some("V0") => CustomerLevel::V0,
        Some("V1") => CustomerLevel::V1,
        Some("V2") => CustomerLevel::V2,
        Some("V3") => CustomerLevel::V3,
        Some("V4") => CustomerLevel::V4,
        _ => CustomerLevel::V5,
    });
    let mut each = levels.map(|level| Leniency::of_period(inputs.site(), level));
    let leniency = each.next().expect("a level");
    assert!(each.all(|other| other == leniency), "the levels differ");
    let next = |status| next_change(status, ExpirePolicy::Grace, expiry, leniency).expect("it is not closed");
    let expired = next(ResourceStatus::InUse);
    assert_eq!(expired, (expiry, Becomes::Expired));
    let (frozen, closed) = (next(expired.1.status()), next(ResourceStatus::Frozen));
    json!({
        "grace_days": leniency.grace,
        "retention_days": leniency.retention,
        "status_5_until": write_instant(frozen.0),
        "status_4_until": write_instant(closed.0),
        format!("status_{}_from", closed.1.status().code()): write_instant(closed.0),
    })
}

fn late_renewal(inputs: &Inputs) -> Value {
    let (start, at) = (inputs.instant("old_expire_local"), inputs.instant("renewed_at_local"));
    let end = end_of(start, inputs.months("months"), inputs.small("anchor_day"));
    json!({
        "new_expire_time": write_instant(end),
        "effective_time": write_instant(start),
        "days_left": (Day::of(end).0 - Day::of(at).0).whole_days(),
    })
}

fn unified_end(inputs: &Inputs) -> Value {
    let normal = end_of(inputs.instant("old_expire_local"), inputs.months("months"), inputs.small("anchor_day"));
    let day = UnifiedDay::from_number(inputs.small("unified_day")).expect("a day");
    let moved = unified(normal, day);
    let months = Decimal::from(inputs.number("months")) + moved.extra_months;
    json!({
        "new_expire_time": write_instant(moved.end),
        "extra_days": (Day::of(moved.end).0 - Day::of(normal).0).whole_days(),
        "extra_months": format!("{:.8}", moved.extra_months),
        "price": money(fee_of(inputs.amount("month_price"), months)),
    })
}

/// What a larger specification costs with a discount, or a smaller one gives back.
fn change(inputs: &Inputs) -> Value {
    let (at, end, ratio) = (inputs.instant("at"), inputs.instant("exp"), inputs.amount("discount"));
    let (months, new_price) = (remaining_months(at, end), inputs.amount("new_price"));
    let shown = format!("{months:.8}");
    if inputs.given("old_price") {
        let fee = upgrade_fee(inputs.amount("old_price"), new_price, months);
        return json!({"remaining_months": shown, "fee": money(CENTS.apply(fee * ratio))});
    }
    let paid = Paid { cash: inputs.amount("paid"), ..Paid::default() };
    let period = Period { kind: PeriodType::Month, num: 1 };
    let bought = Bought { paid, period, start: inputs.instant("eff"), settled_at: None, end };
    let hours = Hours::of(bought.start, end, at);
    let refunds = downgrade(&[bought], fee_of(new_price * ratio, months), at);
    json!({
        "total_hours": hours.total,
        "left_hours": hours.total - hours.used,
        "remaining_months": shown,
        "refund": money(refunds.iter().map(|refund| refund.returned.charged()).sum()),
    })
}

/// For how many instances resources count that are given back: each with its service, its order and its primary.
fn quota(inputs: &Inputs) -> Value {
    let of = |resource: &Value| {
        let text = |place: usize| resource[place].as_str().expect("a text");
        Instance::of(text(0), text(1), text(2))
    };
    let resources = inputs.0["resources"].as_array().expect("resources");
    json!({"counted": resources.iter().map(of).collect::<BTreeSet<_>>().len()})
}

fn times(inputs: &Inputs) -> Value {
    let mut renewal = AutoRenewal::switched_on(None, Some(inputs.small("auto_renew_times")));
    let (mut by_system, mut policy) = (0, ExpirePolicy::AutoRenew);
    for event in inputs.0["events"].as_array().expect("events") {
        if event == "auto ok" && policy == ExpirePolicy::AutoRenew {
            (renewal, policy) = renewal.renewed();
            by_system += 1;
        }
    }
    json!({"renewals_by_system": by_system, "expire_policy_after": policy.code()})
}

fn whose(inputs: &Inputs) -> Value {
    let paid_by = if inputs.text("paid_by") == "partner" { Payer::Partner } else { Payer::Customer };
    let was_resale = inputs.text("association_when_paid") == "resale";
    match destination(paid_by, was_resale, inputs.text("now") == "associated") {
        Payer::Customer => json!({"to": "customer"}),
        Payer::Partner => json!({"to": "partner"}),
    }
}

/// What the rule of a case says.
fn decide(rule: &str, inputs: &Inputs) -> Value {
    match rule {
        "refund" => refund(inputs),
        "all_periods" => periods(inputs, false),
        "periods_ahead" => periods(inputs, true),
        "five_days" => {
            let (opened, at) = (inputs.instant("opened"), inputs.instant("at"));
            json!({"five_days": five_days(Site::Cn, true, opened, at, inputs.number("used_this_year"))})
        }
        "counted" => quota(inputs),
        "quota_year" => json!({"year": quota_year(inputs.instant("at"))}),
        "destination" => whose(inputs),
        "end" => {
            let end = end_of(inputs.instant("start_local"), inputs.months("months"), inputs.small("anchor_day"));
            json!({"expire_time": write_instant(end), "expire_local": local(end)})
        }
        "late_renewal" => late_renewal(inputs),
        "leniency" => leniency(inputs),
        "first_attempt" => {
            let days = DaysBefore::from_number(inputs.small("deduction_days_before")).expect("2 to 7");
            let leniency = Leniency::of_period(Site::Cn, CustomerLevel::V0);
            let at = next_attempt(inputs.instant("enabled_at_local"), inputs.instant("expire_local"), days, leniency);
            json!({"first_attempt": at.map(write_instant)})
        }
        "renewal_period" => {
            let (kind, name) =
                if inputs.given("years") { (PeriodType::Year, "years") } else { (PeriodType::Month, "months") };
            let renewed = renewal_period(None, Period { kind, num: inputs.small(name) });
            let name = if renewed.kind == PeriodType::Year { "years" } else { "months" };
            json!({name: renewed.num})
        }
        "times" => times(inputs),
        "switched_on_again" => {
            let before = AutoRenewal { times: inputs.small("auto_renew_times_before"), done: 0 };
            json!({"auto_renew_times": AutoRenewal::switched_on(Some(before), None).times})
        }
        "unified" => unified_end(inputs),
        "upgrade" | "downgrade" => change(inputs),
        other => panic!("there is no rule {other}"),
    }
}

#[test]
fn every_case_comes_out_as_the_table_says() {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(CASES.as_bytes());
    let cases: Vec<Case> = reader.deserialize().collect::<Result<_, _>>().expect("the table is well-formed");
    let ids: BTreeSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    assert!(ids.len() == cases.len() && cases.len() == 67, "{} cases", cases.len());
    let mut wrong = String::new();
    for case in &cases {
        let inputs = Inputs(serde_json::from_str(&case.inputs).expect("inputs are JSON"));
        let expected: Value = serde_json::from_str(&case.expected).expect("what is expected is JSON");
        let got = decide(&case.rule, &inputs);
        if got != expected {
            writeln!(wrong, "{}\tgot {got}\n\tnot {expected}", case.id).expect("a string takes everything");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
