//! However a clock gets to a day, the same has happened by then, each thing at its own instant: in one step, in four hundred, and
//! where two replicas find at once what is due.

use crate::app::App;
use crate::background::due::{self, Happened};
use crate::clock::{self, Movement, Setting};
use crate::ledger::verify;
use crate::metering::model::full_hour;
use crate::metering::verify as bills;
use crate::operators::store::Role;
use crate::pricing::samples;
use crate::sandbox::snapshots;
use crate::subscriptions::store as subscriptions;
use crate::testing::{TestApp, all};
use crate::values::id::TenantId;
use crate::values::time::write_instant;
use axum::http::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use std::collections::BTreeMap;
use time::{Date, Duration, Month, OffsetDateTime};

const STEPS: i64 = 400;
/// Its money is short; its resources are deleted soon after their end.
const SHORT: &str = "demo-customer";
/// It has money for everything, and its resources are kept for long.
const RICH: &str = "referral-customer";
/// What happens at the end of each resource, one after the other; 3, automatic renewal, every other time.
const POLICIES: [i32; 10] = [3, 0, 3, 1, 3, 2, 3, 4, 3, 5];
const MONTHS: [u32; 7] = [1, 2, 1, 3, 1, 6, 11];

/// What is compared, by name: statements without ids that a repeat draws anew, a line for each row.
const SEEN: [(&str, &str); 16] = [
    (
        "orders",
        "select l.label, o.status, o.source_type, o.official_amount, o.amount_after_discount, o.coupon_amount, o.card_amount,
                o.commission_amount, o.consumed_amount, o.discounts, o.payable_until, o.paid_at, o.updated_at
         from orders o join labels l using (tenant_id, order_id)",
    ),
    (
        "lines",
        "select l.label, o.line, o.resource_name, o.official_amount, o.amount_after_discount, o.discounts, o.outcome,
                o.effective_at, o.expires_at
         from order_lines o join labels l using (tenant_id, order_id)",
    ),
    (
        "payments",
        "select l.label, p.line, p.source, p.source_id, p.amount from order_payments p join labels l using (tenant_id, order_id)",
    ),
    (
        "steps of orders",
        "select l.label, e.number, e.event, e.from_status, e.to_status, e.happened_at
         from order_events e join labels l using (tenant_id, order_id)",
    ),
    (
        "refunds",
        "select l.label, r.number, r.amount, b.label as base from order_refunds r join labels l using (tenant_id, order_id)
         join labels b on b.tenant_id = r.tenant_id and b.order_id = r.base_order_id",
    ),
    (
        "resources",
        "select resource_name, is_main, state, status, expires_at, anchor_day, expire_policy, renew_period, renew_times,
                renewed_times, renew_attempt_at, next_due_at, period_type, period_num, updated_at from subscriptions",
    ),
    (
        "periods",
        "select s.resource_name, p.starts_at, p.ends_at, l.label, p.line, p.returned from subscription_periods p
         join subscriptions s using (tenant_id, resource_id) join labels l on l.tenant_id = p.tenant_id and l.order_id = p.order_id",
    ),
    ("on-demand resources", "select resource_name, status, effective_at, expires_at from on_demand_resources"),
    ("balances", "select account_id, kind, balance, entries, last_at from accounts"),
    (
        "transfers",
        "select t.happened_at, t.kind, t.amount, t.from_account, t.to_account,
                case when t.kind not in ('usage', 'coupon_usage') then coalesce(l.label, t.reference) end as reference
         from transfers t left join labels l on l.tenant_id = t.tenant_id and l.order_id = t.reference",
    ),
    (
        "charges",
        "select c.domain_id, c.cycle, c.consumed_at, c.used_until, c.resource_name, c.bill_type, c.charged_at, c.official_amount,
                c.discount_amount, c.erase_amount, c.consume_amount, c.cash_amount, c.coupon_amount, c.debt_amount, l.label
         from charges c left join labels l using (tenant_id, order_id)",
    ),
    (
        "bills",
        "select domain_id, cycle, service_type_code, resource_type_code, bill_type, charges, erase_amount, consume_amount,
                cash_amount, debt_amount from charge_sums",
    ),
    ("months", "select cycle, closed_at from billing_cycles"),
    ("arrears", "select domain_id, since, status, due_at from arrears"),
    (
        "coupons",
        "select c.coupon_id, c.state, c.last_used_at, c.expiry_told, l.label as used_by
         from coupons c left join labels l using (tenant_id, order_id)",
    ),
    (
        "events",
        "select e.created_at, e.domain_id, e.kind, l.label, e.payload - 'order_id' as payload
         from outbox e left join labels l on l.tenant_id = e.tenant_id and l.order_id = e.payload ->> 'order_id'",
    ),
];

