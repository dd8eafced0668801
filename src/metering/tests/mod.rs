//! Usage through the operators' API, the clock and the lists of bills, on a real database.

mod arrears;

use super::model::full_hour;
use super::{settlement, verify};
use crate::orders::tests::{CUSTOMER, Stall, decimal};
use crate::values::time::{Day, Month, write_instant};
use axum::http::Method;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};
use sqlx::PgPool;
use time::{Duration, OffsetDateTime};

const FEES: &str = "/v2/bills/customer-bills/fee-records";
const RECORDS: &str = "/v2/bills/customer-bills/res-fee-records";
const DETAILS: &str = "/v2/bills/customer-bills/res-records/query";
/// So many seconds of each hour, so that something is cut off below a cent.
const USED: i64 = 1_000;
const SUM: &str = "/v2/bills/customer-bills/monthly-sum";

impl Stall {
    fn now(&self) -> OffsetDateTime {
        self.app.app.clock.now()
    }

    /// Opens a server that is paid by use.
    async fn open_server(&self, id: &str) {
        let body = json!({"resource_id": id, "name": "web", "resource_type": "hws.resource.type.vm",
                          "resource_spec": "s6.large.2.linux", "region": "cn-north-4"});
        self.operate(Method::POST, &format!("/admin/v1/accounts/{CUSTOMER}/on-demand-resources"), &body).await.ok();
    }

    /// Reports usage.
    async fn report(&self, records: Value) -> Value {
        let body = json!({"records": records});
        self.operate(Method::POST, &format!("/admin/v1/accounts/{CUSTOMER}/usage"), &body).await.ok()
    }

    async fn assert_bills_are_right(&self, pool: &PgPool) {
        let report = verify::all(&mut pool.acquire().await.expect("a connection")).await.expect("it is read");
        assert_eq!(report.wrong, Vec::<String>::new());
        self.assert_ledger_is_right().await;
    }

    /// What an hour costs of which so much is used, in eight digits.
    async fn used_hourly(&self) -> Decimal {
        let exact = self.hourly().await * Decimal::from(USED) / Decimal::from(3600);
        exact.round_dp_with_strategy(8, RoundingStrategy::ToZero)
    }

    /// What an hour of the server costs.
    async fn hourly(&self) -> Decimal {
        let quote = json!({"project_id": "any", "product_infos": [{"id": "1", "cloud_service_type": "hws.service.type.ec2",
            "resource_type": "hws.resource.type.vm", "resource_spec": "s6.large.2.linux", "region": "cn-north-4",
            "usage_factor": "Duration", "usage_value": 1, "usage_measure_id": 4, "subscription_num": 1}],
            "inquiry_precision": 1});
        let quoted = self.app.client(CUSTOMER).post("/v2/bills/ratings/on-demand-resources", &quote).await.ok();
        decimal(&quoted["official_website_amount"])
    }
}

