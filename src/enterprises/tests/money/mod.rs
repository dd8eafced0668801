//! Money and coupons between a master account and its members, through the router, on a real database.

mod races;
mod refusals;

use super::super::model::{MemberAssociation, MemberStatus, Permission};
use super::super::store::{self, Master, NewMember};
use crate::database;
use crate::ledger::verify;
use crate::operators::store::Role;
use crate::testing::{Answer, TestApp};
use crate::values::amount::Amount;
use crate::values::time::write_instant;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::{Duration, OffsetDateTime};

pub const GIVE: &str = "/v2/enterprises/multi-accounts/transfer-amount";
pub const TAKE: &str = "/v2/enterprises/multi-accounts/retrieve-amount";
pub const GIVE_COUPON: &str = "/v2/enterprises/multi-accounts/transfer-coupon";
pub const TAKE_COUPON: &str = "/v2/enterprises/multi-accounts/retrieve-coupon";
pub const MASTER: &str = "demo-master";
pub const MEMBER: &str = "demo-member-1";
pub const SECOND: &str = "demo-member-2";
const PAY: &str = "/v3/orders/customer-orders/pay";

/// The world's master account, which buys from the vendor itself, and its two members.
pub struct Firm {
    pub app: TestApp,
    pub pool: PgPool,
}

impl Firm {
    pub async fn new(pool: PgPool) -> Self {
        let firm = Self { app: TestApp::with_prices(pool.clone()).await, pool };
        // Both members keep their finances.
        firm.sql("update coupons set frozen = true; update customers set custodian_id = null").await;
        let mut connection = firm.pool.acquire().await.expect("a connection");
        let now = firm.app.app.clock.now();
        let master = firm.master();
        let root = match store::units(&mut connection, master).await.expect("they are read").first() {
            Some(root) => root.id,
            None => store::insert_root(&mut connection, master, now).await.expect("it has none"),
        };
        for name in [MEMBER, SECOND] {
            let new = NewMember {
                id: firm.app.world.account(name).domain,
                unit: root,
                status: MemberStatus::Normal,
                association: MemberAssociation::SameLegalEntity,
                display_name: name,
                permissions: &[Permission::ShareCreditToSub],
            };
            store::insert_member(&mut connection, master, &new, now).await.expect("it is written");
        }
        firm
    }

    pub fn master(&self) -> Master {
        let account = self.app.world.account(MASTER);
        Master { tenant: account.tenant, id: account.domain }
    }

