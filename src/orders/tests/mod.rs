//! Orders through the router, on a real database.

mod partner;
mod race;

use crate::background::due;
use crate::database;
use crate::ledger::verify;
use crate::operators::store::Role;
use crate::testing::{Answer, TestApp};
use axum::http::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;

pub const PAY: &str = "/v3/orders/customer-orders/pay";
pub const LIST: &str = "/v2/orders/customer-orders";
pub const CUSTOMER: &str = "demo-customer";

/// An application in which demo-customer has funds and can buy.
pub struct Stall {
    pub app: TestApp,
    pub pool: PgPool,
}

impl Stall {
    pub async fn new(pool: PgPool) -> Self {
        Self { app: TestApp::with_prices(pool.clone()).await, pool }
    }

    /// One with so many yuan in the customer's hands.
    pub async fn with_funds(pool: PgPool, yuan: &str) -> Self {
        let stall = Self::new(pool).await;
        // The world's own coupons would pay as well.
        stall.sql("update coupons set frozen = true").await;
        let customer = stall.app.world.account(CUSTOMER).domain;
        let body = json!({"customer_id": customer, "amount": yuan});
        stall.app.client("demo-partner").post("/v2/accounts/partner-accounts/adjust-amount", &body).await.ok();
        stall
    }

    /// A server for some months, with a disk if it is wanted.
    pub fn server(months: u32, disk: bool) -> Value {
        let mut lines = vec![json!({"resource_type": "hws.resource.type.vm", "resource_spec": "s6.large.2.linux",
            "region": "cn-north-4", "period_type": 2, "period_num": months, "name": "web"})];
        if disk {
            lines.push(json!({"resource_type": "hws.resource.type.volume", "resource_spec": "SSD",
                "region": "cn-north-4", "resource_size": 40, "size_measure_id": 17, "period_type": 2,
                "period_num": months, "main_line": 1}));
        }
        json!({"lines": lines})
    }

    pub async fn operate(&self, method: Method, target: &str, body: &Value) -> Answer {
        let operator = self.app.operator(Role::Operate).await;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        operator.call(method, target, &[], &body).await
    }

    /// Places an order; its view.
    pub async fn order(&self, body: &Value) -> Value {
        self.operate(Method::POST, &format!("/admin/v1/accounts/{CUSTOMER}/orders"), body).await.ok()
    }

    /// Reports that all lines of an order are provided, but for those of these numbers.
    pub async fn provide(&self, order: &Value, failed: &[usize]) -> Value {
        let lines = order["lines"].as_array().expect("it has lines").len();
        let lines: Vec<Value> =
            (1..=lines).map(|line| json!({"line": line, "provided": !failed.contains(&line)})).collect();
        let target = format!("/admin/v1/accounts/{CUSTOMER}/orders/{}/provisioning", id(order));
        self.operate(Method::POST, &target, &json!({"lines": lines})).await.ok()
    }

    pub async fn pay(&self, order: &Value) -> Answer {
        self.pay_with(order, &json!({})).await
    }

    /// Pays with what is said.
    pub async fn pay_with(&self, order: &Value, with: &Value) -> Answer {
        let mut body = json!({"order_id": id(order), "use_coupon": "NO", "use_discount": "NO"});
        for (name, value) in with.as_object().expect("fields") {
            body[name] = value.clone();
        }
        self.app.client(CUSTOMER).post(PAY, &body).await
    }

    pub async fn cancel(&self, order: &Value) -> Answer {
        let body = json!({"order_id": id(order)}).to_string();
        self.app.client(CUSTOMER).call(Method::PUT, "/v2/orders/customer-orders/cancel", &[], &body).await
    }

    pub async fn get(&self, target: &str) -> Value {
        self.app.client(CUSTOMER).get(target).await.ok()
    }

    pub async fn details(&self, order: &Value) -> Value {
        self.get(&format!("/v2/orders/customer-orders/details/{}", id(order))).await
    }

    /// What the customer has.
    pub async fn balance(&self) -> Decimal {
        let answer = self.get("/v2/accounts/customer-accounts/balances").await;
        decimal(&answer["account_balances"][0]["amount"])
    }

