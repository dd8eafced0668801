//! How files are written: by one replica at a time, by another one after it, each row once.

use super::{EXPORTS, HOLDER, PARTNER, of, rows, text};
use crate::background::{cleanups, exports};
use crate::exports::format::Written;
use crate::exports::model::{ATTEMPTS_MAX, Holder, PAGE, ROW_GROUP, RUNNING_MAX};
use crate::exports::store;
use crate::exports::work::{self, Hand, Step};
use crate::testing::{TestApp, all, many_customers};
use crate::values::id::{ExportId, TenantId};
use axum::body::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::collections::BTreeSet;
use time::Duration;
use uuid::Uuid;

const OTHER: Holder = Holder(Uuid::from_u128(2));
/// Customers that demo-partner has in any case.
const FEW: usize = 2;

impl TestApp {
    async fn take_export(&self, holder: Holder) -> Option<ExportId> {
        let (tenant, now) = (self.world.account(PARTNER).tenant, self.app.clock.now());
        let mut connection = self.app.database.tenant(tenant).await.expect("a connection");
        store::take(&mut connection, tenant, holder, now).await.expect("it is asked for")
    }

    async fn step(&self, holder: Holder, export: ExportId) -> Step {
        let tenant: TenantId = self.world.account(PARTNER).tenant;
        let catalogue = self.app.catalogue.load();
        let hand = Hand { holder, catalogue: &catalogue, site: self.app.settings.api.site, vault: &self.app.vault };
        let transaction = self.app.database.patient(tenant).await.expect("a transaction");
        let now = (self.app.now(tenant), self.app.clock.now());
        work::step(transaction, (tenant, export), hand, now).await.expect("it is written")
    }
}

