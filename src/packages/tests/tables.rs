//! Packages in the database, over time and by several at once.

use crate::database;
use crate::packages::lists::{self, PackageFilter};
use crate::packages::model::{
    Bundle, Deduction, NewItem, NewPackage, PackageStatus, Quantity, Reset, ResetBy, ResetCycle, Scope, Span, Usage,
};
use crate::packages::rules::{listed_since, shown_status};
use crate::packages::store;
use crate::testing::TestApp;
use crate::values::id::{DomainId, PackageId, PackageItemId, TenantId};
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const BUCKETS: &str = "hws.resource.type.obs";
const TRAFFIC: &str = "downloadexternal";
const GIGABYTE: i32 = 10;
/// In the middle of a month.
const NOW: OffsetDateTime = datetime!(2024-05-15 04:00 UTC);

fn quantity(number: i64) -> Quantity {
    Quantity::try_from(Decimal::from(number)).expect("it is a quantity")
}

fn item(usage_type: &str, amount: i64) -> NewItem {
    NewItem {
        id: PackageItemId::new(NOW),
        resource_type: BUCKETS.to_owned(),
        usage_type: usage_type.to_owned(),
        amount: quantity(amount),
        measure_id: GIGABYTE,
    }
}

/// 10 GB of traffic for a year, changed as the test wants it.
fn package(owner: DomainId, change: impl FnOnce(&mut NewPackage)) -> NewPackage {
    let mut new = NewPackage {
        id: PackageId::new(NOW),
        owner,
        order: None,
        product_id: "p".to_owned(),
        product_name: "Traffic".to_owned(),
        service_type: "hws.service.type.obs".to_owned(),
        scope: Scope { region: "cn-north-4".to_owned(), ..Scope::default() },
        is_promotional: false,
        bundle: Bundle::Atomic,
        reset: None,
        life: Span { from: NOW - Duration::DAY, until: NOW + Duration::days(365) },
        items: vec![item(TRAFFIC, 10)],
    };
    change(&mut new);
    new
}

/// Usage of traffic, changed as the test wants it.
fn usage(amount: i64, change: impl FnOnce(&mut Usage)) -> Usage {
    let mut usage = Usage {
        resource_id: "bucket".to_owned(),
        resource_tag: String::new(),
        resource_type: BUCKETS.to_owned(),
        usage_type: TRAFFIC.to_uppercase(),
        quantity: quantity(amount),
        measure_id: GIGABYTE,
        region: "cn-north-4".to_owned(),
        enterprise_project: None,
        scenario: None,
        span: Span { from: NOW - Duration::HOUR, until: NOW },
    };
    change(&mut usage);
    usage
}

struct Shop {
    of: (TenantId, DomainId),
    pool: PgPool,
}

impl Shop {
    async fn new(pool: PgPool) -> Self {
        let app = TestApp::new(pool.clone()).await;
        let mut connection = pool.acquire().await.expect("a connection");
        let (first, last) = (NOW - Duration::days(60), NOW + Duration::days(60));
        database::open_months(&mut connection, first.date(), last.date()).await.expect("they are opened");
        drop(connection);
        Self { of: app.world.account("demo-customer").ids(), pool }
    }

    async fn connection(&self) -> sqlx::pool::PoolConnection<sqlx::Postgres> {
        self.pool.acquire().await.expect("a connection")
    }

    async fn open(&self, change: impl FnOnce(&mut NewPackage)) -> NewPackage {
        let new = package(self.of.1, change);
        store::open(&mut *self.connection().await, self.of.0, &new, NOW).await.expect("it is opened");
        new
    }

    /// Deducts as a request does, all or nothing.
    async fn deduct(&self, usage: Usage, now: OffsetDateTime) -> Deduction {
        let mut transaction = self.pool.begin().await.expect("it begins");
        let deduction = store::deduct(&mut transaction, self.of, &usage, now).await.expect("it is deducted");
        transaction.commit().await.expect("it ends");
        deduction
    }

