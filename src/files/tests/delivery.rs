//! When files are made, once each, and how they come where they are wanted.

use super::{HOLDER, PARTNER, SUBSCRIPTIONS, app, orders};
use crate::background::{exports, files};
use crate::exports::model::Holder;
use crate::exports::store;
use crate::files::upload::{self, Place, Progress};
use crate::testing::{TestApp, all, many_customers};
use crate::values::id::ExportId;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use time::Duration;
use uuid::Uuid;

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_file_is_made_and_delivered_once_however_many_replicas_there_are(pool: PgPool) {
    let folder = tempfile::tempdir().expect("a folder");
    let app = app(pool.clone(), folder.path()).await;
    let subscription = app.subscribe(&orders()).await;
    app.fall_due().await;
    assert!(app.deliveries(&subscription).await.is_empty(), "it is not due yet");
    let replicas = [app.replica(pool.clone()).await, app.replica(pool.clone()).await, app.replica(pool).await];
    for days in 1..=2 {
        app.until_next(&subscription).await;
        all(replicas.iter().map(TestApp::fall_due)).await;
        assert_eq!(app.deliveries(&subscription).await.len(), days);
        assert_eq!(app.deliveries(&subscription).await[0]["status"], "waiting");
        for _ in 0..4 {
            all(replicas.iter().zip(1..).map(|(replica, number)| async move {
                let holder = Holder(Uuid::from_u128(number));
                while files::turn(&replica.app, holder).await.expect("it is brought") {}
                while exports::turn(&replica.app, holder).await.expect("it is written") {}
            }))
            .await;
            app.app.clock.set(app.app.clock.now() + Duration::seconds(2));
        }
        let delivered = app.deliveries(&subscription).await;
        assert!(delivered.iter().all(|one| one["status"] == "delivered" && one["attempts"] == 1), "{delivered:?}");
        let told = app.told("export.delivered").await;
        assert_eq!(told.len(), days);
        assert_eq!(
            (&told[days - 1]["file"], &told[days - 1]["sha256"]),
            (&delivered[0]["file"], &delivered[0]["sha256"])
        );

        let file = folder.path().join(delivered[0]["file"].as_str().expect("a path"));
        let content = std::fs::read(&file).expect("it is there");
        assert!(content.starts_with(b"order_id,"), "{content:?}");
        let beside =
            |ending: &str| std::fs::read_to_string(format!("{}{ending}", file.display())).expect("it is there");
        let manifest: Value = serde_json::from_str(&beside(".manifest.json")).expect("it is JSON");
        let sum = hex::encode(Sha256::digest(&content));
        assert_eq!((&delivered[0]["sha256"], &manifest["files"][0]["sha256"]), (&json!(sum), &json!(sum)));
        assert_eq!(manifest["files"][0]["bytes"], json!(content.len()));
        assert_eq!(manifest["columns"][0], json!({"name": "order_id", "type": "text"}));
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        assert_eq!(beside(".sha256"), format!("{sum}  {name}\n"));
        assert_eq!(
            (&manifest["time_begin"], &manifest["time_end"]),
            (&delivered[0]["time_begin"], &delivered[0]["time_end"])
        );
    }
    // The account's own list has them too, and they took none of its places.
    assert_eq!(app.client(PARTNER).get("/partner/v1/exports").await.ok()["total_count"], 2);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_clock_that_is_moved_far_passes_each_instant(pool: PgPool) {
    let folder = tempfile::tempdir().expect("a folder");
    let app = app(pool, folder.path()).await;
    let daily = app.subscribe(&orders()).await;
    let weekly = app.subscribe(&json!({"kind": "bills", "rhythm": "weekly", "format": "parquet"})).await;
    app.app.clock.set(app.app.clock.now() + Duration::weeks(2));
    app.fall_due().await;
    // As many as a page has, of fourteen.
    assert_eq!((app.deliveries(&daily).await.len(), app.deliveries(&weekly).await.len()), (10, 2));
    for _ in 0..20 {
        app.bring_files().await;
    }
    for delivery in app.deliveries(&daily).await.iter().chain(&app.deliveries(&weekly).await) {
        assert_eq!(delivery["status"], "delivered", "{delivery}");
    }
    let target = format!("{SUBSCRIPTIONS}/{}/deliveries", daily["subscription_id"].as_str().expect("an id"));
    let first = app.client(PARTNER).get(&format!("{target}?limit=9")).await.ok();
    let before = first["next_before"].as_str().expect("there is more");
    let second = app.client(PARTNER).get(&format!("{target}?limit=9&before={before}")).await.ok();
    assert_eq!(second["deliveries"].as_array().map(Vec::len), Some(14 - 9));
    assert_eq!(second["next_before"], Value::Null);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_store_that_is_away_is_tried_again_and_given_up_after_three_days(pool: PgPool) {
    let folder = tempfile::tempdir().expect("a folder");
    let app = app(pool, folder.path()).await;
    let bucket = json!({"endpoint": "http://127.0.0.1:1", "region": "r", "name": "bills", "addressing": "path",
        "access_key": "AK", "secret_key": "SK"});
    let subscription = app.subscribe(&json!({"kind": "orders", "rhythm": "daily", "bucket": bucket})).await;
    app.until_next(&subscription).await;
    app.fall_due().await;
    app.bring_files().await;
    let tried = app.deliveries(&subscription).await;
    assert_eq!(tried[0]["status"], "uploading");
    let error = tried[0]["error"].as_str().expect("it has failed");
    assert!(error.starts_with("the store could not be reached: "), "{error}");
    let attempts = tried[0]["attempts"].as_i64().expect("a number");
    assert!((1..=4).contains(&attempts), "{attempts}");
    // At growing pauses: nobody tries it all the time.
    while files::turn(&app.app, HOLDER).await.expect("it is tried") {}
    assert!(app.deliveries(&subscription).await[0]["attempts"].as_i64() <= Some(attempts + 1));

    app.app.clock.set(app.app.clock.now() + Duration::days(3));
    while files::turn(&app.app, HOLDER).await.expect("it is tried") {}
    let failed = app.deliveries(&subscription).await;
    assert_eq!((&failed[0]["status"], &failed[0]["sha256"].is_string()), (&json!("failed"), &true));
    let told = app.told("export.delivery_failed").await;
    assert_eq!((told.len(), &told[0]["cause"]), (1, &failed[0]["error"]));
    assert_eq!(told[0]["export_id"], failed[0]["export_id"]);
    assert!(app.told("export.delivered").await.is_empty());
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_replica_that_is_late_changes_nothing_any_more(pool: PgPool) {
    let folder = tempfile::tempdir().expect("a folder");
    let app = app(pool, folder.path()).await;
    let subscription = app.subscribe(&orders()).await;
    app.until_next(&subscription).await;
    app.fall_due().await;
    let (tenant, now) = (app.world.demo().tenant, app.app.clock.now());
    let mut connection = app.app.database.tenant(tenant).await.expect("a connection");
    let other = Holder(Uuid::from_u128(2));
    let take = async |connection: &mut sqlx::PgConnection, holder, now| {
        crate::files::deliveries::take(connection, tenant, holder, now).await.expect("it is asked for")
    };
    let first = take(&mut *connection, HOLDER, now).await.expect("it waits");
    assert!(take(&mut *connection, other, now + Duration::minutes(1)).await.is_none(), "it is the first one's");
    let second = take(&mut *connection, other, now + Duration::minutes(3)).await.expect("the first one is dead");
    let save = async |connection: &mut sqlx::PgConnection, taken, holder| {
        crate::files::deliveries::save(connection, taken, holder, now).await.expect("it is written")
    };
    assert!(!save(&mut *connection, &first, HOLDER).await, "it was late");
    assert!(save(&mut *connection, &second, other).await);
}

/// The whole of an export's file, and the export.
async fn written(app: &TestApp, pool: &PgPool) -> (crate::exports::model::Export, Vec<u8>) {
    let asked = app.client(PARTNER).post("/partner/v1/exports", &json!({"kind": "customers"})).await.ok();
    while exports::turn(&app.app, HOLDER).await.expect("it is written") {}
    let id: ExportId = serde_json::from_value(asked["export_id"].clone()).expect("an id");
    let tenant = app.world.demo().tenant;
    let mut connection = app.app.database.tenant(tenant).await.expect("a connection");
    let export = store::by_id(&mut connection, tenant, id).await.expect("it is read").expect("it is there");
    let pieces: Vec<Vec<u8>> = sqlx::query_scalar("select content from export_pieces order by piece")
        .fetch_all(pool)
        .await
        .expect("they are there");
    (export, pieces.concat())
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_long_file_goes_on_where_another_replica_has_left_it(pool: PgPool) {
    let folder = tempfile::tempdir().expect("a folder");
    let app = app(pool.clone(), folder.path()).await;
    many_customers(&pool, app.world.demo().domain, 5000).await;
    let (export, content) = written(&app, &pool).await;
    assert!(export.pieces > 2);
    let (bucket, path) = (InMemory::new(), Path::from("file"));
    for length in [content.len() + 1, content.len(), content.len() / 2, 100_000, 65_537] {
        let (mut kept, mut parts): (Option<Value>, usize) = (None, 0);
        loop {
            // Each step knows only what was written down.
            let progress: Option<Progress> = kept.map(|kept| serde_json::from_value(kept).expect("it is ours"));
            let from = progress.as_ref().map_or(Place::default(), |progress| progress.next);
            let part = upload::part(&app.app.database, &export, from, length).await.expect("it is read");
            assert!(part.bytes.len() == length || part.next.is_none(), "parts are equally long");
            parts += 1;
            match upload::step(&bucket, &path, progress, part).await.expect("it is taken") {
                Some(progress) => kept = Some(json!(progress)),
                None => break,
            }
        }
        assert_eq!(parts, content.len().div_ceil(length), "{length}");
        let brought = bucket.get(&path).await.expect("it is there").bytes().await.expect("it is read");
        assert!(brought == content, "{length}");
    }
}