/// What tells orders apart that were placed anew: when, what for, and for which resources.
const LABELS: &str = "create view labels as
    select o.tenant_id, o.order_id,
           o.created_at || ' ' || o.order_type || ' ' || string_agg(l.resource_name, ' ' order by l.resource_name) as label
    from orders o join order_lines l using (tenant_id, order_id) group by o.tenant_id, o.order_id";

/// What stands in each table, sorted.
type Seen = BTreeMap<&'static str, Vec<String>>;

/// Two customers with forty resources, and a clock that stands still until it is moved.
struct Estate {
    app: TestApp,
    pool: PgPool,
    tenant: TenantId,
    /// When the walks begin.
    begin: OffsetDateTime,
}

impl Estate {
    async fn new(pool: PgPool) -> Self {
        snapshots::install(&mut pool.acquire().await.expect("a connection")).await.expect("the functions fit");
        let app = TestApp::with(pool.clone(), crate::operations, |settings| {
            settings.quotas.overrides.insert("*".to_owned(), "1000000/1".to_owned().try_into().expect("a rate"));
            settings.orders.provision_seconds = 90;
        })
        .await;
        samples::load(&mut pool.acquire().await.expect("a connection")).await.expect("the samples fit");
        app.reload_catalogue().await;
        let tenant = app.world.account(SHORT).tenant;
        sqlx::raw_sql(LABELS).execute(&pool).await.expect("the view is made");
        // Before the last days of short months.
        let begin = Date::from_calendar_date(app.app.clock.now().year() + 1, Month::January, 29).expect("a day");
        let estate = Self { app, pool, tenant, begin: begin.with_hms(1, 30, 0).expect("a time").assume_utc() };
        estate.clock(json!({"action": "FREEZE"})).await;
        estate.clock(json!({"action": "ADVANCE", "to": write_instant(estate.begin - Duration::days(3))})).await;
        estate
    }

    async fn operate(&self, method: Method, target: &str, body: &Value) -> Value {
        self.app
            .operator(Role::Admin)
            .await
            .call(method, &format!("/admin/v1/{target}"), &[], &body.to_string())
            .await
            .ok()
    }

    async fn clock(&self, change: Value) {
        let mut body = json!({"account": SHORT});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        self.operate(Method::POST, "clock", &body).await;
        self.reload(&self.app.app).await;
    }

    /// What a replica does when it hears that a clock was moved.
    async fn reload(&self, app: &App) {
        app.clocks.reload(&mut *app.database.control().await.expect("a connection")).await.expect("it is read");
    }

