//! Who may export and fetch what, and who sees personal data.

use super::{EXPORTS, PARTNER, of, rows, text};
use crate::operators::store::Role;
use crate::testing::{Client, TestApp};
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;

const PHONE: &str = "13812345678";
const EMAIL: &str = "zhang.san@example.com";
const NAME: &str = "Zhang San Trading";

/// Gives demo-customer a phone, an address and a name.
async fn name_customer(app: &TestApp, pool: &PgPool) {
    let customer = app.world.account("demo-customer").domain;
    let vault = &app.app.vault;
    sqlx::query("update customers set sealed_phone = $2, sealed_email = $3, sealed_name = $4 where domain_id = $1")
        .bind(customer.0)
        .bind(vault.seal(PHONE, customer))
        .bind(vault.seal(EMAIL, customer))
        .bind(vault.seal(NAME, customer))
        .execute(pool)
        .await
        .expect("it is written");
}

/// A new user of demo-partner with these permissions.
async fn user<'a>(app: &'a TestApp, operator: &Client<'_>, name: &str, items: &[&str]) -> Client<'a> {
    let users = format!("/admin/v1/accounts/{PARTNER}/users");
    operator.post(&users, &json!({"name": name, "permission_items": items})).await.ok();
    let key = operator.post(&format!("{users}/{name}/keys"), &json!({})).await.ok();
    app.client_with_key(text(&key["access_key"]), text(&key["secret_key"]))
}

async fn unmasked_rows(operator: &Client<'_>, export: &Value) -> usize {
    let target = format!(
        "/admin/v1/audit-events?account={PARTNER}&operation=ExportUnmasked&subject={}",
        text(&export["export_id"])
    );
    operator.get(&target).await.ok()["events"].as_array().expect("a list").len()
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn personal_data_is_masked_unless_who_may_see_it_asks_and_that_is_audited(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    name_customer(&app, &pool).await;
    let operator = app.operator(Role::Admin).await;
    let masked = app.exported(PARTNER, &of("customers")).await;
    for clear in [PHONE, EMAIL, NAME, "demo-customer"] {
        assert!(!masked.contains(clear), "{clear}: {masked}");
    }
    let row = rows(&masked).into_iter().find(|row| !row["telephone"].is_empty()).expect("it has a phone");
    assert_eq!((row["telephone"].as_str(), row["customer"].as_str()), ("13***78", "Zh***ng"));

    let clear = json!({"kind": "customers", "masked": false});
    let export = app.ask_export(PARTNER, &clear).await.ok();
    app.write_exports().await;
    assert_eq!(unmasked_rows(&operator, &export).await, 1);
    let file = app.fetch_export(PARTNER, &export).await.text;
    for shown in [PHONE, EMAIL, NAME, "demo-customer"] {
        assert!(file.contains(shown), "{shown}: {file}");
    }
    assert_eq!(unmasked_rows(&operator, &export).await, 2);

    // A user with the one permission exports, and neither asks for what is in the clear nor fetches it.
    let clerk = user(&app, &operator, "clerk", &["GATEWAY_EXPORTS"]).await;
    assert_eq!(clerk.post(EXPORTS, &of("orders")).await.status.as_u16(), 202);
    let target = format!("{EXPORTS}/{}", text(&export["export_id"]));
    assert_eq!(clerk.post(EXPORTS, &clear).await.refusal().0, 403);
    assert_eq!(clerk.get(&format!("{target}/file")).await.refusal().0, 403);
    assert_eq!(clerk.post(&format!("{target}/links"), &json!({})).await.refusal().0, 403);
    assert_eq!(clerk.get(&target).await.ok()["masked"], false);
    let trusted = user(&app, &operator, "trusted", &["GATEWAY_EXPORTS", "GATEWAY_EXPORTS_UNMASKED"]).await;
    assert!(trusted.get(&format!("{target}/file")).await.text.contains(PHONE));
    assert_eq!(unmasked_rows(&operator, &export).await, 3);
    let stranger = user(&app, &operator, "stranger", &["GATEWAY_ORDERS"]).await;
    assert_eq!(stranger.post(EXPORTS, &of("orders")).await.refusal().0, 403);
    assert_eq!(app.ask_export("demo-customer", &of("orders")).await.refusal().0, 403);

    // Staff ask for what is masked, and see nothing else.
    let staff = format!("/admin/v1/accounts/{PARTNER}/exports");
    assert!(operator.post(&staff, &clear).await.refusal().2.contains("masked"));
    assert_eq!(operator.get(&format!("{staff}/{}/file", text(&export["export_id"]))).await.status.as_u16(), 403);
    app.write_exports().await;
    let asked = operator.post(&staff, &of("customers")).await.ok();
    app.write_exports().await;
    let target = format!("{staff}/{}", text(&asked["export_id"]));
    assert_eq!(operator.get(&target).await.ok()["status"], "done");
    assert_eq!(operator.get(&format!("{target}/file")).await.text, masked);
    let listed = operator.get(&format!("{staff}?limit=1")).await.ok();
    assert_eq!(listed["exports"][0]["export_id"], asked["export_id"]);
    let next = operator.get(&format!("{staff}?cursor={}", text(&listed["next_cursor"]))).await.ok();
    assert_eq!(next["exports"].as_array().map(Vec::len), Some(3));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_link_needs_no_key_ends_after_an_hour_and_cannot_be_made_up(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let export = app.ask_export(PARTNER, &of("customers")).await.ok();
    let links = format!("{EXPORTS}/{}/links", text(&export["export_id"]));
    let early = app.client(PARTNER).post(&links, &json!({})).await;
    assert!(early.refusal().2.contains("export_id"), "{}", early.text);
    app.write_exports().await;
    let file = app.fetch_export(PARTNER, &export).await.text;
    let call =
        async || app.client(PARTNER).call(axum::http::Method::POST, &links, &[("idempotency-key", "k")], "").await;
    let link = call().await.ok();
    assert_eq!(call().await.ok()["path"], Value::Null, "it is not kept");
    let path = text(&link["path"]).to_owned();
    let fetched = app.anonymous().get(&path).await;
    assert_eq!((fetched.status.as_u16(), &fetched.text), (200, &file));
    assert!(
        fetched
            .header("content-disposition")
            .is_some_and(|value| value.starts_with("attachment; filename=\"customers_"))
    );
    for place in [path.len() - 1, path.len() - 40, path.len() - 70, path.len() - 100] {
        let mut other = path.clone();
        let digit = if &path[place..=place] == "0" { "1" } else { "0" };
        other.replace_range(place..=place, digit);
        assert_eq!(app.anonymous().get(&other).await.refusal().0, 400, "{place}");
    }
    assert_eq!(app.anonymous().get("/partner/v1/export-files/nonsense").await.refusal().1, "CBC.0100");
    app.app.clock.set(app.app.clock.now() + Duration::minutes(61));
    assert!(app.anonymous().get(&path).await.refusal().2.contains("token"));
    assert_eq!(app.fetch_export(PARTNER, &export).await.text, file);
}
