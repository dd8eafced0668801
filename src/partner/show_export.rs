//! `GET /partner/v1/exports/{export_id}`

use super::exports::{ExportView, OfExport, find, policy};
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::app::App;
use axum::extract::State;

/// Shows an export.
///
/// How it stands, and how far it is.
#[utoipa::path(
    get, path = "/partner/v1/exports/{export_id}",
    params(OfExport),
    responses((status = 200, description = "The export.", body = ExportView)),
    extensions(("x-policy" = json!(policy()))),
)]
pub async fn show_export(
    State(app): State<App>,
    seller: Seller,
    Path(OfExport { export_id }): Path<OfExport>,
) -> Result<Json<ExportView>, ApiError> {
    let mut connection = app.database.tenant(seller.tenant).await?;
    let export = find(&mut connection, (seller.tenant, seller.domain), export_id).await?;
    Ok(Json(ExportView::of(export, app.now(seller.tenant))))
}
