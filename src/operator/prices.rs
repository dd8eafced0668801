//! `/admin/v1/prices`

use super::policy::OperatorPolicy;
use super::sheets::{self, ExportQuery};
use crate::api::error::ApiError;
use crate::api::extract::Query;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::operators::store::Role;
use crate::pricing::import::import;
use crate::pricing::{sheet, store};
use crate::sheet::SheetImported;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;

/// Export the prices
///
/// All of them, as a sheet that can be imported.
#[utoipa::path(
    get,
    path = "/admin/v1/prices",
    params(ExportQuery),
    responses(
        (
            status = 200,
            content((String = "text/csv"), (Vec<BTreeMap<String, String>> = "application/json")),
            description = "The sheet."
        )
    ),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn export_prices(
    State(app): State<App>,
    Query(ExportQuery { format }): Query<ExportQuery>,
) -> Result<Response, ApiError> {
    let prices = store::prices(&mut *app.database.control().await?).await?;
    Ok(sheets::exported(format, sheet::write(&prices, format)))
}

/// Import a price sheet
///
/// CSV or JSON. All of it is imported or, if one row is wrong, nothing: the answer names the row and the column. With
/// `X-Dry-Run` the answer says what would change.
#[utoipa::path(
    post,
    path = "/admin/v1/prices",
    request_body(
        content((String = "text/csv"), (Vec<BTreeMap<String, String>> = "application/json")),
        description = "The sheet."
    ),
    responses((status = 200, body = SheetImported, description = "What was changed.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn import_prices(write: Write, body: Bytes) -> Result<Answer, ApiError> {
    let text = sheets::given(&body)?;
    write
        .once(async |connection| {
            let difference = import(connection, text, false).await.map_err(sheets::not_imported)?;
            Outcome::of(&"prices", &difference.told(sheet::write_csv))
        })
        .await
}
