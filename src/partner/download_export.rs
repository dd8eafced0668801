//! `GET /partner/v1/exports/{export_id}/file`

use super::exports::{OfExport, answer, check_sight, find, policy, record_unmasked};
use crate::api::audit::Call;
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::Path;
use crate::app::App;
use axum::extract::{Request, State};
use axum::response::Response;

/// Fetches the file of an export that is done.
///
/// As an attachment, with its length. One with personal data in the clear is for users with the permission
/// `GATEWAY_EXPORTS_UNMASKED`, and each time that it is fetched is audited.
#[utoipa::path(
    get, path = "/partner/v1/exports/{export_id}/file",
    params(OfExport),
    responses((
        status = 200, description = "The file.",
        content(
            (String = "text/csv"),
            (String = "application/jsonl"),
            (String = "application/vnd.apache.parquet")
        )
    )),
    extensions(("x-policy" = json!(policy()))),
)]
pub async fn download_export(
    State(app): State<App>,
    seller: Seller,
    Path(OfExport { export_id }): Path<OfExport>,
    request: Request,
) -> Result<Response, ApiError> {
    let mut connection = app.database.tenant(seller.tenant).await?;
    let export = find(&mut connection, (seller.tenant, seller.domain), export_id).await?;
    check_sight(&seller, export.request.is_masked)?;
    let response = answer(&app.database, &export, app.now(seller.tenant))?;
    if !export.request.is_masked {
        let call = Call::new("DownloadExport", &request);
        record_unmasked(&mut connection, (&seller, &call), export_id, app.clock.now()).await?;
    }
    Ok(response)
}
