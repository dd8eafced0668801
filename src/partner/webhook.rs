//! What the operations on webhooks share.

use crate::api::caller::CallerKind;
use crate::api::operation::Policy;
use crate::app::App;
use crate::events::endpoints::Rules;
use crate::values::id::WebhookId;
use serde::Deserialize;
use utoipa::IntoParams;

/// What a partner's user needs who is not its account's own. The item is ours: the vendor has none for this.
const ITEM: &str = "GATEWAY_WEBHOOKS";

/// Who may look at events and webhooks.
pub fn policy() -> Policy {
    Policy::callers(&CallerKind::SELLERS).needs(ITEM)
}

/// By which rules the server registers webhooks.
pub fn rules(app: &App) -> Rules<'_> {
    Rules { guard: &app.notifier.guard, most: app.settings.webhooks.endpoints_per_account }
}

/// Which webhook.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfWebhook {
    /// The webhook.
    #[param(inline)]
    pub webhook: WebhookId,
}
