//! The rows of each kind of export.

use super::kinds::{bills, coupons, customers, focus, funds, orders, resellers, resources};
use super::model::{Export, ExportKind};
use super::source::{Of, Source, With};
use super::table::{Cell, Column};
use serde_json::Value;
use sqlx::PgConnection;

/// A page of rows, as they are written.
#[derive(Debug)]
pub struct Rows {
    /// The columns.
    pub columns: &'static [Column],
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// The key of the last one; nothing where there are no more.
    pub place: Option<Value>,
}

/// Does something with the source of a kind.
macro_rules! of_kind {
    ($kind:expr, $source:ident => $does:expr) => {
        match $kind {
            ExportKind::Customers => {
                type $source = customers::Customers;
                $does
            }
            ExportKind::Resellers => {
                type $source = resellers::Resellers;
                $does
            }
            ExportKind::Orders => {
                type $source = orders::Orders;
                $does
            }
            ExportKind::Resources => {
                type $source = resources::Resources;
                $does
            }
            ExportKind::Bills => {
                type $source = bills::Bills;
                $does
            }
            ExportKind::Coupons => {
                type $source = coupons::Coupons;
                $does
            }
            ExportKind::Focus => {
                type $source = focus::Focus;
                $does
            }
            ExportKind::Funds => {
                type $source = funds::Funds;
                $does
            }
        }
    };
}

/// The columns of a kind.
pub fn columns(kind: ExportKind) -> &'static [Column] {
    of_kind!(kind, S => S::COLUMNS)
}

/// How many rows an export will have about.
pub async fn count(connection: &mut PgConnection, export: &Export) -> sqlx::Result<i64> {
    of_kind!(export.request.kind, S => S::count(connection, &export.of()).await)
}

/// The next rows of an export.
pub async fn next(connection: &mut PgConnection, export: &Export, with: &With<'_>) -> sqlx::Result<Rows> {
    let (of, place, limit) = (export.of(), export.place.clone(), export.request.format.page());
    of_kind!(export.request.kind, S => page::<S>(connection, &of, (place, limit), with).await)
}

async fn page<S: Source>(
    connection: &mut PgConnection,
    of: &Of,
    (place, limit): (Option<Value>, usize),
    with: &With<'_>,
) -> sqlx::Result<Rows> {
    let key = place.map(serde_json::from_value).transpose().map_err(|error| sqlx::Error::Decode(error.into()))?;
    let rows = S::behind(connection, of, key, limit).await?;
    let last = rows.last().filter(|_| rows.len() == limit).map(S::key);
    let place = last.map(serde_json::to_value).transpose().map_err(|error| sqlx::Error::Encode(error.into()))?;
    Ok(Rows { columns: S::COLUMNS, rows: rows.into_iter().map(|row| S::cells(row, with)).collect(), place })
}