fn hours(server: &str, from: OffsetDateTime, count: i64) -> Value {
    let record = |hour: i64| {
        let from = from + Duration::hours(hour);
        json!({"record_id": format!("{server}-{hour}-{}", from.unix_timestamp()), "resource_id": server,
               "usage_type": "Duration", "quantity": USED, "measure_id": 6, "from": write_instant(from),
               "until": write_instant(from + Duration::HOUR)})
    };
    (0..count).map(record).collect()
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn an_hour_of_use_is_charged_once_and_stands_in_every_list(pool: PgPool) {
    let stall = Stall::with_funds(pool.clone(), "100").await;
    stall.open_server("server").await;
    // Before it was somebody's customer it was none of that partner's business.
    stall.wait(Duration::hours(3)).await;
    let (from, hourly) = (full_hour(stall.now()) - Duration::HOUR, stall.used_hourly().await);
    let report = stall.report(hours("server", from, 1)).await;
    assert_eq!((&report["taken"], &report["aside"], &report["refused"]), (&json!(1), &json!([]), &json!([])));
    let again = stall.report(hours("server", from, 1)).await;
    assert_eq!((&again["taken"], &again["repeated"]), (&json!(0), &json!(1)));
    stall.wait(Duration::hours(1)).await;

    let cycle = Month::of(from).to_string();
    let fees = stall.get(&format!("{FEES}?bill_cycle={cycle}")).await;
    assert_eq!(fees["total_count"], 1);
    let fee = &fees["records"][0];
    let cents = hourly.round_dp_with_strategy(2, RoundingStrategy::ToZero);
    assert_eq!(decimal(&fee["official_amount"]), hourly.normalize());
    assert_eq!((decimal(&fee["consume_amount"]), decimal(&fee["erase_amount"])), (cents, hourly - cents));
    assert_eq!((decimal(&fee["cash_amount"]), decimal(&fee["debt_amount"])), (cents, Decimal::ZERO));
    assert_eq!((&fee["bill_type"], &fee["charging_mode"], &fee["status"]), (&json!(5), &json!(3), &json!(1)));
    assert_eq!(fee["consume_time"], write_instant(from));
    assert_eq!(stall.balance().await, Decimal::from(100) - cents);

    for statistic in 1..=3 {
        let records = stall.get(&format!("{RECORDS}?cycle={cycle}&statistic_type={statistic}")).await;
        assert_eq!((&records["total_count"], &records["fee_records"][0]["resource_id"]), (&json!(1), &json!("server")));
        assert_eq!(decimal(&records["fee_records"][0]["amount"]), cents);
        assert_eq!(decimal(&records["fee_records"][0]["usage"]), Decimal::from(USED));
        assert_eq!(records["fee_records"][0]["id"].is_null(), statistic != 3);
        let body = json!({"cycle": cycle, "statistic_type": statistic});
        let details = stall.app.client(CUSTOMER).post(DETAILS, &body).await.ok();
        assert_eq!(
            (&details["total_count"], decimal(&details["monthly_records"][0]["consume_amount"])),
            (&json!(1), cents)
        );
    }
    let single = stall.get(&format!("{RECORDS}?cycle={cycle}")).await["fee_records"][0].clone();
    assert_eq!(
        single["formula"],
        format!(
            "{{1000}}【使用量】/{{3600}}【单位转换】*{{0.32}}【单价】-{{0}}【优惠金额】-{{{}}}【抹零金额】-{{0}}【代金券抵扣】",
            (hourly - cents).normalize()
        )
    );
    let explain = format!("/partner/v1/bills/{}/explain", single["id"].as_str().expect("an id"));
    let explained = stall.get(&explain).await;
    assert_eq!(explained["usage"][0]["quantity"], USED);
    let steps: Vec<&str> =
        explained["steps"].as_array().expect("steps").iter().filter_map(|step| step["step"].as_str()).collect();
    assert_eq!(steps, ["terms", "conversion", "tier", "count", "rounding"]);
    assert_eq!(stall.app.client("demo-partner").get(&explain).await.ok(), explained);
    assert_eq!(stall.app.client("demo-distributor").get(&explain).await.status.as_u16(), 400, "another tenant's");

    let sum = stall.get(&format!("{SUM}?bill_cycle={cycle}")).await;
    assert_eq!((decimal(&sum["consume_amount"]), &sum["total_count"]), (cents, &json!(1)));
    assert_eq!(decimal(&sum["bill_sums"][0]["truncated_amount"]), hourly - cents);
    let customer = stall.app.world.account(CUSTOMER).domain;
    let partner = stall.app.client("demo-partner");
    let target = format!("/v2/bills/subcustomer-bills/res-fee-records?bill_cycle={cycle}&customer_id={customer}");
    let seen = partner.get(&target).await.ok();
    assert_eq!((&seen["total_count"], decimal(&seen["fee_records"][0]["payment_amount"])), (&json!(1), cents));
    let who = json!({"bill_cycle": cycle});
    let who = partner.post("/v2/bills/subcustomer-bills/res-fee-records/sub-customers/query", &who).await.ok();
    assert_eq!(who, json!({"sub_customers": [{"customer_id": customer}], "total_count": 1}));
    stall.assert_bills_are_right(&pool).await;

    stall.wait(settlement::closes_at(Month::of(from)) - stall.now()).await;
    let events = partner.get("/partner/v1/events?after=0&kind=bill.closed").await.ok();
    let told =
        json!({"partner_id": stall.app.world.account("demo-partner").domain, "bill_cycle": cycle, "customers": 1});
    assert_eq!(
        events["events"].as_array().map(|events| events.iter().filter(|event| event["data"] == told).count()),
        Some(1)
    );
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_is_wrong_unknown_or_overlaps_is_named_and_charged_once_it_can_be(pool: PgPool) {
    let stall = Stall::with_funds(pool.clone(), "100").await;
    stall.open_server("server").await;
    let from = full_hour(stall.now()) - Duration::hours(3);
    let mut records = hours("server", from, 1);
    let mut add = |id: &str, changes: &[(&str, Value)]| {
        let mut record = records[0].clone();
        record["record_id"] = json!(id);
        for (name, value) in changes {
            record[name] = value.clone();
        }
        records.as_array_mut().expect("records").push(record);
    };
    let later = |hours: i64| json!(write_instant(from + Duration::hours(hours)));
    add("negative", &[("quantity", json!(-1))]);
    add("backwards", &[("from", later(2)), ("until", later(1))]);
    add("to-come", &[("from", later(2)), ("until", later(9))]);
    add("no-price", &[("usage_type", json!("downloads"))]);
    add("overlap", &[("from", json!(write_instant(from + Duration::minutes(30))))]);
    add("unknown", &[("resource_id", json!("later"))]);
    let report = stall.report(records).await;
    assert_eq!(report["taken"], 3);
    let refused: Vec<&str> = report["refused"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|refused| refused["reason"].as_str().expect("a text").split(':').next().expect("a field"))
        .collect();
    assert_eq!(refused, ["quantity", "until", "until", "usage_type"]);
    let mut aside: Vec<Value> = report["aside"].as_array().expect("a list").clone();
    aside.sort_by_key(|aside| aside["record_id"].to_string());
    assert_eq!(
        json!(aside),
        json!([{"record_id": "overlap", "reason": "overlap"},
                                    {"record_id": "unknown", "reason": "unknown"}])
    );
    stall.wait(Duration::MINUTE).await;
    let cycle = Month::of(from).to_string();
    let count = async || stall.get(&format!("{FEES}?bill_cycle={cycle}")).await["total_count"].clone();
    assert_eq!(count().await, 1);
    stall.open_server("later").await;
    stall.wait(Duration::MINUTE).await;
    assert_eq!(count().await, 2);
    stall.assert_bills_are_right(&pool).await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_nobody_has_money_for_is_owed_and_taken_when_there_is_some(pool: PgPool) {
    let stall = Stall::with_funds(pool.clone(), "0.05").await;
    stall.open_server("server").await;
    let cents = stall.used_hourly().await.round_dp_with_strategy(2, RoundingStrategy::ToZero);
    let from = full_hour(stall.now()) - Duration::hours(3);
    stall.report(hours("server", from, 2)).await;
    stall.wait(Duration::MINUTE).await;
    let (cycle, owed) = (Month::of(from).to_string(), cents * Decimal::TWO - Decimal::new(5, 2));
    let sum = stall.get(&format!("{SUM}?bill_cycle={cycle}")).await;
    assert_eq!((decimal(&sum["debt_amount"]), decimal(&sum["cash_amount"])), (owed, Decimal::new(5, 2)));
    let balances = stall.get("/v2/accounts/customer-accounts/balances").await;
    assert_eq!(decimal(&balances["debt_amount"]), owed);
    let unpaid = stall.get(&format!("{FEES}?bill_cycle={cycle}&status=2")).await;
    assert_eq!(unpaid["records"][0]["status"], 2);
    stall.assert_bills_are_right(&pool).await;

    let customer = stall.app.world.account(CUSTOMER).domain;
    let body = json!({"customer_id": customer, "amount": "100"});
    stall.app.client("demo-partner").post("/v2/accounts/partner-accounts/adjust-amount", &body).await.ok();
    stall.wait(Duration::SECOND).await;
    assert_eq!(stall.balance().await, Decimal::from(100) - owed);
    let paid = stall.get(&format!("{SUM}?bill_cycle={cycle}")).await;
    assert_eq!((decimal(&paid["debt_amount"]), decimal(&paid["cash_amount"])), (Decimal::ZERO, cents * Decimal::TWO));
    assert_eq!((&paid["consume_amount"], &paid["total_count"]), (&sum["consume_amount"], &sum["total_count"]));
    assert_eq!(stall.get(&format!("{FEES}?bill_cycle={cycle}&status=2")).await["total_count"], 0);
    stall.assert_bills_are_right(&pool).await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_closed_month_is_made_up_for_and_late_usage_goes_into_the_open_one(pool: PgPool) {
    let stall = Stall::with_funds(pool.clone(), "1000").await;
    stall.open_server("server").await;
    let hourly = stall.used_hourly().await;
    let cents = hourly.round_dp_with_strategy(2, RoundingStrategy::ToZero);
    let from = full_hour(stall.now()) - Duration::hours(20);
    let cycle = Month::of(from);
    // Hours of one month only, whenever this runs.
    let from = from.max(cycle.start());
    let count = (full_hour(stall.now()).min(cycle.next().start()) - from).whole_hours();
    stall.report(hours("server", from, count)).await;
    stall.wait(settlement::closes_at(cycle) - stall.now() + Duration::MINUTE).await;

    let erased = (hourly - cents) * Decimal::from(count);
    let made_up = erased.round_dp_with_strategy(2, RoundingStrategy::ToZero);
    let fees = stall.get(&format!("{FEES}?bill_cycle={cycle}&bill_type=25")).await;
    if made_up > Decimal::ZERO {
        assert_eq!(decimal(&fees["records"][0]["consume_amount"]), made_up);
        assert_eq!(decimal(&fees["records"][0]["erase_amount"]), -made_up);
    } else {
        assert_eq!(fees["total_count"], 0);
    }
    let sum = stall.get(&format!("{SUM}?bill_cycle={cycle}")).await;
    assert_eq!(decimal(&sum["consume_amount"]), cents * Decimal::from(count) + made_up);

    // Used in the closed month and reported now.
    stall.open_server("late").await;
    stall.report(hours("late", from, 1)).await;
    stall.wait(Duration::MINUTE).await;
    assert_eq!(stall.get(&format!("{SUM}?bill_cycle={cycle}")).await, sum, "closed is closed");
    let late = stall.get(&format!("{FEES}?bill_cycle={}", Month::of(stall.now()))).await;
    assert_eq!((&late["total_count"], &late["records"][0]["consume_time"]), (&json!(1), &json!(write_instant(from))));
    // The days of that month add up to it: on its first one stands what was used before.
    let (month, today) = (Month::of(stall.now()), Day::of(stall.now()).0);
    let first = month.first_day();
    let count = async |target: String| stall.get(&target).await["total_count"].clone();
    let days = |from, until| format!("bill_date_begin={from}&bill_date_end={until}");
    assert_eq!(count(format!("{FEES}?bill_cycle={month}&{}", days(first, today))).await, 1);
    for statistic in [2, 3] {
        let of = |days| format!("{RECORDS}?cycle={month}&statistic_type={statistic}&{days}");
        let on_the_first = stall.get(&of(days(first, first))).await;
        assert_eq!(on_the_first["fee_records"][0]["bill_date"], first.to_string(), "{on_the_first}");
        assert_eq!(count(of(days(first.next_day().expect("a day"), today))).await, 0);
        let body = json!({"cycle": month, "statistic_type": statistic, "query_type": "DAILY",
                          "bill_cycle_begin": first.to_string(), "bill_cycle_end": today.to_string()});
        let details = stall.app.client(CUSTOMER).post(DETAILS, &body).await.ok();
        assert_eq!(details["total_count"], 1);
    }
    stall.assert_bills_are_right(&pool).await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn orders_stand_on_bills_when_they_are_paid_and_when_they_give_back(pool: PgPool) {
    let stall = Stall::with_funds(pool.clone(), "10000").await;
    let coupon = stall.coupon("20").await;
    let order = stall.order(&Stall::server(1, true)).await;
    let with = json!({"coupon_infos": [{"id": coupon, "type": 301}], "use_coupon": "YES"});
    assert_eq!(stall.pay_with(&order, &with).await.status.as_u16(), 204);
    let cycle = Month::of(stall.now()).to_string();
    let fees =
        stall.get(&format!("{FEES}?bill_cycle={cycle}&trade_id={}", order["order_id"].as_str().expect("an id"))).await;
    assert_eq!(fees["total_count"], 2);
    let total = |rows: &Value, name: &str| -> Decimal {
        rows.as_array().expect("rows").iter().map(|row| decimal(&row[name])).sum()
    };
    let official = decimal(&order["official_amount"]);
    assert_eq!(total(&fees["records"], "consume_amount"), official);
    assert_eq!(total(&fees["records"], "coupon_amount"), Decimal::from(20));
    assert_eq!(total(&fees["records"], "cash_amount"), official - Decimal::from(20));
    let before = stall.get(&format!("{RECORDS}?cycle={cycle}&bill_type=1")).await;
    assert_eq!(before["fee_records"][0]["resource_id"], "", "no service has provided it");

    let provided = stall.provide(&order, &[]).await;
    let server = provided["lines"][0]["resource_id"].as_str().expect("it is provided");
    for statistic in 1..=3 {
        let records =
            stall.get(&format!("{RECORDS}?cycle={cycle}&statistic_type={statistic}&resource_id={server}")).await;
        assert_eq!((&records["total_count"], &records["fee_records"][0]["resource_name"]), (&json!(1), &json!("web")));
    }
    let body = json!({"resource_ids": [server], "unsubscribe_type": 1});
    stall.app.client(CUSTOMER).post("/v2/orders/subscriptions/resources/unsubscribe", &body).await.ok();
    let refunds = stall.get(&format!("{FEES}?bill_cycle={cycle}&bill_type=4")).await;
    let back = total(&refunds["records"], "consume_amount");
    assert!(back < Decimal::ZERO);
    let sum = stall.get(&format!("{SUM}?bill_cycle={cycle}")).await;
    assert_eq!(decimal(&sum["consume_amount"]), official + back);
    assert_eq!(stall.balance().await, Decimal::from(10_000) - decimal(&sum["cash_amount"]));
    stall.assert_bills_are_right(&pool).await;
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_is_done_to_bills_by_hand_is_found(pool: PgPool) {
    let stall = Stall::with_funds(pool.clone(), "100").await;
    stall.open_server("server").await;
    let from = full_hour(stall.now()) - Duration::hours(3);
    stall.report(hours("server", from, 2)).await;
    stall.wait(Duration::MINUTE).await;
    stall.assert_bills_are_right(&pool).await;
    for (by_hand, found) in [
        ("delete from usages where used_from = (select min(used_from) from usages)", "its records say 0"),
        ("update charges set official_amount = official_amount + 1, consume_amount = consume_amount + 1,
              cash_amount = cash_amount + 1 where used_until = (select max(used_until) from charges)", "payments of"),
        ("update charge_sums set consume_amount = consume_amount + 1", "sums of"),
        ("update charge_totals set erase_amount = 0 where statistic = 2", "totals of"),
        ("update invoiceable set amount = amount + 1", "invoiceable of"),
        ("insert into charges select (jsonb_populate_record(c, jsonb_build_object('charge_id', gen_random_uuid()))).*
              from charges c where used_until = (select max(used_until) from charges)", "its records say 0"),
    ] {
        let mut transaction = pool.begin().await.expect("a transaction");
        sqlx::raw_sql(by_hand).execute(&mut *transaction).await.expect(by_hand);
        let report = verify::all(&mut transaction).await.expect("it is read");
        assert!(report.wrong.iter().any(|line| line.contains(found)), "{by_hand}: {:?}", report.wrong);
        transaction.rollback().await.expect("it is undone");
    }
}
