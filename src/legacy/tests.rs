//! The old forms, as old clients send them: paths, queries and bodies are those that the vendor's own older SDKs recorded.

use crate::enterprises::tests::money::{Firm, MASTER, MEMBER, decimal as amount};
use crate::orders::tests::{CUSTOMER, Stall, decimal, id};
use crate::testing::Answer;
use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

impl Stall {
    /// Sends an old form for an account's own domain.
    async fn send(&self, account: &str, method: Method, path: &str, body: &Value) -> Answer {
        let target = format!("/v1.0/{}/{path}", self.app.world.account(account).domain);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.app.client(account).call(method, &target, &[], &body).await
    }

    async fn old(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.send(CUSTOMER, method, path, body).await
    }

    /// An old form that is answered with `CBC.0000`.
    async fn done(&self, method: Method, path: &str, body: &Value) -> Value {
        let answer = self.old(method, path, body).await;
        assert_eq!(answer.status.as_u16(), 200, "{path}: {}", answer.body);
        assert_eq!((&answer.body["error_code"], &answer.body["error_msg"]), (&json!("CBC.0000"), &json!("success")));
        answer.body
    }

    /// A server that is bought, paid and provided; its order and its id.
    async fn bought(&self) -> (Value, String) {
        let order = self.order(&Self::server(1, true)).await;
        self.done(Method::POST, "customer/order-mgr/order/pay", &json!({"orderId": id(&order)})).await;
        let provided = self.provide(&order, &[]).await;
        (order, provided["lines"][0]["resource_id"].as_str().expect("an id").to_owned())
    }
}

fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn an_order_is_listed_shown_paid_and_provided_in_the_old_forms(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let order = stall.order(&Stall::server(1, true)).await;
    let coupon = stall.coupon("20").await;
    let listed =
        stall.done(Method::GET, "common/order-mgr/orders/detail?page_index=1&page_size=10", &Value::Null).await;
    let data = &listed["data"];
    assert_eq!((&data["pageSize"], &data["pageIndex"], &data["totalSize"]), (&json!(10), &json!(1), &json!(1)));
    let recorded = [
        "amountInfo",
        "baseOrderId",
        "beId",
        "contractId",
        "createTime",
        "currency",
        "currencyAfterDiscount",
        "currencyOfficial",
        "currencyType",
        "customerId",
        "lastUpdateTime",
        "measureId",
        "measureName",
        "needAudit",
        "orderId",
        "orderType",
        "paymentTime",
        "serviceType",
        "sourceType",
        "status",
    ];
    assert_eq!(names(&data["orderInfos"][0]), recorded);

    let pay = json!({"orderId": id(&order), "payAccountType": 2, "bpId": "", "couponIds": [coupon]});
    let paid = stall.done(Method::POST, "customer/order-mgr/order/pay", &pay).await;
    assert_eq!((&paid["quotaInfos"], &paid["enterpriseProjectAuthResult"]), (&json!([]), &json!([])));
    assert_eq!(paid["tradeNo"], json!(id(&order)));
    assert_eq!(stall.old(Method::POST, "customer/order-mgr/order/pay", &pay).await.refusal().1, "CBC.99003106");

    let shown = format!("common/order-mgr/orders/{}?offset=1&limit=10", id(&order));
    let shown = stall.done(Method::GET, &shown, &Value::Null).await;
    let info = &shown["orderInfo"];
    assert_eq!((&info["status"], &shown["count"]), (&json!(3), &json!(2)));
    let (amounts, official) = (&info["amountInfo"], decimal(&info["currencyOfficial"]));
    assert_eq!(amounts["discountList"], json!([{"discountType": "301", "discountAmount": 20}]));
    assert_eq!((decimal(&amounts["couponAmount"]), decimal(&amounts["cashcouponAmount"])), (20.into(), 0.into()));
    assert_eq!(decimal(&info["currencyAfterDiscount"]), official - decimal(&amounts["couponAmount"]));
    assert_eq!(shown["orderlineItems"][0]["orderLineItemId"], json!(format!("{}-000001", id(&order))));
    let second = format!("common/order-mgr/orders/{}?offset=2&limit=1", id(&order));
    let second = stall.done(Method::GET, &second, &Value::Null).await;
    assert_eq!(second["orderlineItems"][0]["orderLineItemId"], json!(format!("{}-000002", id(&order))));

    let resources = format!("common/order-mgr/orders-resource/{}?offset=1&limit=10", id(&order));
    let waiting = stall.old(Method::GET, &resources, &Value::Null).await.ok();
    assert_eq!((&waiting["totalSize"], &waiting["resources"][0]["status"]), (&json!(2), &json!(3)));
    assert_eq!((&waiting["resources"][0]["resourceId"], waiting.get("error_code")), (&Value::Null, None));
    let provided = stall.provide(&order, &[]).await;
    let done = stall.old(Method::GET, &resources, &Value::Null).await.ok();
    assert_eq!(done["resources"][0]["resourceId"], provided["lines"][0]["resource_id"]);
    assert_eq!(
        (&done["resources"][1]["resourceSize"], &done["resources"][1]["resouceSizeMeasureId"]),
        (&json!(40), &json!(17))
    );
    stall.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn an_order_is_cancelled_in_the_old_form(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let order = stall.order(&Stall::server(1, false)).await;
    let (cancel, body) = ("customer/order-mgr/orders/actions?action_id=cancel", json!({"orderId": id(&order)}));
    let other = stall.old(Method::PUT, "customer/order-mgr/orders/actions?action_id=delete", &body).await;
    assert_eq!(other.refusal().1, "CBC.0100");
    stall.done(Method::PUT, cancel, &body).await;
    assert_eq!(stall.old(Method::PUT, cancel, &body).await.refusal().1, "CBC.99005010");
    assert_eq!(stall.details(&order).await["order_info"]["status"], 4);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn resources_are_listed_renewed_and_given_back_in_the_old_forms(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let (order, server) = stall.bought().await;
    let list = format!("common/order-mgr/resources/detail?resource_ids={server}&only_main_resource=1");
    let listed = stall.done(Method::GET, &list, &Value::Null).await;
    assert_eq!(listed["total_count"], 1);
    let recorded = [
        "cloud_service_type_code",
        "expire_time",
        "id",
        "is_main_resource",
        "main_resource_id",
        "next_operation_policy",
        "product_id",
        "project_code",
        "region_code",
        "resource_id",
        "resource_name",
        "resource_spec_code",
        "resource_type_code",
        "status",
        "valid_time",
    ];
    assert_eq!(names(&listed["data"][0]), recorded);
    let all =
        format!("common/order-mgr/resources/detail?order_id={}&status_list=2%2C4&page_no=1&page_size=500", id(&order));
    assert_eq!(stall.done(Method::GET, &all, &Value::Null).await["total_count"], 2);

    let renew = json!({"resource_ids": [server], "period_type": 2, "period_num": 1, "expire_mode": 0, "isAutoPay": 1});
    let renewed = stall.done(Method::POST, "common/order-mgr/resources/renew", &renew).await;
    assert_eq!((renewed["order_ids"].as_array().map(Vec::len), &renewed["expiredResourceIds"]), (Some(1), &json!([])));
    let again = stall.done(Method::GET, &list, &Value::Null).await;
    assert!(again["data"][0]["expire_time"].as_str() > listed["data"][0]["expire_time"].as_str(), "{again}");

    let actions = format!("common/order-mgr/resources/{server}/actions?action_id=autorenew");
    stall.done(Method::POST, &actions, &Value::Null).await;
    let on = stall.done(Method::GET, &list, &Value::Null).await;
    assert_eq!(on["data"][0]["next_operation_policy"], "3", "a text, as old clients read it");
    stall.done(Method::DELETE, &actions, &Value::Null).await;
    assert_eq!(stall.old(Method::DELETE, &actions, &Value::Null).await.refusal().1, "CBC.99003605");

    let back = json!({"resourceIds": [server], "unSubType": 2, "unsubscribeReasonType": 5, "unsubscribeReason": "x"});
    let back = stall.done(Method::POST, "common/order-mgr/resources/delete", &back).await;
    let refund =
        format!("common/order-mgr/orders/refund-order?order_id={}", back["orderIds"][0].as_str().expect("an id"));
    let refund = stall.done(Method::GET, &refund, &Value::Null).await;
    let row = &refund["resource_info_list"][0];
    assert_eq!((&row["preOrderId"], &row["measure_id"]), (&renewed["order_ids"][0], &json!("1")));
    assert!(decimal(&row["amount"]) < 0.into(), "{refund}");

    let unsubscribe = format!("customer/order-mgr/orders/{}?unsub_type=3", id(&order));
    let gone = stall.done(Method::DELETE, &unsubscribe, &Value::Null).await;
    assert_eq!(gone["unsub_order_ids"].as_array().map(Vec::len), Some(1));
    assert_eq!(stall.old(Method::DELETE, &unsubscribe, &Value::Null).await.refusal().1, "CBC.30000067");
    assert_eq!(stall.done(Method::GET, &all, &Value::Null).await["total_count"], 0);
    stall.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn the_second_version_of_paying_names_what_it_uses(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let pay = async |order: &Value, more: Value| {
        let mut body = json!({"order_id": id(order)});
        for (name, value) in more.as_object().expect("fields") {
            body[name] = value.clone();
        }
        stall.app.client(CUSTOMER).post("/v2/orders/customer-orders/pay", &body).await
    };
    for nothing in [json!({}), json!({"coupon_infos": null, "discount_infos": []})] {
        let order = stall.order(&Stall::server(1, false)).await;
        assert_eq!(pay(&order, nothing).await.status.as_u16(), 204);
    }
    let (order, coupon) = (stall.order(&Stall::server(1, false)).await, stall.coupon("20").await);
    let wrong = pay(&order, json!({"coupon_infos": [{"id": coupon, "type": 302}]})).await;
    assert_eq!(wrong.refusal().1, "CBC.0100");
    assert_eq!(pay(&order, json!({"coupon_infos": [{"id": coupon, "type": 301}]})).await.status.as_u16(), 204);
    assert_eq!(stall.details(&order).await["order_info"]["amount_info"]["coupon_amount"], 20.0);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn an_old_form_is_for_the_callers_own_account_and_shows_nobody_elses(pool: PgPool) {
    let stall = Stall::with_funds(pool, "10000").await;
    let (order, _) = stall.bought().await;
    let list = "common/order-mgr/orders/detail?page_index=1&page_size=10";
    let others = format!("/v1.0/{}/{list}", stall.app.world.account(CUSTOMER).domain);
    let refused = stall.app.client("second-customer").get(&others).await;
    assert_eq!((refused.status.as_u16(), refused.refusal().1), (403, "CBC.0151"));
    let shown = format!("common/order-mgr/orders/{}", id(&order));
    let hidden = stall.send("second-customer", Method::GET, &shown, &Value::Null).await;
    assert_eq!(hidden.refusal().1, "CBC.30000010");
    // Paid as a resale customer: the partner sees it; of resources it sees none, without an error.
    let partners = stall.send("demo-partner", Method::GET, list, &Value::Null).await.ok();
    assert_eq!(partners["data"]["totalSize"], 1);
    let unpaid = stall.order(&Stall::server(1, false)).await;
    assert_eq!(
        stall.send("demo-partner", Method::GET, list, &Value::Null).await.ok()["data"]["totalSize"],
        1,
        "{unpaid}"
    );
    let resources = "common/order-mgr/resources/detail?page_no=1&page_size=10";
    assert_eq!(stall.send("demo-partner", Method::GET, resources, &Value::Null).await.ok()["data"], json!([]));
    let query = json!({"customerId": stall.app.world.account(CUSTOMER).domain, "pageNo": 1, "pageSize": 10});
    let path = "partner/customer-mgr/customer-resource/query-resources";
    let on_demand = stall.send("demo-partner", Method::POST, path, &query).await.ok();
    assert_eq!((&on_demand["totalCount"], &on_demand["error_code"]), (&json!(0), &json!("CBC.0000")));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn money_moves_within_an_enterprise_in_the_old_forms(pool: PgPool) {
    let firm = Firm::new(pool).await;
    firm.top_up(MASTER, "100").await;
    firm.grant_credit(MASTER, "40", None).await;
    let base = format!("/v1.0/{}/customer/account-mgr", firm.id(MASTER));
    let send = async |form: &str, more: Value| {
        let mut body = json!({"subCustomerId": firm.id(MEMBER), "deductMode": "1"});
        for (name, value) in more.as_object().expect("fields") {
            body[name] = value.clone();
        }
        firm.app.client(MASTER).post(&format!("{base}/{form}"), &body).await
    };
    let long = "1".repeat(64);
    let given = send("transfer", json!({"totalTransferAmount": "60", "transId": long})).await.ok();
    assert_eq!(given, json!({"error_code": "CBC.0000", "error_msg": "success"}));
    let again = send("retrieve", json!({"totalRetrieveAmout": "60", "transId": long})).await;
    assert_eq!((again.refusal().0, again.refusal().1), (400, "CBC.99007009"));
    send("retrieve", json!({"totalRetrieveAmout": "20", "balanceType": "BALANCE_TYPE_DEBIT"})).await.ok();
    let credit = json!({"totalTransferAmount": "30", "balanceType": "BALANCE_TYPE_CREDIT"});
    send("transfer", credit).await.ok();
    let show = async |form: &str| firm.app.client(MASTER).get(&format!("{base}/{form}")).await.ok();
    let left = show("transfer-amount?balance_type=BALANCE_TYPE_CREDIT&offset=1&limit=10").await;
    let row = &left["amountInfo"][0];
    assert_eq!(
        (&left["totalCount"], amount(&row["availTransferAmount"]), amount(&row["creditAmount"])),
        (&json!(1), 10.into(), 10.into())
    );
    assert_eq!(show("transfer-amount?balance_type=BALANCE_TYPE_CREDIT&offset=2").await["amountInfo"], json!([]));
    let back = format!("retrieve-amount?balance_type=BALANCE_TYPE_DEBIT&sub_customer_id={}", firm.id(MEMBER));
    assert_eq!(amount(&show(&back).await["amountInfo"][0]["availRetrieveAmount"]), 40.into());

    // What the state of things forbids has other codes and another status than today.
    for (form, more, code) in [
        ("transfer", json!({"totalTransferAmount": "1", "subCustomerId": firm.id(MASTER)}), "CBC.7001"),
        (
            "retrieve",
            json!({"totalRetrieveAmout": "1", "balanceType": "BALANCE_TYPE_CREDIT", "expireTime": "2020-01-01T00:00:00Z"}),
            "CBC.7181",
        ),
    ] {
        let refused = send(form, more).await;
        assert_eq!((refused.refusal().0, refused.refusal().1), (500, code));
    }
    firm.sell_by_a_partner().await;
    let refused = send("transfer", json!({"totalTransferAmount": "1"})).await;
    assert_eq!((refused.refusal().0, refused.refusal().1), (500, "CBC.7004"));
    let others =
        format!("/v1.0/{}/customer/account-mgr/transfer-amount?balance_type=BALANCE_TYPE_DEBIT", firm.id(MEMBER));
    assert_eq!(firm.app.client(MASTER).get(&others).await.refusal().1, "CBC.0151");
}
