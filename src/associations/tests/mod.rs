//! Members of enterprises through the router, on a real database.

mod custody;
mod leaving;
mod race;

use crate::metering::verify;
use crate::orders::tests::{LIST, PAY, Stall, decimal, id};
use crate::testing::Answer;
use crate::values::time::write_instant;
use axum::http::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;

const MASTER: &str = "demo-master";
/// A member that keeps its finances, and one whose finances the master keeps.
const FREE: &str = "demo-member-1";
const KEPT: &str = "demo-member-2";

/// The world's enterprise.
struct House {
    stall: Stall,
}

impl House {
    /// One whose master has so many yuan, and the member in its custody 500 of its own.
    async fn new(pool: PgPool, yuan: &str) -> Self {
        let house = Self { stall: Stall::new(pool).await };
        // The world's own coupons would pay as well.
        house.stall.sql("update coupons set frozen = true").await;
        house.top_up(MASTER, yuan).await;
        house.top_up(KEPT, "500").await;
        house
    }

    async fn top_up(&self, account: &str, yuan: &str) {
        let target = format!("/admin/v1/accounts/{account}/funds/top-ups");
        self.stall.operate(Method::POST, &target, &json!({"amount": yuan})).await.ok();
    }

    fn id(&self, account: &str) -> String {
        self.stall.app.world.account(account).domain.to_string()
    }

    async fn get(&self, account: &str, target: &str) -> Answer {
        self.stall.app.client(account).get(target).await
    }

    /// What an account has in cash.
    async fn cash(&self, account: &str) -> Decimal {
        let answer = self.get(account, "/v2/accounts/customer-accounts/balances").await.ok();
        decimal(&answer["account_balances"][0]["amount"])
    }

    /// A cash coupon of the master's.
    async fn coupon(&self, yuan: &str) -> String {
        let expires_at = write_instant(self.stall.app.app.clock.now() + Duration::days(90));
        let body = json!({"kind": "cash", "value": yuan, "expires_at": expires_at});
        let issued = self.stall.operate(Method::POST, &format!("/admin/v1/accounts/{MASTER}/coupons"), &body).await;
        issued.ok()["coupon_id"].as_str().expect("an id").to_owned()
    }

    /// Orders a server for an account.
    async fn order(&self, account: &str, auto_pay: bool) -> Value {
        let mut body = Stall::server(1, false);
        body["auto_pay"] = json!(auto_pay);
        self.stall.operate(Method::POST, &format!("/admin/v1/accounts/{account}/orders"), &body).await.ok()
    }

    async fn pay(&self, account: &str, order: &Value, coupon: Option<&str>) -> Answer {
        let mut body = json!({"order_id": id(order), "use_coupon": "NO", "use_discount": "NO"});
        if let Some(coupon) = coupon {
            body["use_coupon"] = json!("YES");
            body["coupon_infos"] = json!([{"id": coupon, "type": 301}]);
        }
        self.stall.app.client(account).post(PAY, &body).await
    }

    async fn cancel(&self, account: &str, order: &Value) -> Answer {
        let body = json!({"order_id": id(order)}).to_string();
        self.stall.app.client(account).call(Method::PUT, "/v2/orders/customer-orders/cancel", &[], &body).await
    }

    async fn details(&self, account: &str, order: &Value) -> Answer {
        self.get(account, &format!("{LIST}/details/{}", id(order))).await
    }

    async fn status(&self, order: &Value) -> i64 {
        self.details(KEPT, order).await.ok()["order_info"]["status"].as_i64().expect("a status")
    }

    /// The ids of the orders that an account lists.
    async fn listed(&self, account: &str, query: &str) -> Vec<String> {
        let page = self.get(account, &format!("{LIST}{query}")).await.ok();
        let ids = page["order_infos"].as_array().expect("a list").iter().map(|order| id(order).to_owned());
        let ids: Vec<String> = ids.collect();
        assert_eq!(page["total_count"], ids.len(), "{query}");
        ids
    }

    /// What has happened to an order.
    async fn events(&self, order: &Value) -> Vec<String> {
        sqlx::query_scalar("select event from order_events where order_id = $1 order by number")
            .bind(id(order))
            .fetch_all(&mut *self.stall.pool.acquire().await.expect("a connection"))
            .await
            .expect("they are read")
    }

    async fn assert_all_is_right(&self) {
        let mut connection = self.stall.pool.acquire().await.expect("a connection");
        let report = verify::all(&mut connection).await.expect("it is read");
        assert_eq!(report.wrong, Vec::<String>::new());
        drop(connection);
        self.stall.assert_ledger_is_right().await;
    }
}