    async fn status(&self, package: &NewPackage, now: OffsetDateTime) -> PackageStatus {
        let found =
            lists::packages(&mut *self.connection().await, self.of, &[package.id]).await.expect("they are read");
        shown_status(found[0].life, found[0].used_up_until, found[0].unsubscribed_at, now)
    }
}

/// What was taken from whom, and what is left to be charged.
fn taken(deduction: &Deduction) -> (Vec<(PackageId, Decimal)>, Decimal) {
    (deduction.shares.iter().map(|share| (share.package, share.used)).collect(), deduction.rest)
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_package_that_is_used_up_is_whole_again_in_its_next_cycle(pool: PgPool) {
    let shop = Shop::new(pool).await;
    let monthly = Some(Reset { cycle: ResetCycle::Month, by: ResetBy::Calendar });
    let package = shop.open(|new| new.reset = monthly).await;
    let first = shop.deduct(usage(7, |_| {}), NOW).await;
    assert_eq!(taken(&first), (vec![(package.id, Decimal::from(7))], Decimal::ZERO));
    assert_eq!(shop.status(&package, NOW).await, PackageStatus::Effective);
    let second = shop.deduct(usage(7, |_| {}), NOW + Duration::DAY).await;
    assert_eq!(taken(&second), (vec![(package.id, Decimal::from(3))], Decimal::from(4)));
    let later = NOW + Duration::days(2);
    assert_eq!(shop.status(&package, later).await, PackageStatus::UsedUp);
    assert_eq!(taken(&shop.deduct(usage(1, |_| {}), later).await), (Vec::new(), Decimal::ONE));
    let next_month = datetime!(2024-05-31 16:00 UTC);
    assert_eq!(shop.status(&package, next_month).await, PackageStatus::Effective);
    let third = shop.deduct(usage(4, |_| {}), next_month).await;
    assert_eq!(third.shares[0].available, Decimal::TEN);
    let records: Vec<(Decimal, Decimal)> =
        sqlx::query_as("select available_amount, used_amount from package_usages order by happened_at")
            .fetch_all(&shop.pool)
            .await
            .expect("they are read");
    let expected = [(10, 7), (3, 3), (10, 4)].map(|(before, used)| (Decimal::from(before), Decimal::from(used)));
    assert_eq!(records, expected);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn usage_is_taken_only_from_packages_that_cover_it(pool: PgPool) {
    let shop = Shop::new(pool).await;
    let bought = shop.open(|new| new.life.until = NOW + Duration::days(30)).await;
    let gift = shop.open(|new| new.is_promotional = true).await;
    let for_backup = shop.open(|new| new.scope.scenario = Some("backup".to_owned())).await;
    let bound = shop
        .open(|new| {
            (new.scope.enterprise_project, new.scope.is_bound) = (Some("blue".to_owned()), true);
        })
        .await;
    // None of these covers anything now.
    shop.open(|new| new.scope.region = "cn-south-1".to_owned()).await;
    shop.open(|new| new.items[0].measure_id = 11).await;
    shop.open(|new| new.items[0].resource_type = "hws.resource.type.obs.r2".to_owned()).await;
    shop.open(|new| new.life.from = NOW + Duration::SECOND).await;
    shop.open(|new| new.life.until = NOW).await;
    let ended = shop.open(|_| {}).await;
    let end = async || store::unsubscribe(&mut *shop.connection().await, shop.of, ended.id, NOW).await;
    assert!(end().await.expect("it ends"));
    assert!(!end().await.expect("it is asked"), "it ends once");

    let everything = usage(100, |usage| {
        usage.scenario = Some("backup".to_owned());
        usage.enterprise_project = Some("blue".to_owned());
    });
    let mut transaction = shop.pool.begin().await.expect("it begins");
    let deduction = store::deduct(&mut transaction, shop.of, &everything, NOW).await.expect("it is deducted");
    let all = [&bound, &for_backup, &gift, &bought].map(|package| (package.id, Decimal::TEN));
    assert_eq!(taken(&deduction), (all.to_vec(), Decimal::from(60)));
    transaction.rollback().await.expect("it is taken back");

    let plain = shop.deduct(usage(15, |_| {}), NOW).await;
    let five = Decimal::from(5);
    assert_eq!(taken(&plain), (vec![(gift.id, Decimal::TEN), (bought.id, five)], Decimal::ZERO));
    let of_another = usage(1, |usage| usage.enterprise_project = Some("red".to_owned()));
    assert_eq!(taken(&shop.deduct(of_another, NOW).await).0, [(bought.id, Decimal::ONE)]);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_package_is_used_up_when_nothing_is_left_of_any_item(pool: PgPool) {
    let shop = Shop::new(pool).await;
    let package = shop.open(|new| new.items.push(item("get", 1))).await;
    shop.deduct(usage(10, |_| {}), NOW).await;
    assert_eq!(shop.status(&package, NOW).await, PackageStatus::Effective);
    shop.deduct(usage(1, |usage| usage.usage_type = "get".to_owned()), NOW).await;
    assert_eq!(shop.status(&package, NOW + Duration::days(364)).await, PackageStatus::UsedUp);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_many_take_at_once_was_there(pool: PgPool) {
    let shop = Shop::new(pool).await;
    shop.open(|_| {}).await;
    shop.open(|new| new.items.insert(0, item("get", 10))).await;
    let takers = (0..30).map(|_| shop.deduct(usage(1, |_| {}), NOW));
    let all = futures_util::future::join_all(takers).await;
    let rest: Decimal = all.iter().map(|deduction| deduction.rest).sum();
    assert_eq!(rest, Decimal::TEN, "20 of 30 were there");
    let (left, recorded): (Decimal, Decimal) = sqlx::query_as(
        "select (select sum(remaining_amount) from package_items where usage_type_code <> 'get'),
                (select sum(used_amount) from package_usages)",
    )
    .fetch_one(&shop.pool)
    .await
    .expect("they are read");
    assert_eq!((left, recorded), (Decimal::ZERO, Decimal::from(20)));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_filter_by_status_finds_what_is_shown_so(pool: PgPool) {
    let shop = Shop::new(pool).await;
    shop.open(|_| {}).await;
    shop.open(|new| new.life.from = NOW + Duration::DAY).await;
    let used_up = shop.open(|new| new.life.from = NOW).await;
    sqlx::query("update packages set used_up_until = expires_at where package_id = $1")
        .bind(used_up.id.0)
        .execute(&shop.pool)
        .await
        .expect("it is written");
    shop.open(|new| (new.life.from, new.life.until) = (NOW - Duration::days(500), NOW)).await;
    let too_old = listed_since(NOW);
    shop.open(|new| (new.life.from, new.life.until) = (too_old - Duration::DAY, too_old)).await;
    let ended = shop.open(|_| {}).await;
    let mut connection = shop.connection().await;
    store::unsubscribe(&mut connection, shop.of, ended.id, NOW).await.expect("it ends");

    let all = find(&mut connection, &shop, None).await;
    assert_eq!(all.len(), 5, "one expired too long ago");
    for status in [
        PackageStatus::Future,
        PackageStatus::Effective,
        PackageStatus::UsedUp,
        PackageStatus::Expired,
        PackageStatus::Unsubscribed,
    ] {
        let found = find(&mut connection, &shop, Some(status)).await;
        assert_eq!(found.len(), 1, "{status:?}");
        let shown = lists::packages(&mut connection, shop.of, &found).await.expect("it is read");
        let shown = shown_status(shown[0].life, shown[0].used_up_until, shown[0].unsubscribed_at, NOW);
        assert_eq!(shown, status);
    }
}

async fn find(connection: &mut PgConnection, shop: &Shop, status: Option<PackageStatus>) -> Vec<PackageId> {
    let filter = PackageFilter { status, ..PackageFilter::default() };
    lists::find(connection, shop.of, &filter, (NOW, listed_since(NOW))).await.expect("they are found")
}
