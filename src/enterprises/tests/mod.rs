//! The domain through the router: what masters see and do, and what nobody else does.

mod documented;
mod limits;
mod members;
pub mod money;
mod organisation;
mod projects;

use crate::customers::codes;
use crate::sandbox::world::accounts::Account;
use crate::testing::{Answer, Client, TestApp};
use crate::values::receiver::Receiver;
use serde_json::{Value, json};
use sqlx::PgPool;

const ORGANISATION: &str = "/v2/enterprises/multi-accounts/enterprise-organizations";
const MEMBERS: &str = "/v2/enterprises/multi-accounts/sub-customers";
const SEND: &str = "/v2/enterprises/multi-accounts/sm-verification-code";
const PROJECTS: &str = "/v2/enterprises/enterprise-projects/authority";
const PHONE: &str = "13800000001";

/// The sandbox's world on a database of its own.
struct Office {
    app: TestApp,
    pool: PgPool,
}

impl Office {
    async fn new(pool: PgPool) -> Self {
        Self { app: TestApp::new(pool.clone()).await, pool }
    }

    fn master(&self) -> Client<'_> {
        self.app.client("demo-master")
    }

    fn account(&self, name: &str) -> &Account {
        self.app.world.account(name)
    }

    async fn sql(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.pool).await.expect("it is written");
    }

    /// The organisation of a master, all of it.
    async fn tree(&self) -> Value {
        self.master().get(&format!("{ORGANISATION}?recursive_query=1")).await.ok()
    }

    /// The id of the root.
    async fn root(&self) -> String {
        self.tree().await["root_id"].as_str().expect("a text").to_owned()
    }

    /// A request for a member with its own phone or the master's.
    async fn request(&self, name: &str, account: Value) -> Value {
        let mut account = account;
        account["customer_name"] = json!(name);
        account["password"] = json!("Sub-account-1");
        json!({"party_id": self.root().await, "sub_customer_association_type": 1, "new_sub_customer": account})
    }

    /// A code that was sent to the phone, by whom.
    async fn code(&self, sender: &Client<'_>, phone: &str) -> String {
        let answer = sender.post(SEND, &code_for(phone)).await;
        assert_eq!(answer.status.as_u16(), 204, "{}", answer.body);
        let receiver = Receiver::parse(phone).expect("a phone");
        let mut connection = self.pool.acquire().await.expect("a connection");
        codes::readable(&mut connection, &self.app.app.vault, &receiver).await.expect("it is read").remove(0).code
    }

    async fn members(&self, query: &str) -> Vec<String> {
        let page = self.master().get(&format!("{MEMBERS}?{query}")).await.ok();
        let infos = page["sub_customer_infos"].as_array().expect("a list").iter();
        infos.map(|info| info["name"].as_str().expect("a name").to_owned()).collect()
    }

    async fn create(&self, request: &Value) -> Answer {
        self.master().post(MEMBERS, request).await
    }
}

fn code_for(phone: &str) -> Value {
    json!({"mobile_phone": phone, "sm_template_args": [{"key": "sub_customer_name", "value": "new-member"}]})
}

fn masters_phone() -> Value {
    json!({"use_pri_mobile_phone": "Y"})
}

fn names(nodes: &Value) -> Vec<&str> {
    nodes.as_array().expect("a list").iter().map(|node| node["name"].as_str().expect("a name")).collect()
}
