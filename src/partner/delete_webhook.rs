//! `DELETE /partner/v1/webhooks/{webhook}`

use super::webhook::{OfWebhook, policy};
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::Path;
use crate::api::write::{Answer, Outcome, Write};
use crate::events::endpoints;

/// Deletes a webhook.
///
/// What was on its way there is sent no more.
#[utoipa::path(
    delete, path = "/partner/v1/webhooks/{webhook}",
    params(OfWebhook),
    responses((status = 204, description = "It is gone.")),
    extensions(("x-policy" = json!(policy().writes()))),
)]
pub async fn delete_webhook(seller: Seller, write: Write, Path(path): Path<OfWebhook>) -> Result<Answer, ApiError> {
    let owner = (seller.tenant, seller.domain);
    write
        .once(async |connection| {
            endpoints::delete(connection, owner, path.webhook).await?;
            Ok(Outcome::empty(&path.webhook))
        })
        .await
}
