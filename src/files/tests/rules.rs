//! What can be subscribed to, and where it can go.

use super::{PARTNER, SUBSCRIPTIONS, app, orders};
use crate::background::cleanups;
use crate::operators::store::Role;
use crate::testing::TestApp;
use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;

const SECRET: &str = "wJalrXUtnFEMI-K7MDENG";

fn bucket() -> Value {
    json!({"endpoint": "https://s3.example.com", "region": "cn-north-4", "name": "bills", "prefix": "bss/files/",
           "access_key": "AK", "secret_key": SECRET})
}

fn with(changes: &Value) -> Value {
    let (mut body, mut bucket) = (orders(), bucket());
    for (name, value) in changes.as_object().expect("fields") {
        bucket[name] = value.clone();
    }
    body["bucket"] = bucket;
    body
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_wrong_field_is_named(pool: PgPool) {
    let folder = tempfile::tempdir().expect("a folder");
    let app = app(pool, folder.path()).await;
    for (body, field) in [
        (json!({"kind": "weather", "rhythm": "daily"}), "kind"),
        (json!({"kind": "resellers", "rhythm": "daily"}), "kind"),
        (json!({"kind": "orders", "rhythm": "hourly"}), "rhythm"),
        (json!({"kind": "orders"}), "rhythm"),
        (with(&json!({"endpoint": "ftp://s3.example.com"})), "bucket.endpoint"),
        (with(&json!({"endpoint": "https://10.0.0.1", "addressing": "path"})), "bucket.endpoint"),
        (with(&json!({"endpoint": "https://[::ffff:169.254.169.254]", "addressing": "path"})), "bucket.endpoint"),
        (with(&json!({"endpoint": "https://8.8.8.8"})), "bucket.endpoint"),
        (with(&json!({"endpoint": "https://user@s3.example.com"})), "bucket.endpoint"),
        (with(&json!({"name": "Bills"})), "bucket.name"),
        (with(&json!({"prefix": "../x"})), "bucket.prefix"),
        (with(&json!({"secret_key": ""})), "bucket.secret_key"),
    ] {
        let answer = app.client(PARTNER).post(SUBSCRIPTIONS, &body).await;
        let (status, code, message) = answer.refusal();
        assert_eq!((status, code), (400, "CBC.0100"), "{body}");
        assert!(message.starts_with(&format!("Parameter error. {field}: ")), "{body} {message}");
    }
    assert_eq!(app.client("demo-customer").post(SUBSCRIPTIONS, &orders()).await.refusal().0, 403);

    for _ in 0..3 {
        app.subscribe(&orders()).await;
    }
    assert!(app.client(PARTNER).post(SUBSCRIPTIONS, &orders()).await.refusal().2.contains("3 subscriptions"));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn without_a_folder_of_the_server_a_bucket_must_be_named(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let refused = app.client(PARTNER).post(SUBSCRIPTIONS, &orders()).await;
    assert!(refused.refusal().2.contains("bucket: must be given"), "{}", refused.text);
    assert_eq!(app.subscribe(&with(&json!({}))).await["bucket"]["name"], "bills");
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_secret_is_kept_sealed_and_shown_nowhere(pool: PgPool) {
    let folder = tempfile::tempdir().expect("a folder");
    let app = app(pool.clone(), folder.path()).await;
    let (partner, operator) = (app.client(PARTNER), app.operator(Role::Admin).await);
    let created = partner.post(SUBSCRIPTIONS, &with(&json!({}))).await;
    let id = created.body["subscription_id"].as_str().expect("an id").to_owned();
    assert_eq!(created.body["bucket"]["prefix"], "bss/files");
    let changed = partner
        .call(Method::PATCH, &format!("{SUBSCRIPTIONS}/{id}"), &[], &json!({"bucket": bucket()}).to_string())
        .await;
    let staff = format!("/admin/v1/accounts/{PARTNER}/file-subscriptions");
    for answer in [created, changed, partner.get(SUBSCRIPTIONS).await, operator.get(&staff).await] {
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
        assert!(answer.text.contains("s3.example.com") && !answer.text.contains(SECRET), "{}", answer.text);
    }
    let kept: String =
        sqlx::query_scalar("select s::text from file_subscriptions s").fetch_one(&pool).await.expect("it is");
    let clear = hex::encode(SECRET);
    assert!(!kept.contains(SECRET) && !kept.contains(&clear), "{kept}");

    // Another account has neither it nor its deliveries.
    let stranger = app.client("demo-distributor");
    let of_other = [
        stranger.call(Method::PATCH, &format!("{SUBSCRIPTIONS}/{id}"), &[], "{}").await,
        stranger.call(Method::DELETE, &format!("{SUBSCRIPTIONS}/{id}"), &[], "").await,
        stranger.get(&format!("{SUBSCRIPTIONS}/{id}/deliveries")).await,
    ];
    for answer in of_other {
        assert!(answer.refusal().2.contains("subscription_id: there is no file subscription"), "{}", answer.text);
    }
    assert_eq!(operator.call(Method::DELETE, &format!("{staff}/{id}"), &[], "").await.status.as_u16(), 204);
    assert_eq!(partner.get(SUBSCRIPTIONS).await.ok()["subscriptions"], json!([]));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_is_disabled_makes_nothing_and_makes_up_for_nothing(pool: PgPool) {
    let folder = tempfile::tempdir().expect("a folder");
    let app = app(pool, folder.path()).await;
    let subscription = app.subscribe(&orders()).await;
    let target = format!("{SUBSCRIPTIONS}/{}", subscription["subscription_id"].as_str().expect("an id"));
    let set = async |state: &str| {
        app.client(PARTNER).call(Method::PATCH, &target, &[], &json!({"state": state}).to_string()).await.ok()
    };
    assert_eq!(set("disabled").await["next_time"], Value::Null);
    app.app.clock.set(app.app.clock.now() + Duration::days(5));
    app.fall_due().await;
    assert_ne!(set("enabled").await["next_time"], subscription["next_time"]);
    app.fall_due().await;
    assert!(app.deliveries(&subscription).await.is_empty());
    app.until_next(&subscription).await;
    app.fall_due().await;
    app.bring_files().await;
    assert_eq!(app.deliveries(&subscription).await.len(), 1);

    set("disabled").await;
    app.app.clock.set(app.app.clock.now() + Duration::days(91));
    cleanups::clean_up(&app.app).await.expect("it is cleaned up");
    assert!(app.deliveries(&subscription).await.is_empty(), "forgotten");
}
