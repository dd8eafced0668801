//! Packages as operators grant them and customers read them.

use crate::operators::store::Role;
use crate::testing::{Answer, Client, TestApp};
use crate::values::time::{Day, write_instant};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;

const PACKAGES: &str = "/admin/v1/accounts/demo-customer/packages";
const USAGE: &str = "/admin/v1/accounts/demo-customer/package-usage";
const INFOS: &str = "/v3/payments/free-resources/query";
const USAGES: &str = "/v2/payments/free-resources/usages/details/query";
const RECORDS: &str = "/v2/bills/customer-bills/free-resources-usage-records";

fn in_days(app: &TestApp, days: i64) -> String {
    write_instant(app.app.clock.now() + Duration::days(days))
}

/// 40 GB of traffic each month, for a year.
fn traffic(app: &TestApp) -> Value {
    json!({
        "product_id": "traffic-40", "product_name": "40 GB a month", "service_type_code": "hws.service.type.obs",
        "region_code": "cn-north-4", "reset": {"cycle": 4, "by": "1"}, "expires_at": in_days(app, 365),
        "items": [{
            "resource_type_code": "hws.resource.type.obs", "usage_type_code": "downloadexternal", "amount": 40,
            "measure_id": 10,
        }],
    })
}

fn used(app: &TestApp, quantity: &str) -> Value {
    json!({
        "resource_id": "bucket", "resource_tag": "team=blue", "resource_type_code": "hws.resource.type.obs",
        "usage_type_code": "downloadexternal", "quantity": quantity, "measure_id": 10, "region_code": "cn-north-4",
        "used_from": in_days(app, -1), "used_until": in_days(app, 0),
    })
}

/// The records of today and yesterday.
async fn records(app: &TestApp, account: &str, more: &str) -> Value {
    let day = |days: i64| Day::of(app.app.clock.now() + Duration::days(days)).0;
    let target = format!("{RECORDS}?deduct_time_begin={}&deduct_time_end={}{more}", day(-1), day(0));
    app.client(account).get(&target).await.ok()
}

