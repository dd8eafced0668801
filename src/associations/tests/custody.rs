//! A master account pays for the member whose finances it keeps.

use super::{FREE, House, KEPT, MASTER};
use crate::metering::model::full_hour;
use crate::orders::tests::{LIST, decimal, id};
use crate::values::time::{Month, write_instant};
use axum::http::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;

const DETAILS: &str = "/v2/bills/customer-bills/res-records/query";

impl House {
    /// What of the member's bills its master gets, paid by an account.
    async fn bills_paid_by(&self, payer: &str, statistic: i64) -> Vec<Value> {
        let month = Month::of(self.stall.app.app.clock.now());
        let body = json!({"cycle": month, "method": "sub_customer", "sub_customer_id": self.id(KEPT),
                          "payer_account_id": self.id(payer), "statistic_type": statistic});
        let page = self.stall.app.client(MASTER).post(DETAILS, &body).await.ok();
        page["monthly_records"].as_array().expect("a list").clone()
    }

    /// Opens a server that the member pays for by use, and uses it for an hour that is settled.
    async fn use_an_hour(&self, server: &str) {
        let account = format!("/admin/v1/accounts/{KEPT}");
        let body = json!({"resource_id": server, "name": "web", "resource_type": "hws.resource.type.vm",
                          "resource_spec": "s6.large.2.linux", "region": "cn-north-4"});
        self.stall.operate(Method::POST, &format!("{account}/on-demand-resources"), &body).await.ok();
        self.stall.wait(Duration::hours(3)).await;
        let from = full_hour(self.stall.app.app.clock.now()) - Duration::HOUR;
        let record = json!({"record_id": format!("{server}-1"), "resource_id": server, "usage_type": "Duration",
                            "quantity": 3600, "measure_id": 6, "from": write_instant(from),
                            "until": write_instant(from + Duration::HOUR)});
        let usage = format!("{account}/usage");
        let taken = self.stall.operate(Method::POST, &usage, &json!({"records": [record]})).await.ok();
        assert_eq!(taken["taken"], 1, "{taken}");
        self.stall.wait(Duration::hours(1)).await;
    }

