//! `GET /partner/v1/webhooks/{webhook}/deliveries`

use super::webhook::{OfWebhook, policy};
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::app::App;
use crate::events::deliveries;
use crate::events::model::{DeliveryList, ListWebhookDeliveriesQuery};
use axum::extract::State;

/// Lists what was sent to a webhook.
///
/// With each attempt: when it was, what was answered, how long it took. Kept as long as the events, 30 days.
#[utoipa::path(
    get, path = "/partner/v1/webhooks/{webhook}/deliveries",
    params(OfWebhook, ListWebhookDeliveriesQuery),
    responses((status = 200, description = "The deliveries.", body = DeliveryList)),
    extensions(("x-policy" = json!(policy()))),
)]
pub async fn list_webhook_deliveries(
    State(app): State<App>,
    seller: Seller,
    Path(path): Path<OfWebhook>,
    Query(query): Query<ListWebhookDeliveriesQuery>,
) -> Result<Json<DeliveryList>, ApiError> {
    let mut connection = app.database.tenant(seller.tenant).await?;
    let owner = (seller.tenant, seller.domain);
    let listed = deliveries::list(&mut connection, (owner, path.webhook), &query, app.clock.now()).await?;
    Ok(Json(listed))
}
