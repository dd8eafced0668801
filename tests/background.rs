//! What happens by itself, with panics where nobody expects them: tasks and the ledger's writers are started again, and
//! nothing is lost or doubled.

use axum::http::Method;
use bss_gateway::background::tasks;
use bss_gateway::ledger::{verify, writer};
use bss_gateway::testing::{Answer, TestApp};
use futures_util::stream::{self, StreamExt};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::cell::Cell;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

const ALLOCATE: &str = "/v2/accounts/partner-accounts/adjust-amount";

async fn readiness(app: &TestApp) -> (u16, Value) {
    let answer = app.anonymous().get("/readyz").await;
    (answer.status.as_u16(), answer.body)
}

async fn wait_for(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited ten seconds in vain: {what}");
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_task_that_panics_is_named_until_it_runs_again(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let running: Vec<_> =
        tasks::all(&app.app).into_iter().map(|task| tokio::spawn(task.supervise(app.app.health.clone()))).collect();
    wait_for("ready", async || readiness(&app).await.0 == 200).await;
    for task in ["due", "looks", "announcements", "deliveries"] {
        app.app.health.doom(task);
        wait_for("unready", async || readiness(&app).await.1["tasks"] == format!("down: {task}")).await;
        assert_eq!(readiness(&app).await.0, 503);
        wait_for("ready again", async || readiness(&app).await.0 == 200).await;
    }
    for task in running {
        task.abort();
    }
}

/// Asks until it is answered, as a client with a key may.
async fn persist(app: &TestApp, key: &str, body: &str) -> (Answer, u32) {
    for refused in 0.. {
        let answer = app.client("demo-partner");
        let answer = answer.call(Method::POST, ALLOCATE, &[("idempotency-key", key)], body).await;
        match answer.status.as_u16() {
            200 => return (answer, refused),
            503 => assert_eq!(answer.header("retry-after"), Some("1")),
            other => panic!("{other}: {}", answer.body),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    unreachable!("it is tried for ever")
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn writers_that_panic_lose_and_double_nothing(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let customer = app.world.account("demo-customer").domain;
    let health = &app.app.health;
    let deaths = Cell::new(0);
    let killer = async {
        loop {
            // Before the transaction, and between its commit and the answers.
            health.doom(if deaths.get() % 2 == 0 { writer::TASK } else { writer::TASK_TOLD });
            wait_for("a writer is down", async || !health.down().is_empty()).await;
            deaths.set(deaths.get() + 1);
            wait_for("it is up again", async || health.down().is_empty()).await;
        }
    };
    let (count, start) = (300, Instant::now());
    let clients = stream::iter(0..count).map(|number| {
        let body = json!({ "customer_id": customer, "amount": "1.01" }).to_string();
        let app = &app;
        async move {
            sleep_until(start + Duration::from_millis(number * 25)).await;
            persist(app, &format!("key-{number}"), &body).await.1
        }
    });
    let refused: Vec<u32> = tokio::select! {
        refused = clients.buffer_unordered(300).collect() => refused,
        () = killer => unreachable!("it goes on for ever"),
    };
    assert!(deaths.get() >= 3, "a writer died {} times only", deaths.get());
    assert!(refused.iter().sum::<u32>() > 0, "some were in the hands of a writer that died");
    let held: Decimal = sqlx::query_scalar("select balance from accounts where owner_id = $1 and kind = 'allocated'")
        .bind(customer.0)
        .fetch_one(&pool)
        .await
        .expect("it answers");
    assert_eq!(held, Decimal::new(101, 2) * Decimal::from(count), "each once");
    let report = verify::all(&mut pool.acquire().await.expect("a connection")).await.expect("the proof runs");
    assert_eq!(report.wrong, Vec::<String>::new());
}
