//! `GET /partner/v1/invoice-titles`

use super::invoices::policy;
use crate::api::caller::AnyCaller;
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::app::App;
use crate::invoices::model::Title;
use crate::invoices::store;
use crate::values::id::InvoiceTitleId;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// The account's titles.
#[derive(Serialize, ToSchema)]
pub struct ListInvoiceTitlesResponse {
    /// All of them, the oldest first.
    titles: Vec<KeptTitle>,
}

/// A title.
#[derive(Serialize, ToSchema)]
pub struct KeptTitle {
    /// Its id.
    title_id: InvoiceTitleId,
    /// To whom invoices are made out.
    #[serde(flatten)]
    title: Title,
}

/// Lists the account's titles.
///
/// There are at most 100.
#[utoipa::path(
    get, path = "/partner/v1/invoice-titles",
    responses((status = 200, description = "The titles.", body = ListInvoiceTitlesResponse)),
    extensions(("x-policy" = json!(policy()))),
)]
pub async fn list_invoice_titles(
    State(app): State<App>,
    caller: AnyCaller,
) -> Result<Json<ListInvoiceTitlesResponse>, ApiError> {
    let mut connection = app.database.tenant(caller.tenant).await?;
    let titles = store::titles(&mut connection, &app.vault, (caller.tenant, caller.domain)).await?;
    let titles = titles.into_iter().map(|(title_id, title)| KeptTitle { title_id, title }).collect();
    Ok(Json(ListInvoiceTitlesResponse { titles }))
}
