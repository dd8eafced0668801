//! The endpoints that accounts register: what they are, and who changes them how.

use super::catalogue;
use super::model::{CreateWebhookReq, KindName, Refusal, UpdateWebhookReq, WebhookState, WebhookView};
use super::places;
use super::post::{Notifier, secret_owner};
use crate::api::address::Guard;
use crate::config::WebhookSettings;
use crate::secrets::{self, Sealer};
use crate::values::id::{DomainId, TenantId, WebhookId};
use crate::values::list::List;
use crate::values::time::Instant;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Bytes of a secret.
const SECRET: usize = 32;

/// What the server's settings have to do with endpoints.
pub struct Rules<'a> {
    /// Which addresses may be called.
    pub guard: &'a Guard,
    /// How many endpoints an account may have.
    pub most: i64,
}

impl<'a> Rules<'a> {
    /// Those of the settings.
    pub fn new(notifier: &'a Notifier, settings: &WebhookSettings) -> Self {
        Self { guard: &notifier.guard, most: settings.endpoints_per_account }
    }
}

/// Whose endpoints, and by which rules.
type Owner = (TenantId, DomainId);

struct Row {
    webhook_id: WebhookId,
    url: String,
    kinds: Vec<String>,
    enabled: bool,
    created_at: Instant,
}

impl From<Row> for WebhookView {
    fn from(row: Row) -> Self {
        let state = if row.enabled { WebhookState::Enabled } else { WebhookState::Disabled };
        Self { id: row.webhook_id, url: row.url, kinds: row.kinds, state, created_at: row.created_at }
    }
}

/// Registers an endpoint, for what happens from now on; with its secret. `now` is the tenant's time, `system` the system's.
pub async fn create(
    connection: &mut PgConnection,
    (tenant, account): Owner,
    request: &CreateWebhookReq,
    (rules, sealer): (&Rules<'_>, &Sealer),
    (now, system): (OffsetDateTime, OffsetDateTime),
) -> Result<(WebhookView, [u8; SECRET]), Refusal> {
    let (url, kinds) =
        (checked_url(rules, request.url.as_str())?, checked_kinds(request.kinds.as_ref().map_or(&[], List::as_slice))?);
    let count = sqlx::query_scalar!(
        "select count(*) as \"count!\" from webhooks where tenant_id = $1 and domain_id = $2",
        tenant.0,
        account.0
    );
    if count.fetch_one(&mut *connection).await? >= rules.most {
        return Err(Refusal::field(
            "url",
            format!("the account has {} webhooks already, the most there can be", rules.most),
        ));
    }
    places::place(connection, tenant, system).await?;
    let (id, secret) = (WebhookId::new(now), secrets::random::<SECRET>());
    sqlx::query!(
        "insert into webhooks (tenant_id, webhook_id, domain_id, url, kinds, sealed_secret, enabled, created_at)
         values ($1, $2, $3, $4, $5, $6, true, $7)",
        tenant.0,
        id.0,
        account.0,
        url,
        &kinds,
        sealer.seal(&secret, &secret_owner(id)),
        now
    )
    .execute(connection)
    .await?;
    Ok((WebhookView { id, url, kinds, state: WebhookState::Enabled, created_at: Instant(now) }, secret))
}

/// An account's endpoints, the oldest first.
pub async fn list(connection: &mut PgConnection, (tenant, account): Owner) -> sqlx::Result<Vec<WebhookView>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select webhook_id as "webhook_id: WebhookId", url, kinds, enabled, created_at as "created_at: Instant"
           from webhooks where tenant_id = $1 and domain_id = $2 order by webhook_id"#,
        tenant.0,
        account.0
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(WebhookView::from).collect())
}

/// An endpoint of an account, and nobody changes it until the transaction ends.
pub async fn lock(
    connection: &mut PgConnection,
    (tenant, account): Owner,
    id: WebhookId,
) -> Result<WebhookView, Refusal> {
    let row = sqlx::query_as!(
        Row,
        r#"select webhook_id as "webhook_id: WebhookId", url, kinds, enabled, created_at as "created_at: Instant"
           from webhooks where tenant_id = $1 and domain_id = $2 and webhook_id = $3 for update"#,
        tenant.0,
        account.0,
        id.0
    );
    row.fetch_optional(connection).await?.map(WebhookView::from).ok_or(Refusal::NoSuchWebhook(id))
}

/// Changes an endpoint, for what happens from now on; `now` is the system's time.
pub async fn update(
    connection: &mut PgConnection,
    owner: Owner,
    id: WebhookId,
    request: &UpdateWebhookReq,
    rules: &Rules<'_>,
    now: OffsetDateTime,
) -> Result<WebhookView, Refusal> {
    let mut webhook = lock(connection, owner, id).await?;
    places::place(connection, owner.0, now).await?;
    if let Some(url) = &request.url {
        webhook.url = checked_url(rules, url.as_str())?;
    }
    if let Some(kinds) = &request.kinds {
        webhook.kinds = checked_kinds(kinds.as_slice())?;
    }
    webhook.state = request.state.unwrap_or(webhook.state);
    sqlx::query!(
        "update webhooks set url = $3, kinds = $4, enabled = $5 where tenant_id = $1 and webhook_id = $2",
        owner.0.0,
        id.0,
        webhook.url,
        &webhook.kinds,
        webhook.state == WebhookState::Enabled
    )
    .execute(connection)
    .await?;
    Ok(webhook)
}

/// Deletes an endpoint, and what was on its way there.
pub async fn delete(connection: &mut PgConnection, owner: Owner, id: WebhookId) -> Result<(), Refusal> {
    lock(connection, owner, id).await?;
    let (tenant, id) = (owner.0.0, id.0);
    sqlx::query!("delete from webhooks where tenant_id = $1 and webhook_id = $2", tenant, id)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("delete from deliveries where tenant_id = $1 and endpoint_id = $2", tenant, id)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

fn checked_url(rules: &Rules<'_>, url: &str) -> Result<String, Refusal> {
    let checked = rules.guard.endpoint(url).map_err(|error| Refusal::field("url", error.to_string()))?;
    Ok(checked.into())
}

fn checked_kinds(kinds: &[KindName]) -> Result<Vec<String>, Refusal> {
    let unknown = kinds.iter().position(|kind| catalogue::kind(kind.as_str()).is_none());
    if let Some(place) = unknown {
        return Err(Refusal::field(format!("kinds[{place}]"), "there is no such kind of event"));
    }
    Ok(kinds.iter().map(|kind| kind.as_str().to_owned()).collect())
}
