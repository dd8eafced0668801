//! A frozen customer buys, renews and changes nothing; nothing is renewed for it either.

use crate::orders::tests::{CUSTOMER, LIST, Stall, decimal};
use axum::http::Method;
use serde_json::json;
use sqlx::PgPool;
use time::Duration;

const INSTANTLY: &str = "/v2/orders/subscriptions/resources/to-on-demand/instantly";

impl Stall {
    pub(super) async fn freeze(&self) {
        let target = format!("/admin/v1/accounts/{CUSTOMER}/freeze");
        self.operate(Method::POST, &target, &json!({"reason": "Arrears"})).await.ok();
    }

    pub(super) async fn unfreeze(&self) {
        let target = format!("/admin/v1/accounts/{CUSTOMER}/unfreeze");
        self.operate(Method::POST, &target, &json!({"reason": "Paid"})).await.ok();
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_frozen_customer_buys_renews_and_changes_nothing(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let (_, server) = stall.buy(1, false).await;
    let waiting = stall.order(&Stall::server(1, false)).await;
    assert_eq!(stall.auto_renew(&server, Method::POST).await.status.as_u16(), 204);
    stall.freeze().await;
    let before = stall.balance().await;

    assert_eq!(stall.pay(&waiting).await.refusal().0, 400);
    for auto_pay in [0, 1] {
        assert_eq!(stall.renew(&server, auto_pay).await.refusal().0, 400, "is_auto_pay {auto_pay}");
    }
    let target = format!("/admin/v1/accounts/{CUSTOMER}/orders");
    assert_eq!(stall.operate(Method::POST, &target, &Stall::server(1, false)).await.refusal().0, 400);
    let ids = json!({"resource_ids": [server]});
    let instantly = stall.app.client(CUSTOMER).post(INSTANTLY, &ids).await.ok();
    assert_eq!(instantly["to_ondemand_service_results"][0]["error_code"], "CBC.99003626");
    // It may still give up what it wants: cancel and unsubscribe take no money.
    assert_eq!(stall.cancel(&waiting).await.status.as_u16(), 204);
    assert_eq!(stall.balance().await, before);

    // Automatic renewal is tried in vain each day, and succeeds once the customer is free again.
    stall.wait(Duration::days(28)).await;
    assert_eq!(stall.get(&format!("{LIST}?order_type=2")).await["total_count"], 0);
    stall.unfreeze().await;
    stall.wait(Duration::days(1)).await;
    let renewals = stall.get(&format!("{LIST}?order_type=2")).await;
    assert_eq!(renewals["total_count"], 1);
    assert_eq!(stall.balance().await, before - decimal(&renewals["order_infos"][0]["official_amount"]));
}
