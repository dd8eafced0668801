//! `POST /partner/v1/exports/{export_id}/links`

use super::exports::{OfExport, answer, check_sight, find, policy, record_unmasked};
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::Path;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::exports::link::{self, VALID_FOR};
use crate::values::time::Instant;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// A link to a file.
#[derive(Serialize, ToSchema)]
pub struct CreateExportLinkResponse {
    /// The path of the link on this server, shown this once; null where the answer is given again.
    #[schema(nullable, example = "/partner/v1/export-files/01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    path: Option<String>,
    /// Until when it is good.
    expire_time: Instant,
}

/// Makes a link to the file of an export that is done.
///
/// Whoever has it can fetch the file for an hour, with a browser for instance, and needs no key: so it is as secret as the file.
#[utoipa::path(
    post, path = "/partner/v1/exports/{export_id}/links",
    params(OfExport),
    responses((status = 200, description = "The link.", body = CreateExportLinkResponse)),
    extensions(("x-policy" = json!(policy().writes()))),
)]
pub async fn create_export_link(
    State(app): State<App>,
    seller: Seller,
    write: Write,
    Path(OfExport { export_id }): Path<OfExport>,
) -> Result<Answer, ApiError> {
    let (now, system, call) = (app.now(seller.tenant), app.clock.now(), write.call.clone());
    write
        .once(async |connection| {
            let export = find(connection, (seller.tenant, seller.domain), export_id).await?;
            check_sight(&seller, export.request.is_masked)?;
            // What cannot be fetched has no link.
            answer(&app.database, &export, now)?;
            if !export.request.is_masked {
                record_unmasked(connection, (&seller, &call), export_id, system).await?;
            }
            let until = now + VALID_FOR;
            let token = link::token(&app.vault, (seller.tenant, export_id), until);
            let shown = |path| CreateExportLinkResponse { path, expire_time: Instant(until) };
            let path = format!("/partner/v1/export-files/{token}");
            Outcome::shown_once(&export_id, &shown(Some(path)), &shown(None))
        })
        .await
}
