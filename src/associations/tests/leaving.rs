//! A member leaves its enterprise.

use super::{FREE, House, KEPT, MASTER};
use crate::orders::tests::{LIST, decimal};
use crate::testing::Answer;
use axum::http::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgPool;

const GIVE: &str = "/v2/enterprises/multi-accounts/transfer-amount";
const GIVE_COUPON: &str = "/v2/enterprises/multi-accounts/transfer-coupon";

impl House {
    async fn dismiss(&self, member: &str) -> Answer {
        let target = format!("/admin/v1/accounts/{MASTER}/members/{member}");
        self.stall.operate(Method::DELETE, &target, &Value::Null).await
    }

    async fn give(&self, path: &str, member: &str, more: Value) {
        let mut body = json!({"customer_id": self.id(member), "amount": "30"});
        for (name, value) in more.as_object().expect("fields") {
            body[name] = value.clone();
        }
        self.stall.app.client(MASTER).post(path, &body).await.ok();
    }

    /// What an account has in credit.
    async fn credit(&self, account: &str) -> Decimal {
        let answer = self.get(account, "/v2/accounts/customer-accounts/balances").await.ok();
        let balances = answer["account_balances"].as_array().expect("a list").iter();
        balances.filter(|balance| balance["account_type"] == 2).map(|balance| decimal(&balance["amount"])).sum()
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_is_left_of_what_it_was_given_goes_back_first(pool: PgPool) {
    let house = House::new(pool, "100").await;
    let credits = format!("/admin/v1/accounts/{MASTER}/funds/credits");
    house.stall.operate(Method::POST, &credits, &json!({"amount": "50"})).await.ok();
    let main = house.coupon("40").await;
    house.give(GIVE, FREE, json!({})).await;
    house.give(GIVE, FREE, json!({"balance_type": "BALANCE_TYPE_CREDIT"})).await;
    house.give(GIVE_COUPON, FREE, json!({"coupon_id": main})).await;
    assert_eq!((house.cash(FREE).await, house.credit(FREE).await), (Decimal::from(30), Decimal::from(30)));
    // Its own money is its own.
    house.top_up(FREE, "5").await;

    let members = house.dismiss(FREE).await.ok();
    let names = members["members"].as_array().expect("a list").iter().map(|member| member["account"].clone());
    assert_eq!(names.collect::<Vec<_>>(), [json!(KEPT)]);
    assert_eq!((house.cash(MASTER).await, house.credit(MASTER).await), (Decimal::from(100), Decimal::from(50)));
    assert_eq!((house.cash(FREE).await, house.credit(FREE).await), (Decimal::from(5), Decimal::ZERO));
    let coupons = house.get(MASTER, "/v2/promotions/benefits/coupons").await.ok();
    let held = coupons["user_coupons"].as_array().expect("a list").iter().find(|one| one["coupon_id"] == json!(main));
    assert_eq!(held.expect("it is there")["balance"], 40.0);
    let again = house.dismiss(FREE).await;
    assert!(again.refusal().2.contains("no member"), "{}", again.body);
    assert_eq!(house.dismiss("nobody").await.status.as_u16(), 404);
    let gone = house.stall.app.client(MASTER).post(GIVE, &json!({"customer_id": house.id(FREE), "amount": "1"})).await;
    assert_eq!(gone.refusal().1, "CBC.7001");
    house.assert_all_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn who_leaves_custody_pays_itself(pool: PgPool) {
    let house = House::new(pool, "1000").await;
    let paid = house.order(KEPT, true).await;
    let waits = house.order(KEPT, false).await;
    let before = house.cash(MASTER).await;
    house.dismiss(KEPT).await.ok();
    assert_eq!(house.pay(MASTER, &waits, None).await.refusal().1, "CBC.30000010");
    assert_eq!(house.listed(MASTER, "?method=sub_customer").await, [""; 0]);
    assert_eq!(house.pay(KEPT, &waits, None).await.status.as_u16(), 204);
    assert_eq!(house.events(&waits).await, ["placed", "handed_over", "handed_back", "paid"]);
    assert_eq!(house.cash(KEPT).await, Decimal::from(500) - decimal(&waits["official_amount"]));
    assert_eq!(house.cash(MASTER).await, before);

    // What its master had paid comes back to that one all the same.
    let target = format!("/admin/v1/accounts/{KEPT}/orders/{}/provisioning", crate::orders::tests::id(&paid));
    let failed = json!({"lines": [{"line": 1, "provided": false}]});
    house.stall.operate(Method::POST, &target, &failed).await.ok();
    assert_eq!(house.cash(MASTER).await, Decimal::from(1000));
    assert_eq!(house.listed(KEPT, "?order_type=4").await.len(), 1);
    assert_eq!(house.get(KEPT, &format!("{LIST}?limit=1")).await.ok()["total_count"], 3);
    house.assert_all_is_right().await;
}
