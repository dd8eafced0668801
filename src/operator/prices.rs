//! `/admin/v1/prices`

use super::policy::{OperatorPolicy, Role};
use super::refused;
use crate::api::error::ApiError;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::pricing::import::{ImportError, import};
use crate::pricing::{sheet, store};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// How many problems of a sheet are named.
const PROBLEMS_NAMED_MAX: usize = 20;

/// Export the prices
///
/// All of them, as a CSV sheet that can be imported.
#[utoipa::path(
    get,
    path = "/admin/v1/prices",
    responses((status = 200, body = String, content_type = "text/csv", description = "The sheet.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn export_prices(State(app): State<App>) -> Result<Response, ApiError> {
    let prices = store::prices(&mut *app.database.control().await?).await?;
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], sheet::write_csv(&prices)).into_response())
}

/// What an import changed.
#[derive(Serialize, ToSchema)]
pub struct PricesImported {
    /// Rows that were not there.
    #[schema(example = 12)]
    added: usize,
    /// Rows that were there with other terms.
    #[schema(example = 3)]
    changed: usize,
    /// Rows that are as they were.
    #[schema(example = 985)]
    unchanged: usize,
    /// The added and changed rows, as a sheet has them; the first 200.
    rows: Vec<String>,
}

/// How many rows are shown.
const ROWS_SHOWN_MAX: usize = 200;

/// Import a price sheet
///
/// CSV or JSON. All of it is imported or, if one row is wrong, nothing: the answer names the row and the column. With
/// `X-Dry-Run` the answer says what would change.
#[utoipa::path(
    post,
    path = "/admin/v1/prices",
    request_body(content = String, content_type = "text/csv", description = "The sheet."),
    responses((status = 200, body = PricesImported, description = "What was changed.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn import_prices(State(app): State<App>, write: Write, body: Bytes) -> Result<Answer, ApiError> {
    let text = std::str::from_utf8(&body).map_err(|_| ApiError::parameter("body", "must be UTF-8"))?;
    write
        .once(&app, async |connection| {
            let difference = import(connection, text, false).await.map_err(|error| match error {
                ImportError::Problems(problems) => {
                    let named: Vec<String> =
                        problems.iter().take(PROBLEMS_NAMED_MAX).map(ToString::to_string).collect();
                    let message = format!("Nothing was imported, {} problems. {}.", problems.len(), named.join("; "));
                    ApiError::bss(StatusCode::BAD_REQUEST, "CBC.0100", message)
                }
                ImportError::Database(error) => refused(error),
            })?;
            let new = difference.changed.iter().map(|(_, after)| after).chain(&difference.added);
            let new: Vec<_> = new.take(ROWS_SHOWN_MAX).cloned().collect();
            let imported = PricesImported {
                added: difference.added.len(),
                changed: difference.changed.len(),
                unchanged: difference.unchanged,
                rows: sheet::write_csv(&new).lines().skip(1).map(str::to_owned).collect(),
            };
            Outcome::of(&"prices", &imported)
        })
        .await
}
