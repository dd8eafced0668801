//! Resources through the router, on a real database.

mod changes;
mod frozen;
mod laws;
mod means;
mod properties;
mod refusals;
mod timeline;

use crate::orders::tests::{CUSTOMER, LIST, Stall, decimal, id};
use crate::testing::Answer;
use axum::http::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;

const QUERY: &str = "/v2/orders/suscriptions/resources/query";
const ON_DEMAND: &str = "/v2/partners/sub-customers/on-demand-resources/query";
const RENEW: &str = "/v2/orders/subscriptions/resources/renew";
const UNSUBSCRIBE: &str = "/v2/orders/subscriptions/resources/unsubscribe";

impl Stall {
    /// Buys a server, with a disk if it is wanted: the order, and the server's id.
    async fn buy(&self, months: u32, disk: bool) -> (Value, String) {
        let order = self.order(&Stall::server(months, disk)).await;
        assert_eq!(self.pay(&order).await.status.as_u16(), 204);
        let provided = self.provide(&order, &[]).await;
        let server = provided["lines"][0]["resource_id"].as_str().expect("it is provided").to_owned();
        (order, server)
    }

    async fn resource(&self, id: &str) -> Value {
        let found =
            self.app.client(CUSTOMER).post(QUERY, &json!({"resource_ids": [id], "only_main_resource": 1})).await;
        found.ok()["data"][0].clone()
    }

    async fn renew(&self, server: &str, auto_pay: i32) -> Answer {
        let body = json!({"resource_ids": [server], "period_type": 2, "period_num": 1, "is_auto_pay": auto_pay,
                          "expire_policy": 0});
        self.app.client(CUSTOMER).post(RENEW, &body).await
    }

    async fn unsubscribe(&self, server: &str, kind: i32) -> Answer {
        let body = json!({"resource_ids": [server], "unsubscribe_type": kind});
        self.app.client(CUSTOMER).post(UNSUBSCRIBE, &body).await
    }

    async fn auto_renew(&self, server: &str, method: Method) -> Answer {
        let target = format!("/v2/orders/subscriptions/resources/autorenew/{server}");
        self.app.client(CUSTOMER).call(method, &target, &[], "").await
    }

