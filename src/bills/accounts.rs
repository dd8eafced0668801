//! Whose bills a customer sees: its own, and those of the members of its enterprise that let it.

use super::model::{MemberFilter, Method};
use crate::api::caller::{Caller, CallerKind};
use crate::api::error::ApiError;
use crate::enterprises::store::{self, Master};
use crate::values::id::DomainId;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The accounts whose bills are asked for, with their names. It may be none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accounts(BTreeMap<DomainId, String>);

impl Accounts {
    /// What a customer asks for, as far as it may see that. An account that is no member, or one that keeps its bills to itself, is
    /// none: the answer does not tell which.
    pub async fn seen(
        connection: &mut PgConnection,
        caller: &Caller,
        (method, member): (Option<&Method>, Option<&MemberFilter>),
    ) -> Result<Self, ApiError> {
        let own = || (caller.domain, caller.domain_name.clone());
        let (with_own, only) = match (method, member) {
            (Some(Method::Oneself), _) => return Ok(Self(BTreeMap::from([own()]))),
            (Some(Method::SubCustomer), None) => {
                return Err(ApiError::parameter("sub_customer_id", "must be given where method is sub_customer"));
            }
            (Some(Method::SubCustomer), Some(member)) => (false, Some(id(member))),
            (Some(Method::All) | None, _) => (true, None),
        };
        let mut accounts = BTreeMap::new();
        if caller.kind == CallerKind::Master {
            let master = Master { tenant: caller.tenant, id: caller.domain };
            let members = store::members_with_open_bills(connection, master).await?;
            accounts.extend(members.into_iter().filter(|(id, _)| only.is_none_or(|only| only == Some(*id))));
        }
        accounts.extend(with_own.then(own));
        Ok(Self(accounts))
    }

    /// Their ids.
    pub fn ids(&self) -> Vec<DomainId> {
        self.0.keys().copied().collect()
    }

    /// The name of one of them.
    pub fn name(&self, id: DomainId) -> &str {
        self.0.get(&id).map(String::as_str).unwrap_or_default()
    }
}

/// The account that a filter names, in whichever spelling of an id; what is no id names nobody.
pub fn id(filter: &MemberFilter) -> Option<DomainId> {
    Uuid::try_parse(filter.as_str()).ok().map(DomainId)
}

#[cfg(test)]
mod tests {
    use crate::operators::store::Role;
    use crate::orders::tests::{PAY, Stall, decimal};
    use crate::testing::TestApp;
    use crate::values::time::Month;
    use rust_decimal::Decimal;
    use serde_json::{Value, json};
    use sqlx::PgPool;

    const MASTER: &str = "demo-master";
    const MEMBERS: [&str; 2] = ["demo-member-1", "demo-member-2"];
    const BILLS: &str = "/v2/bills/customer-bills";

    /// Lets an account buy a server, from money of its own.
    async fn buy(app: &TestApp, account: &str) {
        let operator = app.operator(Role::Operate).await;
        let funds = json!({"amount": "1000"});
        operator.post(&format!("/admin/v1/accounts/{account}/funds/top-ups"), &funds).await.ok();
        let order = operator.post(&format!("/admin/v1/accounts/{account}/orders"), &Stall::server(1, false)).await.ok();
        let body = json!({"order_id": order["order_id"], "use_coupon": "NO", "use_discount": "NO"});
        app.client(account).post(PAY, &body).await.ok();
    }

    /// Whose records an account gets, by name; all four operations must agree.
    async fn seen(app: &TestApp, account: &str, filter: &str) -> Vec<String> {
        let month = Month::of(app.app.clock.now()).to_string();
        let client = app.client(account);
        let names = |rows: &Value| {
            let rows = rows.as_array().expect("a list").iter();
            let mut names: Vec<String> =
                rows.map(|row| row["account_name"].as_str().expect("a name").to_owned()).collect();
            names.sort();
            names
        };
        let fees = client.get(&format!("{BILLS}/fee-records?bill_cycle={month}{filter}")).await.ok();
        let found = names(&fees["records"]);
        assert_eq!(fees["total_count"], found.len());
        let records = client.get(&format!("{BILLS}/res-fee-records?cycle={month}{filter}")).await.ok();
        assert_eq!(names(&records["fee_records"]), found);
        let sums = client.get(&format!("{BILLS}/monthly-sum?bill_cycle={month}{filter}")).await.ok();
        assert_eq!(names(&sums["bill_sums"]), found);
        let all: Decimal =
            fees["records"].as_array().expect("a list").iter().map(|row| decimal(&row["consume_amount"])).sum();
        assert_eq!(decimal(&sums["consume_amount"]), all);
        let mut body = json!({"cycle": month});
        for (name, value) in form_urlencoded::parse(filter.as_bytes()) {
            body[&*name] = json!(value);
        }
        let details = client.post(&format!("{BILLS}/res-records/query"), &body).await.ok();
        assert_eq!(names(&details["monthly_records"]), found);
        found
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_master_sees_its_own_bills_and_those_of_members_that_let_it(pool: PgPool) {
        let app = TestApp::with_prices(pool.clone()).await;
        let run = async |statement: &'static str| sqlx::raw_sql(statement).execute(&pool).await.expect(statement);
        // Their money is their own, and nothing else pays.
        run("update customers set custodian_id = null; update coupons set frozen = true;
             update customers set association_type = 1 where association_type = 2")
        .await;
        for account in [MASTER, MEMBERS[0], MEMBERS[1]] {
            buy(&app, account).await;
        }
        let id = |account: &str| app.world.account(account).domain;
        let of = |account: &str| format!("&method=sub_customer&sub_customer_id={}", id(account));
        for filter in ["", "&method=all"] {
            assert_eq!(seen(&app, MASTER, filter).await, [MASTER, MEMBERS[0], MEMBERS[1]], "{filter}");
        }
        assert_eq!(seen(&app, MASTER, "&method=oneself").await, [MASTER]);
        assert_eq!(seen(&app, MASTER, &of(MEMBERS[1])).await, [MEMBERS[1]]);
        let hyphens = format!("&method=sub_customer&sub_customer_id={}", id(MEMBERS[1]).0.hyphenated());
        assert_eq!(seen(&app, MASTER, &hyphens).await, [MEMBERS[1]]);
        let payer = json!({"cycle": Month::of(app.app.clock.now()), "payer_account_id": id(MEMBERS[0])});
        let paid = app.client(MASTER).post(&format!("{BILLS}/res-records/query"), &payer).await.ok();
        assert_eq!(
            (&paid["total_count"], &paid["monthly_records"][0]["account_name"]),
            (&json!(1), &json!(MEMBERS[0]))
        );

        run("update enterprise_members set permissions = '{READ_FINANCE_INFO}' where display_name = 'Laboratory'")
            .await;
        assert_eq!(seen(&app, MASTER, "").await, [MASTER, MEMBERS[0]]);
        assert_eq!(seen(&app, MASTER, &of(MEMBERS[1])).await, [""; 0]);
        // Nobody else sees more than before.
        assert_eq!(seen(&app, MEMBERS[0], "").await, [MEMBERS[0]]);
        for (account, other) in [(MEMBERS[0], MEMBERS[1]), (MEMBERS[0], MASTER), ("demo-customer", MEMBERS[0])] {
            assert_eq!(seen(&app, account, &of(other)).await, [""; 0], "{account}");
        }
        let unnamed =
            app.client(MASTER).get(&format!("{BILLS}/monthly-sum?bill_cycle=2026-01&method=sub_customer")).await;
        assert!(unnamed.refusal().2.contains("sub_customer_id"));
    }
}
