//! `/admin/v1/accounts/{account}/webhooks`

use super::named::{OfAccount, refused};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::operation::{Operations, operations};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::clock;
use crate::customers::partner_administration::find_partner;
use crate::events::deliveries;
use crate::events::endpoints::{self, Rules};
use crate::events::model::{
    CreateWebhookReq, DeliveryList, ListWebhookDeliveriesQuery, ReplayWebhookReq, ReplayWebhookResponse,
    UpdateWebhookReq, WebhookCreated, WebhookList, WebhookView,
};
use crate::events::post::shown_secret;
use crate::operators::store::Role;
use crate::values::id::{DomainId, TenantId, WebhookId};
use axum::extract::State;
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::IntoParams;

/// The operations on webhooks.
pub fn register(operations: &mut Operations<App, OperatorPolicy>) {
    operations!(operations, "webhooks":
        list_webhooks,
        create_webhook,
        update_webhook,
        delete_webhook,
        list_webhook_deliveries,
        replay_webhook,
    );
}

/// The webhook in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfWebhook {
    /// The account's name.
    #[param(example = "demo-partner")]
    account: String,
    /// The webhook.
    #[param(inline)]
    webhook: WebhookId,
}

async fn owner(connection: &mut PgConnection, account: &str) -> Result<(TenantId, DomainId), ApiError> {
    let (tenant, partner, _) = find_partner(connection, account).await.map_err(refused)?;
    Ok((tenant, partner))
}

/// List where a partner's events are sent
///
/// Without the secrets, which are shown once only.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/webhooks",
    params(OfAccount),
    responses((status = 200, body = WebhookList, description = "The webhooks.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_webhooks(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
) -> Result<Json<WebhookList>, ApiError> {
    let mut connection = app.database.control().await?;
    let owner = owner(&mut connection, &account).await?;
    Ok(Json(WebhookList { webhooks: endpoints::list(&mut connection, owner).await? }))
}

/// Register where a partner's events are sent
///
/// By the same rules as the partner itself.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/webhooks",
    params(OfAccount),
    responses((status = 200, body = WebhookCreated, description = "The webhook and its secret.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn create_webhook(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(request): Json<CreateWebhookReq>,
) -> Result<Answer, ApiError> {
    let rules = Rules::new(&app.notifier, &app.settings.webhooks);
    write
        .once(async |connection| {
            let owner = owner(connection, &account).await?;
            let now = (clock::business_time(connection, owner.0, &app.clock).await?, app.clock.now());
            let created = endpoints::create(connection, owner, &request, (&rules, &app.sealer), now).await;
            let (webhook, secret) = created?;
            let answer = |secret| WebhookCreated { webhook: webhook.clone(), secret };
            Outcome::shown_once(&webhook.id, &answer(Some(shown_secret(&secret))), &answer(None))
        })
        .await
}

/// Change where a partner's events are sent, or which
///
/// What is still on its way goes to the new address.
#[utoipa::path(
    patch,
    path = "/admin/v1/accounts/{account}/webhooks/{webhook}",
    params(OfWebhook),
    responses((status = 200, body = WebhookView, description = "The webhook as it is now.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn update_webhook(
    State(app): State<App>,
    write: Write,
    Path(OfWebhook { account, webhook }): Path<OfWebhook>,
    Json(request): Json<UpdateWebhookReq>,
) -> Result<Answer, ApiError> {
    let rules = Rules::new(&app.notifier, &app.settings.webhooks);
    let answer = write
        .once(async |connection| {
            let owner = owner(connection, &account).await?;
            let webhook = endpoints::update(connection, owner, webhook, &request, &rules, app.clock.now()).await?;
            Outcome::of(&webhook.id, &webhook)
        })
        .await?;
    app.notified.notify_one();
    Ok(answer)
}

/// Delete a webhook
///
/// What was on its way there is sent no more.
#[utoipa::path(
    delete,
    path = "/admin/v1/accounts/{account}/webhooks/{webhook}",
    params(OfWebhook),
    responses((status = 204, description = "It is gone.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn delete_webhook(
    write: Write,
    Path(OfWebhook { account, webhook }): Path<OfWebhook>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let owner = owner(connection, &account).await?;
            endpoints::delete(connection, owner, webhook).await?;
            Ok(Outcome::empty(&webhook))
        })
        .await
}

/// List what was sent to a webhook
///
/// With each attempt. Kept as long as the events, 30 days.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/webhooks/{webhook}/deliveries",
    params(OfWebhook, ListWebhookDeliveriesQuery),
    responses((status = 200, body = DeliveryList, description = "The deliveries.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_webhook_deliveries(
    State(app): State<App>,
    Path(OfWebhook { account, webhook }): Path<OfWebhook>,
    Query(query): Query<ListWebhookDeliveriesQuery>,
) -> Result<Json<DeliveryList>, ApiError> {
    let mut connection = app.database.control().await?;
    let owner = owner(&mut connection, &account).await?;
    Ok(Json(deliveries::list(&mut connection, (owner, webhook), &query, app.clock.now()).await?))
}

/// Send events to a webhook once more
///
/// One event, or up to 10,000 of a span, whether they were taken or not.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/webhooks/{webhook}/replay",
    params(OfWebhook),
    responses((status = 200, body = ReplayWebhookResponse, description = "How many are sent.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn replay_webhook(
    State(app): State<App>,
    write: Write,
    Path(OfWebhook { account, webhook }): Path<OfWebhook>,
    Json(request): Json<ReplayWebhookReq>,
) -> Result<Answer, ApiError> {
    let now = app.clock.now();
    let answer = write
        .once(async |connection| {
            let owner = owner(connection, &account).await?;
            let events = deliveries::replay(connection, owner, webhook, &request, now).await?;
            Outcome::of(&webhook, &ReplayWebhookResponse { events })
        })
        .await?;
    app.notified.notify_one();
    Ok(answer)
}
