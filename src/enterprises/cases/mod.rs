//! The worked cases of enterprises: each row of `enterprise.csv`, through the router. They follow each other in one enterprise.

use super::tests::money::{Firm, GIVE, GIVE_COUPON, MASTER, MEMBER, TAKE, TAKE_COUPON, decimal};
use crate::coupons::model::coupon_purse;
use crate::ledger::{self, Posting, Purse, TransferKind};
use crate::testing::Answer;
use crate::values::amount::Amount;
use crate::values::id::CouponId;
use crate::values::money::Currency;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;
use uuid::Uuid;

const CASES: &str = include_str!("enterprise.csv");

#[derive(serde::Deserialize)]
struct Case {
    id: String,
    inputs: String,
    expected: String,
}

fn text(number: Decimal) -> Value {
    json!(Amount::from(number).to_string())
}

/// Status and code, as the table writes them.
fn shown(answer: &Answer) -> Value {
    let status = answer.status.as_u16();
    if status < 400 { json!(status) } else { json!(format!("{status} {}", answer.refusal().1)) }
}

fn refused(answer: &Answer) -> Value {
    json!({"http": answer.status.as_u16(), "code": answer.refusal().1})
}

impl Firm {
    async fn came(&self, id: &str, inputs: &Value) -> Value {
        let text_of = |name: &str| inputs[name].as_str().expect("a text");
        let end = self.app.app.clock.now().replace_nanosecond(0).expect("a second") + Duration::days(30);
        match id {
            "E01" => {
                self.top_up(MASTER, text_of("balance")).await;
                let once = async || shown(&self.cash(GIVE, MEMBER, text_of("amount"), Some("E01")).await);
                let (first, second) = (once().await, once().await);
                let (master, member) = (self.balance(MASTER, 1).await, self.balance(MEMBER, 1).await);
                json!({"first": first, "second": second, "master": text(master), "member": text(member)})
            }
            "E02" => {
                self.grant_credit(MASTER, "40", Some(end)).await;
                self.grant_credit(MASTER, "60", None).await;
                self.credit(GIVE, text_of("amount"), None).await.ok();
                let left = self.movable(GIVE, "CREDIT").await;
                let of = |place: usize| decimal(&left["amount_infos"][place]["amount"]).to_string();
                json!({"master": {"A": of(0), "none": of(1)}})
            }
            "E03" => {
                let left = self.movable(GIVE, "CREDIT").await;
                let a = left["amount_infos"][0]["expire_time"].as_str().expect("it ends");
                let a = crate::values::time::parse_instant(a).expect("an instant");
                refused(&self.credit(GIVE, "1", Some(a + Duration::SECOND)).await)
            }
            "E04" => {
                assert_eq!(self.balance(MEMBER, 2).await, text_of("balance").parse().expect("a number"));
                let mut came = refused(&self.credit(TAKE, text_of("amount"), None).await);
                came["member"] = text(self.balance(MEMBER, 2).await);
                came
            }
            "E05" => self.split(inputs).await,
            "E06" => {
                let mut all = Vec::new();
                for amount in ["1.001", "0", "-1", "abc"] {
                    for path in [GIVE, TAKE, GIVE_COUPON] {
                        let body = json!({"customer_id": self.id(MEMBER), "amount": amount, "coupon_id": ""});
                        all.push(refused(&self.send(path, &body).await));
                    }
                }
                assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
                all.swap_remove(0)
            }
            other => panic!("no such case: {other}"),
        }
    }

    async fn split(&self, inputs: &Value) -> Value {
        let text_of = |name: &str| inputs[name].as_str().expect("a text");
        let main = self.coupon(MASTER, "cash", text_of("coupon"), json!({})).await;
        let member = self.id(MEMBER);
        let claim = json!({"customer_id": member, "coupon_id": main, "amount": text_of("claim")});
        let part = self.send(GIVE_COUPON, &claim).await.ok()["sub_coupon_id"].clone();
        // As if it had paid so much of an order.
        let (tenant, now) = (self.master().tenant, self.app.app.clock.now());
        let id = CouponId(Uuid::try_parse(part.as_str().expect("an id")).expect("an id"));
        let posting = Posting {
            kind: TransferKind::CouponSubscribe,
            from: coupon_purse(tenant, id, Currency::Cny),
            to: Purse::vendor(tenant, Currency::Cny),
            amount: text_of("used").parse().expect("a number"),
            customer: None,
            reference: String::new(),
            memo: String::new(),
            user: None,
        };
        let mut connection = self.app.app.database.tenant(tenant).await.expect("a connection");
        ledger::post(&mut connection, tenant, &[posting], now).await.expect("it is there");
        drop(connection);
        let back = json!({"customer_id": member, "coupon_id": main, "sub_coupon_id": part});
        let back = self.send(TAKE_COUPON, &back).await.ok();
        let list = self.app.client(MASTER).get("/v2/enterprises/multi-accounts/transfer-coupons").await.ok();
        let left = list["avail_transfer_coupons"].as_array().expect("a list").iter();
        let left = left.clone().find(|one| one["coupon_id"] == json!(main)).expect("something is left");
        json!({"real_retrieve_amout": back["real_retrieve_amout"], "main": left["balance"]})
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn each_case_comes_out_as_it_was_worked(pool: PgPool) {
    let firm = Firm::new(pool).await;
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(CASES.as_bytes());
    let mut ids = Vec::new();
    for case in reader.deserialize() {
        let case: Case = case.expect("a row");
        let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let came = firm.came(&case.id, &read(&case.inputs)).await;
        for (name, wanted) in read(&case.expected).as_object().expect("fields") {
            assert_eq!(&came[name], wanted, "{}: {name}", case.id);
        }
        ids.push(case.id);
    }
    assert_eq!(ids, ["E01", "E02", "E03", "E04", "E05", "E06"]);
}
