//! The codes that the vendor documents for each read of bills: CBC.0100, CBC.0151 and CBC.0999. A list of them would say no more.

use crate::testing::{Answer, TestApp};
use crate::values::id::DomainId;
use crate::values::site::Site;
use crate::values::time::Month;
use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

const CUSTOMER: &str = "demo-customer";
const PARTNER: &str = "demo-partner";
/// What is charged by a 95th percentile.
const USED: &str =
    "service_type_code=hws.service.type.vpc&resource_type_code=hws.resource.type.bandwidth&usage_type=95peak";

/// A read of bills: who makes it, the target with its query, and the body of those that have one.
struct Read {
    by: &'static str,
    target: String,
    body: Option<Value>,
}

impl Read {
    /// Every read, of a month that is written like this; partners' of this customer.
    fn all(month: &str, customer: DomainId) -> Vec<Self> {
        let get = |by, path: &str, query: &str| Self { by, target: format!("{path}?{query}"), body: None };
        let post = |by, path: &str, body| Self { by, target: path.to_owned(), body: Some(body) };
        let cycle = format!("bill_cycle={month}");
        vec![
            get(CUSTOMER, "/v2/bills/customer-bills/fee-records", &cycle),
            get(CUSTOMER, "/v2/bills/customer-bills/res-fee-records", &format!("cycle={month}")),
            post(CUSTOMER, "/v2/bills/customer-bills/res-records/query", json!({"cycle": month})),
            get(CUSTOMER, "/v2/bills/customer-bills/monthly-sum", &cycle),
            get(
                CUSTOMER,
                "/v2/bills/customer-bills/resources/usage/details",
                &format!("{cycle}&{USED}&resource_id=line"),
            ),
            get(CUSTOMER, "/v2/bills/customer-bills/resources/usage/summary", &format!("{cycle}&{USED}")),
            get(PARTNER, "/v2/bills/subcustomer-bills/res-fee-records", &format!("{cycle}&customer_id={customer}")),
            post(
                PARTNER,
                "/v2/bills/subcustomer-bills/res-fee-records/sub-customers/query",
                json!({"bill_cycle": month}),
            ),
            get(
                PARTNER,
                "/v2/bills/partner-bills/subcustomer-bills/monthly-sum",
                &format!("cycle={month}&charge_mode=1"),
            ),
            get(PARTNER, "/v2/bills/partner-bills/postpaid-bill-summary", &cycle),
        ]
    }

    async fn by(&self, app: &TestApp, account: &str) -> Answer {
        let client = app.client(account);
        match &self.body {
            Some(body) => client.post(&self.target, body).await,
            None => client.call(Method::GET, &self.target, &[], "").await,
        }
    }
}

/// What is read is away, or back.
async fn rename(pool: &PgPool, is_away: bool) {
    for table in ["charges", "charge_sums", "charge_totals", "usages"] {
        let away = format!("{table}_away");
        let (from, to) = if is_away { (table, away.as_str()) } else { (away.as_str(), table) };
        let statement = sqlx::AssertSqlSafe(format!("alter table {from} rename to {to}"));
        sqlx::raw_sql(statement).execute(pool).await.expect("it is renamed");
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn each_documented_code_is_given(pool: PgPool) {
    let app = TestApp::with(pool.clone(), crate::operations, |settings| settings.api.site = Site::Both).await;
    let month = Month::of(app.app.clock.now()).to_string();
    let customer = app.world.account(CUSTOMER).domain;
    for (read, wrong) in Read::all(&month, customer).into_iter().zip(Read::all("2026-13", customer)) {
        let good = read.by(&app, read.by).await;
        assert_eq!(good.status.as_u16(), 200, "{}: {}", read.target, good.body);

        let wrong = wrong.by(&app, read.by).await;
        let (status, code, message) = wrong.refusal();
        assert_eq!((status, code), (400, "CBC.0100"), "{}", read.target);
        assert!(message.contains("cycle"), "{}: {message}", read.target);

        let other = if read.by == CUSTOMER { PARTNER } else { CUSTOMER };
        let denied = read.by(&app, other).await;
        let (status, code, _) = denied.refusal();
        assert_eq!((status, code), (403, "CBC.0151"), "{}", read.target);

        rename(&pool, true).await;
        let broken = read.by(&app, read.by).await;
        let found = (broken.status.as_u16(), broken.body["error_code"].as_str().unwrap_or_default().to_owned());
        rename(&pool, false).await;
        assert_eq!(found, (500, "CBC.0999".to_owned()), "{}", read.target);
    }
}
