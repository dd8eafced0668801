//! Many do different things to the same orders at once.

use super::{CUSTOMER, Stall, decimal, id};
use crate::background::due;
use crate::clock::Movement;
use crate::testing::{Answer, TestApp, all};
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::PgPool;
use std::collections::BTreeMap;
use time::Duration;

const CLIENTS: usize = 64;
const ORDERS: usize = 16;
/// How many orders each client goes through.
const ROUNDS: usize = 3;

/// What clients are told of one order.
#[derive(Default)]
struct Told {
    paid: usize,
    cancelled: usize,
}

/// One client: pays or cancels one order after the other, and finds that others do so too.
async fn client(stall: &Stall, orders: &[Value], number: usize) -> Vec<(usize, bool, Answer)> {
    let mut answers = Vec::new();
    for round in 0..ROUNDS {
        let order = (number * 5 + round * 7) % orders.len();
        let pays = (number + round).is_multiple_of(2);
        let answer = if pays { stall.pay(&orders[order]).await } else { stall.cancel(&orders[order]).await };
        answers.push((order, pays, answer));
    }
    answers
}

/// Time goes on in the midst of it, over the deadline of all orders, for a replica that has not heard of it too.
async fn pass_the_deadline(stall: &Stall, replica: &TestApp) {
    let (app, tenant) = (&stall.app.app, stall.app.world.account(CUSTOMER).tenant);
    let mut connection = stall.pool.acquire().await.expect("a connection");
    let day = Movement::AdvanceBy(Duration::hours(24));
    due::move_clock(&mut connection, &app.desk().into(), tenant, day, &app.clock).await.expect("it is moved");
    for app in [app, &replica.app] {
        app.clocks.reload(&mut *connection).await.expect("it is read");
        due::run_all(app, true).await.expect("what is due is done");
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn many_pay_cancel_and_outwait_the_same_orders_and_each_ends_in_one_way(pool: PgPool) {
    let stall = Stall::with_funds(pool.clone(), "100000").await;
    let replica = stall.app.replica(pool).await;
    let mut orders = Vec::new();
    for _ in 0..ORDERS {
        orders.push(stall.order(&Stall::server(1, false)).await);
    }
    let before = stall.balance().await;
    let clients = all((0..CLIENTS).map(|number| client(&stall, &orders, number)));
    let late = async {
        // Once the first clients have been answered.
        while stall.balance().await == before {
            tokio::task::yield_now().await;
        }
        pass_the_deadline(&stall, &replica).await;
    };
    let (answers, ()) = tokio::join!(clients, late);

    let mut told: BTreeMap<usize, Told> = BTreeMap::new();
    for (order, pays, answer) in answers.into_iter().flatten() {
        let told = told.entry(order).or_default();
        match answer.status.as_u16() {
            204 if pays => told.paid += 1,
            204 => told.cancelled += 1,
            _ => {
                let codes = if pays { &["CBC.99003106", "CBC.99003110"][..] } else { &["CBC.99005010"] };
                assert!(codes.contains(&answer.refusal().1), "{pays}: {}", answer.body);
            }
        }
    }
    let (mut spent, mut ends) = (Decimal::ZERO, BTreeMap::new());
    for (place, order) in orders.iter().enumerate() {
        let info = stall.details(order).await["order_info"].clone();
        let Told { paid, cancelled } = told.get(&place).expect("all were tried");
        let end = match (info["status"].as_i64(), paid, cancelled) {
            (Some(3), 1, 0) => "paid",
            (Some(4), 0, 1) => "cancelled",
            (Some(4), 0, 0) => "expired",
            other => panic!("{} ended as {other:?}", id(order)),
        };
        *ends.entry(end).or_insert(0) += 1;
        spent += if end == "paid" { decimal(&info["amount_after_discount"]) } else { Decimal::ZERO };
    }
    assert!(ends.contains_key("paid") && ends.contains_key("cancelled"), "{ends:?}");
    assert_eq!(stall.balance().await, before - spent);
    let steps: Vec<(String, i64)> = sqlx::query_as("select order_id, count(*) from order_events group by order_id")
        .fetch_all(&stall.pool)
        .await
        .expect("they are counted");
    assert_eq!(steps.len(), ORDERS);
    assert!(steps.iter().all(|(_, count)| *count == 2), "one way in, one way out: {steps:?}");
    stall.assert_ledger_is_right().await;
}
