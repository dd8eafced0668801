//! Absent, empty and null, parameter by parameter: what the vendor's texts say of each.

use super::*;

/// What a parameter given so comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reading {
    /// It is no filter.
    All,
    /// It is a filter that nothing passes.
    Nothing,
    /// It is refused.
    Refused,
}

use Reading::{All, Nothing, Refused};

/// List, caller, parameter, and how it is read when empty and when null.
const QUERIES: [(&str, &str, &str, Reading, Reading); 38] = [
    (ISSUE, "demo-partner", "coupon_id", Refused, Nothing),
    (ISSUE, "demo-partner", "customer_id", Nothing, Nothing),
    (ISSUE, "demo-partner", "order_id", Refused, Nothing),
    (ISSUE, "demo-partner", "coupon_type", All, All),
    (ISSUE, "demo-partner", "status", All, All),
    (ISSUE, "demo-partner", "create_time_begin", All, All),
    (ISSUE, "demo-partner", "create_time_end", All, All),
    (ISSUE, "demo-partner", "effective_time_begin", All, All),
    (ISSUE, "demo-partner", "effective_time_end", All, All),
    (ISSUE, "demo-partner", "expire_time_begin", All, All),
    (ISSUE, "demo-partner", "expire_time_end", All, All),
    (RECORDS, "demo-partner", "operation_types", Nothing, Refused),
    (RECORDS, "demo-partner", "quota_id", Nothing, Nothing),
    (RECORDS, "demo-partner", "quota_type", Refused, All),
    (RECORDS, "demo-partner", "coupon_ids", Nothing, Nothing),
    (RECORDS, "demo-partner", "customer_id", Nothing, Nothing),
    (RECORDS, "demo-partner", "operation_time_begin", Refused, Refused),
    (RECORDS, "demo-partner", "operation_time_end", Refused, Refused),
    (RECORDS, "demo-partner", "result", All, All),
    (RECORDS, "demo-partner", "offset", Refused, All),
    (RECORDS, "demo-partner", "limit", Refused, All),
    (OWN, "demo-customer", "coupon_id", Nothing, All),
    (OWN, "demo-customer", "order_id", All, All),
    (OWN, "demo-customer", "promotion_plan_id", All, All),
    (OWN, "demo-customer", "coupon_type", Refused, All),
    (OWN, "demo-customer", "status", All, All),
    (OWN, "demo-customer", "active_start_time", Refused, Refused),
    (OWN, "demo-customer", "active_end_time", Refused, Refused),
    (CHANGES, "demo-customer", "revenue_expense_type", Refused, Refused),
    (CHANGES, "demo-customer", "trade_type", Refused, Refused),
    (CHANGES, "demo-customer", "trade_id", All, All),
    (CHANGES, "demo-customer", "trade_time_begin", Refused, All),
    (CHANGES, "demo-customer", "coupon_id", All, All),
    (SPLIT_QUOTAS, "demo-distributor", "quota_id", All, All),
    (SPLIT_QUOTAS, "demo-distributor", "parent_quota_id", Nothing, All),
    (SPLIT_RECORDS, "demo-distributor", "operation_time_begin", Refused, All),
    (SPLIT_RECORDS, "demo-distributor", "parent_quota_id", Nothing, Nothing),
    (SPLIT_RECORDS, "demo-distributor", "operation_type", All, All),
];

impl Shop {
    async fn reading(&self, caller: &str, target: &str, all: i64) -> Reading {
        let answer = self.app.client(caller).get(target).await;
        if answer.status.as_u16() == 400 {
            assert_eq!(answer.refusal().1, "CBC.0100", "{target}");
            return Refused;
        }
        let body = answer.ok();
        let total = body["total_count"].as_i64().or(body["count"].as_i64()).expect("a total");
        assert!(total == all || total == 0, "{target}: {total} of {all}");
        if total == all { All } else { Nothing }
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn each_parameter_of_a_query_is_read_as_documented(pool: PgPool) {
    // The sandbox's coupons are enough: every one of these lists shows some.
    let shop = Shop::new(pool).await;
    for (list, caller, parameter, empty, null) in QUERIES {
        let all = shop.get(caller, list).await;
        let all = all["total_count"].as_i64().or(all["count"].as_i64()).expect("a total");
        assert!(all > 0, "{list}");
        let glue = if list.contains('?') { '&' } else { '?' };
        for (value, expected) in [("", empty), ("null", null)] {
            let target = format!("{list}{glue}{parameter}={value}");
            assert_eq!(shop.reading(caller, &target, all).await, expected, "{target}");
        }
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn each_parameter_of_a_body_is_read_as_documented(pool: PgPool) {
    let shop = Shop::new(pool).await;
    let total = |body: Value| {
        let shop = &shop;
        async move {
            let answer = shop.post("demo-partner", QUOTAS, body).await;
            if answer.status.is_success() { answer.body["total_count"].as_i64() } else { None }
        }
    };
    for body in [
        json!({}),
        json!({"quota_ids": [], "quota_status_list": [], "quota_type": null}),
        json!({"quota_ids": null, "quota_status_list": null, "quota_type": 0}),
        json!({"create_time_begin": null, "create_time_end": null, "effective_time_begin": null,
               "effective_time_end": null, "expire_time_begin": null, "expire_time_end": null}),
        json!({"offset": null, "limit": null, "indirect_partner_id": null}),
        json!({"quota_type": ""}),
    ] {
        assert_eq!(total(body.clone()).await, Some(2), "{body}");
    }
    assert_eq!(total(json!({"quota_type": 1})).await, Some(1));
    assert_eq!(total(json!({"quota_status_list": [3, 5]})).await, Some(0));
    assert_eq!(total(json!({"quota_ids": ["nothing"]})).await, Some(0));
    for time in ["create_time_begin", "expire_time_end"] {
        assert_eq!(total(json!({ time: "" })).await, None, "{time}");
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn an_empty_value_may_match_what_has_none(pool: PgPool) {
    let shop = Shop::new(pool).await;
    let count = |query: &'static str| {
        let shop = &shop;
        async move { shop.get("demo-customer", &format!("{OWN}?{query}")).await["count"].clone() }
    };
    assert_eq!(count("").await, 5);
    assert_eq!(count("source_id=").await, 2, "the vendor's own");
    let partner = shop.id("demo-partner");
    assert_eq!(shop.get("demo-customer", &format!("{OWN}?source_id={partner}")).await["count"], 3);
    assert_eq!(count("coupon_type=4").await, 1);
    shop.sql("update coupons set order_id = 'CS1' where kind = 4").await;
    assert_eq!(count("order_id=").await, 4, "those that no order has used");
    assert_eq!(count("order_id=CS1").await, 1);
    assert_eq!(count("promotion_plan_id=any").await, 0);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn times_exclude_the_instants_that_are_named(pool: PgPool) {
    let shop = Shop::new(pool).await;
    let all = shop.get("demo-partner", ISSUE).await;
    assert_eq!(all["total_count"], 3);
    for (field, parameter) in
        [("create_time", "create_time"), ("effective_time", "effective_time"), ("expire_time", "expire_time")]
    {
        let instant = all["user_coupons"][0][field].as_str().expect("an instant");
        let total = |bound: &'static str| {
            let (shop, target) = (&shop, format!("{ISSUE}?{parameter}_{bound}={instant}"));
            async move { shop.get("demo-partner", &target).await["total_count"].clone() }
        };
        // The sandbox makes all of them at one instant.
        assert_eq!((total("begin").await, total("end").await), (json!(0), json!(0)), "{field}");
    }
}
