//! The clock.

use super::*;
use crate::background::due;
use crate::coupons::jobs;
use crate::coupons::store::partners;

/// What was due.
#[derive(PartialEq, Eq, Debug, Default)]
struct Happened {
    expired: usize,
    told: usize,
    unlisted: usize,
}

impl Shop {
    async fn look(&self, account: &str) -> Happened {
        let tenant = self.account(account).0;
        let (connection, now) = (&mut *self.connection().await, self.now());
        Happened {
            expired: jobs::expire(connection, tenant, now).await.expect("they expire"),
            told: jobs::tell(connection, tenant, now).await.expect("partners are told"),
            unlisted: jobs::unlist(connection, tenant, now).await.expect("they leave the lists"),
        }
    }

    async fn own_statuses(&self, query: &str) -> (i64, Vec<i64>) {
        let shown = self.get("demo-customer", &format!("{OWN}?{query}")).await;
        let coupons = shown["user_coupons"].as_array().expect("a list");
        let statuses = coupons.iter().map(|coupon| coupon["status"].as_i64().expect("a number")).collect();
        (shown["count"].as_i64().expect("a number"), statuses)
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_coupon_expires_once_and_its_value_goes_home(pool: PgPool) {
    let shop = Shop::new(pool).await;
    shop.sql("update coupons set listed = false; update coupon_partners set listed = 0").await;
    let quota = shop.grant("demo-partner", |_| {}).await;
    let expires = (shop.now() + Duration::days(10)).replace_nanosecond(0).expect("a second");
    let body = json!({"quota_id": quota, "customer_ids": [shop.id("demo-customer")], "face_value": "12.34",
                      "expire_time": crate::values::time::Instant(expires)});
    shop.post("demo-partner", ISSUE, body).await.ok();
    let longer = shop.issue(&quota, "1").await;
    assert_eq!(shop.own_statuses("status=2").await, (2, vec![2, 2]));
    assert_eq!(shop.look("demo-partner").await, Happened::default(), "nothing is due");

    shop.advance(Duration::days(4)).await;
    assert_eq!(shop.look("demo-partner").await.told, 1, "it expires within seven days");
    assert_eq!(shop.look("demo-partner").await.told, 0, "the partner was told");
    let told = "select count(*) from outbox where kind = 'coupon.expiring' and payload->>'balance' = '12.34'";
    assert_eq!(count(&mut *shop.connection().await, told).await, 1);

    shop.advance(Duration::days(6)).await;
    // The lists are ahead of the job.
    assert_eq!(shop.own_statuses("status=4").await, (1, vec![4]));
    assert_eq!(shop.own_statuses("").await, (2, vec![2, 4]));
    assert_eq!(shop.balance("demo-partner", &quota).await, "986.66");
    assert_eq!(shop.look("demo-partner").await.expired, 1);
    assert_eq!(shop.look("demo-partner").await, Happened::default(), "once");
    assert_eq!(shop.own_statuses("status=4").await, (1, vec![4]));
    assert_eq!(shop.balance("demo-partner", &quota).await, "999");
    let records = shop.get("demo-partner", &format!("{RECORDS}?operation_types=4&quota_id={quota}")).await;
    let row = &records["records"][0];
    assert_eq!((&records["total_count"], &row["operation_amount"]), (&json!(1), &json!(12.34)));
    let changes = shop.get("demo-customer", &format!("{CHANGES}&trade_type=EXPIRED")).await;
    let row = &changes["records"][0];
    assert_eq!(row["trade_detail_type"], "SOURCE_OPERAIION_EXPIRECLEAR");
    assert_eq!((&row["change_amount"], &row["balance_after_change"]), (&json!("12.34"), &json!("0.00")));

    // The customer's list shows it for twelve months and no longer, the partner's for two years; whether or not the job has
    // run.
    let issued = async || shop.get("demo-partner", ISSUE).await["total_count"].clone();
    shop.advance(expires.replace_year(expires.year() + 1).expect("a day") - shop.now() - Duration::MINUTE).await;
    assert_eq!(shop.own_statuses("status=4").await.0, 2, "the longer one has expired as well");
    shop.advance(Duration::minutes(2)).await;
    for _ in 0..2 {
        assert_eq!(shop.own_statuses("").await.0, 1);
        assert_eq!(issued().await, 2);
        assert_eq!(shop.get("demo-partner", &format!("{ISSUE}?status=4")).await["total_count"], 2);
        shop.look("demo-partner").await;
    }
    shop.advance(expires.replace_year(expires.year() + 2).expect("a day") - shop.now() - Duration::MINUTE).await;
    assert_eq!(issued().await, 2);
    shop.advance(Duration::minutes(2)).await;
    let left = shop.get("demo-partner", ISSUE).await;
    assert_eq!((&left["total_count"], &left["user_coupons"][0]["coupon_id"]), (&json!(1), &json!(longer)));
    let done = shop.look("demo-partner").await;
    assert!(done.unlisted >= 1, "{done:?}");
    assert_eq!(issued().await, 1);
    shop.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_partner_says_when_it_wants_to_be_told(pool: PgPool) {
    let shop = Shop::new(pool).await;
    shop.sql("update coupons set expiry_told = true").await;
    let quota =
        shop.grant("demo-partner", |grant| grant.validity.until = grant.validity.from + Duration::days(60)).await;
    shop.issue(&quota, "1").await;
    let partner = shop.account("demo-partner");
    shop.advance(Duration::days(31)).await;
    assert_eq!(shop.look("demo-partner").await.told, 0);
    partners::set_notice_days(&mut *shop.connection().await, partner, 30).await.expect("it is set");
    assert_eq!(shop.look("demo-partner").await.told, 1);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_clock_that_is_advanced_does_each_thing_at_its_own_instant(pool: PgPool) {
    let shop = Shop::new(pool).await;
    shop.sql("update coupons set state = 5").await;
    let quota = shop.grant("demo-partner", |_| {}).await;
    let start = shop.now().replace_nanosecond(0).expect("a second");
    for days in [3, 40] {
        let body = json!({"quota_id": quota, "customer_ids": [shop.id("demo-customer")], "face_value": days,
                          "expire_time": crate::values::time::Instant(start + Duration::days(days))});
        shop.post("demo-partner", ISSUE, body).await.ok();
    }
    let mut connection = shop.connection().await;
    let then = start + Duration::days(50);
    database::open_months(&mut connection, start.date(), then.date()).await.expect("opened");
    let happened = due::run(&mut connection, &shop.app.app.desk().into(), shop.account("demo-partner").0, then)
        .await
        .expect("it is done");
    let seen: Vec<(&str, usize, i64)> =
        happened.iter().map(|event| (event.kind, event.count, (event.at.0 - start).whole_days())).collect();
    // The first one was too short for a notice before: it is told of when it is issued.
    let expected =
        [("coupon.expiring", 1, 0), ("coupon.expired", 1, 3), ("coupon.expiring", 1, 33), ("coupon.expired", 1, 40)];
    assert_eq!(seen, expected);
    shop.app.app.clock.set(then);
    let records = shop.get("demo-partner", &format!("{RECORDS}?operation_types=4&quota_id={quota}")).await;
    let at = serde_json::to_value(crate::values::time::Instant(start + Duration::days(3))).expect("written");
    assert_eq!((&records["total_count"], &records["records"][1]["operation_time"]), (&json!(2), &at));
    shop.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn the_background_finds_every_tenant_by_its_own_clock(pool: PgPool) {
    let shop = Shop::new(pool).await;
    for partner in ["demo-partner", "other-partner"] {
        shop.grant(partner, |_| {}).await;
    }
    let (partner, _) = shop.account("demo-partner");
    let ahead = crate::clock::Setting { offset: Duration::days(366), frozen_at: None };
    let then = shop.now() + ahead.offset;
    database::open_months(&mut *shop.connection().await, shop.now().date(), then.date()).await.expect("opened");
    crate::clock::set(&mut *shop.connection().await, partner, ahead).await.expect("it is set");
    due::run_all(&shop.app.app, true).await.expect("the job runs");
    let usable =
        "select count(*) from coupons c join domains d on d.domain_id = c.holder_id and d.name = 'demo-customer'
                  where c.state = 2";
    let others = "select count(*) from coupons c where c.state = 2
                  and not exists (select 1 from domains d where d.domain_id = c.tenant_id and d.name = 'demo-partner')";
    let theirs = count(&mut *shop.connection().await, others).await;
    assert!(theirs > 1);
    assert_eq!(count(&mut *shop.connection().await, usable).await, 5, "nothing is due by the system's time");
    shop.app.app.clocks.reload(&mut *shop.connection().await).await.expect("they are read");
    due::run_all(&shop.app.app, false).await.expect("the job runs");
    assert_eq!(count(&mut *shop.connection().await, usable).await, 0);
    assert_eq!(count(&mut *shop.connection().await, others).await, theirs, "the others live in another time");
    shop.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_coupon_of_a_reclaimed_quota_goes_home_to_the_parent(pool: PgPool) {
    let shop = Shop::new(pool).await;
    let parent = shop.grant("demo-distributor", |_| {}).await;
    let body = json!({"quota_id": parent, "indirect_partner_ids": [shop.id("demo-reseller")], "quota_amount": 100});
    let split = shop.post("demo-distributor", SPLIT, body).await.ok();
    let child = split["simple_quota_infos"][0]["quota_id"].as_str().expect("an id").to_owned();
    let body = json!({"quota_id": child, "customer_ids": [shop.id("reseller-customer")], "face_value": 30,
                      "indirect_partner_id": shop.id("demo-reseller")});
    shop.post("demo-distributor", ISSUE, body).await.ok();
    let taken = shop.post("demo-distributor", TAKE_BACK, json!({"quota_ids": [child]})).await.ok();
    assert_eq!(taken["simple_quota_infos"][0], json!({"quota_id": child, "quota_balance": 0}));
    assert_eq!(shop.balance("demo-distributor", &parent).await, "970");
    shop.advance(Duration::days(366)).await;
    shop.look("demo-distributor").await;
    assert_eq!(shop.balance("demo-distributor", &parent).await, "1000");
    shop.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn over_a_hundred_days_all_falls_due_in_true_order_and_once_on_two_replicas(pool: PgPool) {
    let shop = Shop::new(pool).await;
    shop.sql("update coupons set state = 5").await;
    let quota = shop.grant("demo-partner", |_| {}).await;
    let start = shop.now().replace_nanosecond(0).expect("a second");
    // Partners are told seven days before, so notices and expiries alternate.
    for number in 1..=24 {
        let body = json!({"quota_id": quota, "customer_ids": [shop.id("demo-customer")], "face_value": 1,
                          "expire_time": crate::values::time::Instant(start + Duration::days(number * 4))});
        shop.post("demo-partner", ISSUE, body).await.ok();
    }
    let (tenant, until) = (shop.account("demo-partner").0, start + Duration::days(100));
    database::open_months(&mut *shop.connection().await, start.date(), until.date()).await.expect("opened");
    let (mut one, mut other) = (shop.connection().await, shop.connection().await);
    let mut happened = Vec::new();
    loop {
        let desk = shop.app.app.desk().into();
        let (here, there) =
            tokio::join!(due::run(&mut one, &desk, tenant, until), due::run(&mut other, &desk, tenant, until));
        let (here, there) = (here.expect("it is done"), there.expect("it is done"));
        assert!(here.is_sorted_by_key(|event| event.at.0) && there.is_sorted_by_key(|event| event.at.0));
        if here.is_empty() && there.is_empty() {
            break;
        }
        happened.extend(here.into_iter().chain(there));
    }
    let of = |kind| happened.iter().filter(|event| event.kind == kind).map(|event| event.count).sum::<usize>();
    assert_eq!((of("coupon.expiring"), of("coupon.expired")), (24, 24), "each once");
    // As they were written: no later event before an earlier one.
    let order = "select count(*) from (
                     select happened_at < max(happened_at) over (order by transfer_id rows between unbounded preceding
                                                                 and 1 preceding) as late
                     from transfers where kind = 'coupon_expire') t where late";
    assert_eq!(count(&mut *shop.connection().await, order).await, 0);
    let told = "select count(distinct payload->>'coupon_id') from outbox
                where kind = 'coupon.expiring' and tenant_id = (select tenant_id from domains where name = 'demo-partner')";
    assert_eq!(count(&mut *shop.connection().await, told).await, 24);
    shop.assert_ledger_is_right().await;
}