    /// What an account owes.
    async fn debt(&self, account: &str) -> Decimal {
        decimal(&self.get(account, "/v2/accounts/customer-accounts/balances").await.ok()["debt_amount"])
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn an_order_is_paid_by_the_master_at_once_and_comes_back_to_it(pool: PgPool) {
    let house = House::new(pool, "1000").await;
    let coupon = house.coupon("20").await;
    let order = house.order(KEPT, true).await;
    assert_eq!((&order["status"], &order["paying_agent_id"]), (&json!(3), &json!(house.id(MASTER))), "{order}");
    let paid = decimal(&order["amount_after_discount"]);
    assert!(paid <= decimal(&order["official_amount"]) - Decimal::from(20), "{order}");
    assert_eq!((house.cash(MASTER).await, house.cash(KEPT).await), (Decimal::from(1000) - paid, Decimal::from(500)));
    for (account, query, is_listed) in [
        (MASTER, "?method=sub_customer", true),
        (MASTER, "?method=all", true),
        (MASTER, "", false),
        (KEPT, "", true),
        (KEPT, "?method=sub_customer", false),
        (FREE, "?method=all", false),
        ("demo-customer", "?method=sub_customer", false),
    ] {
        assert_eq!(house.listed(account, query).await.len(), usize::from(is_listed), "{account} {query}");
    }
    for statistic in [1, 2, 3] {
        let bills = house.bills_paid_by(MASTER, statistic).await;
        assert_eq!(bills.len(), 1, "{statistic}");
        assert_eq!(
            (&bills[0]["payer_account_id"], &bills[0]["customer_id"]),
            (&json!(house.id(MASTER)), &json!(house.id(KEPT)))
        );
        assert_eq!(house.bills_paid_by(KEPT, statistic).await, Vec::<Value>::new());
    }

    // What cannot be provided comes back in full, to who paid.
    let target = format!("/admin/v1/accounts/{KEPT}/orders/{}/provisioning", id(&order));
    let failed = json!({"lines": [{"line": 1, "provided": false}]});
    house.stall.operate(Method::POST, &target, &failed).await.ok();
    assert_eq!((house.cash(MASTER).await, house.cash(KEPT).await), (Decimal::from(1000), Decimal::from(500)));
    assert_eq!(house.listed(MASTER, "?method=sub_customer&order_type=4").await.len(), 1);
    let coupons = house.get(MASTER, "/v2/promotions/benefits/coupons").await.ok();
    let held = coupons["user_coupons"].as_array().expect("a list").iter().find(|one| one["coupon_id"] == json!(coupon));
    assert_eq!(held.expect("it is there")["balance"], 20.0);
    house.assert_all_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn an_order_to_be_paid_by_hand_is_the_masters_to_pay(pool: PgPool) {
    let house = House::new(pool, "1000").await;
    let coupon = house.coupon("20").await;
    let order = house.order(KEPT, false).await;
    assert_eq!((&order["status"], order["asked_at"].is_string()), (&json!(6), true), "{order}");
    // The member sees its order and pays it not; its siblings see none.
    assert_eq!(house.pay(KEPT, &order, None).await.refusal().1, "CBC.99003106");
    for account in [FREE, "demo-customer"] {
        assert_eq!(house.pay(account, &order, None).await.refusal().1, "CBC.30000010", "{account}");
        assert_eq!(house.cancel(account, &order).await.refusal().1, "CBC.30000010", "{account}");
        assert_eq!(house.details(account, &order).await.refusal().1, "CBC.30000010", "{account}");
    }
    let offered = async |account: &str| {
        let coupons = house.get(account, &format!("{LIST}/order-coupons?order_id={}", id(&order))).await.ok();
        let discounts = house.get(account, &format!("{LIST}/order-discounts?order_id={}", id(&order))).await.ok();
        (coupons["count"].clone(), discounts["discounts"].is_array())
    };
    assert_eq!((offered(MASTER).await, offered(KEPT).await), ((json!(1), true), (json!(0), true)));
    assert_eq!(house.details(MASTER, &order).await.ok()["order_info"]["customer_id"], json!(house.id(KEPT)));
    assert_eq!(house.listed(MASTER, "?method=sub_customer&status=6").await, [id(&order)]);

    assert_eq!(house.pay(MASTER, &order, Some(&coupon)).await.status.as_u16(), 204);
    assert_eq!(house.pay(MASTER, &order, None).await.refusal().1, "CBC.99003106");
    let paid = decimal(&order["official_amount"]) - Decimal::from(20);
    assert_eq!((house.cash(MASTER).await, house.cash(KEPT).await), (Decimal::from(1000) - paid, Decimal::from(500)));
    assert_eq!(house.events(&order).await, ["placed", "handed_over", "master_paid"]);

    // Either of the two cancels, and what nobody pays expires.
    let [by_master, by_member, by_nobody] =
        [house.order(KEPT, false).await, house.order(KEPT, false).await, house.order(KEPT, false).await];
    assert_eq!(house.cancel(MASTER, &by_master).await.status.as_u16(), 204);
    assert_eq!(house.cancel(KEPT, &by_member).await.status.as_u16(), 204);
    house.stall.wait(Duration::hours(24)).await;
    for order in [by_master, by_member, by_nobody] {
        assert_eq!(house.status(&order).await, 4);
    }
    assert_eq!(house.listed(MASTER, "?method=sub_customer").await.len(), 4);
    // The master's own stand among them where it asks for all.
    let own = house.order(MASTER, false).await;
    let all = house.listed(MASTER, "?method=all").await;
    assert_eq!((all.len(), all[0].as_str()), (5, id(&own)));
    let page = house.get(MASTER, &format!("{LIST}?method=all&limit=2&offset=4&order_by=createTime")).await.ok();
    assert_eq!((&page["total_count"], &page["order_infos"][0]["order_id"]), (&json!(5), &own["order_id"]));
    house.assert_all_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_the_master_cannot_pay_at_once_waits_for_it(pool: PgPool) {
    let house = House::new(pool, "1").await;
    let order = house.order(KEPT, true).await;
    assert_eq!((&order["status"], &order["unpaid"]), (&json!(6), &json!("CBC.99005003")), "{order}");
    assert_eq!(house.pay(MASTER, &order, None).await.refusal().1, "CBC.99005003");
    house.top_up(MASTER, "999").await;
    // Without the member's leave its master sees nothing of it, and pays nothing.
    house
        .stall
        .sql("update enterprise_members set permissions = '{READ_FINANCE_INFO}' where display_name = 'Laboratory'")
        .await;
    assert_eq!(house.pay(MASTER, &order, None).await.refusal().1, "CBC.30000010");
    assert_eq!(house.details(MASTER, &order).await.refusal().1, "CBC.30000010");
    assert_eq!(house.listed(MASTER, "?method=all").await, [""; 0]);
    house
        .stall
        .sql("update enterprise_members set permissions = '{READ_CONSUME_BILL}' where display_name = 'Laboratory'")
        .await;
    assert_eq!(house.pay(MASTER, &order, None).await.status.as_u16(), 204);
    // A member that keeps its finances pays itself, and its master sees nothing of its orders.
    house.top_up(FREE, "1000").await;
    let own = house.order(FREE, false).await;
    assert_eq!(house.pay(MASTER, &own, None).await.refusal().1, "CBC.30000010");
    assert_eq!(house.pay(FREE, &own, None).await.status.as_u16(), 204);
    assert_eq!(house.listed(MASTER, "?method=sub_customer").await, [id(&order)]);
    house.assert_all_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn use_is_paid_by_the_master_and_debts_are_the_masters(pool: PgPool) {
    let house = House::new(pool, "0.01").await;
    house.use_an_hour("server").await;
    let [bill] = &house.bills_paid_by(MASTER, 3).await[..] else { panic!("one hour is one charge") };
    let owed = decimal(&bill["consume_amount"]) - Decimal::new(1, 2);
    assert!(owed > Decimal::ZERO, "{bill}");
    assert_eq!((house.cash(MASTER).await, house.debt(MASTER).await), (Decimal::ZERO, owed));
    assert_eq!((house.cash(KEPT).await, house.debt(KEPT).await), (Decimal::from(500), Decimal::ZERO));
    // The debt stays the master's, also once it keeps the member's finances no more.
    house.stall.sql("update customers set custodian_id = null").await;
    house.stall.wait(Duration::HOUR).await;
    assert_eq!(house.debt(MASTER).await, owed);
    house.top_up(MASTER, "100").await;
    house.stall.wait(Duration::HOUR).await;
    assert_eq!((house.cash(MASTER).await, house.debt(MASTER).await), (Decimal::from(100) - owed, Decimal::ZERO));
    assert_eq!(house.cash(KEPT).await, Decimal::from(500));
    house.assert_all_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_waits_when_an_account_joins_in_custody_is_handed_over(pool: PgPool) {
    let house = House::new(pool, "1000").await;
    let order = house.order(FREE, false).await;
    house.stall.sql("delete from enterprise_members where display_name = 'Shop, north'").await;
    let body = json!({"account": FREE, "custody": true});
    house.stall.operate(Method::POST, &format!("/admin/v1/accounts/{MASTER}/members"), &body).await.ok();
    assert_eq!(house.pay(FREE, &order, None).await.refusal().1, "CBC.99003106");
    assert_eq!(house.pay(MASTER, &order, None).await.status.as_u16(), 204);
    assert_eq!(house.cash(MASTER).await, Decimal::from(1000) - decimal(&order["official_amount"]));
    house.assert_all_is_right().await;
}
