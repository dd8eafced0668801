//! `/admin/v1/catalogue`

use super::policy::OperatorPolicy;
use super::sheets;
use crate::api::error::ApiError;
use crate::api::extract::Query;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::catalogue::import::{export, import};
use crate::catalogue::sheet::{self, Kind};
use crate::operators::store::Role;
use crate::sheet::{Format, SheetImported};
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which rows, and how.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExportCatalogueQuery {
    /// Only rows of this kind.
    #[param(inline)]
    kind: Option<Kind>,
    /// As CSV or as JSON.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// Export the catalogue
///
/// Service types, resource types, usage types, specifications, units and conversions, as a sheet that can be imported.
#[utoipa::path(
    get,
    path = "/admin/v1/catalogue",
    params(ExportCatalogueQuery),
    responses(
        (
            status = 200,
            content((String = "text/csv"), (Vec<BTreeMap<String, String>> = "application/json")),
            description = "The sheet."
        )
    ),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn export_catalogue(
    State(app): State<App>,
    Query(ExportCatalogueQuery { kind, format }): Query<ExportCatalogueQuery>,
) -> Result<Response, ApiError> {
    let entries = export(&mut *app.database.control().await?, kind).await?;
    Ok(sheets::exported(format, sheet::write(&entries, format)))
}

/// Import a catalogue sheet
///
/// CSV or JSON, with rows of several kinds. Rows are added or replaced, none is removed. All of it is imported or, if one row
/// is wrong, nothing: the answer names the row and the column. With `X-Dry-Run` the answer says what would change.
#[utoipa::path(
    post,
    path = "/admin/v1/catalogue",
    request_body(
        content((String = "text/csv"), (Vec<BTreeMap<String, String>> = "application/json")),
        description = "The sheet."
    ),
    responses((status = 200, body = SheetImported, description = "What was changed.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn import_catalogue(write: Write, body: Bytes) -> Result<Answer, ApiError> {
    let text = sheets::given(&body)?;
    write
        .once(async |connection| {
            let difference = import(connection, text, false).await.map_err(sheets::not_imported)?;
            Outcome::of(&"catalogue", &difference.told(|rows| sheet::write(rows, Format::Csv)))
        })
        .await
}
