//! Many clients at once.

use super::*;
use crate::associations::lifecycle;
use crate::coupons::jobs;
use rust_decimal::Decimal;
use sqlx::Connection;
use sqlx::postgres::PgPoolOptions;
use std::sync::Arc;

/// A pool that is larger than a test's own.
async fn large(pool: &PgPool) -> PgPool {
    let options = (*pool.connect_options()).clone();
    PgPoolOptions::new().max_connections(24).connect_with(options).await.expect("the database is there")
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn sixty_four_clients_empty_a_quota_and_no_more(pool: PgPool) {
    let shop = Arc::new(Shop::new(large(&pool).await).await);
    let quota = shop.grant("demo-partner", |_| {}).await;
    let clients = (0..64).map(|_| {
        let (shop, quota) = (shop.clone(), quota.clone());
        tokio::spawn(async move {
            let body = json!({"quota_id": quota, "customer_ids": [shop.id("demo-customer")], "face_value": "7.77"});
            let mut issued = 0;
            loop {
                let answer = shop.post("demo-partner", ISSUE, body.clone()).await.ok();
                match answer["error_details"][0]["error_code"].as_str() {
                    None => issued += 1,
                    Some("CBC.99000013") => return issued,
                    Some(other) => panic!("{other}"),
                }
            }
        })
    });
    let mut issued = 0;
    for client in clients.collect::<Vec<_>>() {
        issued += client.await.expect("the client ends");
    }
    assert_eq!(issued, 128, "as often as 7.77 is in 1000");
    assert_eq!(shop.balance("demo-partner", &quota).await, "5.44");
    let faces: Decimal = sqlx::query_scalar("select sum(face_value) from coupons where quota_id = $1")
        .bind(quota.parse::<uuid::Uuid>().expect("an id"))
        .fetch_one(&mut *shop.connection().await)
        .await
        .expect("it is read");
    assert_eq!(faces, Decimal::new(99456, 2));
    for (result, count) in [("0", 128), ("-1", 64)] {
        let records = shop.get("demo-partner", &format!("{RECORDS}?quota_id={quota}&result={result}")).await;
        assert_eq!(records["total_count"], count, "{result}");
    }
    // The owner was told once that most of it is used.
    let told = "select count(*) from outbox o join domains d on d.domain_id = o.domain_id and d.name = 'demo-partner'
                where o.kind = 'coupon_quota.used'";
    let told = count(&mut *shop.connection().await, told).await;
    assert_eq!(told, 1);
    shop.assert_ledger_is_right().await;
}

/// Returns when so many transactions wait for locks.
async fn until_waiting(pool: &PgPool, transactions: i64) {
    let waiting = "select count(*) from pg_stat_activity
                   where datname = current_database() and wait_event_type = 'Lock'";
    while count(&mut pool.acquire().await.expect("a connection"), waiting).await < transactions {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_coupon_is_reclaimed_while_its_holder_leaves(pool: PgPool) {
    let pool = large(&pool).await;
    let shop = Arc::new(Shop::new(pool.clone()).await);
    let quota = shop.grant("demo-partner", |_| {}).await;
    let coupon = shop.issue(&quota, "50").await;
    let at = shop.account("demo-customer");
    // The customer is held until both wait for it: first who leaves, then who reclaims.
    let mut holder = pool.begin().await.expect("it begins");
    let hold = sqlx::query("select 1 from customers where domain_id = $1 for update").bind(at.1.0);
    hold.execute(&mut *holder).await.expect("it is locked");
    let unbinding = tokio::spawn({
        let shop = shop.clone();
        async move {
            let mut connection = shop.connection().await;
            let mut transaction = connection.begin().await.expect("it begins");
            let unbound = lifecycle::unbind(&mut transaction, at, shop.now()).await;
            transaction.commit().await.expect("it is committed");
            unbound
        }
    });
    until_waiting(&pool, 1).await;
    let reclaim = tokio::spawn({
        let shop = shop.clone();
        async move { shop.post("demo-partner", RECLAIM, json!({"coupon_id": coupon})).await }
    });
    until_waiting(&pool, 2).await;
    holder.rollback().await.expect("it is given free");
    unbinding.await.expect("it ends").expect("nothing is in the way");
    let answer = reclaim.await.expect("it ends");
    assert_eq!((answer.refusal().0, answer.refusal().1), (200, "CBC.99000048"), "it went back when its holder left");
    assert_eq!(shop.balance("demo-partner", &quota).await, "1000");
    shop.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn replicas_that_look_at_the_same_time_expire_each_coupon_once(pool: PgPool) {
    let shop = Arc::new(Shop::new(large(&pool).await).await);
    let quota =
        shop.grant("demo-partner", |grant| grant.value = PositiveAmount::try_from("100000").expect("an amount")).await;
    let body = json!({"quota_id": quota, "customer_ids": [shop.id("demo-customer")], "face_value": 1});
    for _ in 0..150 {
        shop.post("demo-partner", ISSUE, body.clone()).await.ok();
    }
    shop.advance(Duration::days(366)).await;
    let tenant = shop.account("demo-partner").0;
    let replicas = (0..6).map(|_| {
        let shop = shop.clone();
        tokio::spawn(async move {
            let done = jobs::expire(&mut *shop.connection().await, tenant, shop.now()).await;
            done.expect("the job runs")
        })
    });
    let mut expired = 0;
    for replica in replicas.collect::<Vec<_>>() {
        expired += replica.await.expect("the replica ends");
    }
    let of_the_sandbox = count(
        &mut *shop.connection().await,
        "select count(*) from coupons c join domains d on d.domain_id = c.holder_id
         where d.name = 'demo-customer' and c.face_value <> 1",
    )
    .await;
    assert_eq!(i64::try_from(expired).expect("few"), 150 + of_the_sandbox);
    assert_eq!(shop.balance("demo-partner", &quota).await, "100000");
    let records = shop.get("demo-partner", &format!("{RECORDS}?operation_types=4&quota_id={quota}")).await;
    assert_eq!(records["total_count"], 150);
    shop.assert_ledger_is_right().await;
}
