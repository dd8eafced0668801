//! File subscriptions through the router, on a real database.

mod delivery;
mod rules;

use crate::background::{due, exports, files};
use crate::config::RateText;
use crate::exports::model::Holder;
use crate::testing::TestApp;
use crate::values::time::parse_instant;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::path::Path;
use time::Duration;
use uuid::Uuid;

const PARTNER: &str = "demo-partner";
const SUBSCRIPTIONS: &str = "/partner/v1/file-subscriptions";
const HOLDER: Holder = Holder(Uuid::from_u128(1));

/// A server that has this folder for files, and calls stores on this machine.
async fn app(pool: PgPool, folder: &Path) -> TestApp {
    TestApp::with(pool, crate::operations, |settings| {
        let high: RateText = "1000000/1".to_owned().try_into().expect("it is a rate");
        settings.quotas.overrides.insert("*".to_owned(), high);
        settings.files.folder = folder.to_str().expect("a plain path").to_owned();
        settings.files.subscriptions_per_account = 3;
        settings.webhooks.schemes = vec!["http".to_owned(), "https".to_owned()];
        settings.webhooks.allowed_networks = vec!["127.0.0.0/8".parse().expect("a network")];
    })
    .await
}

impl TestApp {
    async fn subscribe(&self, body: &Value) -> Value {
        self.client(PARTNER).post(SUBSCRIPTIONS, body).await.ok()
    }

    /// Moves the clock to the instant of a subscription's next file, and a second more.
    async fn until_next(&self, subscription: &Value) {
        let listed = self.client(PARTNER).get(SUBSCRIPTIONS).await.ok();
        let listed = listed["subscriptions"].as_array().expect("a list");
        let found = listed.iter().find(|one| one["subscription_id"] == subscription["subscription_id"]);
        let next = found.expect("it is listed")["next_time"].as_str().expect("it is enabled");
        self.app.clock.set(parse_instant(next).expect("an instant") + Duration::SECOND);
    }

    /// Does what has fallen due.
    async fn fall_due(&self) {
        due::run_all(&self.app, false).await.expect("it is done");
    }

    /// Writes and brings files until there is nothing to do but to wait.
    async fn bring_files(&self) {
        for _ in 0..4 {
            while files::turn(&self.app, HOLDER).await.expect("it is brought") {}
            while exports::turn(&self.app, HOLDER).await.expect("it is written") {}
            // What was not written yet is looked at again.
            self.app.clock.set(self.app.clock.now() + Duration::seconds(2));
        }
    }

    async fn deliveries(&self, subscription: &Value) -> Vec<Value> {
        let id = subscription["subscription_id"].as_str().expect("an id");
        let listed = self.client(PARTNER).get(&format!("{SUBSCRIPTIONS}/{id}/deliveries")).await.ok();
        listed["deliveries"].as_array().expect("a list").clone()
    }

    async fn told(&self, kind: &str) -> Vec<Value> {
        let events = self.client(PARTNER).get(&format!("/partner/v1/events?after=0&limit=1000&kind={kind}")).await.ok();
        events["events"].as_array().expect("a list").iter().map(|event| event["data"].clone()).collect()
    }
}

fn orders() -> Value {
    json!({"kind": "orders", "rhythm": "daily"})
}
