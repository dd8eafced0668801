//! `GET /partner/v1/export-files/{token}`

use super::exports::answer;
use crate::api::error::ApiError;
use crate::api::extract::Path;
use crate::api::policy::Policy;
use crate::app::App;
use crate::exports::link::{self, LinkToken};
use crate::exports::refusal::Refusal;
use crate::exports::store;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which link.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfLink {
    /// What the link ends with.
    #[param(inline)]
    token: LinkToken,
}

/// Fetches a file by a link.
///
/// Without credentials, until the link ends.
#[utoipa::path(
    get, path = "/partner/v1/export-files/{token}",
    params(OfLink),
    responses((
        status = 200, description = "The file.",
        content(
            (String = "text/csv"),
            (String = "application/jsonl"),
            (String = "application/vnd.apache.parquet")
        )
    )),
    extensions(("x-policy" = json!(Policy::open()))),
)]
pub async fn open_export_link(
    State(app): State<App>,
    Path(OfLink { token }): Path<OfLink>,
) -> Result<Response, ApiError> {
    let ((tenant, id), until) = link::read(&app.vault, &token).ok_or(Refusal::NoSuchLink)?;
    let now = app.now(tenant);
    if until <= now {
        return Err(Refusal::NoSuchLink.into());
    }
    let export = store::by_id(&mut *app.database.tenant(tenant).await?, tenant, id).await?;
    answer(&app.database, &export.ok_or(Refusal::NoSuchLink)?, now)
}
