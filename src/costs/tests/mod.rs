//! Costs through the router, on a real database.

mod cases;
mod properties;

use crate::orders::tests::{CUSTOMER, Stall, decimal};
use crate::values::time::{Day, Month};
use axum::http::Method;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};
use sqlx::PgPool;
use time::{Date, Duration};

const BREAKDOWN: &str = "/v2/costs/cost-analysed-bills/monthly-breakdown";
const COSTS: &str = "/v4/costs/cost-analysed-bills/query";

/// Servers that were bought for a time.
struct Bought {
    /// What was paid.
    amount: Decimal,
    /// The server.
    server: String,
    /// Over which days it counts.
    days: (Date, Date),
}

impl Stall {
    fn today(&self) -> Date {
        Day::of(self.app.app.clock.now()).0
    }

    /// Buys a server for so many months, and has it provided.
    async fn purchase(&self, months: u32, with: &Value) -> Bought {
        let order = self.order(&Self::server(months, false)).await;
        assert_eq!(self.pay_with(&order, with).await.status.as_u16(), 204);
        let provided = self.provide(&order, &[]).await;
        let server = provided["lines"][0]["resource_id"].as_str().expect("a server").to_owned();
        let query = json!({"resource_ids": [server]});
        let found = self.app.client(CUSTOMER).post("/v2/orders/suscriptions/resources/query", &query).await.ok();
        let expires = crate::values::time::parse_instant(found["data"][0]["expire_time"].as_str().expect("an end"));
        let last = Day::of(expires.expect("an instant")).0;
        Bought { amount: decimal(&order["official_amount"]), server, days: (self.today(), last) }
    }

    async fn breakdown(&self, month: Month, with: &str) -> Value {
        self.get(&format!("{BREAKDOWN}?shared_month={month}&limit=1000{with}")).await
    }

    async fn costs(&self, body: &Value) -> Value {
        self.app.client(CUSTOMER).post(COSTS, body).await.ok()
    }
}

/// The months from one day to another.
fn months((first, last): (Date, Date)) -> Vec<Month> {
    let (first, last) = (Month::of_day(Day(first)), Month::of_day(Day(last)));
    std::iter::successors(Some(first), |month| Some(month.next())).take_while(|month| *month <= last).collect()
}

/// What a span of days counts of an amount, by the rule as the documents have it.
fn expected(amount: Decimal, (first, last): (Date, Date), (from, until): (Date, Date)) -> Decimal {
    let length = (last - first).whole_days() + 1;
    let each = (amount / Decimal::from(length)).round_dp_with_strategy(8, RoundingStrategy::ToZero);
    let days = (until.min(last) - from.max(first)).whole_days() + 1;
    let rest = if (from..=until).contains(&last) { amount - each * Decimal::from(length) } else { Decimal::ZERO };
    each * Decimal::from(days.max(0)) + rest
}

fn query(cost_type: &str, amount_type: &str, (first, last): (Date, Date), by_months: bool) -> Value {
    let text = |day| if by_months { Month::of_day(Day(day)).to_string() } else { Day(day).to_string() };
    json!({"time_condition": {"time_measure_id": if by_months { 2 } else { 1 }, "begin_time": text(first),
                              "end_time": text(last)},
           "groupby": [{"type": "dimension", "key": "RESOURCE_ID"}], "cost_type": cost_type, "amount_type": amount_type})
}

