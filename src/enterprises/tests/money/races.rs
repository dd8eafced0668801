//! Many at once, over two replicas: each number moves something once, and nothing is lost.

use super::{Firm, GIVE, GIVE_COUPON, MASTER, MEMBER, SECOND, TAKE, TAKE_COUPON, refused};
use crate::enterprises::money_store;
use crate::testing::all;
use axum::http::Method;
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::PgPool;

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn one_number_moves_something_once_whatever_it_moves_and_however_many_send_it(pool: PgPool) {
    let firm = Firm::new(pool.clone()).await;
    let replica = firm.app.replica(pool).await;
    firm.top_up(MASTER, "1000").await;
    let body = json!({"customer_id": firm.id(MEMBER), "amount": "10", "trans_id": "once"});
    let send = async |number: usize| {
        let app = if number.is_multiple_of(2) { &firm.app } else { &replica };
        app.client(MASTER).post(GIVE, &body).await
    };
    let answers = all((0..64).map(send)).await;
    let done = answers.iter().filter(|answer| answer.status.as_u16() == 204).count();
    assert_eq!(done, 1);
    for answer in answers.iter().filter(|answer| answer.status.as_u16() != 204) {
        assert_eq!(refused(answer), (400, "CBC.99007009"));
    }
    assert_eq!((firm.balance(MASTER, 1).await, firm.balance(MEMBER, 1).await), (990.into(), 10.into()));
    // One space for all four operations.
    let coupon = firm.coupon(MASTER, "cash", "10", json!({})).await;
    let claim =
        |number: &str| json!({"customer_id": firm.id(MEMBER), "coupon_id": coupon, "amount": "1", "trans_id": number});
    assert_eq!(refused(&firm.cash(TAKE, MEMBER, "1", Some("once")).await), (400, "CBC.99007009"));
    assert_eq!(refused(&firm.send(GIVE_COUPON, &claim("once")).await), (400, "CBC.99007009"));
    let part = firm.send(GIVE_COUPON, &claim("coupon")).await.ok()["sub_coupon_id"].clone();
    let back = |number: &str| json!({"customer_id": firm.id(MEMBER), "coupon_id": coupon, "sub_coupon_id": part, "trans_id": number});
    assert_eq!(refused(&firm.send(TAKE_COUPON, &back("coupon")).await), (400, "CBC.99007009"));
    // What was refused or only tried has used no number, and without a number each is new.
    assert_eq!(refused(&firm.cash(GIVE, MEMBER, "10000", Some("later")).await).1, "CBC.99005003");
    let tried = json!({"customer_id": firm.id(MEMBER), "amount": "1", "trans_id": "later"}).to_string();
    let tried = firm.app.client(MASTER).call(Method::POST, GIVE, &[("x-dry-run", "true")], &tried).await;
    assert_eq!(tried.status.as_u16(), 204);
    assert_eq!(firm.cash(GIVE, MEMBER, "1", Some("later")).await.status.as_u16(), 204);
    for empty in [None, Some(""), None, Some("")] {
        assert_eq!(firm.cash(GIVE, MEMBER, "1", empty).await.status.as_u16(), 204);
    }
    // A repeat under its key gets the first answer, not a refusal of the number.
    let keyed = json!({"customer_id": firm.id(MEMBER), "amount": "1", "trans_id": "keyed"}).to_string();
    for _ in 0..2 {
        let answer = firm.app.client(MASTER).call(Method::POST, GIVE, &[("idempotency-key", "k")], &keyed).await;
        assert_eq!(answer.status.as_u16(), 204, "{}", answer.body);
    }
    assert_eq!(firm.balance(MEMBER, 1).await, 16.into());
    firm.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_master_moves_one_thing_at_a_time_and_nothing_is_lost(pool: PgPool) {
    let firm = Firm::new(pool.clone()).await;
    let replica = firm.app.replica(pool).await;
    firm.top_up(MASTER, "100").await;
    for member in [MEMBER, SECOND] {
        assert_eq!(firm.cash(GIVE, member, "20", None).await.status.as_u16(), 204);
    }
    let send = async |number: usize| {
        let app = if number.is_multiple_of(2) { &firm.app } else { &replica };
        let (path, amount) = if number % 4 < 2 { (GIVE, 3) } else { (TAKE, 2) };
        let member = if number.is_multiple_of(3) { MEMBER } else { SECOND };
        let body = json!({"customer_id": firm.id(member), "amount": amount.to_string()});
        let answer = app.client(MASTER).post(path, &body).await;
        if answer.status.as_u16() == 204 {
            return if path == GIVE { amount } else { -amount };
        }
        assert!([(400, "CBC.99007461"), (400, "CBC.99005003")].contains(&refused(&answer)), "{}", answer.body);
        0
    };
    let moved: i64 = all((0..80).map(send)).await.into_iter().sum();
    let members = firm.balance(MEMBER, 1).await + firm.balance(SECOND, 1).await;
    assert_eq!(members, Decimal::from(40 + moved));
    assert_eq!(firm.balance(MASTER, 1).await + members, 100.into());
    firm.assert_ledger_is_right().await;

    // While one is under way the next is refused at once, and does nothing.
    let mut elsewhere = firm.pool.begin().await.expect("a transaction");
    assert!(money_store::take_turn(&mut elsewhere, firm.master()).await.expect("it is asked"));
    assert_eq!(refused(&firm.cash(GIVE, MEMBER, "1", Some("x")).await), (400, "CBC.99007461"));
    elsewhere.rollback().await.expect("it ends");
    assert_eq!(firm.cash(GIVE, MEMBER, "1", Some("x")).await.status.as_u16(), 204);
}
