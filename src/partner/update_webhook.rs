//! `PATCH /partner/v1/webhooks/{webhook}`

use super::webhook::{OfWebhook, policy};
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::events::endpoints::{self, Rules};
use crate::events::model::{UpdateWebhookReq, WebhookView};
use axum::extract::State;

/// Changes where events are sent, or which.
///
/// What is still on its way goes to the new address. While a webhook is disabled nothing is sent.
#[utoipa::path(
    patch, path = "/partner/v1/webhooks/{webhook}",
    params(OfWebhook),
    responses((status = 200, description = "The webhook as it is now.", body = WebhookView)),
    extensions(("x-policy" = json!(policy().writes()))),
)]
pub async fn update_webhook(
    State(app): State<App>,
    seller: Seller,
    write: Write,
    Path(path): Path<OfWebhook>,
    Json(request): Json<UpdateWebhookReq>,
) -> Result<Answer, ApiError> {
    let (owner, now) = ((seller.tenant, seller.domain), app.clock.now());
    let rules = Rules::new(&app.notifier, &app.settings.webhooks);
    let answer = write
        .once(async |connection| {
            let webhook = endpoints::update(connection, owner, path.webhook, &request, &rules, now).await?;
            Outcome::of(&webhook.id, &webhook)
        })
        .await?;
    app.notified.notify_one();
    Ok(answer)
}