    /// Lets time pass, and what falls due happen.
    pub async fn wait(&self, by: Duration) {
        let then = self.app.app.clock.now() + by;
        let mut connection = self.pool.acquire().await.expect("a connection");
        let now = self.app.app.clock.now();
        database::open_months(&mut connection, now.date(), then.date()).await.expect("months are opened");
        drop(connection);
        self.app.app.clock.set(then);
        due::run_all(&self.app.app, true).await.expect("what is due is done");
    }

    pub async fn sql(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&self.pool).await.expect(statement);
    }

    pub async fn assert_ledger_is_right(&self) {
        let report = verify::all(&mut self.pool.acquire().await.expect("a connection")).await.expect("it is read");
        assert_eq!(report.wrong, Vec::<String>::new());
    }

    /// A cash coupon of this face value for the customer.
    pub async fn coupon(&self, value: &str) -> String {
        let expires = crate::values::time::write_instant(self.app.app.clock.now() + Duration::days(90));
        let body = json!({"kind": "cash", "value": value, "expires_at": expires});
        let issued = self.operate(Method::POST, &format!("/admin/v1/accounts/{CUSTOMER}/coupons"), &body).await.ok();
        issued["coupon_id"].as_str().expect("an id").to_owned()
    }
}

pub fn id(order: &Value) -> &str {
    order["order_id"].as_str().unwrap_or_else(|| panic!("no order in {order}"))
}

pub fn decimal(value: &Value) -> Decimal {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().unwrap_or_else(|_| panic!("no number: {value}"))
}

