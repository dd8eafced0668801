//! `admin usage …`

use super::intake::{self, BATCH_MAX};
use super::sheet;
use crate::arguments::contents;
use crate::catalogue::memory::Catalogue;
use crate::clock::{self, Clock};
use crate::config::Settings;
use crate::database::open_months;
use crate::identity::administration::find_account;
use crate::pricing::quote::default_currency;
use crate::sheet::ImportError;
use anyhow::ensure;
use clap::Subcommand;
use serde_json::Value;
use sqlx::PgConnection;
use std::path::PathBuf;

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
    let records = sheet::read(&contents(&file)?).map_err(ImportError::Problems)?;
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