    async fn sql(&self, statement: &str) {
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&self.pool).await.expect(statement);
    }

    async fn order(&self, account: &str, lines: &[Value], auto_pay: bool) -> Value {
        let body = json!({"lines": lines, "auto_pay": auto_pay});
        self.operate(Method::POST, &format!("accounts/{account}/orders"), &body).await
    }

    /// Buys resources, which are provided at once under their names; and sets what happens to them.
    async fn buy(&self, account: &str, first: usize) {
        let names: Vec<String> = (first..first + 5).map(|number| format!("{account}-{number}")).collect();
        let mut lines: Vec<Value> = Vec::new();
        for (place, name) in names.iter().enumerate() {
            lines.push(server(name, MONTHS[(first + place) % MONTHS.len()]));
        }
        lines.push(disk(&format!("{}-disk", names[0]), MONTHS[first % MONTHS.len()], 1));
        let order = self.order(account, &lines, true).await;
        assert_eq!(order["status"], 3, "{order}");
        let provided =
            |(place, line): (usize, &Value)| json!({"line": place + 1, "provided": true, "resource_id": line["name"]});
        let provided: Vec<Value> = lines.iter().enumerate().map(provided).collect();
        let id = order["order_id"].as_str().expect("an id");
        let target = format!("accounts/{account}/orders/{id}/provisioning");
        self.operate(Method::POST, &target, &json!({"lines": provided})).await;
        for (place, name) in names.iter().enumerate() {
            self.set_policy(account, name, first + place).await;
        }
    }

    async fn set_policy(&self, account: &str, name: &str, number: usize) {
        let client = self.app.client(account);
        match POLICIES[number % POLICIES.len()] {
            3 => {
                let target = format!("/v2/orders/subscriptions/resources/autorenew/{name}");
                let body = match number % 3 {
                    0 => String::new(),
                    1 => json!({"auto_renew_times": 2}).to_string(),
                    _ => json!({"period_type": "MONTH", "auto_renew_times": 5}).to_string(),
                };
                assert_eq!(client.call(Method::POST, &target, &[], &body).await.status.as_u16(), 204);
            }
            1 => {
                let body = json!({"operation": "SET_UP", "resource_ids": [name]});
                let target = "/v2/orders/subscriptions/resources/to-on-demand";
                assert_eq!(client.post(target, &body).await.ok()["error_details"], json!([]));
            }
            // No operation sets these.
            policy => {
                self.sql(&format!("update subscriptions set expire_policy = {policy} where resource_id = '{name}'"))
                    .await;
            }
        }
    }

    async fn renew(&self, account: &str, name: &str, is_auto_pay: i32) {
        let body = json!({"resource_ids": [name], "period_type": 2, "period_num": 1, "is_auto_pay": is_auto_pay});
        self.app.client(account).post("/v2/orders/subscriptions/resources/renew", &body).await.ok();
    }

    /// Everything that the walks begin with.
    async fn furnish(&self) {
        let short = self.app.world.account(SHORT).domain;
        let money = json!({"customer_id": short, "amount": "12000"});
        self.app.client("demo-partner").post("/v2/accounts/partner-accounts/adjust-amount", &money).await.ok();
        self.operate(Method::POST, &format!("accounts/{RICH}/funds/top-ups"), &json!({"amount": "100000"})).await;
        self.sql(&format!(
            "update customers set level = 'V4' where domain_id = '{}'",
            self.app.world.account(RICH).domain
        ))
        .await;
        for first in [0, 5, 10, 15] {
            self.buy(SHORT, first).await;
            self.buy(RICH, first).await;
            self.clock(
                json!({"action": "ADVANCE", "to": write_instant(self.app.app.now(self.tenant) + Duration::hours(17))}),
            )
            .await;
        }
        // Bought ahead, and waiting to be paid.
        self.renew(RICH, &format!("{RICH}-1"), 1).await;
        self.renew(RICH, &format!("{RICH}-2"), 0).await;
        self.renew(SHORT, &format!("{SHORT}-4"), 0).await;
        let config = json!({"config_name": "DEDUCTION_DATE", "config_value": "3"});
        self.app.client(RICH).post("/v2/orders/subscriptions/resources/renew/config", &config).await.ok();
        // As if written when other rules held.
        self.sql(
            "update subscriptions set next_due_at = next_due_at - interval '3 days' where resource_name like '%-1'",
        )
        .await;
        // The clock stands: what is bought now is provided, or expires unpaid, in the walks.
        self.clock(json!({"action": "ADVANCE", "to": write_instant(self.begin)})).await;
        // It ends before anything else is due.
        let mut late = [server("late", 10), disk("late-disk", 10, 1)];
        for line in &mut late {
            line["period_type"] = json!(0);
        }
        assert_eq!(self.order(RICH, &late, true).await["status"], 3);
        assert_eq!(self.order(RICH, &[server("never", 1)], false).await["status"], 6);
        for (account, days) in [(SHORT, 20), (RICH, 45)] {
            let expires = write_instant(self.begin + Duration::days(days));
            let body = json!({"kind": "cash", "value": "30", "expires_at": expires});
            self.operate(Method::POST, &format!("accounts/{account}/coupons"), &body).await;
        }
        let room = Movement::AdvanceBy(Duration::days(STEPS));
        let mut connection = self.pool.acquire().await.expect("a connection");
        due::make_room(&mut connection, self.tenant, room, &self.app.app.clock).await.expect("months are opened");
        // While there is money (a coupon would pay first, which is left to orders), and when there is none any more.
        self.will_use(RICH, 50, 1_000).await;
        self.will_use(SHORT, 250, 3_600_000).await;
    }

    /// Opens a server that is used on each of ninety days, for so many seconds, as its service will report.
    async fn will_use(&self, account: &str, first_day: i64, seconds: i32) {
        let body = json!({"resource_id": format!("used-{account}"), "name": "used", "resource_type": "hws.resource.type.vm",
                          "resource_spec": "s6.large.2.linux", "region": "cn-north-4"});
        self.operate(Method::POST, &format!("accounts/{account}/on-demand-resources"), &body).await;
        sqlx::query(
            "insert into usages (tenant_id, record_id, resource_id, usage_type_code, quantity, measure_id, used_from, used_until,
                 domain_id, settle_at, reported_at)
             select $1, $2 || '-' || day, $2, 'Duration', $5, 6, began, began + interval '1 hour', $3,
                    began + interval '80 minutes', began + interval '1 hour'
             from generate_series(0, 89) day, lateral (select $4 + day * interval '1 day') u (began)",
        )
        .bind(self.tenant.0)
        .bind(format!("used-{account}"))
        .bind(self.app.world.account(account).domain.0)
        .bind(full_hour(self.begin + Duration::days(first_day)))
        .bind(seconds)
        .execute(&self.pool)
        .await
        .expect("it is written");
    }

    async fn snapshot(&self, method: Method, target: &str) {
        self.operate(method, &format!("accounts/{SHORT}/snapshots/{target}"), &json!({})).await;
        self.app.app.directory.forget_all();
        self.reload(&self.app.app).await;
    }

    async fn advance(&self, by: Duration) -> Vec<Happened> {
        let mut connection = self.pool.acquire().await.expect("a connection");
        let app = &self.app.app;
        let moved =
            due::move_clock(&mut connection, &app.desk().into(), self.tenant, Movement::AdvanceBy(by), &app.clock)
                .await;
        moved.expect("it is moved").1
    }

    /// Sets the clock as system time goes on: nobody does what is due on the way.
    async fn pass(&self, at: OffsetDateTime, replicas: [&App; 2]) {
        let mut connection = self.pool.acquire().await.expect("a connection");
        let standing = Setting { offset: Duration::ZERO, frozen_at: Some(at) };
        clock::set(&mut connection, self.tenant, standing).await.expect("it is set");
        for replica in replicas {
            self.reload(replica).await;
        }
    }

    async fn seen(&self) -> Seen {
        let mut seen = Seen::new();
        for (name, query) in SEEN {
            // SAFE: the statements are those above.
            let rows = AssertSqlSafe(format!("select to_jsonb(x)::text from ({query}) x order by 1"));
            seen.insert(name, sqlx::query_scalar(rows).fetch_all(&self.pool).await.expect(name));
        }
        seen
    }

    /// What was told is told in true order, nothing is left to be done, and every cent is where the ledger says.
    async fn assert_sound(&self) {
        let mut connection = self.pool.acquire().await.expect("a connection");
        let back: i64 = sqlx::query_scalar(
            "select count(*) from (select created_at < lag(created_at) over (order by number) as back from outbox
             where tenant_id = $1 and created_at > $2) x where back",
        )
        .bind(self.tenant.0)
        .bind(self.begin)
        .fetch_one(&mut *connection)
        .await
        .expect("they are counted");
        assert_eq!(back, 0, "events were told out of their order");
        let end = self.begin + Duration::days(STEPS);
        let left = due::run(&mut connection, &self.app.app.desk().into(), self.tenant, end).await;
        assert_eq!(left.expect("it is looked for"), []);
        let next: Option<OffsetDateTime> =
            subscriptions::next_due(&mut connection, self.tenant).await.expect("it is asked");
        assert!(next.is_none_or(|next| next > end), "something is due since {next:?}");
        let report = verify::all(&mut connection).await.expect("the proof runs");
        assert_eq!(report.wrong, Vec::<String>::new());
        let report = bills::all(&mut connection).await.expect("the proof runs");
        assert_eq!(report.wrong, Vec::<String>::new());
    }
}

