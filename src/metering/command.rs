//! `admin usage …`

use super::intake::{self, BATCH_MAX};
use super::model::NewUsage;
use crate::arguments::contents;
use crate::catalogue::memory::Catalogue;
use crate::clock::{self, Clock};
use crate::config::Settings;
use crate::database::open_months;
use crate::identity::administration::find_account;
use crate::pricing::quote::default_currency;
use crate::sheet::{self, ImportError, Problem, Row};
use crate::values::decimal::parse_decimal;
use crate::values::time::parse_instant;
use anyhow::ensure;
use clap::Subcommand;
use serde_json::Value;
use sqlx::PgConnection;
use std::path::PathBuf;

const COLUMNS: &str = "record_id,resource_id,usage_type,quantity,measure_id,scenario,from,until";

/// What is done with usage.
#[derive(Debug, Subcommand)]
pub enum UsageCommand {
    /// Take records of usage from a sheet, CSV or JSON: `record_id,resource_id,usage_type,quantity,measure_id,scenario,from,until`.
    /// A record that is wrong keeps none of the others out: it is named
    Import {
        /// An account of the tenant: a partner, or one of its customers
        account: String,
        /// The sheet; `-` is standard input
        file: PathBuf,
    },
}

/// Does it.
pub async fn run(connection: &mut PgConnection, command: UsageCommand, settings: &Settings) -> anyhow::Result<Value> {
    let UsageCommand::Import { account, file } = command;
    let (tenant, _) = find_account(connection, &account).await?;
    let records = sheet::read(&contents(&file)?, COLUMNS, |row| Ok(vec![record(row)?]));
    let records: Vec<NewUsage> =
        records.map_err(ImportError::Problems)?.into_iter().map(|(_, record)| record).collect();
    ensure!(records.len() <= BATCH_MAX, "a sheet holds at most {BATCH_MAX} records");
    let now = clock::setting(connection, tenant).await?.show(Clock::default().now());
    if let Some(first) = records.iter().map(|record| record.from).min() {
        open_months(connection, first.max(now - intake::OLDEST).date(), now.date()).await?;
    }
    let catalogue = Catalogue::load(connection).await?;
    let default = default_currency(settings.api.site);
    let report = intake::take(connection, (tenant, &catalogue), records, (default, now)).await?;
    Ok(serde_json::to_value(report)?)
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
