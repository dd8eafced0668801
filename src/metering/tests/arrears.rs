//! What becomes of a customer's resources while nobody pays for its use.

use super::{CUSTOMER, Stall, decimal, full_hour, hours};
use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;

/// How the vendor numbers what resources that are paid by use are.
const RUNNING: i64 = 1;
const GRACE: i64 = 2;
const FREEZING: i64 = 3;
const CLOSED: i64 = 6;

impl Stall {
    /// A server of a customer of level V3 is used for more than it has.
    async fn in_arrears(pool: PgPool) -> Self {
        let stall = Self::with_funds(pool, "0.05").await;
        stall.sql("update customers set level = 'V3'").await;
        stall.open_server("server").await;
        stall.report(hours("server", full_hour(stall.now()) - Duration::hours(3), 2)).await;
        stall.wait(Duration::MINUTE).await;
        stall
    }

    /// How its partner sees the server.
    async fn server_status(&self) -> i64 {
        let body = json!({"customer_id": self.app.world.account(CUSTOMER).domain, "resource_ids": ["server"]});
        let partner = self.app.client("demo-partner");
        let seen = partner.post("/v2/partners/sub-customers/on-demand-resources/query", &body).await.ok();
        seen["resources"][0]["status"].as_i64().unwrap_or_else(|| panic!("no status in {seen}"))
    }

    /// What its partner was told of its arrears: the stage, and whether something comes after it.
    async fn stages(&self) -> Vec<(String, bool)> {
        let events = self.app.client("demo-partner").get("/partner/v1/events?after=0&kind=customer.arrears").await.ok();
        let told = |event: &Value| {
            let data = &event["data"];
            (data["stage"].as_str().expect("a stage").to_owned(), !data["next_at"].is_null())
        };
        events["events"].as_array().expect("events").iter().map(told).collect()
    }

    async fn top_up(&self) {
        let body = json!({"customer_id": self.app.world.account(CUSTOMER).domain, "amount": "100"});
        self.app.client("demo-partner").post("/v2/accounts/partner-accounts/adjust-amount", &body).await.ok();
        self.wait(Duration::SECOND).await;
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_server_whose_use_is_not_paid_is_frozen_then_closed(pool: PgPool) {
    let stall = Stall::in_arrears(pool.clone()).await;
    assert_eq!(stall.server_status().await, GRACE);
    stall.wait(Duration::hours(23)).await;
    assert_eq!(stall.server_status().await, GRACE);
    stall.wait(Duration::HOUR).await;
    assert_eq!(stall.server_status().await, FREEZING);
    stall.wait(Duration::days(7)).await;
    assert_eq!(stall.server_status().await, CLOSED);

    // What is paid later brings it not back, but something new can be opened again.
    stall.top_up().await;
    assert_eq!(stall.server_status().await, CLOSED);
    let stages = [("grace", true), ("retention", true), ("closed", false), ("settled", false)];
    assert_eq!(stall.stages().await, stages.map(|(stage, goes_on)| (stage.to_owned(), goes_on)));
    stall.open_server("another").await;
    stall.assert_bills_are_right(&pool).await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn once_everything_is_paid_the_server_runs_again(pool: PgPool) {
    let stall = Stall::in_arrears(pool.clone()).await;
    stall.wait(Duration::days(1)).await;
    assert_eq!(stall.server_status().await, FREEZING);
    let body =
        json!({"resource_type": "hws.resource.type.vm", "resource_spec": "s6.large.2.linux", "region": "cn-north-4"});
    let target = format!("/admin/v1/accounts/{CUSTOMER}/on-demand-resources");
    let (status, code, message) = {
        let answer = stall.operate(Method::POST, &target, &body).await;
        let (status, code, message) = answer.refusal();
        (status, code.to_owned(), message.to_owned())
    };
    assert_eq!((status, code.as_str()), (400, "CBC.0100"), "{message}");
    assert!(message.contains("owes"), "{message}");

    stall.top_up().await;
    assert_eq!(stall.server_status().await, RUNNING);
    stall.wait(Duration::days(30)).await;
    assert_eq!(stall.server_status().await, RUNNING);
    assert_eq!(stall.stages().await.last(), Some(&("settled".to_owned(), false)));
    stall.assert_bills_are_right(&pool).await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_is_owed_and_who_is_in_arrears_are_the_same_customers(pool: PgPool) {
    let stall = Stall::in_arrears(pool.clone()).await;
    stall.assert_bills_are_right(&pool).await;
    sqlx::raw_sql("delete from arrears").execute(&pool).await.expect("it is deleted");
    let report = super::verify::all(&mut pool.acquire().await.expect("a connection")).await.expect("it is read");
    assert!(report.wrong.iter().any(|line| line.contains("arrears")), "{:?}", report.wrong);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn usage_is_taken_from_a_sheet(pool: PgPool) {
    let stall = Stall::with_funds(pool.clone(), "100").await;
    stall.open_server("server").await;
    let from = full_hour(stall.now()) - Duration::hours(3);
    let (first, then) = [from, from + Duration::HOUR].map(crate::values::time::write_instant).into();
    let until = crate::values::time::write_instant(from + Duration::hours(2));
    let header = "record_id,resource_id,usage_type,quantity,measure_id,scenario,from,until";
    let target = format!("/admin/v1/accounts/{CUSTOMER}/usage/sheet");
    let import = async |lines: &str| {
        let operator = stall.app.operator(crate::operators::store::Role::Operate).await;
        let sheet = format!("{header}\n{lines}");
        operator.call(Method::POST, &target, &[("content-type", "text/csv")], &sheet).await
    };
    let good = format!("a,server,Duration,3600,6,,{first},{then}\nb,server,Duration,-1,6,,{then},{until}\n");
    let report = import(&good).await.ok();
    assert_eq!((&report["taken"], &report["refused"][0]["record_id"]), (&json!(1), &json!("b")), "{report}");
    assert_eq!(import(&good).await.ok()["repeated"], 1);
    let unreadable = import(&format!("c,server,Duration,much,6,,{then},{until}\n")).await;
    let (status, code, message) = unreadable.refusal();
    assert_eq!((status, code), (400, "CBC.0100"));
    assert!(message.contains("row 2, quantity: must be a number"), "{message}");
    assert_eq!(import("").await.status.as_u16(), 400);

    stall.wait(Duration::MINUTE).await;
    assert_eq!(stall.balance().await, decimal(&json!("100")) - stall.hourly().await);
}
