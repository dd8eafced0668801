//! Each documented refusal, with its status and code.

use super::*;
use crate::coupons::administration::{set_status, withdraw};
use crate::coupons::model::QuotaStatus;
use crate::coupons::store::partners;
use crate::customers::model::AssociationType;
use crate::customers::store::set_association_type;
use axum::http::Method;
use rust_decimal::Decimal;

impl Shop {
    /// Status and code of what comes of issuing to demo-customer; the code of its error detail, where there is one.
    async fn issued(&self, quota: &str, change: Value) -> (u16, String) {
        let body = json!({"quota_id": quota, "customer_ids": [self.id("demo-customer")], "face_value": 10});
        self.outcome("demo-partner", ISSUE, body, change).await
    }

    async fn outcome(&self, caller: &str, target: &str, mut body: Value, change: Value) -> (u16, String) {
        let change = change.as_object().expect("a change is an object").clone();
        body.as_object_mut().expect("a body is an object").extend(change);
        let answer = self.post(caller, target, body).await;
        let code = match &answer.body["error_code"] {
            Value::String(code) => code.clone(),
            _ => answer.body["error_details"][0]["error_code"].as_str().unwrap_or("none").to_owned(),
        };
        (answer.status.as_u16(), code)
    }
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, format!("CBC.{code}"))
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_quota_refuses_the_whole_request(pool: PgPool) {
    let shop = Shop::new(pool).await;
    let quota = shop.grant("demo-partner", |_| {}).await;
    assert_eq!(shop.issued(&quota, json!({})).await, (200, "none".to_owned()));
    assert_eq!(shop.issued("none", json!({})).await, is(400, "99000012"));
    let other = shop.grant("other-partner", |_| {}).await;
    assert_eq!(shop.issued(&other, json!({})).await, is(400, "99000012"));
    for status in [QuotaStatus::Invalid, QuotaStatus::Adjusting, QuotaStatus::Frozen, QuotaStatus::Reclaimed] {
        let quota = shop.grant("demo-partner", |_| {}).await;
        let id = (shop.account("demo-partner").0, QuotaId(quota.parse().expect("an id")));
        set_status(&mut *shop.connection().await, id, status, shop.now()).await.expect("it is set");
        assert_eq!(shop.issued(&quota, json!({})).await, is(400, "99000012"), "{status:?}");
    }
    let early = shop.grant("demo-partner", |grant| grant.validity.from += Duration::DAY).await;
    assert_eq!(shop.issued(&early, json!({})).await, is(400, "99000017"));
    let limited = |grant: &mut Grant| {
        grant.terms.face_min = Some(Decimal::new(5, 0));
        grant.terms.face_max = Some(Decimal::new(20, 0));
    };
    let limited = shop.grant("demo-partner", limited).await;
    assert_eq!(shop.issued(&limited, json!({"face_value": "4.99"})).await, is(400, "99000018"));
    assert_eq!(shop.issued(&limited, json!({"face_value": 20.01})).await, is(400, "99000019"));
    assert_eq!(shop.issued(&limited, json!({"face_value": 20})).await, (200, "none".to_owned()));

    let partner = shop.account("demo-partner");
    partners::set_converted(&mut *shop.connection().await, partner, Some(shop.now())).await.expect("it is set");
    assert_eq!(shop.issued(&quota, json!({})).await, is(400, "50000010"));
    partners::set_converted(&mut *shop.connection().await, partner, None).await.expect("it is set");
    shop.advance(Duration::days(400)).await;
    assert_eq!(shop.issued(&quota, json!({})).await, is(400, "99000017"));
    let id = (partner.0, QuotaId(quota.parse().expect("an id")));
    let taken = withdraw(&mut *shop.connection().await, id, "", shop.now()).await.expect("it is taken back");
    assert_eq!(taken, Decimal::new(990, 0));
    assert_eq!(shop.issued(&quota, json!({})).await, is(400, "99000012"));
    shop.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_is_refused_is_on_record(pool: PgPool) {
    let shop = Shop::new(pool).await;
    let quota = shop.grant("demo-partner", |grant| grant.terms.face_max = Some(Decimal::new(20, 0))).await;
    let listed = async |filter: &str| {
        let target = format!("{RECORDS}?quota_id={quota}{filter}");
        let listed = shop.get("demo-partner", &target).await;
        let rows = listed["records"].as_array().expect("a list").clone();
        assert_eq!(listed["total_count"], json!(rows.len()), "{filter}");
        rows
    };
    // The whole is refused.
    assert_eq!(shop.issued(&quota, json!({"face_value": 21, "memo": "too much"})).await, is(400, "99000019"));
    let failed = listed("&result=-1").await;
    assert_eq!(failed.len(), 1, "{failed:?}");
    let row = &failed[0];
    assert_eq!((&row["operation_type"], &row["result"], &row["coupon_id"]), (&json!("1"), &json!("-1"), &Value::Null));
    assert_eq!((&row["operation_amount"], &row["remark"]), (&json!(21), &json!("too much")));
    assert_eq!(row["customer_id"], json!(shop.id("demo-customer")));

    // One customer of two is.
    let two = json!({"customer_ids": [shop.id("demo-customer"), shop.id("reseller-customer"), "nobody"]});
    assert_eq!(shop.issued(&quota, two).await, is(200, "99000035"));
    let failed = listed("&result=-1").await;
    assert_eq!((failed.len(), &failed[0]["customer_id"]), (2, &json!(shop.id("reseller-customer"))));
    let issued = listed("&result=0").await;
    assert_eq!((issued.len(), &issued[0]["result"]), (1, &json!("0")));
    assert_eq!(listed("").await.len(), 3);
    let all = shop.get("demo-partner", &format!("{RECORDS}?limit=3")).await;
    assert_eq!(all["records"].as_array().expect("a list").iter().filter(|row| row["result"] == "-1").count(), 2);

    // What takes back is a sibling: a coupon that is taken back twice.
    let coupon = issued[0]["coupon_id"].clone();
    assert_eq!(shop.post("demo-partner", RECLAIM, json!({"coupon_id": coupon})).await.status.as_u16(), 204);
    shop.post("demo-partner", RECLAIM, json!({"coupon_id": coupon})).await.refusal();
    let reclaims = listed("&operation_types=2").await;
    let results: Vec<&Value> = reclaims.iter().map(|row| &row["result"]).collect();
    assert_eq!(results, [&json!("-1"), &json!("0")]);

    // A trial, a malformed request and what names no quota of the partner leave none.
    let body = json!({"quota_id": quota, "customer_ids": [shop.id("demo-customer")], "face_value": 21}).to_string();
    let partner = shop.app.client("demo-partner");
    let tried = partner.call(Method::POST, ISSUE, &[("x-dry-run", "true")], &body).await;
    assert_eq!(tried.refusal().1, "CBC.99000019");
    shop.issued(&quota, json!({"face_value": -1})).await;
    let other = shop.grant("other-partner", |_| {}).await;
    shop.issued(&other, json!({})).await;
    assert_eq!(listed("&result=-1").await.len(), 3);
    assert_eq!(shop.get("demo-partner", &format!("{RECORDS}?quota_id={other}")).await["total_count"], 0);
    assert_eq!(shop.balance("demo-partner", &quota).await, "1000");
    shop.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn limits_refuse_the_whole_request(pool: PgPool) {
    let shop = Shop::new(pool).await;
    let limits = ["cloudServiceType=hws.service.type.ec2", "productId=sample-product-disk,sample-product-support"];
    let quota = shop
        .grant("demo-partner", |grant| limits.iter().for_each(|limit| grant.limits.add(limit).expect("a limit")))
        .await;
    for (change, code) in [
        (json!({"product_ids": ["unknown"]}), "50000054"),
        (json!({"cloud_service_types": ["unknown"]}), "50000055"),
        (json!({"product_ids": ["sample-product-server"]}), "99000023"),
        (json!({"cloud_service_types": ["hws.service.type.ebs"]}), "99000023"),
    ] {
        assert_eq!(shop.issued(&quota, change.clone()).await, is(400, code), "{change}");
    }
    let narrowed = json!({"cloud_service_types": ["hws.service.type.ec2"], "product_ids": ["sample-product-disk"]});
    assert_eq!(shop.issued(&quota, narrowed).await, (200, "none".to_owned()));
    let shown = shop.get("demo-customer", &format!("{OWN}?limit=1")).await;
    let limits: Vec<(&str, &str)> = shown["user_coupons"][0]["use_limits"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|limit| (limit["limit_key"].as_str().expect("a key"), limit["value1"].as_str().expect("a value")))
        .collect();
    assert_eq!(limits, [("cloudServiceType", "hws.service.type.ec2"), ("productId", "sample-product-disk")]);

    let renewals = shop.grant("demo-partner", |grant| grant.limits.add("subscribeType=renew").expect("a limit")).await;
    let bought_only = json!({"product_ids": ["sample-product-support"]});
    assert_eq!(shop.issued(&renewals, bought_only).await, is(400, "99000024"));
    let excluded =
        shop.grant("demo-partner", |grant| grant.limits.add("excludedProductId=sample-product-disk").expect("a limit"));
    let excluded = excluded.await;
    assert_eq!(shop.issued(&excluded, json!({"product_ids": ["sample-product-disk"]})).await, is(400, "99000023"));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn customers_refuse_the_whole_request_or_their_own_coupon(pool: PgPool) {
    let shop = Shop::new(pool).await;
    let quota = shop.grant("demo-partner", |_| {}).await;
    let to = |customers: &[String]| json!({ "customer_ids": customers });
    let itself = to(&[shop.id("demo-partner")]);
    assert_eq!(shop.issued(&quota, itself).await, is(400, "99000025"));
    let (customer, referral) = (shop.id("demo-customer"), shop.id("referral-customer"));
    let terms = |grant: &mut Grant| grant.terms.only_customers = Some(vec![shop.account("referral-customer").1]);
    let only = shop.grant("demo-partner", terms).await;
    assert_eq!(shop.issued(&only, json!({})).await, is(400, "50000020"));
    let first = shop.grant("demo-partner", |grant| grant.terms.only_first_association = true).await;
    assert_eq!(shop.issued(&first, json!({})).await, (200, "none".to_owned()));
    shop.sql("update customers set first_association = false").await;
    assert_eq!(shop.issued(&first, json!({})).await, is(400, "99000022"));

    // One item each, and the others are not held up by it.
    let foreign = shop.id("other-partner");
    for (named, code) in [(referral, "99000014"), (foreign, "99000035"), ("nobody".to_owned(), "99000035")] {
        let body = json!({"quota_id": quota, "customer_ids": [named, customer], "face_value": "0.01"});
        let answer = shop.post("demo-partner", ISSUE, body).await.ok();
        assert_eq!(answer["error_details"][0]["error_code"], format!("CBC.{code}"));
        assert_eq!(answer["error_details"][0]["id"], named);
        assert_eq!(answer["error_details"].as_array().map(Vec::len), Some(1));
        assert_eq!(answer["coupon_infos"][0]["id"], customer);
    }
    let limited = |grant: &mut Grant| {
        grant.terms.customer_coupons_max = Some(3);
        grant.terms.customer_face_max = Some(Decimal::new(2999, 2));
    };
    let limited = shop.grant("demo-partner", limited).await;
    assert_eq!(shop.issued(&limited, json!({"face_value": 20})).await, (200, "none".to_owned()));
    assert_eq!(shop.issued(&limited, json!({"face_value": 10})).await, is(200, "99000021"));
    for _ in 0..2 {
        assert_eq!(shop.issued(&limited, json!({"face_value": 1})).await, (200, "none".to_owned()));
    }
    assert_eq!(shop.issued(&limited, json!({"face_value": 1})).await, is(200, "99000020"));
    assert_eq!(shop.issued(&quota, json!({"face_value": 10000})).await, is(200, "99000013"));
    shop.sql("update customers set custodian_id = domain_id").await;
    assert_eq!(shop.issued(&quota, json!({})).await, is(200, "50000034"));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_distributor_acts_for_its_resellers_only(pool: PgPool) {
    let shop = Shop::new(pool).await;
    let quota = shop.grant("demo-distributor", |_| {}).await;
    let customer = shop.id("reseller-customer");
    let body = json!({"quota_id": quota, "customer_ids": [customer], "face_value": 10});
    // The reseller's customer is out of reach without the reseller's name, and so is its quota with it.
    assert_eq!(shop.outcome("demo-distributor", ISSUE, body.clone(), json!({})).await, is(200, "99000000"));
    let named = json!({"indirect_partner_id": shop.id("demo-reseller")});
    assert_eq!(shop.outcome("demo-distributor", ISSUE, body.clone(), named).await, is(400, "99000012"));
    let wrong = json!({"indirect_partner_id": customer});
    assert_eq!(shop.outcome("demo-distributor", ISSUE, body, wrong.clone()).await, is(400, "99000037"));
    assert_eq!(shop.outcome("demo-distributor", QUOTAS, json!({}), wrong.clone()).await, is(400, "99000037"));
    let coupon = json!({"coupon_id": "any"});
    assert_eq!(shop.outcome("demo-distributor", RECLAIM, coupon, wrong).await, is(400, "99000037"));
    for list in [ISSUE, RECORDS, OWN, SPLIT_QUOTAS] {
        let answer = shop.app.client("demo-distributor").get(&format!("{list}?indirect_partner_id={customer}")).await;
        assert_eq!((answer.refusal().0, answer.refusal().1), (400, "CBC.99000037"), "{list}");
    }

    let split = json!({"quota_id": quota, "indirect_partner_ids": [shop.id("demo-reseller")], "quota_amount": 600});
    let outcome = |change| shop.outcome("demo-distributor", SPLIT, split.clone(), change);
    assert_eq!(outcome(json!({"quota_id": "none"})).await, is(400, "99000012"));
    assert_eq!(outcome(json!({"indirect_partner_ids": [customer]})).await, is(200, "99000037"));
    assert_eq!(outcome(json!({})).await, (200, "none".to_owned()));
    assert_eq!(outcome(json!({})).await, is(200, "99000013"));
    let take_back = json!({"quota_ids": [quota]});
    assert_eq!(shop.outcome("demo-distributor", TAKE_BACK, take_back, json!({})).await, is(200, "99000012"));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_coupon_that_is_over_cannot_be_reclaimed(pool: PgPool) {
    let shop = Shop::new(pool).await;
    let quota = shop.grant("demo-partner", |_| {}).await;
    let client = &shop;
    let reclaim = |coupon: String| async move {
        let answer = client.post("demo-partner", RECLAIM, json!({ "coupon_id": coupon })).await;
        (answer.status.as_u16(), answer.body["error_code"].as_str().unwrap_or("none").to_owned())
    };
    let (one, two, three) =
        (shop.issue(&quota, "10").await, shop.issue(&quota, "20").await, shop.issue(&quota, "30").await);
    assert_eq!(shop.balance("demo-partner", &quota).await, "940");
    assert_eq!(reclaim(one.clone()).await, (204, "none".to_owned()));
    assert_eq!(reclaim(one).await, is(200, "99000048"));
    assert_eq!(shop.balance("demo-partner", &quota).await, "950");
    assert_eq!(reclaim("nothing".to_owned()).await, is(400, "0100"));

    let (tenant, customer) = shop.account("demo-customer");
    let mut connection = shop.connection().await;
    let referral = set_association_type(&mut connection, tenant, customer, AssociationType::Referral).await;
    referral.expect("it is set");
    assert_eq!(reclaim(two.clone()).await, is(400, "99000045"));
    let resale = set_association_type(&mut connection, tenant, customer, AssociationType::Resale).await;
    resale.expect("it is set");
    assert_eq!(shop.post("other-partner", RECLAIM, json!({ "coupon_id": two })).await.refusal().1, "CBC.0100");
    shop.advance(Duration::days(365)).await;
    assert_eq!(reclaim(three).await, is(200, "99000048"), "the job has not run, the clock has");
    shop.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn wrong_parameters_are_named_and_strangers_refused(pool: PgPool) {
    let shop = Shop::new(pool).await;
    let quota = shop.grant("demo-partner", |_| {}).await;
    let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
    for (field, change) in [
        ("face_value", json!({"face_value": 0})),
        ("face_value", json!({"face_value": "1.001"})),
        ("customer_ids", json!({"customer_ids": []})),
        ("customer_ids", json!({"customer_ids": many})),
        ("customer_ids", json!({"customer_ids": ["one", "one"]})),
        ("product_ids", json!({"product_ids": many})),
        ("valid_time", json!({"valid_time": ""})),
        ("valid_time", json!({"valid_time": "2020-01-01T00:00:00Z"})),
        ("expire_time", json!({"expire_time": "2020-01-01T00:00:00Z"})),
        ("expire_time", json!({"expire_time": "2999-01-01T00:00:00Z"})),
    ] {
        let mut body = json!({"quota_id": quota, "customer_ids": [shop.id("demo-customer")], "face_value": 10});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let answer = shop.post("demo-partner", ISSUE, body).await;
        let (status, code, message) = answer.refusal();
        assert_eq!((status, code), (400, "CBC.0100"), "{change}");
        assert!(message.starts_with(&format!("Parameter error. {field}")), "{message}");
    }
    for (caller, target) in [
        ("demo-partner", format!("{ISSUE}?status=6")),
        ("demo-partner", format!("{ISSUE}?limit=101")),
        ("demo-partner", format!("{RECORDS}?operation_types=12")),
        ("demo-partner", format!("{OWN}?offset=1")),
        ("demo-customer", format!("{CHANGES}&trade_type=OTHER")),
        ("demo-distributor", format!("{SPLIT_RECORDS}?operation_time_begin=yesterday")),
        ("demo-distributor", format!("{SPLIT_QUOTAS}?limit=0")),
    ] {
        let answer = shop.app.client(caller).get(&target).await;
        assert_eq!((answer.refusal().0, answer.refusal().1), (400, "CBC.0100"), "{target}");
    }
    let bodies =
        [(QUOTAS, json!({"quota_status_list": [1]})), (SPLIT, json!({})), (TAKE_BACK, json!({"quota_ids": []}))];
    for (target, body) in bodies {
        let answer = shop.post("demo-distributor", target, body).await;
        assert_eq!((answer.refusal().0, answer.refusal().1), (400, "CBC.0100"), "{target}");
    }
    for (caller, method, target) in [
        ("demo-customer", Method::POST, ISSUE),
        ("demo-customer", Method::GET, ISSUE),
        ("demo-customer", Method::POST, RECLAIM),
        ("demo-customer", Method::GET, RECORDS),
        ("demo-customer", Method::POST, QUOTAS),
        ("demo-reseller", Method::GET, OWN),
        ("demo-partner", Method::GET, CHANGES),
        ("demo-partner", Method::POST, SPLIT),
        ("demo-partner", Method::POST, TAKE_BACK),
        ("demo-partner", Method::GET, SPLIT_RECORDS),
        ("demo-partner", Method::GET, SPLIT_QUOTAS),
    ] {
        let body = if method == Method::POST { "{}" } else { "" };
        let answer = shop.app.client(caller).call(method, target, &[], body).await;
        assert_eq!((answer.refusal().0, answer.refusal().1), (403, "CBC.0151"), "{caller} {target}");
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_breaks_inside_is_told_as_other_errors(pool: PgPool) {
    let shop = Shop::new(pool).await;
    shop.sql("alter table coupons rename to broken_coupons").await;
    shop.sql("alter table coupon_quotas rename to broken_quotas").await;
    shop.sql("alter table coupon_records rename to broken_records").await;
    let (quota, coupon) = (QuotaId::new(shop.now()), shop.id("demo-partner"));
    let customers = [shop.id("demo-customer")];
    let resellers = [shop.id("demo-reseller")];
    for (caller, target, body) in [
        ("demo-partner", ISSUE, json!({"quota_id": quota, "customer_ids": customers, "face_value": 1})),
        ("demo-partner", RECLAIM, json!({"coupon_id": coupon})),
        ("demo-partner", QUOTAS, json!({})),
        ("demo-distributor", SPLIT, json!({"quota_id": quota, "indirect_partner_ids": resellers, "quota_amount": 1})),
        ("demo-distributor", TAKE_BACK, json!({"quota_ids": [quota]})),
    ] {
        let answer = shop.post(caller, target, body).await;
        assert_eq!((answer.refusal().0, answer.refusal().1), (500, "CBC.0999"), "{target}");
    }
    for (caller, target) in [
        ("demo-partner", ISSUE),
        ("demo-partner", RECORDS),
        ("demo-partner", OWN),
        ("demo-customer", CHANGES),
        ("demo-distributor", SPLIT_RECORDS),
        ("demo-distributor", SPLIT_QUOTAS),
    ] {
        let answer = shop.app.client(caller).get(target).await;
        assert_eq!((answer.refusal().0, answer.refusal().1), (500, "CBC.0999"), "{target}");
    }
}
