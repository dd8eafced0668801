//! `DELETE /partner/v1/file-subscriptions/{subscription_id}`

use super::exports::policy;
use super::file_subscriptions::OfFileSubscription;
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::Path;
use crate::api::write::{Answer, Outcome, Write};
use crate::files::administration;

/// Ends a file subscription.
///
/// What is on its way is brought no further, and what became of its files is forgotten; files that were delivered stay.
#[utoipa::path(
    delete, path = "/partner/v1/file-subscriptions/{subscription_id}",
    params(OfFileSubscription),
    responses((status = 204, description = "It is gone.")),
    extensions(("x-policy" = json!(policy().writes()))),
)]
pub async fn delete_file_subscription(
    seller: Seller,
    write: Write,
    Path(OfFileSubscription { subscription_id }): Path<OfFileSubscription>,
) -> Result<Answer, ApiError> {
    let account = (seller.tenant, seller.domain);
    write
        .once(async |connection| {
            administration::delete(connection, account, subscription_id).await?;
            Ok(Outcome::empty(&subscription_id))
        })
        .await
}