fn sum(rows: &Value, name: &str) -> Decimal {
    rows.as_array().expect("rows").iter().map(|row| decimal(&row[name])).sum()
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_purchase_counts_on_its_days(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let coupon = stall.coupon("20").await;
    let waiting = stall.order(&Stall::server(1, false)).await;
    assert_eq!(stall.pay(&waiting).await.status.as_u16(), 204);
    let this = Month::of_day(Day(stall.today()));
    // Nobody knows yet from when on it is for: until then it counts on the day of its payment.
    let paid = stall.breakdown(this, "").await;
    assert_eq!(decimal(&paid["details"][0]["current_month_amortized_amount"]), decimal(&waiting["official_amount"]));
    assert_eq!(paid["details"][0]["resource_id"], "");

    let with = json!({"use_coupon": "YES", "coupon_infos": [{"id": coupon, "type": 301}]});
    let bought = stall.purchase(3, &with).await;
    stall.wait(Duration::days(100)).await;
    let (mut counted, mut by_coupon, mut by_cash) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    for month in months(bought.days) {
        let rows = stall.breakdown(month, &format!("&resource_id={}", bought.server)).await;
        let row = &rows["details"][0];
        let current = decimal(&row["current_month_amortized_amount"]);
        assert_eq!(rows["total_count"], 1);
        assert_eq!(current, expected(bought.amount, bought.days, (month.first_day(), month.last_day())), "{month}");
        let past = decimal(&row["past_months_amortized_amount"]);
        assert_eq!((decimal(&row["consume_amount"]), past), (bought.amount, counted));
        assert_eq!(past + current + decimal(&row["future_months_amortized_amount"]), bought.amount);
        let (coupon, cash) = (decimal(&row["amortized_coupon_amount"]), decimal(&row["amortized_cash_amount"]));
        assert_eq!(coupon + cash, current);
        (counted, by_coupon, by_cash) = (counted + current, by_coupon + coupon, by_cash + cash);
    }
    assert_eq!((counted, by_coupon, by_cash), (bought.amount, Decimal::from(20), bought.amount - Decimal::from(20)));

    // The same by days, by months and net of the coupon; and all of it at once on bills.
    let of_server = |mut body: Value| {
        body["filters"] = json!([{"operator": 0, "filter_factor": {"key": "RESOURCE_ID", "value": [bought.server]}}]);
        body
    };
    for by_months in [true, false] {
        let due = stall.costs(&of_server(query("AMORTIZED_COST", "PAYMENT_AMOUNT", bought.days, by_months))).await;
        let group = &due["cost_data"][0];
        assert_eq!((&due["total_count"], decimal(&group["amount_by_costs"])), (&json!(1), bought.amount));
        assert_eq!(decimal(&group["official_amount_by_costs"]), bought.amount);
        assert_eq!(sum(&group["costs"], "amount"), bought.amount);
        assert_eq!(group["dimensions"], json!([{"key": "RESOURCE_ID", "value": bought.server}]));
        let net = stall.costs(&of_server(query("AMORTIZED_COST", "NET_AMOUNT", bought.days, by_months))).await;
        assert_eq!(decimal(&net["cost_data"][0]["amount_by_costs"]), bought.amount - Decimal::from(20));
        let bill = stall.costs(&of_server(query("ORIGINAL_COST", "NET_AMOUNT", bought.days, by_months))).await;
        assert_eq!(decimal(&bill["cost_data"][0]["costs"][0]["amount"]), bought.amount - Decimal::from(20));
        assert_eq!(bill["cost_data"][0]["costs"][1]["amount"], "0.00");
    }
    let days = stall.costs(&of_server(query("AMORTIZED_COST", "PAYMENT_AMOUNT", bought.days, false))).await;
    let costs = days["cost_data"][0]["costs"].as_array().expect("days");
    assert_eq!(costs.len(), usize::try_from((bought.days.1 - bought.days.0).whole_days() + 1).expect("days"));
    let ends = [costs.first().expect("a day"), costs.last().expect("a day")];
    for (cost, day) in ends.into_iter().zip([bought.days.0, bought.days.1]) {
        assert_eq!(cost["time_dimension_value"], Day(day).to_string());
        assert_eq!(decimal(&cost["amount"]), expected(bought.amount, bought.days, (day, day)));
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_is_unsubscribed_from_counts_up_to_that_day_with_its_refund(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let bought = stall.purchase(3, &json!({})).await;
    let renewal = json!({"resource_ids": [bought.server], "period_type": 2, "period_num": 1, "is_auto_pay": 1, "expire_policy": 0});
    stall.app.client(CUSTOMER).post("/v2/orders/subscriptions/resources/renew", &renewal).await.ok();
    stall.wait(Duration::days(40)).await;
    let ended = stall.today();
    let body = json!({"resource_ids": [bought.server], "unsubscribe_type": 1});
    stall.app.client(CUSTOMER).post("/v2/orders/subscriptions/resources/unsubscribe", &body).await.ok();
    stall.wait(Duration::days(100)).await;

    let (mut kept, mut returned) = (Decimal::ZERO, Decimal::ZERO);
    for month in months((bought.days.0, stall.today())) {
        let rows = stall.breakdown(month, "").await;
        let counts = sum(&rows["details"], "current_month_amortized_amount");
        if month > Month::of_day(Day(ended)) {
            assert_eq!(rows["total_count"], 0, "{month}: {rows}");
        }
        kept += counts;
        for row in rows["details"].as_array().expect("rows").iter().filter(|row| row["bill_type"] == 4) {
            assert_eq!(row["current_month_amortized_amount"], row["consume_amount"]);
            returned += decimal(&row["consume_amount"]);
        }
    }
    let bill: Decimal = {
        let days = (bought.days.0, stall.today());
        let bill = stall.costs(&query("ORIGINAL_COST", "PAYMENT_AMOUNT", days, true)).await;
        sum(&bill["cost_data"], "amount_by_costs")
    };
    assert!(returned < Decimal::ZERO);
    assert_eq!(kept, bill, "what counts is what was kept");
    // Before the end each day counts as if there were none.
    let before = (bought.days.0, ended - Duration::DAY);
    let costs = stall.costs(&query("AMORTIZED_COST", "PAYMENT_AMOUNT", before, false)).await;
    assert_eq!(sum(&costs["cost_data"], "amount_by_costs"), expected(bought.amount, bought.days, before));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_a_change_costs_or_gives_back_counts_on_the_days_that_are_left(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let bought = stall.purchase(3, &json!({})).await;
    let mut all = vec![(bought.amount, bought.days)];
    for (spec, field) in [("s6.xlarge.2.linux", "official_amount"), ("s6.medium.2.linux", "amount_after_discount")] {
        stall.wait(Duration::days(10)).await;
        let body = json!({"change": {"resource_id": bought.server, "resource_spec": spec}, "auto_pay": true});
        let order = stall.order(&body).await;
        stall.provide(&order, &[]).await;
        all.push((decimal(&order[field]), (stall.today(), bought.days.1)));
    }
    assert!(all[1].0 > Decimal::ZERO && all[2].0 < Decimal::ZERO, "{all:?}");
    stall.wait(Duration::days(20)).await;
    let ended = stall.today();
    let on = |day: Date| -> Decimal {
        let part = |(amount, days): &(Decimal, _)| {
            let part = expected(amount.abs(), *days, (day, day));
            if amount.is_sign_negative() { -part } else { part }
        };
        all.iter().map(part).sum()
    };
    let days = (bought.days.0, ended - Duration::DAY);
    let costs = stall.costs(&query("AMORTIZED_COST", "PAYMENT_AMOUNT", days, false)).await;
    for cost in costs["cost_data"][0]["costs"].as_array().expect("days") {
        let day = cost["time_dimension_value"].as_str().expect("a day");
        let day = std::iter::successors(Some(days.0), |day| day.next_day()).find(|one| Day(*one).to_string() == day);
        assert_eq!(decimal(&cost["amount"]), on(day.expect("a day of these")), "{cost}");
    }
    // What is given back ends all of it: by then as much has counted as was kept.
    let body = json!({"resource_ids": [bought.server], "unsubscribe_type": 1});
    stall.app.client(CUSTOMER).post("/v2/orders/subscriptions/resources/unsubscribe", &body).await.ok();
    stall.wait(Duration::days(100)).await;
    let days = (bought.days.0, stall.today());
    let bill = stall.costs(&query("ORIGINAL_COST", "PAYMENT_AMOUNT", days, true)).await;
    for until in [ended, stall.today()] {
        let costs = stall.costs(&query("AMORTIZED_COST", "PAYMENT_AMOUNT", (bought.days.0, until), false)).await;
        assert_eq!(sum(&costs["cost_data"], "amount_by_costs"), sum(&bill["cost_data"], "amount_by_costs"), "{until}");
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn costs_are_told_apart_filtered_sorted_and_paged(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let (small, large) = (stall.purchase(1, &json!({})).await, stall.purchase(2, &json!({})).await);
    let days = (small.days.0, large.days.1);
    let mut body = query("ORIGINAL_COST", "PAYMENT_AMOUNT", days, true);
    let all = stall.costs(&body).await;
    let servers: Vec<&Value> =
        all["cost_data"].as_array().expect("groups").iter().map(|group| &group["dimensions"][0]["value"]).collect();
    assert_eq!((&all["total_count"], servers), (&json!(2), vec![&json!(large.server), &json!(small.server)]));
    body["limit"] = json!(1);
    body["offset"] = json!(1);
    let second = stall.costs(&body).await;
    assert_eq!((&second["total_count"], &second["cost_data"][0]), (&json!(2), &all["cost_data"][1]));
    body["offset"] = json!(7);
    let beyond = stall.costs(&body).await;
    assert_eq!((&beyond["total_count"], &beyond["cost_data"]), (&json!(2), &json!([])));

    let filtered = |operator: i32, value: &str| {
        let mut body = query("AMORTIZED_COST", "PAYMENT_AMOUNT", days, true);
        body["filters"] = json!([{"operator": operator, "filter_factor": {"key": "RESOURCE_ID", "value": [value]}}]);
        body
    };
    let only = stall.costs(&filtered(0, &small.server)).await;
    assert_eq!(decimal(&only["cost_data"][0]["amount_by_costs"]), small.amount);
    let others = stall.costs(&filtered(1, &small.server)).await;
    assert_eq!(
        (&others["total_count"], decimal(&others["cost_data"][0]["amount_by_costs"])),
        (&json!(1), large.amount)
    );

    // By two dimensions; by a tag, of which there are none.
    let mut body = query("AMORTIZED_COST", "PAYMENT_AMOUNT", days, true);
    body["groupby"] = json!([{"key": "CHARGING_MODE"}, {"type": "tag", "key": "stage"}]);
    let grouped = stall.costs(&body).await;
    let dimensions = json!([{"key": "CHARGING_MODE", "value": "1"}, {"key": "RESOURCE_TAG", "value": ""}]);
    assert_eq!((&grouped["total_count"], &grouped["cost_data"][0]["dimensions"]), (&json!(1), &dimensions));
    assert_eq!(decimal(&grouped["cost_data"][0]["amount_by_costs"]), small.amount + large.amount);
    body["groupby"] = json!([]);
    assert_eq!(stall.costs(&body).await["cost_data"][0]["dimensions"], json!([]));

    // A filter by nothing finds nothing, one that is left empty is none.
    let this = Month::of_day(Day(stall.today()));
    assert_eq!(stall.breakdown(this, "").await["total_count"], 2);
    assert_eq!(stall.breakdown(this, "&service_type_code=").await["total_count"], 0);
    assert_eq!(stall.breakdown(this, "&region_code=&charging_mode=&resource_id=").await["total_count"], 2);
    assert_eq!(
        stall.breakdown(this, "&service_type_code=hws.service.type.ec2&charging_mode=1").await["total_count"],
        2
    );
    assert_eq!(stall.breakdown(this, "&charging_mode=3").await["total_count"], 0);
    assert_eq!(stall.breakdown(this, "&method=sub_customer&sub_customer_id=x").await["total_count"], 0);
    let (first, last) = (
        stall.breakdown(this, "&offset=0").await,
        stall.get(&format!("{BREAKDOWN}?shared_month={this}&offset=1")).await,
    );
    assert_eq!((last["details"].as_array().map(Vec::len), &last["details"][0]), (Some(1), &first["details"][1]));

    // Nobody else sees them.
    let mut body = query("AMORTIZED_COST", "PAYMENT_AMOUNT", days, true);
    body["groupby"] = json!([]);
    let other = stall.app.client("reseller-customer");
    assert_eq!(other.post(COSTS, &body).await.ok()["total_count"], 0);
    assert_eq!(other.get(&format!("{BREAKDOWN}?shared_month={this}")).await.ok()["total_count"], 0);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_is_asked_wrongly_is_named(pool: PgPool) {
    let stall = Stall::new(pool).await;
    let today = stall.today();
    let this = Month::of_day(Day(today));
    let client = stall.app.client(CUSTOMER);
    for month in [this.next().to_string(), this.before(18).to_string(), "2026-13".to_owned()] {
        let answer = client.get(&format!("{BREAKDOWN}?shared_month={month}")).await;
        let refused = answer.refusal();
        assert_eq!(refused.1, "CBC.0100", "{month}");
        assert!(refused.2.contains("shared_month"), "{}", refused.2);
    }
    let good = query("AMORTIZED_COST", "PAYMENT_AMOUNT", (today, today), false);
    client.post(COSTS, &good).await.ok();
    for (pointer, value, field) in [
        ("/time_condition/begin_time", json!("2026-03"), "time_condition.begin_time"),
        ("/time_condition/end_time", json!(Day(today - Duration::DAY).to_string()), "time_condition.end_time"),
        ("/time_condition/end_time", json!(Day(today + Duration::days(366)).to_string()), "time_condition.end_time"),
        ("/time_condition/time_measure_id", json!(3), "time_condition.time_measure_id"),
        ("/groupby", json!([{"key": "WEATHER"}]), "groupby.key"),
        ("/groupby", json!([{"type": "tag", "key": "a"}, {"type": "tag", "key": "b"}]), "groupby"),
        ("/groupby", json!([{"key": "BE_ID"}, {"key": "BE_ID"}, {"key": "BE_ID"}]), "groupby"),
        ("/cost_type", json!("COST"), "cost_type"),
        ("/amount_type", json!(""), "amount_type"),
    ] {
        let mut body = good.clone();
        *body.pointer_mut(pointer).expect("it is there") = value;
        let answer = client.post(COSTS, &body).await;
        let refused = answer.refusal();
        assert_eq!(refused.1, "CBC.0100", "{pointer}");
        assert!(refused.2.contains(field), "{}", refused.2);
    }
    let old = this.before(18);
    let old = query("AMORTIZED_COST", "PAYMENT_AMOUNT", (old.first_day(), today), true);
    assert!(client.post(COSTS, &old).await.refusal().2.contains("time_condition.begin_time"));
    assert_eq!(client.call(Method::POST, COSTS, &[], "{}").await.refusal().1, "CBC.0100");
}