/// Every customer of a file, none twice.
fn customers(file: &str) -> BTreeSet<String> {
    let rows = rows(file);
    let customers: BTreeSet<String> = rows.iter().map(|row| row["customer_id"].clone()).collect();
    assert_eq!(customers.len(), rows.len(), "a row is there twice");
    customers
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn who_dies_in_the_middle_is_followed_by_another_who_goes_on_where_it_stood(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let many = 2 * PAGE + 500;
    many_customers(&pool, app.world.demo().domain, i32::try_from(many).expect("a number")).await;
    let asked = app.ask_export(PARTNER, &of("customers")).await.ok();
    assert_eq!((&asked["status"], &asked["rows_in_all"]), (&json!("waiting"), &Value::Null));
    let export = app.take_export(HOLDER).await.expect("it waits");
    assert_eq!(app.step(HOLDER, export).await, Step::Continued);
    let shown = app.show_export(&asked).await;
    assert_eq!((&shown["status"], &shown["rows_done"]), (&json!("running"), &json!(PAGE)));
    assert_eq!(shown["rows_in_all"], json!(many + FEW));
    assert!(app.fetch_export(PARTNER, &asked).await.refusal().2.contains("not yet"));

    // It has it to itself for a while; and what it had begun to write when it died is not there.
    assert_eq!(app.take_export(OTHER).await, None);
    let tenant = app.world.demo().tenant;
    let mut torn = app.app.database.begin(tenant).await.expect("a transaction");
    let held = store::lock(&mut torn, (tenant, export), HOLDER).await.expect("it is read").expect("it is its");
    store::add_piece(&mut torn, &held, &Written { content: b"half a pi".to_vec(), footer: None })
        .await
        .expect("it is written");
    // As the database does when a connection breaks off.
    torn.rollback().await.expect("it is taken back");
    app.app.clock.set(app.app.clock.now() + Duration::minutes(2));
    assert_eq!(app.take_export(OTHER).await, Some(export));
    // The first one was not dead, but late.
    assert_eq!(app.step(HOLDER, export).await, Step::Lost);
    assert_eq!(app.step(OTHER, export).await, Step::Continued);
    assert_eq!(app.step(HOLDER, export).await, Step::Lost);
    assert_eq!(app.step(OTHER, export).await, Step::Ended);
    assert_eq!(app.step(OTHER, export).await, Step::Lost);
    let shown = app.show_export(&asked).await;
    assert_eq!((&shown["status"], &shown["rows_done"]), (&json!("done"), &json!(many + FEW)));
    assert_eq!(shown["rows_in_all"], shown["rows_done"]);
    let file = app.fetch_export(PARTNER, &asked).await.text;
    assert_eq!(json!(file.len()), shown["bytes"]);
    assert_eq!(customers(&file).len(), many + FEW);
    assert_eq!(file.matches("customer_id").count(), 1, "one line names the columns");

    let events = app.client(PARTNER).get("/partner/v1/events?after=0&kind=export.completed").await.ok();
    let told: Vec<&Value> = events["events"].as_array().expect("a list").iter().map(|event| &event["data"]).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["export_id"], &told[0]["rows"], &told[0]["succeeded"]),
        (&asked["export_id"], &shown["rows_done"], &json!(true))
    );
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_parquet_file_that_two_replicas_wrote_is_one_file(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let many = 2 * ROW_GROUP + 500;
    many_customers(&pool, app.world.demo().domain, i32::try_from(many).expect("a number")).await;
    let asked = app.ask_export(PARTNER, &json!({"kind": "customers", "format": "parquet"})).await.ok();
    for holder in [HOLDER, OTHER] {
        let export = app.take_export(holder).await.expect("it waits");
        while app.step(holder, export).await == Step::Continued && holder == OTHER {}
        app.app.clock.set(app.app.clock.now() + Duration::minutes(2));
    }
    let shown = app.show_export(&asked).await;
    assert_eq!((&shown["status"], &shown["rows_done"]), (&json!("done"), &json!(many + FEW)));
    let pieces: Vec<Vec<u8>> = sqlx::query_scalar("select content from export_pieces order by piece")
        .fetch_all(&pool)
        .await
        .expect("they are there");
    let file = pieces.concat();
    assert_eq!(shown["bytes"], json!(file.len()));
    let reader = SerializedFileReader::new(Bytes::from(file)).expect("it is Parquet");
    assert_eq!(reader.metadata().num_row_groups(), 3);
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let place = (0..schema.num_columns()).find(|place| schema.column(*place).name() == "customer_id");
    let place = place.expect("there is such a column");
    let rows = reader.get_row_iter(None).expect("it has rows");
    let customers: Vec<String> =
        rows.map(|row| row.expect("it is read").get_string(place).expect("a text").clone()).collect();
    assert_eq!(customers.len(), many + FEW);
    assert_eq!(customers.iter().collect::<BTreeSet<_>>().len(), many + FEW);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn replicas_that_work_at_once_write_each_row_once(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let many = 5 * PAGE;
    many_customers(&pool, app.world.demo().domain, i32::try_from(many).expect("a number")).await;
    let asked = all((0..3).map(|_| async { app.ask_export(PARTNER, &of("customers")).await.ok() })).await;
    all((1..=4).map(|number| {
        let app = &app;
        async move { while exports::turn(&app.app, Holder(Uuid::from_u128(number))).await.expect("it is written") {} }
    }))
    .await;
    // One that a replica had taken when another looked may be left.
    app.write_exports().await;
    let mut files = Vec::new();
    for export in &asked {
        files.push(app.fetch_export(PARTNER, export).await.text);
        assert_eq!(customers(&files[files.len() - 1]).len(), many + FEW);
    }
    assert!(files.iter().all(|file| *file == files[0]));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn an_account_has_a_few_exports_under_way_however_many_ask_at_once(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let asked = all((0..16).map(|_| async { app.ask_export(PARTNER, &of("orders")).await })).await;
    let taken = asked.iter().filter(|answer| answer.status.as_u16() == 202).count();
    assert_eq!(taken, usize::try_from(RUNNING_MAX).expect("a number"));
    for answer in asked.iter().filter(|answer| answer.status.as_u16() != 202) {
        assert_eq!(answer.refusal().1, "CBC.0100");
        assert!(answer.refusal().2.contains("3 exports"), "{}", answer.text);
    }
    assert_eq!(app.ask_export("demo-distributor", &of("orders")).await.status.as_u16(), 202, "another account's");
    app.write_exports().await;
    assert_eq!(app.ask_export(PARTNER, &of("orders")).await.status.as_u16(), 202);
    assert_eq!(app.client(PARTNER).get(EXPORTS).await.ok()["total_count"], json!(taken + 1));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_cannot_be_written_is_given_up_and_told(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let asked = app.ask_export(PARTNER, &of("orders")).await.ok();
    sqlx::query("alter table orders rename to away").execute(&pool).await.expect("it is away");
    let mut failures = 0;
    while app.show_export(&asked).await["status"] != "failed" {
        failures += i16::from(exports::turn(&app.app, HOLDER).await.is_err());
        assert!(failures <= ATTEMPTS_MAX, "it is never given up");
    }
    assert_eq!(failures, ATTEMPTS_MAX);
    let shown = app.show_export(&asked).await;
    assert!(text(&shown["cause"]).contains("10 times"), "{shown}");
    let events = app.client(PARTNER).get("/partner/v1/events?after=0&kind=export.completed").await.ok();
    assert_eq!(events["events"][0]["data"]["succeeded"], false);
    sqlx::query("alter table away rename to orders").execute(&pool).await.expect("it is back");
    assert_eq!(app.exported(PARTNER, &of("orders")).await.lines().count(), 1);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn files_go_after_seven_days_and_what_was_said_of_them_later(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let export = app.ask_export(PARTNER, &of("customers")).await.ok();
    app.write_exports().await;
    let pieces = async || -> i64 {
        sqlx::query_scalar("select count(*) from export_pieces").fetch_one(&pool).await.expect("they are counted")
    };
    let days = async |days| {
        app.app.clock.set(app.app.clock.now() + Duration::days(days));
        cleanups::clean_up(&app.app).await.expect("it is cleaned up");
    };
    days(6).await;
    assert_eq!((pieces().await, &app.show_export(&export).await["status"]), (1, &json!("done")));
    app.app.clock.set(app.app.clock.now() + Duration::days(2));
    assert_eq!(app.show_export(&export).await["status"], "expired");
    assert!(app.fetch_export(PARTNER, &export).await.refusal().2.contains("expired"));
    days(0).await;
    assert_eq!((pieces().await, &app.show_export(&export).await["status"]), (0, &json!("expired")));
    days(83).await;
    assert_eq!(app.client(PARTNER).get(EXPORTS).await.ok()["total_count"], 0);
}
