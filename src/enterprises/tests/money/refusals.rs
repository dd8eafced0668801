//! What cannot be moved, and why.

use super::{Firm, GIVE, GIVE_COUPON, MASTER, MEMBER, SECOND, TAKE, TAKE_COUPON, failed_check, refused};
use crate::customers::model::AssociationType;
use crate::enterprises::funds::forbids_giving;
use crate::enterprises::refusal::Check;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_cannot_be_moved_is_refused_and_says_why(pool: PgPool) {
    let firm = Firm::new(pool).await;
    firm.top_up(MASTER, "100").await;
    // Nobody's, a sibling under the same partner's roof, another's, and no account at all.
    for (member, code) in [
        (firm.id("demo-customer"), "CBC.7001"),
        (firm.id(MASTER), "CBC.7001"),
        (uuid::Uuid::from_u128(7).simple().to_string(), "CBC.7001"),
        ("none".to_owned(), "CBC.99000047"),
    ] {
        for path in [GIVE, TAKE] {
            let answer = firm.send(path, &json!({"customer_id": member, "amount": "1"})).await;
            assert_eq!(answer.refusal().1, code, "{path} {member}");
        }
        let listed = format!("{TAKE}?balance_type=BALANCE_TYPE_DEBIT&sub_customer_id={member}");
        assert_eq!(refused(&firm.app.client(MASTER).get(&listed).await), (400, "CBC.99000047"));
    }
    for caller in [MEMBER, "demo-customer", "other-partner"] {
        let body = json!({"customer_id": firm.id(MEMBER), "amount": "1"});
        assert_eq!(refused(&firm.app.client(caller).post(GIVE, &body).await), (403, "CBC.0151"), "{caller}");
    }
    let with = |field: &str, value: Value| {
        let mut body = json!({"customer_id": firm.id(MEMBER), "amount": "1"});
        body[field] = value;
        body
    };
    for (field, value) in [("balance_type", ""), ("expire_time", ""), ("trans_id", &"1".repeat(33)), ("amount", "")] {
        let answer = firm.send(GIVE, &with(field, json!(value))).await;
        assert!(answer.refusal().1 == "CBC.0100" && answer.refusal().2.contains(field), "{}", answer.body);
    }
    assert_eq!(refused(&firm.credit(GIVE, "1", None).await), (400, "CBC.99000047"), "it has no credit");
    let end = firm.app.app.clock.now() + Duration::days(1);
    firm.grant_credit(MASTER, "10", Some(end)).await;
    let without = firm.credit(GIVE, "1", None).await;
    assert!(without.refusal().1 == "CBC.0100" && without.refusal().2.contains("expire_time"), "{}", without.body);

    let usual = firm.coupon(MASTER, "cash", "10", json!({})).await;
    let once = firm.coupon(MASTER, "cash", "10", json!({"limits": {"usageTimes": ["1"]}})).await;
    let flexi = firm.coupon(MASTER, "flexi", "10", json!({})).await;
    let others = firm.coupon("demo-customer", "cash", "10", json!({})).await;
    let give = async |coupon: &str, amount: &str| {
        firm.send(GIVE_COUPON, &json!({"customer_id": firm.id(MEMBER), "coupon_id": coupon, "amount": amount})).await
    };
    assert_eq!(failed_check(&give(&flexi, "1").await), "ONLY_CASH_COUPON_CAN_TRANSFER");
    assert_eq!(failed_check(&give(&once, "1").await), "COUPON_TRANS_ONE_TIME");
    assert_eq!(refused(&give(&usual, "10.01").await), (400, "CBC.99005003"));
    for coupon in [others.as_str(), "none"] {
        let answer = give(coupon, "1").await;
        assert!(answer.refusal().1 == "CBC.0100" && answer.refusal().2.contains("coupon_id"), "{}", answer.body);
    }
    let part = give(&usual, "1").await.ok()["sub_coupon_id"].clone();
    for (main, part) in [(&once, part.clone()), (&usual, json!(usual)), (&usual, json!("none"))] {
        let body = json!({"customer_id": firm.id(MEMBER), "coupon_id": main, "sub_coupon_id": part});
        let answer = firm.send(TAKE_COUPON, &body).await;
        assert!(answer.refusal().1 == "CBC.0100" && answer.refusal().2.contains("sub_coupon_id"), "{}", answer.body);
    }
    let elsewhere = json!({"customer_id": firm.id(SECOND), "coupon_id": usual, "sub_coupon_id": part});
    assert_eq!(refused(&firm.send(TAKE_COUPON, &elsewhere).await), (400, "CBC.0100"), "it is another member's");
    firm.sql("update coupons set frozen = true where main_id is not null").await;
    let frozen = json!({"customer_id": firm.id(MEMBER), "coupon_id": usual, "sub_coupon_id": part});
    assert_eq!(failed_check(&firm.send(TAKE_COUPON, &frozen).await), "COUPON_STATUS_CAN_NOT_OPERATE");
    firm.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn how_a_member_stands_forbids_to_move_credit_or_to_take_anything_back(pool: PgPool) {
    let firm = Firm::new(pool).await;
    firm.top_up(MASTER, "100").await;
    firm.grant_credit(MASTER, "10", None).await;
    assert_eq!(firm.credit(GIVE, "4", None).await.status.as_u16(), 204);
    firm.sql("update enterprise_members set permissions = '{READ_FINANCE_INFO}'").await;
    for path in [GIVE, TAKE] {
        assert_eq!(failed_check(&firm.credit(path, "1", None).await), "NO_SHARE_CREDIT_TO_SUB_PERMISSION", "{path}");
    }
    firm.sql("update enterprise_members set permissions = '{SHARE-CREDIT-TO-SUB}'").await;
    firm.grant_credit(MEMBER, "1", None).await;
    assert_eq!(failed_check(&firm.credit(GIVE, "1", None).await), "SUB_CUSTOMER_NO_OWN_CREDIT");
    firm.sql(
        "insert into debtors (tenant_id, domain_id, currency, owed)
         select tenant_id, domain_id, 'CNY', 1 from domains where name = 'demo-member-1'",
    )
    .await;
    assert_eq!(failed_check(&firm.credit(GIVE, "1", None).await), "SUB_CUSTOMER_OVERDUE_BILL");
    assert_eq!(firm.credit(TAKE, "4", None).await.status.as_u16(), 204, "it can be taken back all the same");
    let coupon = firm.coupon(MASTER, "cash", "10", json!({})).await;
    let give = json!({"customer_id": firm.id(MEMBER), "coupon_id": coupon, "amount": "1"});
    let part = firm.send(GIVE_COUPON, &give).await.ok()["sub_coupon_id"].clone();
    assert_eq!(firm.cash(GIVE, MEMBER, "1", None).await.status.as_u16(), 204);
    firm.sql(
        "update customers c set custodian_id = m.master_id from enterprise_members m where m.domain_id = c.domain_id",
    )
    .await;
    assert_eq!(failed_check(&firm.cash(TAKE, MEMBER, "1", None).await), "NO_RETRIEVE_FOR_FC_SUBACCOUNT");
    let take = json!({"customer_id": firm.id(MEMBER), "coupon_id": coupon, "sub_coupon_id": part});
    assert_eq!(failed_check(&firm.send(TAKE_COUPON, &take).await), "NO_RETRIEVE_FOR_FC_SUBACCOUNT");
    firm.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_resale_customers_cash_is_not_given_but_its_credit_is(pool: PgPool) {
    let firm = Firm::new(pool).await;
    firm.top_up(MASTER, "100").await;
    firm.grant_credit(MASTER, "10", None).await;
    firm.sell_by_a_partner().await;
    assert_eq!(failed_check(&firm.cash(GIVE, MEMBER, "1", None).await), "PRI_PAID_BP_SUB_CUST_NOT_TRANS_DEBIT");
    assert_eq!(firm.movable(GIVE, "DEBIT").await["amount_infos"][0]["avail_transfer_amount"], 0);
    assert_eq!(firm.credit(GIVE, "10", None).await.status.as_u16(), 204);
    let mut connection = firm.pool.acquire().await.expect("a connection");
    let reseller = firm.app.world.account("demo-reseller");
    for (association, expected) in
        [(AssociationType::Resale, Some(Check::NotOfAReseller)), (AssociationType::Referral, None)]
    {
        let whose = (Some(association), Some(reseller.domain));
        let found = forbids_giving(&mut connection, reseller.tenant, whose).await;
        assert_eq!(found.expect("it is read"), expected);
    }
}
