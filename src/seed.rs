//! Seed files: CSV with a header; lines that begin with `#` name the sources.

use serde_json::Value;
use std::collections::HashMap;

/// The rows, each by column name.
pub fn rows(csv: &'static str) -> impl Iterator<Item = HashMap<String, String>> {
    let reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(csv.as_bytes());
    reader.into_deserialize().map(|row| row.expect("the tests read every seed file"))
}

/// One column.
pub fn column(csv: &'static str, name: &str) -> Vec<String> {
    rows(csv).map(|mut row| row.remove(name).expect("the tests read every seed file")).collect()
}

/// An array of objects, for `jsonb_to_recordset`: one statement loads a file.
pub fn json(csv: &'static str) -> Value {
    rows(csv)
        .map(|row| Value::Object(row.into_iter().map(|(name, text)| (name, Value::String(text))).collect()))
        .collect()
}
