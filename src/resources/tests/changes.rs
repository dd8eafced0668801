//! Another specification for a resource, through the router, on a real database.

use super::{Stall, decimal, id};
use crate::orders::tests::{CUSTOMER, LIST};
use crate::testing::Answer;
use crate::values::time::{Day, parse_instant};
use axum::http::Method;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};
use sqlx::PgPool;
use time::{Date, Duration};

/// What servers cost a month.
const SMALL: (&str, &str) = ("s6.medium.2.linux", "76.8");
const BOUGHT: (&str, &str) = ("s6.large.2.linux", "153.6");
const LARGE: (&str, &str) = ("s6.xlarge.2.linux", "307.2");

fn price(of: (&str, &str)) -> Decimal {
    of.1.parse().expect("a price")
}

fn cents(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

/// The months behind a day until another, day by day: each is its part of its month.
fn months_left(from: Date, until: Date) -> Decimal {
    let days = std::iter::successors(from.next_day(), |day| day.next_day()).take_while(|day| *day <= until);
    days.map(|day| Decimal::ONE / Decimal::from(day.month().length(day.year()))).sum()
}

impl Stall {
    /// Ten past noon of tomorrow in UTC+8: no hour and no day ends while a test runs.
    async fn at_noon(pool: PgPool) -> Self {
        let stall = Self::with_funds(pool, "10000").await;
        let now = stall.app.app.clock.now();
        let noon = Day::of(now).end() + Duration::minutes(12 * 60 + 10);
        stall.wait(noon - now).await;
        stall
    }

    async fn ask_change(&self, change: &Value, with: &Value) -> Answer {
        let mut body = json!({"change": change});
        body.as_object_mut().expect("an object").extend(with.as_object().expect("an object").clone());
        self.operate(Method::POST, &format!("/admin/v1/accounts/{CUSTOMER}/orders"), &body).await
    }

    /// Orders another specification for a server; its view.
    async fn change(&self, server: &str, to: (&str, &str)) -> Value {
        self.ask_change(&json!({"resource_id": server, "resource_spec": to.0}), &json!({})).await.ok()
    }

    /// Today, and the last day of a server's time.
    async fn days(&self, server: &str) -> (Date, Date) {
        let end = self.resource(server).await["expire_time"].as_str().map(parse_instant);
        let end = end.expect("a text").expect("an instant");
        (Day::of(self.app.app.clock.now()).0, Day::of(end).0)
    }

    /// The hours of a server's month that are left and all of them, from the full hour in which it was opened.
    async fn hours(&self, server: &str) -> (Decimal, Decimal) {
        let found = self.resource(server).await;
        let instant = |field: &str| parse_instant(found[field].as_str().expect("a text")).expect("an instant");
        let hour = |at: time::OffsetDateTime| at.unix_timestamp().div_euclid(3600);
        let end = hour(instant("expire_time") + Duration::SECOND);
        let (now, start) = (hour(self.app.app.clock.now()), hour(instant("effective_time")));
        (Decimal::from(end - now), Decimal::from(end - start))
    }

    async fn amounts(&self, order: &Value) -> Value {
        self.details(order).await["order_info"].clone()
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_larger_specification_costs_the_difference_until_the_end_and_is_there_once_it_is_provided(pool: PgPool) {
    let stall = Stall::at_noon(pool).await;
    let (_, server) = stall.buy(1, false).await;
    stall.wait(Duration::days(10)).await;
    let (today, last) = stall.days(&server).await;
    let order = stall.change(&server, LARGE).await;
    let fee = cents((price(LARGE) - price(BOUGHT)) * months_left(today, last));
    assert_eq!(decimal(&order["official_amount"]), fee);
    assert_eq!((&order["order_type"], &order["status"]), (&json!(3), &json!(6)));
    let again = json!({"resource_id": server, "resource_spec": SMALL.0});
    assert_eq!(stall.ask_change(&again, &json!({})).await.refusal().1, "CBC.99003100", "an order waits");
    assert_eq!(stall.renew(&server, 1).await.refusal().1, "CBC.99003100");
    assert_eq!(stall.unsubscribe(&server, 1).await.refusal().1, "CBC.99003100");

    let before = stall.balance().await;
    assert_eq!(stall.pay(&order).await.status.as_u16(), 204);
    assert_eq!(stall.balance().await, before - fee);
    for answer in [stall.renew(&server, 1).await, stall.unsubscribe(&server, 1).await] {
        assert_eq!(answer.refusal().1, "CBC.99003651", "it is being changed");
    }
    assert_eq!(stall.ask_change(&again, &json!({})).await.refusal().1, "CBC.99003651");
    let before = stall.resource(&server).await;
    assert_eq!((&before["resource_spec_code"], &before["status"]), (&json!(BOUGHT.0), &json!(2)));
    stall.provide(&order, &[]).await;
    let after = stall.resource(&server).await;
    assert_eq!((&after["resource_spec_code"], &after["expire_time"]), (&json!(LARGE.0), &before["expire_time"]));
    let details = stall.details(&order).await;
    let line = &details["order_line_items"][0];
    assert_eq!((&line["product_spec_desc"], &line["expire_time"]), (&json!(LARGE.0), &before["expire_time"]));
    let refused = stall.app.client(CUSTOMER).get(&format!("{LIST}/refund-orders?order_id={}", id(&order))).await;
    assert_eq!(refused.refusal().1, "CBC.99005026", "it gives nothing back");

    // What is renewed costs what it is now.
    let renewed = stall.renew(&server, 1).await.ok();
    let renewal = json!({"order_id": renewed["order_ids"][0]});
    assert_eq!(decimal(&stall.amounts(&renewal).await["official_amount"]), price(LARGE));

    // Both payments come back with the server: use and fee are kept of each.
    let (left, all) = stall.hours(&server).await;
    assert!(left < all);
    let back = stall.unsubscribe(&server, 1).await.ok();
    let rows =
        stall.get(&format!("{LIST}/refund-orders?order_id={}", back["order_ids"][0].as_str().expect("an id"))).await;
    let of_change =
        rows["refund_infos"].as_array().expect("rows").iter().filter(|row| row["base_order_id"] == order["order_id"]);
    let of_change: Vec<Decimal> = of_change.map(|row| decimal(&row["amount"])).collect();
    assert_eq!(of_change[..], [-fee, cents(fee * Decimal::new(1, 1))], "none of it was used yet: {rows}");
    stall.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_smaller_specification_gives_back_what_is_left_less_what_it_costs_but_no_cash_coupon(pool: PgPool) {
    let stall = Stall::at_noon(pool).await;
    let order = stall.order(&Stall::server(1, false)).await;
    let coupon = stall.coupon("20").await;
    let with = json!({"use_coupon": "YES", "coupon_infos": [{"id": coupon, "type": 301}]});
    assert_eq!(stall.pay_with(&order, &with).await.status.as_u16(), 204);
    let server = stall.provide(&order, &[]).await["lines"][0]["resource_id"].as_str().expect("an id").to_owned();
    let paid = price(BOUGHT) - Decimal::from(20);
    stall.wait(Duration::days(10)).await;
    let ((today, last), (left, all)) = (stall.days(&server).await, stall.hours(&server).await);
    let change = stall.change(&server, SMALL).await;
    let value = paid * left / all;
    let back = cents(value - cents(price(SMALL) * months_left(today, last)));
    assert_eq!((&change["order_type"], &change["status"]), (&json!(3), &json!(3)), "there is nothing to pay");
    assert_eq!(decimal(&change["amount_after_discount"]), -back);
    let before = stall.balance().await;
    assert_eq!(before, Decimal::from(10_000) - paid, "nothing comes back before it is changed");
    assert_eq!(stall.cancel(&change).await.refusal().1, "CBC.99005010");
    // The service takes its time; what comes back was worked out when it was ordered.
    stall.wait(Duration::hours(30)).await;
    stall.provide(&change, &[]).await;
    assert_eq!(stall.balance().await, before + back);
    assert_eq!(stall.resource(&server).await["resource_spec_code"], SMALL.0);
    let info = stall.amounts(&change).await;
    assert_eq!((&info["status"], decimal(&info["amount_after_discount"])), (&json!(5), -back));
    let of = &info["amount_info"];
    assert_eq!((&of["consumed_amount"], decimal(&of["coupon_amount"])), (&json!(null), Decimal::ZERO));
    let rows = stall.get(&format!("{LIST}/refund-orders?order_id={}", id(&change))).await;
    assert_eq!((&rows["total_count"], &rows["refund_infos"][0]["base_order_id"]), (&json!(1), &order["order_id"]));
    assert_eq!(decimal(&rows["refund_infos"][0]["amount"]), -back);

    // What remains of the payment pays for the hours that were left.
    let used = cents(paid - value);
    let rest = paid - used - back;
    stall.wait(Duration::days(5)).await;
    let (now_left, _) = stall.hours(&server).await;
    let given = stall.unsubscribe(&server, 1).await.ok();
    let info = stall.amounts(&json!({"order_id": given["order_ids"][0]})).await;
    let consumed = cents(rest * (left - now_left) / left);
    assert_eq!(decimal(&info["amount_info"]["consumed_amount"]), consumed);
    let fee = cents(rest * Decimal::new(1, 1));
    assert_eq!(decimal(&info["amount_info"]["commission_amount"]), fee);
    assert_eq!(stall.balance().await, before + back + rest - consumed - fee);
    stall.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_change_that_a_service_cannot_make_leaves_everything_as_it_was(pool: PgPool) {
    let stall = Stall::at_noon(pool).await;
    let (_, server) = stall.buy(1, false).await;
    let (before, funds) = (stall.resource(&server).await, stall.balance().await);
    let coupon = stall.coupon("20").await;
    let larger = stall.change(&server, LARGE).await;
    let with = json!({"use_coupon": "YES", "coupon_infos": [{"id": coupon, "type": 301}]});
    assert_eq!(stall.pay_with(&larger, &with).await.status.as_u16(), 204);
    assert!(stall.balance().await < funds);
    stall.provide(&larger, &[1]).await;
    assert_eq!(stall.balance().await, funds);
    let back = stall.get(&format!("{LIST}?order_type=4")).await["order_infos"][0].clone();
    assert_eq!((&back["status"], &back["source_type"]), (&json!(5), &json!(8)), "{back}");
    assert_eq!(back["amount_info"]["coupon_amount"], 20.0);

    let smaller = stall.change(&server, SMALL).await;
    stall.provide(&smaller, &[1]).await;
    let info = stall.amounts(&smaller).await;
    assert_eq!((&info["status"], decimal(&info["amount_after_discount"])), (&json!(5), Decimal::ZERO));
    assert_eq!(stall.balance().await, funds);
    let after = stall.resource(&server).await;
    for field in ["resource_spec_code", "status", "expire_time"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    stall.renew(&server, 1).await.ok();
    stall.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_change_that_is_cancelled_refused_or_not_paid_in_time_frees_its_resource(pool: PgPool) {
    let stall = Stall::at_noon(pool).await;
    let (_, server) = stall.buy(1, false).await;
    assert_eq!(stall.cancel(&stall.change(&server, LARGE).await).await.status.as_u16(), 204);
    let change = json!({"resource_id": server, "resource_spec": LARGE.0});
    let reviewed = stall.ask_change(&change, &json!({"review": true})).await.ok();
    assert_eq!(stall.renew(&server, 1).await.refusal().1, "CBC.99003100", "it is under review");
    let target = format!("/admin/v1/accounts/{CUSTOMER}/orders/{}/decision", id(&reviewed));
    assert_eq!(stall.operate(Method::POST, &target, &json!({"decision": "refuse"})).await.ok()["status"], 4);

    // Its price is kept for a day, and no longer than the time is that it is for.
    let kept = stall.change(&server, LARGE).await;
    stall.wait(Duration::hours(23)).await;
    assert_eq!(stall.details(&kept).await["order_info"]["official_amount"], kept["official_amount"]);
    stall.wait(Duration::hours(1)).await;
    assert_eq!(stall.amounts(&kept).await["status"], 4);
    let (today, last) = stall.days(&server).await;
    stall.wait(Duration::days((last - today).whole_days()) - Duration::hours(1)).await;
    let late = stall.change(&server, LARGE).await;
    let end = stall.resource(&server).await["expire_time"].clone();
    let until = stall.amounts(&late).await["pending_payment_end_time"].clone();
    assert!(until.as_str() <= end.as_str(), "{until} is not after {end}");
    stall.wait(Duration::days(1)).await;
    assert_eq!(stall.amounts(&late).await["status"], 4);
    assert_eq!(stall.ask_change(&change, &json!({})).await.refusal().1, "CBC.99003656", "it has expired");
    stall.renew(&server, 1).await.ok();
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_renewal_that_lies_ahead_is_changed_with_its_resource_and_given_back_with_its_part(pool: PgPool) {
    let stall = Stall::at_noon(pool).await;
    let (_, server) = stall.buy(1, false).await;
    let (_, end) = stall.days(&server).await;
    stall.renew(&server, 1).await.ok();
    let (today, last) = stall.days(&server).await;
    let order = stall
        .ask_change(&json!({"resource_id": server, "resource_spec": LARGE.0}), &json!({"auto_pay": true}))
        .await
        .ok();
    let more = price(LARGE) - price(BOUGHT);
    let fees = [cents(more * months_left(today, end)), cents(more * months_left(end, last))];
    let lines: Vec<Decimal> =
        order["lines"].as_array().expect("lines").iter().map(|line| decimal(&line["official_amount"])).collect();
    assert_eq!((lines, &order["status"]), (fees.to_vec(), &json!(3)));
    stall.provide(&order, &[]).await;

    let before = stall.balance().await;
    stall.unsubscribe(&server, 2).await.ok();
    assert_eq!(stall.balance().await, before + price(BOUGHT) + fees[1], "the renewal, and what made it larger");
    assert_eq!(stall.days(&server).await.1, end);

    // Smaller again: both what was bought and what made it larger give back.
    let back = stall.change(&server, BOUGHT).await;
    assert_eq!(back["lines"].as_array().map(Vec::len), Some(2));
    let before = stall.balance().await;
    stall.provide(&back, &[]).await;
    let value = price(BOUGHT) + fees[0];
    let (left, all) = stall.hours(&server).await;
    assert_eq!(left, all, "not an hour has passed");
    let cost = cents(price(BOUGHT) * months_left(today, end));
    assert_eq!(stall.balance().await, before + value - cost);
    stall.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn within_five_days_a_purchase_comes_back_in_full_and_its_change_by_the_ordinary_rule(pool: PgPool) {
    let stall = Stall::at_noon(pool).await;
    let (_, server) = stall.buy(1, false).await;
    let order = stall.change(&server, LARGE).await;
    let fee = decimal(&order["official_amount"]);
    assert_eq!(stall.pay(&order).await.status.as_u16(), 204);
    stall.provide(&order, &[]).await;
    stall.unsubscribe(&server, 1).await.ok();
    assert_eq!(stall.balance().await, Decimal::from(10_000) - cents(fee * Decimal::new(1, 1)));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_change_names_what_there_is_and_what_it_becomes(pool: PgPool) {
    let stall = Stall::at_noon(pool).await;
    let (order, server) = stall.buy(1, true).await;
    let disk = stall
        .operate(Method::GET, &format!("/admin/v1/accounts/{CUSTOMER}/orders/{}", id(&order)), &Value::Null)
        .await
        .ok();
    let disk = disk["lines"][1]["resource_id"].clone();
    let cases = [
        (json!({"resource_id": "nobody's", "resource_spec": LARGE.0}), json!({}), "CBC.99003012", ""),
        (json!({"resource_id": server}), json!({}), "CBC.0100", "change:"),
        (json!({"resource_id": server, "resource_spec": BOUGHT.0}), json!({}), "CBC.0100", "change:"),
        (json!({"resource_id": server, "resource_spec": "s6.none"}), json!({}), "CBC.0100", "change:"),
        (
            json!({"resource_id": server, "resource_size": 40, "size_measure_id": 17}),
            json!({}),
            "CBC.0100",
            "change.resource_size:",
        ),
        (json!({"resource_id": disk, "resource_size": 3, "size_measure_id": 17}), json!({}), "CBC.0100", "change:"),
        (json!({"resource_id": server, "resource_spec": SMALL.0}), json!({"review": true}), "CBC.0100", "review:"),
        (
            json!({"resource_id": server, "resource_spec": LARGE.0}),
            json!({"lines": Stall::server(1, false)["lines"]}),
            "CBC.0100",
            "change:",
        ),
    ];
    for (change, with, code, names) in cases {
        let answer = stall.ask_change(&change, &with).await;
        let (_, refused, words) = answer.refusal();
        assert_eq!(refused, code, "{change}");
        assert!(words.contains(names), "{change}: {words}");
    }
    let larger =
        stall.ask_change(&json!({"resource_id": disk, "resource_size": 80, "size_measure_id": 17}), &json!({})).await;
    assert_eq!(stall.pay(&larger.ok()).await.status.as_u16(), 204);
    assert_eq!(stall.renew(&server, 1).await.refusal().1, "CBC.99003651", "its disk is being changed");
}
