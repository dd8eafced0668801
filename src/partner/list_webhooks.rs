//! `GET /partner/v1/webhooks`

use super::webhook::policy;
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::app::App;
use crate::events::endpoints;
use crate::events::model::WebhookList;
use axum::extract::State;

/// Lists where events are sent.
///
/// Those of the calling account, without their secrets, which are shown once only.
#[utoipa::path(
    get, path = "/partner/v1/webhooks",
    responses((status = 200, description = "The webhooks.", body = WebhookList)),
    extensions(("x-policy" = json!(policy()))),
)]
pub async fn list_webhooks(State(app): State<App>, seller: Seller) -> Result<Json<WebhookList>, ApiError> {
    let mut connection = app.database.tenant(seller.tenant).await?;
    let webhooks = endpoints::list(&mut connection, (seller.tenant, seller.domain)).await?;
    Ok(Json(WebhookList { webhooks }))
}