fn server(name: &str, months: u32) -> Value {
    json!({"resource_type": "hws.resource.type.vm", "resource_spec": "s6.large.2.linux", "region": "cn-north-4",
           "period_type": 2, "period_num": months, "name": name})
}

fn disk(name: &str, months: u32, main: usize) -> Value {
    json!({"resource_type": "hws.resource.type.volume", "resource_spec": "SSD", "region": "cn-north-4", "resource_size": 40,
           "size_measure_id": 17, "period_type": 2, "period_num": months, "name": name, "main_line": main})
}

fn assert_same(one: &Seen, other: &Seen, how: &str) {
    for (name, rows) in one {
        let missing: Vec<&String> = rows.iter().filter(|row| !other[name].contains(row)).collect();
        let more: Vec<&String> = other[name].iter().filter(|row| !rows.contains(row)).collect();
        assert!(missing.is_empty() && more.is_empty(), "{name} {how}\nwithout {missing:#?}\nbut with {more:#?}");
        assert_eq!(rows.len(), other[name].len(), "{name} {how}");
    }
}

/// That the walks lead through all that can happen.
fn assert_eventful(seen: &Seen, happened: &[Happened]) {
    let count = |name: &str, part: &str| seen[name].iter().filter(|row| row.contains(part)).count();
    assert!(count("resources", "\"status\": 2,") > 3, "some go on: {:#?}", seen["resources"]);
    assert!(count("resources", "\"status\": 3,") > 20, "most have ended: {:#?}", seen["resources"]);
    assert!(
        count("orders", " 2 referral-customer") > 20,
        "many are renewed where there is money: {:#?}",
        seen["orders"]
    );
    assert!(count("orders", " 2 demo-customer") > 3, "some are renewed where it is short: {:#?}", seen["orders"]);
    assert!(count("orders", "\"coupon_amount\": 30.00000000") > 0, "a coupon pays: {:#?}", seen["orders"]);
    assert!(count("on-demand resources", "\"status\": 1") > 2, "{:#?}", seen["on-demand resources"]);
    assert_eq!(count("resources", "\"late-disk\""), 1, "{:#?}", seen["resources"]);
    assert!(count("charges", "\"debt_amount\": 0.00000000") > 90, "use is paid: {:#?}", seen["charges"]);
    assert_eq!((seen["arrears"].len(), count("events", "customer.arrears")), (1, 2), "{:#?}", seen["arrears"]);
    assert!(count("months", "\"closed_at\": \"") > 11, "{:#?}", seen["months"]);
    for kind in
        ["order.provided", "resource.changed", "order.expired", "usage.settled", "resource.arrears", "bill.closed"]
    {
        assert!(happened.iter().any(|one| one.kind == kind), "{kind}");
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn in_one_step_in_many_and_by_two_at_once_the_same_happens(pool: PgPool) {
    let estate = Estate::new(pool.clone()).await;
    estate.furnish().await;
    estate.snapshot(Method::PUT, "before").await;

    let happened = estate.advance(Duration::days(STEPS)).await;
    let at_once = estate.seen().await;
    estate.assert_sound().await;
    assert_eventful(&at_once, &happened);

    estate.snapshot(Method::POST, "before/restore").await;
    let mut day_by_day = Vec::new();
    for _ in 0..STEPS {
        day_by_day.extend(estate.advance(Duration::DAY).await);
    }
    assert_same(&at_once, &estate.seen().await, "day by day");
    assert_eq!(happened, day_by_day);
    estate.assert_sound().await;

    estate.snapshot(Method::POST, "before/restore").await;
    let second = estate.app.replica(pool.clone()).await;
    let replicas = [&estate.app.app, &second.app];
    for days in (STEPS / 20..=STEPS).step_by(20) {
        estate.pass(estate.begin + Duration::days(days), replicas).await;
        // One may leave to the other what that one has not committed yet: each looks again, as it would a second later.
        for _ in 0..2 {
            for looked in all(replicas.map(|replica| due::run_all(replica, true))).await {
                looked.expect("what is due is done");
            }
        }
    }
    assert_same(&at_once, &estate.seen().await, "by two replicas");
    estate.assert_sound().await;
}
