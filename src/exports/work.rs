//! Writing files: one page of rows after the other.

use super::columnar;
use super::events::ExportCompleted;
use super::format::{self, Piece, Written};
use super::model::{ATTEMPTS_MAX, BYTES_MAX, Export, ExportFormat, Holder, KEPT, ROWS_MAX};
use super::reading;
use super::source::With;
use super::state::{self, Event};
use super::store;
use crate::catalogue::memory::Catalogue;
use crate::outbox;
use crate::personal::Vault;
use crate::values::id::{ExportId, TenantId};
use crate::values::site::Site;
use parquet::errors::ParquetError;
use sqlx::{PgConnection, PgTransaction};
use time::OffsetDateTime;

/// What a replica has at hand for it.
#[derive(Clone, Copy)]
pub struct Hand<'a> {
    /// Who it is.
    pub holder: Holder,
    /// For names.
    pub catalogue: &'a Catalogue,
    /// Which site.
    pub site: Site,
    /// Opens personal data.
    pub vault: &'a Vault,
}

/// What came of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A piece is written, and more follow.
    Continued,
    /// The export has ended, well or badly.
    Ended,
    /// Another replica has it.
    Lost,
}

/// Writes the next piece of an export: all of it, or nothing where another replica has taken it over. `now` is the tenant's time,
/// `system` the system's.
pub async fn step(
    mut transaction: PgTransaction<'static>,
    export: (TenantId, ExportId),
    hand: Hand<'_>,
    (now, system): (OffsetDateTime, OffsetDateTime),
) -> sqlx::Result<Step> {
    let Some(mut export) = store::lock(&mut transaction, export, hand.holder).await? else {
        return Ok(Step::Lost);
    };
    let event = if export.attempts > ATTEMPTS_MAX {
        export.cause = Some(format!("no piece of it could be written, tried {ATTEMPTS_MAX} times"));
        Event::GivenUp
    } else {
        // Still the same state where it was begun before.
        export.state = state::next(export.state, Event::Taken).expect("only what has not ended is locked");
        write(&mut transaction, &mut export, hand).await?
    };
    export.state = state::next(export.state, event).expect("only what has not ended is locked");
    export.updated_at = now;
    let has_ended = event != Event::Continued;
    if has_ended {
        // Of one that failed the pieces may go at once.
        export.expires_at = Some(if event == Event::Finished { now + KEPT } else { now });
        let told = outbox::Event::new(export.request.account.1, &ExportCompleted::of(&export));
        outbox::append(&mut transaction, export.request.account.0, &[told], now).await?;
    }
    store::update(&mut transaction, &export, system).await?;
    transaction.commit().await?;
    Ok(if has_ended { Step::Ended } else { Step::Continued })
}

/// Reads the next rows and writes them.
async fn write(connection: &mut PgConnection, export: &mut Export, hand: Hand<'_>) -> sqlx::Result<Event> {
    if export.rows_in_all.is_none() {
        export.rows_in_all = Some(reading::count(connection, export).await?);
    }
    let Hand { catalogue, site, vault, .. } = hand;
    let (language, is_masked) = (export.request.language, export.request.is_masked);
    let rows = reading::next(connection, export, &With { catalogue, language, site, vault, is_masked }).await?;
    export.rows_done += i64::try_from(rows.rows.len()).unwrap_or(i64::MAX);
    let piece = Piece { is_first: export.pieces == 0, has_bom: export.request.has_bom };
    let written = format::piece(export.request.format, rows.columns, rows.rows, piece).map_err(unwritten)?;
    add(connection, export, &written).await?;
    if rows.place.is_none() && export.request.format == ExportFormat::Parquet {
        let groups = store::groups(connection, export).await?;
        let content = columnar::footer(rows.columns, groups).map_err(unwritten)?;
        add(connection, export, &Written { content, footer: None }).await?;
    }
    if export.rows_done > ROWS_MAX || export.bytes > BYTES_MAX {
        export.cause = Some(format!("it has more than {ROWS_MAX} rows or {BYTES_MAX} bytes: ask for a shorter span"));
        return Ok(Event::GivenUp);
    }
    export.attempts = 0;
    export.place = rows.place;
    if export.place.is_some() {
        return Ok(Event::Continued);
    }
    // What was counted when it began may have changed since.
    export.rows_in_all = Some(export.rows_done);
    Ok(Event::Finished)
}

/// Adds a piece, unless it is empty.
async fn add(connection: &mut PgConnection, export: &mut Export, written: &Written) -> sqlx::Result<()> {
    if written.content.is_empty() {
        return Ok(());
    }
    store::add_piece(connection, export, written).await?;
    export.bytes += i64::try_from(written.content.len()).unwrap_or(i64::MAX);
    export.pieces += 1;
    Ok(())
}

fn unwritten(error: ParquetError) -> sqlx::Error {
    sqlx::Error::Encode(error.into())
}