/// What was taken off and paid is the official amount.
pub fn assert_whole(info: &Value) {
    let amounts = &info["amount_info"];
    let off: Decimal =
        amounts["discounts"].as_array().expect("a list").iter().map(|one| decimal(&one["discount_amount"])).sum();
    let paid = decimal(&info["amount_after_discount"]) + off + decimal(&amounts["stored_card_amount"]);
    assert_eq!(decimal(&info["official_amount"]), paid, "{info}");
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn an_order_is_paid_by_a_coupon_and_money_and_provided(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let order = stall.order(&Stall::server(1, true)).await;
    let official = decimal(&order["official_amount"]);
    assert_eq!((&order["status"], order["lines"].as_array().map(Vec::len)), (&json!(6), Some(2)));
    let coupon = stall.coupon("20").await;
    let offered = stall.get(&format!("/v2/orders/customer-orders/order-coupons?order_id={}", id(&order))).await;
    assert_eq!((&offered["count"], &offered["user_coupons"][0]["coupon_id"]), (&json!(1), &json!(coupon)), "{offered}");

    let with = json!({"use_coupon": "YES", "coupon_infos": [{"id": coupon, "type": 301}]});
    assert_eq!(stall.pay_with(&order, &with).await.status.as_u16(), 204);
    let paid = stall.details(&order).await;
    assert_eq!(paid["order_info"]["status"], 3);
    assert_whole(&paid["order_info"]);
    paid["order_line_items"].as_array().expect("lines").iter().for_each(assert_whole);
    assert_eq!(paid["order_info"]["amount_info"]["coupon_amount"], 20.0);
    let left = Decimal::from(10_000) - (official - Decimal::from(20));
    assert_eq!(stall.balance().await, left);

    let provided = stall.provide(&order, &[]).await;
    assert_eq!(provided["status"], 5);
    let query = json!({"order_id": id(&order), "only_main_resource": 1});
    let query = stall.app.client(CUSTOMER).post("/v2/orders/suscriptions/resources/query", &query).await.ok();
    assert_eq!((&query["total_count"], &query["data"][0]["resource_name"]), (&json!(1), &json!("web")), "{query}");
    assert_eq!(query["data"][0]["resource_id"], provided["lines"][0]["resource_id"]);
    stall.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_cannot_be_paid_in_full_moves_nothing(pool: PgPool) {
    let stall = Stall::with_funds(pool, "1").await;
    let order = stall.order(&Stall::server(1, false)).await;
    let coupon = stall.coupon("0.50").await;
    let with = json!({"use_coupon": "YES", "coupon_infos": [{"id": coupon, "type": 301}]});
    assert_eq!(stall.pay_with(&order, &with).await.refusal().1, "CBC.99005003");
    assert_eq!(stall.balance().await, Decimal::ONE);
    assert_eq!(stall.details(&order).await["order_info"]["status"], 6);
    let held = stall.get("/v2/promotions/benefits/coupons").await;
    let held = held["user_coupons"].as_array().expect("coupons").iter().find(|one| one["coupon_id"] == json!(coupon));
    assert_eq!(held.expect("it is there")["balance"], 0.5);
    let automatic = stall.order(&json!({"auto_pay": true, "lines": Stall::server(1, false)["lines"]})).await;
    assert_eq!((&automatic["status"], &automatic["unpaid"]), (&json!(6), &json!("CBC.99005003")));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_is_said_of_coupons_is_checked(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let order = stall.order(&Stall::server(1, false)).await;
    let (one, other) = (stall.coupon("20").await, stall.coupon("30").await);
    let cases = [
        (json!({"use_coupon": "YES"}), "CBC.0100"),
        (json!({"use_coupon": "YES", "coupon_infos": []}), "CBC.0100"),
        (json!({"use_coupon": "YES", "coupon_infos": [{"id": one, "type": 302}]}), "CBC.0100"),
        (json!({"use_coupon": "YES", "coupon_infos": [{"id": "nobody's", "type": 301}]}), "CBC.0100"),
        (
            json!({"use_coupon": "YES", "coupon_infos": [{"id": one, "type": 301}, {"id": other, "type": 301}]}),
            "CBC.0100",
        ),
        (json!({"use_discount": "YES", "discount_infos": [{"id": one, "type": 2}]}), "CBC.99003108"),
    ];
    for (with, code) in cases {
        assert_eq!(stall.pay_with(&order, &with).await.refusal().1, code, "{with}");
    }
    let ignored = json!({"coupon_infos": [{"id": one, "type": 301}]});
    assert_eq!(stall.pay_with(&order, &ignored).await.status.as_u16(), 204);
    assert_eq!(stall.details(&order).await["order_info"]["amount_info"]["coupon_amount"], 0.0);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn an_order_is_cancelled_once_and_expires_after_a_day(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let order = stall.order(&Stall::server(1, false)).await;
    assert_eq!(stall.cancel(&order).await.status.as_u16(), 204);
    assert_eq!(stall.cancel(&order).await.refusal().1, "CBC.99005010");
    assert_eq!(stall.pay(&order).await.refusal().1, "CBC.99003106");
    let other = stall.order(&Stall::server(1, false)).await;
    stall.wait(Duration::hours(24)).await;
    assert_eq!(stall.details(&other).await["order_info"]["status"], 4);
    for (target, code) in
        [("/details/CS0000000000AAAAA", "CBC.30000010"), ("/refund-orders?order_id=CS0", "CBC.30000010")]
    {
        let answer = stall.app.client(CUSTOMER).get(&format!("{LIST}{target}")).await;
        assert_eq!(answer.refusal().1, code);
    }
    let answer = stall.app.client(CUSTOMER).get(&format!("{LIST}/refund-orders?order_id={}", id(&other))).await;
    assert_eq!(answer.refusal().1, "CBC.99005026");
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_fails_to_be_provided_comes_back_in_full(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let order = stall.order(&Stall::server(1, true)).await;
    let coupon = stall.coupon("20").await;
    let with = json!({"use_coupon": "YES", "coupon_infos": [{"id": coupon, "type": 301}]});
    assert_eq!(stall.pay_with(&order, &with).await.status.as_u16(), 204);
    // Without its server a disk is of no use.
    let provided = stall.provide(&order, &[1]).await;
    assert_eq!(
        (&provided["lines"][0]["outcome"], &provided["lines"][1]["outcome"]),
        (&json!("failed"), &json!("failed"))
    );
    assert_eq!(stall.balance().await, Decimal::from(10_000));
    let back = stall.get(&format!("{LIST}?order_type=4")).await;
    let back = &back["order_infos"][0];
    assert_eq!((&back["status"], &back["source_type"]), (&json!(5), &json!(8)), "{back}");
    assert_eq!(back["amount_info"]["coupon_amount"], 20.0);
    let rows = stall.get(&format!("{LIST}/refund-orders?order_id={}", id(back))).await;
    let sum: Decimal = rows["refund_infos"].as_array().expect("rows").iter().map(|row| decimal(&row["amount"])).sum();
    assert_eq!(sum, -decimal(&order["official_amount"]));
    stall.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_a_coupon_paid_that_has_expired_since_does_not_come_back(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let order = stall.order(&Stall::server(1, false)).await;
    let coupon = stall.coupon("20").await;
    let with = json!({"use_coupon": "YES", "coupon_infos": [{"id": coupon, "type": 301}]});
    assert_eq!(stall.pay_with(&order, &with).await.status.as_u16(), 204);
    stall.wait(Duration::days(91)).await;
    stall.provide(&order, &[1]).await;
    assert_eq!(stall.balance().await, Decimal::from(10_000));
    let back = stall.get(&format!("{LIST}?order_type=4")).await["order_infos"][0].clone();
    assert_eq!(back["amount_info"]["coupon_amount"], 0.0, "{back}");
    let rows = stall.get(&format!("{LIST}/refund-orders?order_id={}", id(&back))).await;
    let sum: Decimal = rows["refund_infos"].as_array().expect("rows").iter().map(|row| decimal(&row["amount"])).sum();
    assert_eq!(sum, Decimal::from(20) - decimal(&order["official_amount"]));
    stall.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_disk_is_not_provided_before_its_server(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let order = stall.order(&Stall::server(1, true)).await;
    assert_eq!(stall.pay(&order).await.status.as_u16(), 204);
    let target = format!("/admin/v1/accounts/{CUSTOMER}/orders/{}/provisioning", id(&order));
    let report = async |line: usize| {
        stall.operate(Method::POST, &target, &json!({"lines": [{"line": line, "provided": true}]})).await
    };
    assert_eq!(report(2).await.refusal().1, "CBC.0100");
    assert_eq!(report(1).await.ok()["status"], 3);
    assert_eq!(report(2).await.ok()["status"], 5);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn orders_are_listed_for_their_customer_and_its_partner_alone(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let orders = [stall.order(&Stall::server(1, false)).await, stall.order(&Stall::server(2, false)).await];
    let lower = id(&orders[0]).to_lowercase();
    let list = async |account: &str, query: &str| {
        let answer = stall.app.client(account).get(&format!("{LIST}{query}")).await.ok();
        answer["total_count"].as_i64().expect("a number")
    };
    for account in [CUSTOMER, "demo-partner"] {
        assert_eq!(list(account, "").await, 2);
        assert_eq!(list(account, &format!("?order_id={lower}")).await, 1);
        assert_eq!(list(account, "?status=6&order_type=1&service_type_code=HWS.SERVICE.TYPE.EC2").await, 2);
        assert_eq!(list(account, "?status=5").await, 0);
        let details = format!("/v2/orders/customer-orders/details/{lower}");
        assert_eq!(stall.app.client(account).get(&details).await.ok()["total_count"], 1);
    }
    for (account, code) in [("second-customer", "CBC.30000010"), ("other-partner", "CBC.30000010")] {
        assert_eq!(list(account, "").await, 0);
        let details = format!("/v2/orders/customer-orders/details/{lower}");
        assert_eq!(stall.app.client(account).get(&details).await.refusal().1, code);
    }
    for query in [
        "?order_id=",
        "?status=",
        "?limit=101",
        "?create_time_begin=2020-01-01T00:00:00Z&create_time_end=2022-01-01T00:00:00Z",
    ] {
        let answer = stall.app.client(CUSTOMER).get(&format!("{LIST}{}", query.replace(':', "%3A"))).await;
        assert_eq!(answer.refusal().1, "CBC.0100", "{query}");
    }
}
