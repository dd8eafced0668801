//! What lies beside a file, for who reads it by a program: how long it is, its sum, its columns.

use super::model::{Delivery, Subscription};
use crate::exports::model::{Export, ExportFormat, ExportKind};
use crate::exports::reading;
use crate::exports::table::Column;
use crate::values::id::{ExportId, FileSubscriptionId};
use crate::values::time::{Day, Instant};
use serde::Serialize;

/// Of this form. It is counted up when something in it comes to mean something else.
const VERSION: i32 = 1;

#[derive(Serialize)]
struct Manifest<'a> {
    version: i32,
    subscription_id: FileSubscriptionId,
    export_id: ExportId,
    kind: ExportKind,
    format: ExportFormat,
    time_begin: Day,
    time_end: Day,
    due_time: Instant,
    files: [File<'a>; 1],
    columns: &'static [Column],
}

#[derive(Serialize)]
struct File<'a> {
    name: &'a str,
    rows: i64,
    bytes: i64,
    sha256: &'a str,
}

/// The manifest of a file with this sum.
pub fn manifest(subscription: &Subscription, delivery: &Delivery, export: &Export, sha256: &str) -> Vec<u8> {
    let name = subscription.file_name(delivery.span);
    let manifest = Manifest {
        version: VERSION,
        subscription_id: subscription.id,
        export_id: export.id,
        kind: subscription.kind,
        format: subscription.format,
        time_begin: delivery.span.0,
        time_end: delivery.span.1,
        due_time: Instant(delivery.due_at),
        files: [File { name: &name, rows: export.rows_done, bytes: export.bytes, sha256 }],
        columns: reading::columns(subscription.kind),
    };
    serde_json::to_vec_pretty(&manifest).expect("it is plain fields")
}

/// The sum of a file as `sha256sum --check` reads it.
pub fn sums(name: &str, sha256: &str) -> Vec<u8> {
    format!("{sha256}  {name}\n").into_bytes()
}
