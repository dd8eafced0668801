//! `/admin/v1/accounts/{account}/exports`

use super::cursor::{Cursor, PageQuery};
use super::named::{OfAccount, account_and_time};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::operation::{Operations, operations};
use crate::api::write::{Answer, Write};
use crate::app::App;
use crate::exports::refusal::Refusal;
use crate::exports::store;
use crate::operators::store::Role;
use crate::partner::exports::{ExportView, answer, find};
use crate::partner::request_export::{RequestExportReq, keep};
use crate::values::id::ExportId;
use crate::values::language::Language;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The operations on exports.
pub fn register(operations: &mut Operations<App, OperatorPolicy>) {
    operations!(operations, "exports": list_exports, request_export, show_export, download_export);
}

/// The export in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfExport {
    /// The account's name.
    #[param(example = "demo-partner")]
    pub account: String,
    /// The export.
    #[param(inline)]
    pub export: ExportId,
}

/// Exports.
#[derive(Serialize, ToSchema)]
pub struct ExportPage {
    /// What was asked for last first.
    exports: Vec<ExportView>,
    /// Where the list goes on; left out at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List the exports of an account
///
/// Those that its users and operators asked for, whatever became of them.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/exports",
    params(OfAccount, PageQuery),
    responses((status = 200, body = ExportPage, description = "The exports.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_exports(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
    Query(query): Query<PageQuery>,
) -> Result<Json<ExportPage>, ApiError> {
    let behind = query.cursor.as_ref().map(Cursor::moment).transpose()?;
    let limit = query.limit.get();
    let mut connection = app.database.control().await?;
    let (of, now) = account_and_time(&mut connection, &app, &account).await?;
    let mut exports = store::behind(&mut connection, of, (behind, limit + 1)).await?;
    let next_cursor = Cursor::cut_at_moment(&mut exports, limit, |export| (export.requested_at, export.id.0));
    let exports = exports.into_iter().map(|export| ExportView::of(export, now)).collect();
    Ok(Json(ExportPage { exports, next_cursor }))
}

/// Ask for a file of an account's rows
///
/// As the account's own users do, and in their list. What operators ask for is masked, always: `masked` must not be false.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/exports",
    params(OfAccount),
    request_body = RequestExportReq,
    responses((status = 202, body = ExportView, description = "The export.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn request_export(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<RequestExportReq>,
) -> Result<Answer, ApiError> {
    if !body.is_masked() {
        return Err(Refusal::Parameter("masked", "must not be false").into());
    }
    let (user_name, system) = (write.caller.user_name.clone(), app.clock.now());
    let answer = write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let request = body.request((of, of.1), Language::default(), &user_name)?;
            keep(connection, (ExportId::new(now), &request), (now, system)).await
        })
        .await?;
    app.exported.notify_one();
    Ok(answer)
}

/// Show an export of an account
///
/// How it stands, and how far it is.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/exports/{export}",
    params(OfExport),
    responses((status = 200, body = ExportView, description = "The export.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn show_export(
    State(app): State<App>,
    Path(OfExport { account, export }): Path<OfExport>,
) -> Result<Json<ExportView>, ApiError> {
    let mut connection = app.database.control().await?;
    let (of, now) = account_and_time(&mut connection, &app, &account).await?;
    Ok(Json(ExportView::of(find(&mut connection, of, export).await?, now)))
}

/// Fetch the file of an export of an account
///
/// One that is masked: personal data in the clear is for the account's own users.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/exports/{export}/file",
    params(OfExport),
    responses((
        status = 200, description = "The file.",
        content(
            (String = "text/csv"),
            (String = "application/jsonl"),
            (String = "application/vnd.apache.parquet")
        )
    )),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn download_export(
    State(app): State<App>,
    Path(OfExport { account, export }): Path<OfExport>,
) -> Result<Response, ApiError> {
    let mut connection = app.database.control().await?;
    let (of, now) = account_and_time(&mut connection, &app, &account).await?;
    let export = find(&mut connection, of, export).await?;
    if !export.request.is_masked {
        return Err(ApiError::forbidden());
    }
    answer(&app.database, &export, now)
}
