//! Records of usage as a sheet: CSV, or JSON of the same names.

use super::model::NewUsage;
use crate::sheet::{self, Problem, Row};
use crate::values::decimal::parse_decimal;
use crate::values::time::parse_instant;

const COLUMNS: &str = "record_id,resource_id,usage_type,quantity,measure_id,scenario,from,until";

/// Reads it. A cell that cannot be read is a problem of the whole sheet: what the record says is not known.
pub fn read(text: &str) -> Result<Vec<NewUsage>, Vec<Problem>> {
    let records = sheet::read(text, COLUMNS, |row| Ok(vec![record(row)?]))?;
    Ok(records.into_iter().map(|(_, record)| record).collect())
}

fn record(row: &Row) -> Result<NewUsage, Problem> {
    let instant =
        |column| parse_instant(row.text(column)).ok_or_else(|| row.problem(column, "must be an instant of UTC"));
    let quantity = parse_decimal(row.text("quantity")).ok_or_else(|| row.problem("quantity", "must be a number"))?;
    Ok(NewUsage {
        record_id: row.bounded("record_id", 1..=128)?,
        resource_id: row.bounded("resource_id", 1..=64)?,
        usage_type: row.bounded("usage_type", 1..=64)?,
        quantity,
        measure_id: row.number("measure_id")?.ok_or_else(|| row.problem("measure_id", "must be a number"))?,
        scenario: Some(row.bounded("scenario", 0..=64)?).filter(|scenario| !scenario.is_empty()),
        from: instant("from")?,
        until: instant("until")?,
    })
}
