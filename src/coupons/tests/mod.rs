//! The domain through the router, on a real database.

mod concurrency;
mod errors;
mod expiry;
mod filters;
mod lists;
mod usage;

use super::administration::{self, Grant};
use super::limits::Limits;
use super::model::{QuotaKind, Terms, Validity};
use crate::database;
use crate::ledger::verify;
use crate::testing::TestApp;
use crate::values::amount::PositiveAmount;
use crate::values::id::{DomainId, QuotaId, TenantId};
use crate::values::money::Currency;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use time::{Duration, OffsetDateTime};

const ISSUE: &str = "/v2/promotions/benefits/partner-coupons";
const RECLAIM: &str = "/v2/promotions/benefits/partner-coupons/reclaim";
const RECORDS: &str = "/v2/promotions/benefits/partner-coupons/records/query";
const OWN: &str = "/v2/promotions/benefits/coupons";
const CHANGES: &str = "/v2/promotions/benefits/account-change-records?balance_type=BALANCE_TYPE_COUPON";
const QUOTAS: &str = "/v2/partners/coupon-quotas/query";
const SPLIT: &str = "/v2/partners/coupon-quotas/indirect-partner-adjust";
const TAKE_BACK: &str = "/v2/partners/coupon-quotas/indirect-partner-reclaim";
const SPLIT_RECORDS: &str = "/v2/partners/coupon-quotas/records";
const SPLIT_QUOTAS: &str = "/v2/partners/issued-coupon-quotas";

/// An application without the sandbox's own coupons in the way: quotas are granted by the tests.
struct Shop {
    app: TestApp,
    pool: PgPool,
}

impl Shop {
    async fn new(pool: PgPool) -> Self {
        Self { app: TestApp::new(pool.clone()).await, pool }
    }

    async fn connection(&self) -> sqlx::pool::PoolConnection<sqlx::Postgres> {
        self.pool.acquire().await.expect("a connection")
    }

    fn now(&self) -> OffsetDateTime {
        self.app.app.clock.now()
    }

    fn account(&self, name: &str) -> (TenantId, DomainId) {
        self.app.world.account(name).ids()
    }

    fn id(&self, name: &str) -> String {
        self.account(name).1.to_string()
    }

    /// A quota of 1000 for a year, changed as the test wants it.
    async fn grant(&self, owner: &str, change: impl FnOnce(&mut Grant)) -> String {
        let now = self.now();
        let mut grant = Grant {
            id: QuotaId::new(now),
            kind: QuotaKind::Cash,
            value: PositiveAmount::try_from("1000").expect("an amount"),
            currency: Currency::Cny,
            validity: Validity { from: now, until: now + Duration::days(365) },
            limits: Limits::default(),
            terms: Terms::default(),
            memo: String::new(),
        };
        change(&mut grant);
        let granted = administration::grant(&mut *self.connection().await, self.account(owner), &grant, now).await;
        granted.expect("it is granted");
        grant.id.to_string()
    }

    async fn post(&self, caller: &str, target: &str, body: Value) -> crate::testing::Answer {
        self.app.client(caller).post(target, &body).await
    }

    async fn get(&self, caller: &str, target: &str) -> Value {
        self.app.client(caller).get(&encoded(target)).await.ok()
    }

    /// Issues a coupon of demo-partner to demo-customer.
    async fn issue(&self, quota: &str, face_value: &str) -> String {
        let body = json!({"quota_id": quota, "customer_ids": [self.id("demo-customer")], "face_value": face_value});
        let answer = self.post("demo-partner", ISSUE, body).await.ok();
        answer["coupon_infos"][0]["coupon_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// What is left of a quota.
    async fn balance(&self, owner: &str, quota: &str) -> String {
        let answer = self.post(owner, QUOTAS, json!({"quota_ids": [quota]})).await.ok();
        answer["quotas"][0]["balance"].to_string()
    }

    async fn sql(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&mut *self.connection().await).await.expect(statement);
    }

    /// Moves the clock, as far as the history has partitions.
    async fn advance(&self, by: Duration) {
        let then = self.now() + by;
        database::open_months(&mut *self.connection().await, self.now().date(), then.date()).await.expect("opened");
        self.app.app.clock.set(then);
    }

    async fn assert_ledger_is_right(&self) {
        let report = verify::all(&mut *self.connection().await).await.expect("it is read");
        assert_eq!(report.wrong, Vec::<String>::new());
    }
}

/// A target whose instants are encoded, as a client sends and signs them.
fn encoded(target: &str) -> String {
    target.replace(':', "%3A")
}

/// How often a query counts; for what no interface shows.
async fn count(connection: &mut PgConnection, statement: &'static str) -> i64 {
    sqlx::query_scalar(statement).fetch_one(connection).await.expect(statement)
}
