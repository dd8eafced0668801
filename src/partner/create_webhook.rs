//! `POST /partner/v1/webhooks`

use super::webhook::policy;
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::events::endpoints::{self, Rules};
use crate::events::model::{CreateWebhookReq, WebhookCreated};
use crate::events::post::shown_secret;
use axum::extract::State;

/// Registers where events are sent.
///
/// From now on each event of these kinds is posted there, signed as the Standard Webhooks convention says, until it is answered
/// with 2xx: at longer and longer intervals, for three days. What is about one subject comes in order, some events perhaps
/// more than once.
#[utoipa::path(
    post, path = "/partner/v1/webhooks",
    responses((status = 200, description = "The webhook and its secret.", body = WebhookCreated)),
    extensions(("x-policy" = json!(policy().writes()))),
)]
pub async fn create_webhook(
    State(app): State<App>,
    seller: Seller,
    write: Write,
    Json(request): Json<CreateWebhookReq>,
) -> Result<Answer, ApiError> {
    let owner = (seller.tenant, seller.domain);
    let now = (app.now(seller.tenant), app.clock.now());
    let rules = Rules::new(&app.notifier, &app.settings.webhooks);
    write
        .once(async |connection| {
            let created = endpoints::create(connection, owner, &request, (&rules, &app.sealer), now).await;
            let (webhook, secret) = created?;
            let answer = |secret| WebhookCreated { webhook: webhook.clone(), secret };
            Outcome::shown_once(&webhook.id, &answer(Some(shown_secret(&secret))), &answer(None))
        })
        .await
}
