//! Orders that a partner places and pays for its customer, through the router, on a real database.

use super::{CUSTOMER, PAY, Stall, decimal, id};
use crate::background::due;
use crate::identity::store;
use crate::testing::{Answer, all};
use axum::http::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;

const ORDERS: &str = "/partner/v1/orders";
const PARTNER: &str = "demo-partner";

impl Stall {
    /// What somebody does to an order: `ask`, `pay` or `refuse`.
    async fn step(&self, account: &str, order: &Value, step: &str) -> Answer {
        let target = format!("{ORDERS}/{}/{step}", id(order));
        self.app.client(account).call(Method::POST, &target, &[], "").await
    }

    /// An order that the partner is asked to pay.
    async fn asked(&self) -> Value {
        let order = self.order(&Self::server(1, false)).await;
        self.step(CUSTOMER, &order, "ask").await.ok();
        order
    }

    async fn waiting(&self, account: &str) -> Value {
        self.app.client(account).get(&format!("{ORDERS}/to-pay")).await.ok()
    }

    /// What the partner has: above zero what it paid in.
    async fn partner_cash(&self) -> Decimal {
        let balances = self.app.client(PARTNER).get("/v2/accounts/partner-accounts/balances").await.ok();
        decimal(&balances["account_balances"][0]["amount"])
    }

