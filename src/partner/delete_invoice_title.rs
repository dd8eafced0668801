//! `DELETE /partner/v1/invoice-titles/{title_id}`

use super::invoices::policy;
use crate::api::caller::AnyCaller;
use crate::api::error::ApiError;
use crate::api::extract::Path;
use crate::api::write::{Answer, Outcome, Write};
use crate::invoices::refusal::Refusal;
use crate::invoices::store;
use crate::values::id::InvoiceTitleId;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which title.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfTitle {
    /// The title.
    #[param(inline)]
    title_id: InvoiceTitleId,
}

/// Deletes a title.
///
/// Invoices that were asked for keep it.
#[utoipa::path(
    delete, path = "/partner/v1/invoice-titles/{title_id}",
    params(OfTitle),
    responses((status = 204, description = "It is gone.")),
    extensions(("x-policy" = json!(policy().writes()))),
)]
pub async fn delete_invoice_title(
    caller: AnyCaller,
    write: Write,
    Path(OfTitle { title_id }): Path<OfTitle>,
) -> Result<Answer, ApiError> {
    let account = (caller.tenant, caller.domain);
    write
        .once(async |connection| {
            if !store::delete_title(connection, account, title_id).await? {
                return Err(Refusal::NoSuchTitle.into());
            }
            Ok(Outcome::empty(&title_id))
        })
        .await
}
