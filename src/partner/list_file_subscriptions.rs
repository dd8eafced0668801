//! `GET /partner/v1/file-subscriptions`

use super::exports::policy;
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::app::App;
use crate::files::administration;
use crate::files::model::FileSubscriptionList;
use axum::extract::State;

/// Lists the files that the account has subscribed to.
///
/// Of all its users, without the secret keys of their buckets.
#[utoipa::path(
    get, path = "/partner/v1/file-subscriptions",
    responses((status = 200, description = "The subscriptions.", body = FileSubscriptionList)),
    extensions(("x-policy" = json!(policy()))),
)]
pub async fn list_file_subscriptions(
    State(app): State<App>,
    seller: Seller,
) -> Result<Json<FileSubscriptionList>, ApiError> {
    let mut connection = app.database.tenant(seller.tenant).await?;
    Ok(Json(administration::list(&mut connection, (seller.tenant, seller.domain)).await?))
}
