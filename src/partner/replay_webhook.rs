//! `POST /partner/v1/webhooks/{webhook}/replay`

use super::webhook::{OfWebhook, policy};
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::events::deliveries;
use crate::events::model::{ReplayWebhookReq, ReplayWebhookResponse};
use axum::extract::State;

/// Sends events to a webhook once more.
///
/// One event, or up to 10,000 of a span; whether they were taken or not, and also those that happened before it was
/// registered or while it was disabled. Their ids and bodies are those they had.
#[utoipa::path(
    post, path = "/partner/v1/webhooks/{webhook}/replay",
    params(OfWebhook),
    responses((status = 200, description = "How many are sent.", body = ReplayWebhookResponse)),
    extensions(("x-policy" = json!(policy().writes()))),
)]
pub async fn replay_webhook(
    State(app): State<App>,
    seller: Seller,
    write: Write,
    Path(path): Path<OfWebhook>,
    Json(request): Json<ReplayWebhookReq>,
) -> Result<Answer, ApiError> {
    let (owner, now) = ((seller.tenant, seller.domain), app.clock.now());
    let answer = write
        .once(async |connection| {
            let events = deliveries::replay(connection, owner, path.webhook, &request, now).await?;
            Outcome::of(&path.webhook, &ReplayWebhookResponse { events })
        })
        .await?;
    app.notified.notify_one();
    Ok(answer)
}
