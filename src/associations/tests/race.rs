//! Masters and members at the same time.

use super::{House, KEPT, MASTER};
use crate::orders::tests::decimal;
use crate::testing::all;
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::PgPool;

/// The master pays and cancels, the member cancels, all at once: each order ends in one way, and the master has less by what it
/// paid.
#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn master_and_member_race_and_each_order_ends_in_one_way(pool: PgPool) {
    let house = House::new(pool, "100000").await;
    let mut orders = Vec::new();
    for _ in 0..8 {
        orders.push(house.order(KEPT, false).await);
    }
    let before = house.cash(MASTER).await;
    let statuses = all(orders.iter().flat_map(|order| (0..3).map(move |turn| (order, turn))).map(
        async |(order, turn)| match turn {
            0 => house.pay(MASTER, order, None).await.status.as_u16(),
            1 => house.cancel(MASTER, order).await.status.as_u16(),
            _ => house.cancel(KEPT, order).await.status.as_u16(),
        },
    ))
    .await;
    assert!(statuses.iter().all(|status| matches!(status, 204 | 400)), "{statuses:?}");
    let mut paid = Decimal::ZERO;
    for order in &orders {
        let events = house.events(order).await;
        assert_eq!(events.len(), 3, "{events:?}");
        if events[2] == "master_paid" {
            paid += decimal(&order["official_amount"]);
        }
    }
    assert_eq!(house.cash(MASTER).await, before - paid);
    house.assert_all_is_right().await;
}

/// Members order at the master's expense while it gives them money and takes it back: nobody waits for ever, and nothing is lost.
#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_master_pays_and_moves_money_at_the_same_time(pool: PgPool) {
    let house = House::new(pool, "100000").await;
    let give = json!({"customer_id": house.id(KEPT), "amount": "1"});
    let moved = all((0..24).map(async |turn| match turn % 3 {
        0 => decimal(&house.order(KEPT, true).await["amount_after_discount"]),
        1 => {
            let path = "/v2/enterprises/multi-accounts/transfer-amount";
            let answer = house.stall.app.client(MASTER).post(path, &give).await;
            if answer.status.is_success() { Decimal::ONE } else { Decimal::ZERO }
        }
        _ => decimal(&house.order(MASTER, true).await["amount_after_discount"]),
    }))
    .await;
    let sum: Decimal = moved.iter().sum();
    assert_eq!(house.cash(MASTER).await, Decimal::from(100_000) - sum);
    house.assert_all_is_right().await;
}