    /// Makes the master a resale customer of a partner.
    pub async fn sell_by_a_partner(&self) {
        self.sql(
            "with seller as (
                 insert into domains (tenant_id, domain_id, name, kind, created_at)
                 select tenant_id, gen_random_uuid(), 'a-seller', 'partner', created_at from domains
                 where name = 'demo-master' returning tenant_id, domain_id
             )
             update customers c set partner_id = s.domain_id, association_type = 2, associated_at = now()
             from seller s, domains d
             where d.name = 'demo-master' and c.tenant_id = d.tenant_id and c.domain_id = d.domain_id",
        )
        .await;
    }

    pub fn id(&self, account: &str) -> String {
        self.app.world.account(account).domain.to_string()
    }

    pub async fn sql(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&self.pool).await.expect(statement);
    }

    pub async fn operate(&self, target: &str, body: &Value) -> Value {
        self.app.operator(Role::Operate).await.post(target, body).await.ok()
    }

    pub async fn top_up(&self, account: &str, yuan: &str) {
        self.operate(&format!("/admin/v1/accounts/{account}/funds/top-ups"), &json!({"amount": yuan})).await;
    }

    pub async fn grant_credit(&self, account: &str, yuan: &str, expires_at: Option<OffsetDateTime>) {
        let body = json!({"amount": yuan, "expires_at": expires_at.map(write_instant)});
        self.operate(&format!("/admin/v1/accounts/{account}/funds/credits"), &body).await;
    }

    /// A coupon of the vendor's own.
    pub async fn coupon(&self, account: &str, kind: &str, yuan: &str, more: Value) -> String {
        let expires_at = write_instant(self.app.app.clock.now() + Duration::days(90));
        let mut body = json!({"kind": kind, "value": yuan, "expires_at": expires_at});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let issued = self.operate(&format!("/admin/v1/accounts/{account}/coupons"), &body).await;
        issued["coupon_id"].as_str().expect("an id").to_owned()
    }

    pub async fn send(&self, path: &str, body: &Value) -> Answer {
        self.app.client(MASTER).post(path, body).await
    }

    /// Moves cash to or from a member.
    pub async fn cash(&self, path: &str, member: &str, amount: &str, trans_id: Option<&str>) -> Answer {
        self.send(path, &json!({"customer_id": self.id(member), "amount": amount, "trans_id": trans_id})).await
    }

    pub async fn credit(&self, path: &str, amount: &str, expires_at: Option<OffsetDateTime>) -> Answer {
        let mut body = json!({"customer_id": self.id(MEMBER), "amount": amount, "balance_type": "BALANCE_TYPE_CREDIT"});
        if let Some(instant) = expires_at {
            body["expire_time"] = json!(write_instant(instant));
        }
        self.send(path, &body).await
    }

    /// A balance as its account sees it: 1 cash, 2 credit.
    pub async fn balance(&self, account: &str, kind: u8) -> Decimal {
        let answer = self.app.client(account).get("/v2/accounts/customer-accounts/balances").await.ok();
        let rows = answer["account_balances"].as_array().expect("a list");
        rows.iter().find(|row| row["account_type"] == kind).map_or(Decimal::ZERO, |row| decimal(&row["amount"]))
    }

    /// What can be moved, by the operation of this path.
    pub async fn movable(&self, path: &str, kind: &str) -> Value {
        let member = if path == TAKE { format!("&sub_customer_id={}", self.id(MEMBER)) } else { String::new() };
        self.app.client(MASTER).get(&format!("{path}?balance_type=BALANCE_TYPE_{kind}{member}")).await.ok()
    }

    pub async fn assert_ledger_is_right(&self) {
        let report = verify::all(&mut self.pool.acquire().await.expect("a connection")).await.expect("it is read");
        assert_eq!(report.wrong, Vec::<String>::new());
    }

    /// A server for a month, ordered by a member and paid with what is said.
    async fn buy(&self, with: Value) -> (Answer, Decimal) {
        let body = json!({"lines": [{"resource_type": "hws.resource.type.vm", "resource_spec": "s6.large.2.linux",
            "region": "cn-north-4", "period_type": 2, "period_num": 1}]});
        let order = self.operate(&format!("/admin/v1/accounts/{MEMBER}/orders"), &body).await;
        let mut body = json!({"order_id": order["order_id"], "use_coupon": "NO", "use_discount": "NO"});
        for (name, value) in with.as_object().expect("fields") {
            body[name] = value.clone();
        }
        (self.app.client(MEMBER).post(PAY, &body).await, decimal(&order["official_amount"]))
    }

    async fn wait(&self, by: Duration) {
        let (now, then) = (self.app.app.clock.now(), self.app.app.clock.now() + by);
        let mut connection = self.pool.acquire().await.expect("a connection");
        database::open_months(&mut connection, now.date(), then.date()).await.expect("months are opened");
        self.app.app.clock.set(then);
    }
}

pub fn decimal(value: &Value) -> Decimal {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().unwrap_or_else(|_| panic!("no number: {value}"))
}

pub fn refused(answer: &Answer) -> (u16, &str) {
    let (status, code, _) = answer.refusal();
    (status, code)
}