    async fn ordered_by_partner(&self, more: Value) -> Answer {
        let mut body =
            json!({"customer_id": self.app.world.account(CUSTOMER).domain, "lines": Self::server(1, false)["lines"]});
        for (name, value) in more.as_object().expect("fields") {
            body[name] = value.clone();
        }
        self.app.client(PARTNER).post(ORDERS, &body).await
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_partner_orders_for_a_customer_that_has_authorised_it(pool: PgPool) {
    let stall = Stall::with_funds(pool.clone(), "10000").await;
    let order = stall.ordered_by_partner(json!({})).await.ok();
    assert_eq!((&order["status"], &order["user_name"]), (&json!(6), &json!(PARTNER)));
    let info = stall.details(&order).await["order_info"].clone();
    assert_eq!((&info["source_type"], &info["user_name"]), (&json!(2), &json!(PARTNER)));
    assert_eq!(stall.pay(&order).await.status.as_u16(), 204, "it is the customer's, and paid from its balance");

    let before = stall.balance().await;
    let paid = stall.ordered_by_partner(json!({"auto_pay": true})).await.ok();
    assert_eq!((&paid["status"], paid.get("unpaid")), (&json!(3), None));
    assert_eq!(stall.balance().await, before - decimal(&paid["amount_after_discount"]));

    let mut dear = Stall::server(1, false)["lines"].clone();
    dear[0]["adjusted_amount"] = json!("1");
    let adjusted = stall.ordered_by_partner(json!({"lines": dear})).await;
    assert_eq!(adjusted.refusal().1, "CBC.0100", "only staff adjust prices");
    let another = json!({"customer_id": stall.app.world.account("second-customer").domain});
    assert_eq!(stall.ordered_by_partner(another).await.status.as_u16(), 400);

    // The authorisation is the agency, and ends with it.
    let (tenant, customer) = stall.app.world.account(CUSTOMER).ids();
    let mut connection = pool.acquire().await.expect("a connection");
    let agency = store::agency_by_name(&mut connection, (tenant, customer), crate::sandbox::world::AGENCY).await;
    let agency = agency.expect("it is read").expect("the world has one");
    store::delete_agency(&mut connection, tenant, agency).await.expect("it is withdrawn");
    let refused = stall.ordered_by_partner(json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.refusal().1), (403, "CBC.0151"));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_partner_pays_what_it_is_asked_to_and_gets_it_back(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let own = stall.balance().await;
    let order = stall.asked().await;
    let waiting = stall.waiting(PARTNER).await;
    assert_eq!((&waiting["total_count"], &waiting["orders"][0]["order_id"]), (&json!(1), &order["order_id"]));
    assert!(waiting["orders"][0]["ask_time"].is_string(), "{waiting}");
    assert_eq!(stall.waiting("other-partner").await["total_count"], 0);
    for (account, step) in [("other-partner", "pay"), ("other-partner", "refuse"), (PARTNER, "ask")] {
        let refused = stall.step(account, &order, step).await;
        assert!(matches!(refused.status.as_u16(), 400 | 403), "{account} {step}: {}", refused.body);
    }
    // A05: while the partner is asked the customer cannot pay, and nothing is offered to it.
    assert_eq!(stall.pay(&order).await.refusal().1, "CBC.99003106");
    let offered = stall.get(&format!("/v2/orders/customer-orders/order-discounts?order_id={}", id(&order))).await;
    assert_eq!(offered["discounts"], json!([]));

    let before = stall.partner_cash().await;
    let paid = stall.step(PARTNER, &order, "pay").await.ok();
    let partner = stall.app.world.account(PARTNER).domain.to_string();
    assert_eq!((&paid["status"], &paid["paying_agent_id"]), (&json!(3), &json!(partner)));
    let price = decimal(&paid["amount_after_discount"]);
    assert!(price > Decimal::ZERO);
    assert_eq!((stall.partner_cash().await, stall.balance().await), (before - price, own));
    let listed = stall.get(&format!("{}?order_id={}", super::LIST, id(&order))).await;
    assert_eq!(listed["order_infos"][0]["agent_pay_info"], json!({"is_agent_pay": true, "paying_agent_id": partner}));
    assert_eq!(stall.step(PARTNER, &order, "pay").await.refusal().1, "CBC.99003106");
    assert_eq!(stall.waiting(PARTNER).await["total_count"], 0);

    // What cannot be provided comes back in full, to who paid.
    stall.provide(&order, &[1]).await;
    assert_eq!((stall.partner_cash().await, stall.balance().await), (before, own));
    stall.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_partner_refuses_and_the_customer_pays_itself(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let order = stall.asked().await;
    assert_eq!(stall.step(CUSTOMER, &order, "ask").await.refusal().1, "CBC.99003106", "it is asked already");
    let refused = stall.step(PARTNER, &order, "refuse").await.ok();
    assert_eq!((&refused["status"], &refused["ask_time"]), (&json!(6), &Value::Null));
    assert_eq!(refused["pending_payment_end_time"], order["payable_until"], "the deadline is as it was");
    for step in ["refuse", "pay"] {
        assert_eq!(stall.step(PARTNER, &order, step).await.refusal().1, "CBC.99003106", "{step}");
    }
    assert_eq!(stall.pay(&order).await.status.as_u16(), 204);
    assert_eq!(stall.step(CUSTOMER, &order, "ask").await.refusal().1, "CBC.99003106");
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_partner_pays_from_what_it_could_allocate_alone(pool: PgPool) {
    let stall = Stall::with_funds(pool, "1").await;
    let order = stall.asked().await;
    // What was paid in for designated purposes is a part of the balance, and of no use here (A01).
    let left = stall.partner_cash().await;
    let customer = stall.app.world.account(CUSTOMER).domain;
    let all_of_it = json!({"customer_id": customer, "amount": left.to_string()});
    stall.app.client(PARTNER).post("/v2/accounts/partner-accounts/adjust-amount", &all_of_it).await.ok();
    let funds = format!("/admin/v1/accounts/{PARTNER}/funds/top-ups");
    stall.operate(Method::POST, &funds, &json!({"amount": "1000", "designated": true})).await.ok();
    assert_eq!(stall.partner_cash().await, Decimal::from(1000));
    assert_eq!(stall.step(PARTNER, &order, "pay").await.refusal().1, "CBC.99005003");
    assert_eq!(stall.waiting(PARTNER).await["total_count"], 1, "it waits on");
    stall.operate(Method::POST, &funds, &json!({"amount": "1000"})).await.ok();
    let paid = stall.step(PARTNER, &order, "pay").await.ok();
    assert_eq!(stall.partner_cash().await, Decimal::from(2000) - decimal(&paid["amount_after_discount"]));
    stall.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_is_asked_for_ends_with_the_order_and_with_the_association(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let (cancelled, released) = (stall.asked().await, stall.asked().await);
    assert_eq!(stall.cancel(&cancelled).await.status.as_u16(), 204);
    assert_eq!(stall.step(PARTNER, &cancelled, "pay").await.refusal().1, "CBC.99003106");
    let association = format!("/admin/v1/accounts/{CUSTOMER}/association");
    stall.operate(Method::DELETE, &association, &Value::Null).await.ok();
    assert_eq!(stall.waiting(PARTNER).await["total_count"], 0);
    assert_eq!(stall.step(PARTNER, &released, "pay").await.refusal().1, "CBC.30000010", "it is nobody's customer");
    assert_eq!(stall.step(CUSTOMER, &released, "ask").await.refusal().1, "CBC.0100", "there is nobody to ask");
    let events: Vec<String> = sqlx::query_scalar("select event from order_events where order_id = $1 order by number")
        .bind(id(&released))
        .fetch_all(&mut *stall.pool.acquire().await.expect("a connection"))
        .await
        .expect("they are read");
    assert_eq!(events, ["placed", "partner_asked", "partner_refused"]);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn staff_do_the_same_for_both(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let order = stall.order(&Stall::server(1, false)).await;
    let target = format!("/admin/v1/accounts/{CUSTOMER}/orders/{}/partner-payment", id(&order));
    let step = async |step: &str| stall.operate(Method::POST, &target, &json!({"step": step})).await;
    let listed = async || {
        stall.operate(Method::GET, &format!("/admin/v1/accounts/{PARTNER}/orders-to-pay"), &Value::Null).await.ok()
    };
    assert_eq!(step("pay").await.refusal().1, "CBC.99003106", "nobody has asked");
    assert!(step("ask").await.ok()["asked_at"].is_string());
    assert_eq!(listed().await["orders"][0]["order_id"], order["order_id"]);
    assert_eq!(step("refuse").await.ok()["asked_at"], Value::Null);
    step("ask").await.ok();
    let paid = step("pay").await.ok();
    assert_eq!(paid["paying_agent_id"], json!(stall.app.world.account(PARTNER).domain));
    assert_eq!(listed().await["orders"], json!([]));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_repeated_payment_of_a_partner_is_one(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let order = stall.asked().await;
    let before = stall.partner_cash().await;
    let target = format!("{ORDERS}/{}/pay", id(&order));
    let pay = async || stall.app.client(PARTNER).call(Method::POST, &target, &[("idempotency-key", "once")], "").await;
    let (first, again) = (pay().await, pay().await);
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let price = decimal(&first.ok()["amount_after_discount"]);
    assert_eq!(stall.partner_cash().await, before - price);
}

/// The partner pays and refuses, the customer cancels and pays, the deadline passes, all at once: each order ends in one way, and
/// who paid is who has less.
#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn partner_customer_and_deadline_race_and_each_order_ends_in_one_way(pool: PgPool) {
    let stall = Stall::with_funds(pool, "100000").await;
    let mut orders = Vec::new();
    for _ in 0..8 {
        orders.push(stall.asked().await);
    }
    let (own, partner) = (stall.balance().await, stall.partner_cash().await);
    // Those who come after the deadline find the order expired, or too late.
    let expire = async {
        stall.app.app.clock.set(stall.app.app.clock.now() + Duration::hours(24));
        due::run_all(&stall.app.app, true).await.expect("what is due is done");
    };
    let calls = all(orders.iter().flat_map(|order| (0..4).map(move |turn| (order, turn))).map(
        async |(order, turn)| match turn {
            0 => stall.step(PARTNER, order, "pay").await.status.as_u16(),
            1 => stall.cancel(order).await.status.as_u16(),
            2 => stall.step(PARTNER, order, "refuse").await.status.as_u16(),
            _ => stall
                .app
                .client(CUSTOMER)
                .post(PAY, &json!({"order_id": id(order), "use_coupon": "NO", "use_discount": "NO"}))
                .await
                .status
                .as_u16(),
        },
    ));
    let (statuses, ()) = tokio::join!(calls, expire);
    assert!(statuses.iter().all(|status| matches!(status, 200 | 204 | 400)), "{statuses:?}");
    due::run_all(&stall.app.app, true).await.expect("what is due is done");
    let (mut by_customer, mut by_partner) = (Decimal::ZERO, Decimal::ZERO);
    for order in &orders {
        let listed = stall.get(&format!("{}?order_id={}", super::LIST, id(order))).await["order_infos"][0].clone();
        let ends: Vec<String> = sqlx::query_scalar(
            "select event from order_events where order_id = $1 and event in ('paid', 'partner_paid', 'cancelled', 'expired')",
        )
        .bind(id(order))
        .fetch_all(&mut *stall.pool.acquire().await.expect("a connection"))
        .await
        .expect("they are read");
        assert_eq!(ends.len(), 1, "{ends:?} {listed}");
        let amount = decimal(&listed["amount_after_discount"]);
        match (ends[0].as_str(), listed["status"].as_i64()) {
            ("paid", Some(3)) => by_customer += amount,
            ("partner_paid", Some(3)) => by_partner += amount,
            (_, status) => assert_eq!(status, Some(4), "{listed}"),
        }
    }
    assert_eq!((stall.balance().await, stall.partner_cash().await), (own - by_customer, partner - by_partner));
    assert_eq!(stall.waiting(PARTNER).await["total_count"], 0);
    stall.assert_ledger_is_right().await;
}
