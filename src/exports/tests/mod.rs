//! Exports through the router, on a real database.

mod files;
mod rights;
mod work;

use crate::background::exports;
use crate::exports::model::Holder;
use crate::orders::tests::Stall;
use crate::testing::{Answer, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

const PARTNER: &str = "demo-partner";
const EXPORTS: &str = "/partner/v1/exports";
const HOLDER: Holder = Holder(Uuid::from_u128(1));

/// A row of a CSV file, by its columns.
type Row = BTreeMap<String, String>;

impl TestApp {
    async fn ask_export(&self, account: &str, body: &Value) -> Answer {
        self.client(account).post(EXPORTS, body).await
    }

    /// Lets a replica write until nothing waits.
    async fn write_exports(&self) {
        while exports::turn(&self.app, HOLDER).await.expect("it is written") {}
    }

    async fn show_export(&self, export: &Value) -> Value {
        self.client(PARTNER).get(&format!("{EXPORTS}/{}", text(&export["export_id"]))).await.ok()
    }

    async fn fetch_export(&self, account: &str, export: &Value) -> Answer {
        self.client(account).get(&format!("{EXPORTS}/{}/file", text(&export["export_id"]))).await
    }

    /// The file of an export, written and fetched.
    async fn exported(&self, account: &str, body: &Value) -> String {
        let asked = self.ask_export(account, body).await;
        assert_eq!(asked.status.as_u16(), 202, "{body} {}", asked.text);
        self.write_exports().await;
        let fetched = self.fetch_export(account, &asked.body).await;
        assert_eq!(fetched.status.as_u16(), 200, "{body} {}", fetched.text);
        assert_eq!(fetched.header("content-length"), Some(fetched.text.len().to_string().as_str()));
        fetched.text
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn rows(file: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    reader.deserialize().map(|row| row.expect("it is CSV")).collect()
}

fn of(kind: &str) -> Value {
    json!({"kind": kind})
}

impl Stall {
    /// A server that demo-customer has paid for.
    async fn paid_server(&self) -> Value {
        let order = self.order(&Self::server(1, true)).await;
        assert_eq!(self.pay(&order).await.status.as_u16(), 204);
        order
    }
}
