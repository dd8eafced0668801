//! Each code that the vendor documents for these operations, provoked: exact status, exact code.
//! `tests/facts/documented_refusals_of_enterprises.csv` is the list.

use super::{MEMBERS, ORGANISATION, Office, PHONE, PROJECTS, SEND, code_for, masters_phone};
use crate::testing::{Answer, Client};
use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

const DOCUMENTED: &str = include_str!("../../../tests/facts/documented_refusals_of_enterprises.csv");

/// An operation as it is called.
struct Call {
    method: Method,
    target: &'static str,
    body: Value,
}

impl Call {
    async fn by(&self, client: &Client<'_>) -> Answer {
        let body = if self.body.is_null() { String::new() } else { self.body.to_string() };
        client.call(self.method.clone(), self.target, &[], &body).await
    }

    /// The same with a value that breaks a rule, or another one.
    fn with(mut self, path: &str, value: Value) -> Self {
        *self.body.pointer_mut(path).expect("the field is there") = value;
        self
    }
}

impl Office {
    async fn call(&self, operation: &str) -> Call {
        let (method, target, body) = match operation {
            "ListEnterpriseOrganizations" => (Method::GET, ORGANISATION, Value::Null),
            "ListEnterpriseSubCustomers" => (Method::GET, MEMBERS, Value::Null),
            "CreateSubEnterpriseAccount" => (Method::POST, MEMBERS, self.request("new-member", masters_phone()).await),
            "SendSmsVerificationCode" => (Method::POST, SEND, code_for(PHONE)),
            "CreateEnterpriseProjectAuth" => (Method::POST, PROJECTS, Value::Null),
            _ => panic!("{operation} is none of these"),
        };
        Call { method, target, body }
    }

    /// What a request for a member with a phone of its own gets, with the code that was sent or another.
    async fn with_code(&self, code: &str) -> Answer {
        let account = json!({"mobile_phone": PHONE, "verification_code": code});
        self.create(&self.request("new-member", account).await).await
    }

    async fn provoke(&self, operation: &str, code: &str) -> Answer {
        let (call, master) = (self.call(operation).await, self.master());
        match (operation, code) {
            ("ListEnterpriseOrganizations", "CBC.0100") => master.get(&format!("{ORGANISATION}?parent_id=x")).await,
            ("ListEnterpriseSubCustomers", "CBC.0100") => master.get(&format!("{MEMBERS}?limit=0")).await,
            ("CreateSubEnterpriseAccount", "CBC.0100") => call.with("/party_id", json!("4711")).by(&master).await,
            ("SendSmsVerificationCode", "CBC.0100") => call.with("/mobile_phone", json!("1")).by(&master).await,
            ("CreateEnterpriseProjectAuth", "CBC.0151") => call.by(&self.app.client("demo-partner")).await,
            (_, "CBC.0151") => call.by(&self.app.client("demo-member-1")).await,
            (_, "CBC.7004") => {
                let many =
                    "insert into enterprise_members select m.tenant_id, d.domain_id, m.master_id, m.party_id, m.status,
                                m.association_type, m.display_name, m.permissions, m.joined_at
                            from enterprise_members m, domains d
                            where m.tenant_id = $1 and m.domain_id = $2 and d.tenant_id = $1 and d.name like 'spare-%'";
                let spare = "insert into domains (tenant_id, domain_id, parent_id, name, kind, created_at)
                             select $1, gen_random_uuid(), $1, 'spare-' || n, 'customer', now()
                             from generate_series(1, 30) n";
                let member = self.account("demo-member-1");
                sqlx::query(spare).bind(member.tenant).execute(&self.pool).await.expect("they are written");
                let written = sqlx::query(many).bind(member.tenant).bind(member.domain).execute(&self.pool).await;
                written.expect("they are written");
                call.by(&master).await
            }
            (_, "CBC.99000026") => self.with_code("000000").await,
            (_, "CBC.99000027") => {
                let sent = self.code(&master, PHONE).await;
                self.sql("update verification_codes set expires_at = expires_at - interval '1 day'").await;
                self.with_code(&sent).await
            }
            (_, "CBC.99000030") => {
                self.sql("update receivers set accounts = 1000").await;
                call.by(&master).await
            }
            (_, "CBC.99000031") => call.with("/new_sub_customer/customer_name", json!("op_one")).by(&master).await,
            (_, "CBC.99000036") => call.with("/new_sub_customer/password", json!("short")).by(&master).await,
            (_, "CBC.99000051") => {
                self.sql("update receivers set reserved = true").await;
                call.by(&master).await
            }
            (_, "CBC.99007490") => {
                self.sql(
                    "update customers set partner_id = tenant_id, association_type = 1, associated_at = now(), number = 1
                     where domain_id = tenant_id",
                )
                .await;
                self.sql(
                    "insert into partner_profiles (tenant_id, domain_id, standing, is_test, checks_documents, name,
                                                   account_manager_id, account_manager_name)
                     select tenant_id, domain_id, 'exited', false, true, '', '', '' from domains where name = 'demo-master'",
                )
                .await;
                call.by(&master).await
            }
            (_, "CBC.99000082") => {
                let call = call.with("/mobile_phone", json!("13800000082"));
                for _ in 0..15 {
                    assert_eq!(call.by(&master).await.status.as_u16(), 204);
                }
                call.by(&master).await
            }
            (_, "CBC.99007004") => call.by(&self.app.client("demo-customer")).await,
            _ => panic!("no case provokes {code} of {operation}"),
        }
    }

    async fn rename(&self, table: &str, suffix: &str) {
        let statement = sqlx::AssertSqlSafe(format!("alter table {table} rename to {table}_{suffix}"));
        sqlx::raw_sql(statement).execute(&self.pool).await.expect("it is renamed");
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn each_documented_code_is_given(pool: PgPool) {
    let office = Office::new(pool.clone()).await;
    let reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(DOCUMENTED.as_bytes());
    let rows = reader.into_deserialize::<(String, u16, String, String)>().map(|row| row.expect("it is well-formed"));
    // What takes tables away, or fills them, comes last.
    let last = ["CBC.99000030", "CBC.99000051", "CBC.99007490", "CBC.7004", "CBC.0999"];
    let mut rows: Vec<_> = rows.filter(|(.., never)| never.is_empty()).collect();
    rows.sort_by_key(|(_, _, code, _)| last.iter().position(|known| known == code).map_or(0, |place| place + 1));
    let mut calls = Vec::new();
    for (operation, status, code, _) in rows {
        if code == "CBC.0999" {
            calls.push((office.call(&operation).await, operation));
            continue;
        }
        let answer = office.provoke(&operation, &code).await;
        assert_eq!((answer.refusal().0, answer.refusal().1), (status, code.as_str()), "{operation}: {}", answer.body);
        office.sql("update receivers set accounts = 1, reserved = false").await;
        office.sql("delete from partner_profiles where standing = 'exited'").await;
    }
    for table in ["organisation_units", "verification_codes", "opened_features", "enterprise_members"] {
        office.rename(table, "away").await;
    }
    for (call, operation) in calls {
        let answer = call.by(&office.master()).await;
        assert_eq!((answer.refusal().0, answer.refusal().1), (500, "CBC.0999"), "{operation}: {}", answer.body);
    }
}
