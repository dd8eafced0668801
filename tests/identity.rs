//! Memory that follows the database: what is revoked stops working at once.

use bss_gateway::catalogue::memory as catalogue;
use bss_gateway::identity::store;
use bss_gateway::testing::TestApp;
use sqlx::PgPool;
use std::time::{Duration, Instant};

const TARGET: &str = "/v2/products/resource-types?limit=1";

async fn eventually(mut condition: impl AsyncFnMut() -> bool) -> Duration {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(5) {
        if condition().await {
            return started.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen within 5 seconds");
}

async fn listening(app: &TestApp) {
    eventually(async || app.app.listening.load(std::sync::atomic::Ordering::Relaxed)).await;
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_disabled_key_is_refused_within_a_second(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let follower = app.follow();
    listening(&app).await;
    let client = app.client("demo-partner");
    assert!(client.get(TARGET).await.status.is_success());

    let mut connection = pool.acquire().await.expect("a connection");
    let access_key = &app.world.demo().access_key;
    assert!(store::set_access_key_enabled(&mut connection, access_key, false).await.expect("it is written"));
    let delay = eventually(async || client.get(TARGET).await.status.as_u16() == 401).await;
    assert!(delay < Duration::from_secs(1), "{delay:?}");
    assert!(client.get(TARGET).await.refusal().2.ends_with("err:ak not exist"));

    store::set_access_key_enabled(&mut connection, access_key, true).await.expect("it is written");
    eventually(async || client.get(TARGET).await.status.is_success()).await;
    follower.abort();
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_lost_connection_is_noticed_and_nothing_remembered_is_trusted_meanwhile(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let follower = app.follow();
    listening(&app).await;
    let client = app.client("demo-partner");
    assert!(client.get(TARGET).await.status.is_success());

    // Without an announcement, and while the listener's connection is cut: only distrust finds out.
    let mut connection = pool.acquire().await.expect("a connection");
    sqlx::query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and (query ilike 'listen %' or query like '%catalogue_version%')
           and pid <> pg_backend_pid()",
    )
    .execute(&mut *connection)
    .await
    .expect("it is cut");
    sqlx::query("update access_keys set enabled = false").execute(&mut *connection).await.expect("it is written");
    let delay = eventually(async || client.get(TARGET).await.status.as_u16() == 401).await;
    assert!(delay < Duration::from_secs(3), "{delay:?}");
    listening(&app).await;
    follower.abort();
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn the_catalogue_follows_the_database(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let follower = app.follow();
    let client = app.client("demo-partner");
    let before = client.get(TARGET).await.ok()["total_count"].as_u64().expect("a number");

    let mut connection = pool.acquire().await.expect("a connection");
    sqlx::query("delete from resource_types where resource_type_code = 'hws.resource.type.cdn'")
        .execute(&mut *connection)
        .await
        .expect_err("its usage types refer to it");
    sqlx::query(
        "insert into resource_types values ('sample.resource.type.x', 'hws.service.type.ec2', '样品', 'Sample', '样品', 'Sample')",
    )
    .execute(&mut *connection)
    .await
    .expect("it is written");
    catalogue::load_seed(&mut connection).await.expect("the seed fits beside it");
    eventually(async || client.get(TARGET).await.ok()["total_count"] == before + 1).await;
    follower.abort();
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn an_account_name_is_given_once_even_in_a_race(pool: PgPool) {
    use bss_gateway::api::caller::CallerKind;
    use bss_gateway::values::id::{DomainId, TenantId};
    let app = TestApp::new(pool.clone()).await;
    let now = app.app.clock.now();
    let attempts = (0..16).map(|_| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let id = DomainId::new(now);
            let new = store::NewDomain {
                tenant: TenantId(id.0),
                id,
                parent: None,
                name: "wanted",
                kind: CallerKind::Partner,
            };
            let mut transaction = pool.begin().await.expect("a transaction");
            let added = store::insert_domain(&mut transaction, &new, now).await.expect("taken is no error");
            transaction.commit().await.expect("it commits");
            added
        })
    });
    let mut added = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        added += u32::from(attempt.await.expect("it does not panic"));
    }
    assert_eq!(added, 1);
}
