//! `bss-gateway admin catalogue …`

use super::import::{export, import};
use super::sheet::{self, Kind};
use crate::arguments::contents;
use crate::sheet::{Format, printed};
use clap::Subcommand;
use serde_json::Value;
use sqlx::PgConnection;
use std::path::PathBuf;

/// `admin catalogue …`
#[derive(Debug, Subcommand)]
pub enum CatalogueCommand {
    /// Import a catalogue sheet, CSV or JSON: all of it, or nothing if anything in it is wrong
    Import {
        /// The file, or - for standard input
        file: PathBuf,
        /// Say what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Write the catalogue to standard output, as a sheet
    Export {
        /// Only rows of this kind
        #[arg(long)]
        kind: Option<Kind>,
        /// As CSV or as JSON
        #[arg(long, default_value = "csv")]
        format: Format,
    },
}

/// Does it.
pub async fn run(connection: &mut PgConnection, command: CatalogueCommand) -> anyhow::Result<Value> {
    match command {
        CatalogueCommand::Import { file, dry_run } => {
            let imported = import(connection, &contents(&file)?, dry_run).await;
            printed(imported, dry_run, |rows| sheet::write(rows, Format::Csv))
        }
        CatalogueCommand::Export { kind, format } => Ok(sheet::write(&export(connection, kind).await?, format).into()),
    }
}
