//! Paying with coupons, as the takers of payments will.

use super::*;
use crate::associations::lifecycle as association;
use crate::coupons::administration::{OwnCoupon, issue_own};
use crate::coupons::choice::{self, Candidate, Cover, Line, Purchase};
use crate::coupons::limits::{Period, SubscribeType};
use crate::coupons::model::CouponKind;
use crate::coupons::returns;
use crate::coupons::store::coupons::{self, Coupon, Which};
use crate::coupons::usage::{self, Payment};
use crate::ledger;
use rust_decimal::Decimal;
use sqlx::Connection;
use std::collections::BTreeSet;

impl Shop {
    /// Pays for an order with what demo-customer has, in one transaction.
    async fn pay(&self, order: &str, product: &str, amount: Decimal) -> Vec<Cover> {
        let (tenant, customer) = self.account("demo-customer");
        let mut connection = self.connection().await;
        let mut transaction = connection.begin().await.expect("it begins");
        let held = coupons::lock(&mut transaction, tenant, Which::UsableOf(customer)).await.expect("they are locked");
        let line = Line { product: product.to_owned(), service: "hws.service.type.ec2".to_owned(), amount };
        let purchase = Purchase {
            lines: vec![line],
            currency: Currency::Cny,
            subscribe_type: Some(SubscribeType::Renew),
            period: Period::Months,
            first_in: BTreeSet::new(),
            discounts: Vec::new(),
            now: self.now(),
        };
        let candidates: Vec<Candidate> =
            held.iter().map(|coupon| Candidate::of(coupon).expect("sane limits")).collect();
        let covers = choice::choose(&purchase, &candidates);
        let of =
            |cover: &Cover| held.iter().find(|coupon| coupon.id == cover.coupon).expect("it is one of them").clone();
        let used: Vec<(Coupon, Cover)> = covers.iter().map(|cover| (of(cover), cover.clone())).collect();
        let homes = returns::homes(&mut transaction, tenant, &held).await.expect("they are read");
        let paid_for = ("hws.service.type.ec2".to_owned(), "hws.resource.type.vm".to_owned());
        let customer = self.app.world.account("demo-customer").domain;
        let payment = Payment { tenant, reference: order, customer, is_usage: false, paid_for, user: None };
        let postings = usage::postings(&payment, &used, &homes);
        let transfers = ledger::post(&mut transaction, tenant, &postings, self.now()).await.expect("it is posted");
        usage::record(&mut transaction, &payment, &used, (&transfers, &homes), self.now())
            .await
            .expect("it is recorded");
        transaction.commit().await.expect("it is committed");
        covers
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_coupon_pays_until_it_is_used_up(pool: PgPool) {
    let shop = Shop::new(pool).await;
    shop.sql("update coupons set state = 5").await;
    let quota = shop.grant("demo-partner", |_| {}).await;
    let coupon = shop.issue(&quota, "50").await;
    let shown =
        || async { shop.get("demo-customer", &format!("{OWN}?coupon_id={coupon}")).await["user_coupons"][0].clone() };
    assert_eq!(shop.pay("CS1", "any", Decimal::new(1999, 2)).await[0].amount, Decimal::new(1999, 2));
    let row = shown().await;
    assert_eq!((&row["status"], &row["balance"], &row["order_id"]), (&json!(2), &json!(30.01), &json!("CS1")));
    assert_eq!(shop.pay("CS2", "any", Decimal::new(100, 0)).await[0].amount, Decimal::new(3001, 2));
    let row = shown().await;
    assert_eq!((&row["status"], &row["balance"], &row["order_id"]), (&json!(3), &json!(0), &json!("CS2")));
    assert_eq!(shop.get("demo-partner", &format!("{ISSUE}?order_id=CS2")).await["total_count"], 1);

    let changes = shop.get("demo-customer", &format!("{CHANGES}&coupon_id={coupon}")).await;
    let rows: Vec<(&str, &str, &str)> = changes["records"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| {
            ["trade_detail_type", "change_amount", "balance_after_change"].map(|name| row[name].as_str().expect(name))
        })
        .map(|[kind, amount, after]| (kind, amount, after))
        .collect();
    assert_eq!(
        rows,
        [
            ("SOURCE_OPERAIION_DEDEUCT", "30.01", "0.00"),
            ("SOURCE_OPERAIION_DEDEUCT", "19.99", "30.01"),
            ("SOURCE_OPERAIION_PRIZE", "50.00", "50.00"),
        ]
    );
    assert_eq!(changes["records"][0]["resource_type_name"], "云主机");
    let one = shop.get("demo-customer", &format!("{CHANGES}&trade_id=CS1")).await;
    assert_eq!(one["total_count"], 1);
    let used = shop.post("demo-partner", RECLAIM, json!({ "coupon_id": coupon })).await;
    assert_eq!(used.refusal().1, "CBC.0100", "nothing is left to take back");
    shop.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_a_coupon_for_one_use_does_not_pay_goes_home(pool: PgPool) {
    let shop = Shop::new(pool).await;
    shop.sql("update coupons set state = 5").await;
    let quota = shop.grant("demo-partner", |grant| grant.limits.add("usageTimes=1").expect("a limit")).await;
    shop.issue(&quota, "50").await;
    shop.pay("CS1", "any", Decimal::new(20, 0)).await;
    assert_eq!(shop.balance("demo-partner", &quota).await, "980");
    let records = shop.get("demo-partner", &format!("{RECORDS}?quota_id={quota}&operation_types=4")).await;
    assert_eq!(records["records"][0]["operation_amount"], 30);

    let mut limits = Limits::default();
    limits.add("productId=server").expect("a limit");
    let product = OwnCoupon {
        kind: CouponKind::Product,
        face_value: Decimal::new(70, 0),
        currency: Currency::Cny,
        validity: Validity { from: shop.now(), until: shop.now() + Duration::days(9) },
        limits,
        group: 0,
        name: "A server".to_owned(),
        memo: String::new(),
    };
    let customer = shop.account("demo-customer");
    issue_own(&mut *shop.connection().await, customer, &product, shop.now()).await.expect("it is issued");
    assert!(shop.pay("CS2", "disk", Decimal::TEN).await.is_empty());
    assert_eq!(shop.pay("CS3", "server", Decimal::TEN).await[0].amount, Decimal::TEN);
    assert!(shop.pay("CS4", "server", Decimal::TEN).await.is_empty(), "once");
    shop.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn when_a_customer_leaves_its_partner_takes_everything_back(pool: PgPool) {
    let shop = Shop::new(pool).await;
    let quota = shop.grant("demo-partner", |_| {}).await;
    shop.issue(&quota, "50").await;
    let (tenant, customer) = shop.account("demo-customer");
    let mut connection = shop.connection().await;
    let mut transaction = connection.begin().await.expect("it begins");
    let unbound = association::unbind(&mut transaction, (tenant, customer), shop.now()).await;
    transaction.commit().await.expect("it is committed");
    unbound.expect("it is done");
    drop(connection);
    assert_eq!(shop.balance("demo-partner", &quota).await, "1000");
    let records = shop.get("demo-partner", &format!("{RECORDS}?operation_types=3")).await;
    let sum = |field: &str| {
        let amounts = records["records"].as_array().expect("a list").iter().map(|record| record[field].to_string());
        amounts.map(|amount| amount.parse::<Decimal>().expect("an amount")).sum::<Decimal>()
    };
    assert_eq!(records["total_count"], json!(4), "the sandbox's coupons are among them");
    assert_eq!(sum("operation_amount"), Decimal::new(23550, 2));
    assert_eq!(shop.get("demo-customer", &format!("{OWN}?status=5")).await["count"], 4);
    assert_eq!(shop.get("demo-customer", &format!("{OWN}?status=2")).await["count"], 2, "the vendor's stay");
    shop.assert_ledger_is_right().await;
}