/// What of the state of things forbade it.
pub fn failed_check(answer: &Answer) -> &str {
    assert_eq!(refused(answer), (400, "CBC.99007004"), "{}", answer.body);
    answer.body["fail_check_items"][0].as_str().expect("a check")
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn cash_goes_to_a_member_pays_an_order_and_what_is_left_comes_back(pool: PgPool) {
    let firm = Firm::new(pool).await;
    firm.top_up(MASTER, "1000").await;
    firm.top_up(MEMBER, "7").await;
    let shown = firm.movable(GIVE, "DEBIT").await;
    assert_eq!(
        (&shown["total_count"], decimal(&shown["amount_infos"][0]["avail_transfer_amount"])),
        (&json!(1), 1000.into())
    );
    assert_eq!(firm.cash(GIVE, MEMBER, "500", None).await.status.as_u16(), 204);
    let back = async || decimal(&firm.movable(TAKE, "DEBIT").await["amount_infos"][0]["avail_retrieve_amount"]);
    assert_eq!(back().await, 500.into(), "what was the member's own stays its own");
    let (paid, price) = firm.buy(json!({})).await;
    assert_eq!(paid.status.as_u16(), 204, "{}", paid.body);
    let left = Decimal::from(507) - price;
    assert_eq!((firm.balance(MEMBER, 1).await, back().await), (left, left.min(500.into())));
    assert_eq!(
        refused(&firm.cash(TAKE, MEMBER, &(left + Decimal::new(1, 2)).to_string(), None).await).1,
        "CBC.99005003"
    );
    assert_eq!(firm.cash(TAKE, MEMBER, &back().await.to_string(), None).await.status.as_u16(), 204);
    assert_eq!(back().await, Decimal::ZERO);
    assert_eq!(refused(&firm.cash(GIVE, MEMBER, "1000", None).await), (400, "CBC.99005003"));

    let records = "/v2/accounts/customer-accounts/account-change-records?balance_type=BALANCE_TYPE_DEBIT&trade_type=";
    for (account, kind, detail, direction) in [
        (MASTER, "BEADJUST", "SOURCE_OPERATION_BEADJUST", "EXPENSE"),
        (MASTER, "BERETRIEVE", "SOURCE_OPERATION_BERETRIEVE", "REVENUE"),
        (MEMBER, "BEADJUST", "SOURCE_OPERATION_BEADJUST", "REVENUE"),
        (MEMBER, "BERETRIEVE", "SOURCE_OPERATION_BERETRIEVE", "EXPENSE"),
    ] {
        let listed = firm.app.client(account).get(&format!("{records}{kind}")).await.ok();
        let record = &listed["records"][0];
        let shown = (&listed["total_count"], &record["trade_detail_type"], &record["revenue_expense_type"]);
        assert_eq!(shown, (&json!(1), &json!(detail), &json!(direction)), "{account}");
    }
    firm.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn credit_pays_what_ends_first_first_and_is_gone_when_it_ends(pool: PgPool) {
    let firm = Firm::new(pool).await;
    let soon = firm.app.app.clock.now() + Duration::days(10);
    firm.grant_credit(MASTER, "40", Some(soon)).await;
    firm.grant_credit(MASTER, "1000", None).await;
    assert_eq!(firm.credit(GIVE, "40", Some(soon)).await.status.as_u16(), 204);
    assert_eq!(firm.credit(GIVE, "900", None).await.status.as_u16(), 204);
    let given = firm.movable(TAKE, "CREDIT").await;
    let shown = |row: &Value| (decimal(&row["avail_retrieve_amount"]), decimal(&row["credit_amount"]));
    assert_eq!((&given["total_count"], shown(&given["amount_infos"][0])), (&json!(2), (40.into(), 40.into())));
    assert_eq!(
        (shown(&given["amount_infos"][1]), given["amount_infos"][1].get("expire_time")),
        ((900.into(), 900.into()), None)
    );
    assert_eq!(firm.balance(MEMBER, 2).await, 940.into());

    let (paid, price) = firm.buy(json!({})).await;
    assert_eq!(paid.status.as_u16(), 204, "{}", paid.body);
    assert!(price > 40.into() && price < 900.into(), "{price}");
    assert_eq!(firm.balance(MEMBER, 2).await, Decimal::from(940) - price);
    let first = &firm.movable(TAKE, "CREDIT").await["amount_infos"][0];
    assert_eq!(shown(first), (Decimal::ZERO, 40.into()), "it ends first, so it has paid first");
    assert_eq!(refused(&firm.credit(TAKE, "1", Some(soon)).await).1, "CBC.99005003");

    let records = "/v2/accounts/customer-accounts/account-change-records?balance_type=BALANCE_TYPE_CREDIT&limit=2";
    let listed = firm.app.client(MEMBER).get(records).await.ok();
    assert_eq!((&listed["total_count"], &listed["records"][0]["revenue_expense_type"]), (&json!(4), &json!("EXPENSE")));
    let given = firm.app.client(MEMBER).get(&format!("{records}&trade_type=BEADJUST")).await.ok();
    assert_eq!(given["total_count"], 2);
    let granted = firm.app.client(MASTER).get(&format!("{records}&trade_type=ADJUST")).await.ok();
    assert_eq!(granted["records"][0]["trade_detail_type"], "SOURCE_OPERAIION_ADJUST_CREDIT");

    firm.grant_credit(MASTER, "8", Some(soon)).await;
    assert_eq!(firm.credit(GIVE, "8", Some(soon)).await.status.as_u16(), 204);
    assert_eq!(firm.credit(TAKE, "3", Some(soon)).await.status.as_u16(), 204);
    firm.wait(Duration::days(10)).await;
    assert_eq!(refused(&firm.credit(TAKE, "5", Some(soon)).await), (400, "CBC.99007181"));
    assert_eq!(firm.movable(TAKE, "CREDIT").await["total_count"], 1);
    assert_eq!(firm.balance(MEMBER, 2).await, Decimal::from(940) - price, "without the 5 that ended");
    firm.grant_credit(MEMBER, "7", None).await;
    assert_eq!(firm.balance(MEMBER, 2).await, Decimal::from(947) - price, "with what the vendor grants itself");
    firm.assert_ledger_is_right().await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_part_of_a_coupon_pays_an_order_and_what_is_left_comes_back(pool: PgPool) {
    let firm = Firm::new(pool).await;
    let main = firm.coupon(MASTER, "cash", "1000", json!({"name": "Test coupon"})).await;
    let list = "/v2/enterprises/multi-accounts/transfer-coupons";
    let listed = firm.app.client(MASTER).get(list).await.ok();
    let row = &listed["avail_transfer_coupons"][0];
    assert_eq!(
        (&listed["total_count"], &row["coupon_id"], &row["balance"]),
        (&json!(1), &json!(main), &json!("1000.00"))
    );
    let give = |amount: &str| json!({"customer_id": firm.id(MEMBER), "coupon_id": main, "amount": amount});
    let part = firm.send(GIVE_COUPON, &give("1000")).await.ok()["sub_coupon_id"].clone();
    assert_eq!(firm.app.client(MASTER).get(list).await.ok()["total_count"], 0, "nothing is left of it");
    assert_eq!(failed_check(&firm.send(GIVE_COUPON, &give("1")).await), "COUPON_STATUS_CAN_NOT_OPERATE");
    let held = firm.app.client(MEMBER).get("/v2/promotions/benefits/coupons?status=2").await.ok();
    let held = held["user_coupons"].as_array().expect("a list").iter().find(|one| one["coupon_id"] == part);
    let held = held.expect("it is the member's");
    assert_eq!(
        (&held["face_value"], &held["expire_time"], &held["plan_name"]),
        (&json!(1000), &row["expire_time"], &json!("Test coupon"))
    );

    let (paid, price) = firm.buy(json!({"use_coupon": "YES", "coupon_infos": [{"id": part, "type": 301}]})).await;
    assert_eq!(paid.status.as_u16(), 204, "{}", paid.body);
    let left = Amount::from(Decimal::from(1000) - price).to_string();
    let back = format!("/v2/enterprises/multi-accounts/retrieve-coupons?sub_customer_id={}", firm.id(MEMBER));
    let listed = firm.app.client(MASTER).get(&back).await.ok();
    let row = &listed["avail_retrieve_coupons"][0];
    assert_eq!((&row["coupon_id"], &row["sub_coupon_id"], &row["balance"]), (&json!(main), &part, &json!(left)));
    let take = json!({"customer_id": firm.id(MEMBER), "coupon_id": main, "sub_coupon_id": part});
    assert_eq!(firm.send(TAKE_COUPON, &take).await.ok()["real_retrieve_amout"], json!(left));
    assert_eq!(failed_check(&firm.send(TAKE_COUPON, &take).await), "COUPON_STATUS_CAN_NOT_OPERATE");
    assert_eq!(firm.app.client(MASTER).get(list).await.ok()["avail_transfer_coupons"][0]["balance"], json!(left));
    assert_eq!(firm.app.client(MASTER).get(&back).await.ok()["total_count"], 0);

    let records =
        "/v2/promotions/benefits/account-change-records?balance_type=BALANCE_TYPE_COUPON&trade_type=COUPONADJUST";
    for (account, expected) in [(MASTER, ["REVENUE", "EXPENSE"]), (MEMBER, ["EXPENSE", "REVENUE"])] {
        let listed = firm.app.client(account).get(records).await.ok();
        let directions: Vec<&Value> =
            listed["records"].as_array().expect("a list").iter().map(|row| &row["revenue_expense_type"]).collect();
        assert_eq!(directions, expected, "{account}");
        let details = [0, 1].map(|place| &listed["records"][place]["trade_detail_type"]);
        assert_eq!(details, ["SOURCE_OPERATION_RETRIEVE", "SOURCE_OPERATION_TRANSFER"]);
    }
    firm.assert_ledger_is_right().await;
}