/// With a body, or without any.
async fn infos(client: &Client<'_>, body: &str) -> Value {
    client.call(Method::POST, INFOS, &[("x-language", "en_US")], body).await.ok()
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_is_granted_is_used_and_read_by_its_customer_alone(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Operate).await;
    let granted = operator.post(PACKAGES, &traffic(&app)).await.ok();
    let item = &granted["item_ids"][0];
    // The same to the second, or it would be another report.
    let report = used(&app, "2.50").to_string();
    let key = [("idempotency-key", "1")];
    let reported = operator.call(Method::POST, USAGE, &key, &report).await;
    let again = operator.call(Method::POST, USAGE, &key, &report).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let share = json!({"package_id": granted["package_id"], "item_id": item, "amount": 2.5, "remaining": 37.5});
    assert_eq!(reported.ok(), json!({"deducted": [share], "to_be_charged": 0}));

    let customer = app.client("demo-customer");
    let list = infos(&customer, "").await;
    let package = &list["free_resource_packages"][0];
    assert_eq!((&list["total_count"], &package["order_instance_id"]), (&json!(1), &granted["package_id"]));
    assert_eq!(
        (&package["status"], &package["quota_reuse_mode"], &package["source_type"], &package["order_id"]),
        (&json!(1), &json!(1), &json!(1), &json!(""))
    );
    assert_eq!(package["service_type_name"], "Object Storage Service");
    let shown = json!({
        "free_resource_id": item, "usage_type_name": "Standard storage Internet outbound traffic", "amount": "37.5",
        "original_amount": "40", "measure_id": 10,
    });
    assert_eq!(package["free_resources"], json!([shown]));

    let asked = json!({"free_resource_ids": [item, item, "no-id", "01978d6a2b3c7d4e8f90a1b2c3d4e5f6"]});
    let usages = customer.post(USAGES, &asked).await.ok();
    let [usage] = usages["free_resources"].as_array().expect("a list").as_slice() else { panic!("{usages}") };
    assert_eq!((&usage["amount"], &usage["original_amount"]), (&json!(37.5), &json!(40)));
    assert_eq!((&usage["quota_reuse_cycle"], &usage["quota_reuse_cycle_type"]), (&json!(4), &json!(1)));
    assert_eq!(usage["start_time"], package["effective_time"], "the cycle is cut to the package's life");

    let own = records(&app, "demo-customer", "").await;
    let record = &own["free_resource_records"][0];
    assert_eq!((&own["total_count"], &record["free_resource_id"]), (&json!(1), item));
    let amounts = ["available_amount", "used_amount", "remaining_amount"].map(|field| record[field].clone());
    assert_eq!(amounts, ["40", "2.5", "37.5"].map(Value::from));
    assert_eq!((&record["resource_id"], &record["resource_tag"]), (&json!("bucket"), &json!("team=blue")));

    for other in ["referral-customer", "lone-customer"] {
        assert_eq!(infos(&app.client(other), "{}").await, json!({"free_resource_packages": [], "total_count": 0}));
        let usages = app.client(other).post(USAGES, &asked).await.ok();
        assert_eq!(usages, json!({"free_resources": []}), "{other}");
        let none = json!({"free_resource_records": [], "total_count": 0});
        assert_eq!(records(&app, other, "").await, none, "{other}");
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn filters_narrow_the_lists_and_empty_ones_do_not(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Operate).await;
    let granted = operator.post(PACKAGES, &traffic(&app)).await.ok();
    let mut later = traffic(&app);
    for (field, value) in [
        ("product_id", json!("other")),
        ("product_name", json!("Another")),
        ("order_id", json!("CS2603281445ABCDE")),
        ("enterprise_project_id", json!("blue")),
        ("bound", json!(true)),
        ("reset", Value::Null),
        ("effective_at", json!(in_days(&app, 2))),
        ("expires_at", json!(in_days(&app, 400))),
    ] {
        later[field] = value;
    }
    operator.post(PACKAGES, &later).await.ok();
    operator.post(USAGE, &used(&app, "1")).await.ok();

    let customer = app.client("demo-customer");
    let count = async |body: Value| infos(&customer, &body.to_string()).await["total_count"].clone();
    for (body, found) in [
        (json!({"region_code": "", "order_id": null, "status": "", "service_type_code_list": [], "limit": null}), 2),
        (json!({"order_id": "CS2603281445ABCDE"}), 1),
        (json!({"product_id": "other"}), 1),
        (json!({"product_name": "Another"}), 1),
        (json!({"enterprise_project_id": "blue"}), 1),
        (json!({"status": 0}), 1),
        (json!({"status": "1"}), 1),
        (json!({"status": 4}), 0),
        (json!({"region_code": "cn-south-1"}), 0),
        (json!({"service_type_code_list": ["HWS.service.type.OBS", "x"]}), 2),
        (json!({"service_type_code_list": ["hws.service.type.cdn"]}), 0),
        (json!({"limit": 1, "offset": 7}), 2),
    ] {
        assert_eq!(count(body.clone()).await, found, "{body}");
    }
    let first = infos(&customer, r#"{"limit": 1}"#).await;
    let package = &first["free_resource_packages"][0];
    assert_eq!((&package["product_id"], &package["enterprise_project_scope"]), (&json!("other"), &json!(1)));
    assert_eq!((&package["source_type"], &package["quota_reuse_mode"]), (&json!(0), &json!(2)));

    let item = granted["item_ids"][0].as_str().expect("an id");
    for (filter, found) in [
        (format!("&free_resource_id={item}"), 1),
        ("&free_resource_id=x".to_owned(), 0),
        ("&product_id=traffic-40&resource_type_code=hws.resource.type.obs".to_owned(), 1),
        ("&product_id=other".to_owned(), 0),
        ("&resource_type_code=hws.resource.type.vm".to_owned(), 0),
        ("&free_resource_id=&product_id=&resource_type_code=".to_owned(), 1),
    ] {
        assert_eq!(records(&app, "demo-customer", &filter).await["total_count"], found, "{filter}");
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_makes_no_sense_is_refused_by_name(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Operate).await;
    let refused = |answer: Answer, field: &str| {
        assert_eq!((answer.status, &answer.body["error_code"]), (StatusCode::BAD_REQUEST, &json!("CBC.0100")));
        let message = answer.body["error_msg"].as_str().expect("a text");
        assert!(message.contains(field), "{field}: {message}");
    };
    let change = |field: &str, value: Value| {
        let mut body = traffic(&app);
        *body.pointer_mut(field).expect("it is there") = value;
        body
    };
    for (body, field) in [
        (change("/service_type_code", json!("x")), "service_type_code: is unknown"),
        (change("/region_code", json!("x")), "region_code: is unknown"),
        (change("/items/0/resource_type_code", json!("x")), "items[0].resource_type_code: is unknown"),
        (change("/items/0/usage_type_code", json!("x")), "items[0].usage_type_code: is unknown"),
        (change("/items/0/measure_id", json!(9999)), "items[0].measure_id: is unknown"),
        (change("/items/0/amount", json!(0)), "items"),
        (change("/items", json!([])), "items: must have at least 1 entry"),
        (change("/items", json!(vec![traffic(&app)["items"][0].clone(); 2])), "items: there are two"),
        (change("/expires_at", json!(in_days(&app, -1))), "expires_at: "),
        (change("/reset", json!({"cycle": 6, "by": 1})), "reset.cycle: "),
    ] {
        refused(operator.post(PACKAGES, &body).await, field);
    }
    let mut bound = traffic(&app);
    bound["bound"] = json!(true);
    refused(operator.post(PACKAGES, &bound).await, "enterprise_project_id: ");
    let of_partner = PACKAGES.replace("demo-customer", "demo-partner");
    refused(operator.post(&of_partner, &traffic(&app)).await, "not a customer's");

    let mut usage = used(&app, "1");
    usage["usage_type_code"] = json!("x");
    refused(operator.post(USAGE, &usage).await, "usage_type_code: is unknown");
    let mut usage = used(&app, "1");
    usage["used_until"] = json!(in_days(&app, -2));
    refused(operator.post(USAGE, &usage).await, "used_until: ");

    let customer = app.client("demo-customer");
    refused(customer.post(USAGES, &json!({})).await, "free_resource_ids: is required");
    refused(customer.call(Method::POST, INFOS, &[], "[]").await, "body: ");
    refused(customer.post(INFOS, &json!({"limit": 1001})).await, "limit: ");
    refused(customer.get(&format!("{RECORDS}?deduct_time_begin=2024-01-01")).await, "deduct_time_end: is required");
    let days = "deduct_time_begin=2024-01-01&deduct_time_end=2024-04-01";
    refused(customer.get(&format!("{RECORDS}?{days}")).await, "deduct_time_end: ");
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_package_that_has_ended_is_listed_and_gives_nothing(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operator = app.operator(Role::Operate).await;
    let granted = operator.post(PACKAGES, &traffic(&app)).await.ok();
    let package = format!("{PACKAGES}/{}", granted["package_id"].as_str().expect("an id"));
    let end = async || operator.call(Method::DELETE, &package, &[], "").await.status;
    assert_eq!([end().await, end().await], [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND]);
    let usage = operator.post(USAGE, &used(&app, "1")).await.ok();
    assert_eq!(usage, json!({"deducted": [], "to_be_charged": 1}));
    let list = infos(&app.client("demo-customer"), r#"{"status": 4}"#).await;
    assert_eq!(list["free_resource_packages"][0]["free_resources"][0]["amount"], "40");
}
