//! The scenarios with orders hold what they say.

use bss_gateway::operators::store::Role;
use bss_gateway::sandbox::snapshots;
use bss_gateway::sandbox::world::{Scale, World};
use bss_gateway::testing::{Client, TestApp};
use bss_gateway::values::time::Month;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::borrow::Cow;

const ORDERS: &str = "/v2/orders/customer-orders";
const PAY: &str = "/v3/orders/customer-orders/pay";
const RESOURCES: &str = "/v2/orders/suscriptions/resources/query";
const SUM: &str = "/v2/bills/customer-bills/monthly-sum?bill_cycle=";
const BALANCES: &str = "/v2/accounts/customer-accounts/balances";

/// The statuses of a customer's resources: 2 in use, 3 closed, 4 frozen, 5 expired.
async fn statuses(client: &Client<'_>) -> Vec<Value> {
    let found = client.post(RESOURCES, &json!({})).await.ok();
    found["data"].as_array().expect("a list").iter().map(|resource| resource["status"].clone()).collect()
}

async fn only_order(client: &Client<'_>) -> Value {
    let found = client.get(ORDERS).await.ok();
    assert_eq!(found["total_count"], 1, "{found}");
    found["order_infos"][0].clone()
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn each_scenario_with_orders_holds_what_it_says(pool: PgPool) {
    snapshots::install(&mut pool.acquire().await.expect("a connection")).await.expect("the functions fit");
    let world = World::new(1, Scale::default());
    let app = TestApp::with_world(pool.clone(), Cow::Owned(world), bss_gateway::operations, |_| {}).await;
    let operator = app.operator(Role::Admin).await;
    let listed = operator.get("/admin/v1/scenarios").await.ok();
    assert_eq!(listed["scenarios"].as_array().map(Vec::len), Some(12), "{listed}");
    // Whatever the system's clock shows by then.
    app.app.clock.set(app.app.clock.now() + time::Duration::days(3));

    let customer = app.client("unpaid-order-customer");
    let order = only_order(&customer).await;
    assert_eq!(order["status"], 6);
    let body = json!({"order_id": order["order_id"], "use_coupon": "NO", "use_discount": "NO"});
    assert_eq!(customer.post(PAY, &body).await.status.as_u16(), 204);

    for (customer, status) in
        [("expiring-resource-customer", 2), ("in-grace-customer", 5), ("in-retention-customer", 4)]
    {
        assert_eq!(statuses(&app.client(customer)).await, [json!(status), json!(status)], "{customer}");
    }
    let advance = json!({"account": "scenario-expiring-resource", "action": "ADVANCE", "days": 2});
    let moved = operator.post("/admin/v1/clock", &advance).await.ok();
    assert!(moved.to_string().contains("resource.changed"), "{moved}");
    app.app.clocks.reload(&pool).await.expect("it is read");
    assert_eq!(statuses(&app.client("expiring-resource-customer")).await, [json!(5), json!(5)]);

    let partner = app.client("scenario-awaiting-partner");
    let waiting = partner.get("/partner/v1/orders/to-pay").await.ok();
    let order = waiting["orders"][0]["order_id"].as_str().unwrap_or_else(|| panic!("{waiting}"));
    partner.post(&format!("/partner/v1/orders/{order}/pay"), &json!({})).await.ok();
    assert_eq!(only_order(&app.client("awaiting-partner-customer")).await["status"], 3);

    let customer = app.client("month-closed-customer");
    let stands_at = app.app.now(app.world.account("month-closed-customer").tenant);
    let sum = customer.get(&format!("{SUM}{}", Month::of(stands_at).before(1))).await.ok();
    assert_eq!(sum["total_count"], 2, "an order, and use: {sum}");

    let balances = app.client("in-debt-customer").get(BALANCES).await.ok();
    assert!(balances["debt_amount"].as_f64().is_some_and(|debt| debt > 0.0), "{balances}");

    let master = app.client("scenario-custody");
    let members = master.get("/v2/enterprises/multi-accounts/sub-customers").await.ok();
    assert_eq!(members["sub_customer_infos"].as_array().map(Vec::len), Some(1), "{members}");
    assert_eq!(only_order(&app.client("custody-member")).await["status"], 6);

    // A copy has its own, with a clock that stands as well.
    let forks = "/admin/v1/accounts/scenario-in-grace/forks";
    let made = operator.post(forks, &json!({"name": "suite"})).await.ok();
    app.app.clocks.reload(&pool).await.expect("it is read");
    let keys = made["keys"].as_array().expect("keys");
    let key = keys.iter().find(|key| key["account"] == "in-grace-customer.suite").expect("it is copied");
    let text = |field: &str| key[field].as_str().expect("it is shown");
    let copy = app.client_with_key(text("access_key"), text("secret_key"));
    assert_eq!(statuses(&copy).await, [json!(5), json!(5)]);
    operator
        .post("/admin/v1/clock", &json!({"account": "scenario-in-grace.suite", "action": "ADVANCE", "days": 1}))
        .await
        .ok();
    app.app.clocks.reload(&pool).await.expect("it is read");
    assert_eq!(statuses(&copy).await, [json!(4), json!(4)]);
    assert_eq!(statuses(&app.client("in-grace-customer")).await, [json!(5), json!(5)]);
}