    async fn refund_sum(&self, order: &str) -> Decimal {
        let rows = self.get(&format!("{LIST}/refund-orders?order_id={order}")).await;
        rows["refund_infos"].as_array().expect("rows").iter().map(|row| decimal(&row["amount"])).sum()
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_resource_is_renewed_ahead_and_the_renewal_alone_given_back(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let (_, server) = stall.buy(1, true).await;
    let (end, before) = (stall.resource(&server).await["expire_time"].clone(), stall.balance().await);
    assert_eq!(stall.unsubscribe(&server, 2).await.refusal().1, "CBC.99003128");

    let waiting = stall.renew(&server, 0).await.ok();
    assert_eq!(stall.renew(&server, 0).await.refusal().1, "CBC.99003100", "an order waits");
    let order = json!({"order_id": waiting["order_ids"][0]});
    assert_eq!(stall.pay(&order).await.status.as_u16(), 204);
    let details = stall.details(&order).await;
    assert_eq!((&details["order_info"]["status"], &details["order_info"]["order_type"]), (&json!(5), &json!(2)));
    assert_eq!(details["total_count"], 2, "the disk is renewed with its server");
    assert_eq!(details["order_line_items"][0]["effective_time"], end);
    assert_ne!(stall.resource(&server).await["expire_time"], end);

    let back = stall.unsubscribe(&server, 2).await.ok();
    assert_eq!(stall.resource(&server).await["expire_time"], end);
    assert_eq!((stall.resource(&server).await["status"].clone(), stall.balance().await), (json!(2), before));
    assert_eq!(
        stall.refund_sum(back["order_ids"][0].as_str().expect("an id")).await,
        -decimal(&details["order_info"]["official_amount"])
    );
    stall.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn within_five_days_everything_comes_back_and_later_use_and_fee_are_kept(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let (first, server) = stall.buy(1, false).await;
    let paid = decimal(&first["official_amount"]);
    stall.wait(Duration::days(4)).await;
    stall.unsubscribe(&server, 1).await.ok();
    assert_eq!(stall.balance().await, Decimal::from(10_000));
    assert_eq!(stall.unsubscribe(&server, 1).await.refusal().1, "CBC.30000067");
    assert_eq!(stall.resource(&server).await["status"], 3);

    let (_, server) = stall.buy(1, false).await;
    stall.wait(Duration::days(10)).await;
    let back = stall.unsubscribe(&server, 1).await.ok();
    let order = back["order_ids"][0].as_str().expect("an id").to_owned();
    let info = stall.details(&json!({"order_id": order})).await["order_info"].clone();
    let (fee, used) =
        (decimal(&info["amount_info"]["commission_amount"]), decimal(&info["amount_info"]["consumed_amount"]));
    assert_eq!(fee, (paid * Decimal::new(1, 1)).round_dp(2));
    assert!(used > paid / Decimal::from(4) && used < paid / Decimal::from(2), "{used} of {paid}");
    assert_eq!(-decimal(&info["amount_after_discount"]) + fee + used, paid);
    assert_eq!(stall.refund_sum(&order).await, fee + used - paid);
    assert_eq!(stall.balance().await, Decimal::from(10_000) - fee - used);
    stall.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_resource_is_renewed_by_itself_until_money_is_short_and_goes_through_grace_and_retention(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let (order, server) = stall.buy(1, true).await;
    assert_eq!(stall.auto_renew(&server, Method::DELETE).await.refusal().1, "CBC.99003605");
    assert_eq!(stall.auto_renew(&server, Method::POST).await.status.as_u16(), 204);
    assert_eq!(stall.resource(&server).await["expire_policy"], 3);
    stall.wait(Duration::days(40)).await;
    let renewed = stall.resource(&server).await;
    assert_eq!(renewed["status"], 2, "{renewed}");
    let renewals = stall.get(&format!("{LIST}?order_type=2")).await;
    assert_eq!((&renewals["total_count"], &renewals["order_infos"][0]["source_type"]), (&json!(1), &json!(8)));
    let spent = decimal(&order["official_amount"]) * Decimal::TWO;
    assert_eq!(stall.balance().await, Decimal::from(10_000) - spent);

    // All that is left goes back to the partner: nothing can be renewed any more.
    let customer = stall.app.world.account(CUSTOMER).domain;
    let left = (Decimal::from(10_000) - spent).to_string();
    let body = json!({"customer_id": customer, "amount": left});
    stall.app.client("demo-partner").post("/v2/accounts/partner-accounts/reclaim", &body).await.ok();
    let end = stall.resource(&server).await["expire_time"].as_str().expect("an instant").to_owned();
    let end = crate::values::time::parse_instant(&end).expect("an instant");
    stall.wait(end - stall.app.app.clock.now() + Duration::HOUR).await;
    for status in [5, 4, 3] {
        assert_eq!(stall.resource(&server).await["status"], status);
        stall.wait(Duration::DAY).await;
    }
    assert_eq!(stall.get(&format!("{LIST}?order_type=2")).await["total_count"], 1, "failed attempts leave no orders");
    assert_eq!(stall.auto_renew(&server, Method::POST).await.refusal().1, "CBC.99003012");
    stall.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn an_automatic_payment_that_fails_leaves_an_order_that_waits(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let (order, server) = stall.buy(1, false).await;
    let customer = stall.app.world.account(CUSTOMER).domain;
    let left = (Decimal::from(10_000) - decimal(&order["official_amount"])).to_string();
    let body = json!({"customer_id": customer, "amount": left});
    stall.app.client("demo-partner").post("/v2/accounts/partner-accounts/reclaim", &body).await.ok();
    assert_eq!(stall.renew(&server, 1).await.refusal().1, "CBC.30050006");
    let waiting = stall.get(&format!("{LIST}?order_type=2&status=6")).await;
    assert_eq!(waiting["total_count"], 1);
    assert_eq!(stall.unsubscribe(&server, 1).await.refusal().1, "CBC.99003100");
    assert_eq!(stall.cancel(&waiting["order_infos"][0]).await.status.as_u16(), 204);
    stall.unsubscribe(&server, 1).await.ok();
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn resources_turn_to_pay_per_use_now_or_when_their_time_is_over(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let ((first, now), (_, later)) = (stall.buy(1, false).await, stall.buy(1, false).await);
    let target = "/v2/orders/subscriptions/resources/to-on-demand";
    let body = json!({"operation": "SET_UP", "resource_ids": [later, "nobody's"]});
    let set = stall.app.client(CUSTOMER).post(target, &body).await.ok();
    assert_eq!(
        (&set["error_details"][0]["id"], set["error_details"].as_array().map(Vec::len)),
        (&json!("nobody's"), Some(1))
    );
    stall.wait(Duration::days(10)).await;
    let before = stall.balance().await;
    let instantly = json!({"resource_ids": [now, "nobody's"]});
    let turned = stall.app.client(CUSTOMER).post(&format!("{target}/instantly"), &instantly).await.ok();
    let results = &turned["to_ondemand_service_results"];
    assert_eq!((&results[0]["result"], &results[1]["error_code"]), (&json!("SUCCESS"), &json!("CBC.99003012")));
    let back = stall.balance().await - before;
    assert!(back > decimal(&first["official_amount"]) / Decimal::TWO, "used is kept, and no fee: {back}");
    stall.wait(Duration::days(30)).await;
    assert_eq!(stall.resource(&later).await["status"], 3);
    let customer = stall.app.world.account(CUSTOMER).domain;
    let query = json!({"customer_id": customer, "status": 1});
    let list = stall.app.client("demo-partner").post(ON_DEMAND, &query).await.ok();
    assert_eq!(list["total_count"], 2, "{list}");
    let other = stall.app.client("other-partner").post(ON_DEMAND, &query).await;
    assert_eq!(other.status.as_u16(), 400);
    stall.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn all_resources_end_on_the_day_that_the_account_has_chosen(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let (_, server) = stall.buy(1, false).await;
    let config = "/v2/orders/subscriptions/resources/renew/config";
    for (name, value, status) in [
        ("EXPIRE_DATE", "-1", 200),
        ("EXPIRE_DATE", "29", 400),
        ("DEDUCTION_DATE", "8", 400),
        ("DEDUCTION_DATE", "2", 200),
    ] {
        let body = json!({"config_name": name, "config_value": value});
        assert_eq!(stall.app.client(CUSTOMER).post(config, &body).await.status.as_u16(), status, "{name} {value}");
    }
    stall.renew(&server, 1).await.ok();
    let end = stall.resource(&server).await["expire_time"].as_str().expect("an instant").to_owned();
    // The last second of a month of UTC+8: eight hours later it is the first of the next.
    let end = crate::values::time::parse_instant(&end).expect("an instant");
    assert_eq!((end + Duration::hours(8) + Duration::SECOND).day(), 1, "{end}");
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn rules_that_change_meanwhile_move_what_is_due_and_hold_nobody_up(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let (_, server) = stall.buy(1, false).await;
    let end = stall.resource(&server).await["expire_time"].as_str().expect("an instant").to_owned();
    let end = crate::values::time::parse_instant(&end).expect("an instant");
    stall.wait(end - stall.app.app.clock.now() + Duration::HOUR).await;
    assert_eq!(stall.resource(&server).await["status"], 5, "a day of grace begins");
    // A higher level has seven days of it.
    stall.sql("update customers set level = 'V4'").await;
    for (days, status) in [(2, 5), (3, 5), (2, 4)] {
        let passed = tokio::time::timeout(std::time::Duration::from_mins(1), stall.wait(Duration::days(days)));
        passed.await.expect("what is due is done, and no more than that");
        assert_eq!(stall.resource(&server).await["status"], status, "after {days} days more");
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn an_id_that_was_closed_is_open_again_when_its_resource_turns_to_pay_per_use(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let own = format!("/admin/v1/accounts/{CUSTOMER}/on-demand-resources");
    let body = json!({"resource_id": "web-1", "resource_type": "hws.resource.type.vm",
                      "resource_spec": "s6.large.2.linux", "region": "cn-north-4"});
    stall.operate(Method::POST, &own, &body).await.ok();
    assert_eq!(stall.operate(Method::POST, &own, &body).await.refusal().1, "CBC.0100", "it is open");
    stall.operate(Method::DELETE, &format!("{own}/web-1"), &Value::Null).await.ok();

    let order = stall.order(&Stall::server(1, false)).await;
    assert_eq!(stall.pay(&order).await.status.as_u16(), 204);
    let provided = json!({"lines": [{"line": 1, "provided": true, "resource_id": "web-1"}]});
    let target = format!("/admin/v1/accounts/{CUSTOMER}/orders/{}/provisioning", id(&order));
    stall.operate(Method::POST, &target, &provided).await.ok();
    let instantly = "/v2/orders/subscriptions/resources/to-on-demand/instantly";
    stall.app.client(CUSTOMER).post(instantly, &json!({"resource_ids": ["web-1"]})).await.ok();
    let customer = stall.app.world.account(CUSTOMER).domain;
    let query = json!({"customer_id": customer, "resource_ids": ["web-1"]});
    let list = stall.app.client("demo-partner").post(ON_DEMAND, &query).await.ok();
    assert_eq!((&list["total_count"], &list["resources"][0]["status"]), (&json!(1), &json!(1)), "{list}");
    assert_eq!(list["resources"][0]["expire_time"], Value::Null);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_was_bought_in_two_currencies_is_not_given_back_as_one(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let ((_, one), (_, other)) = (stall.buy(1, false).await, stall.buy(2, false).await);
    let before = stall.balance().await;
    stall.sql("update subscriptions set currency = 'USD' where period_num = 2 and order_id <> ''").await;
    let body = json!({"resource_ids": [one, other], "unsubscribe_type": 1});
    assert_eq!(stall.app.client(CUSTOMER).post(UNSUBSCRIBE, &body).await.refusal().1, "CBC.0100");
    assert_eq!((stall.balance().await, stall.resource(&one).await["status"].clone()), (before, json!(2)));
}
