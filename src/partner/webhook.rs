//! What the operations on webhooks share.

use crate::api::caller::CallerKind;
use crate::api::policy::Policy;
use crate::values::id::WebhookId;
use serde::Deserialize;
use utoipa::IntoParams;

/// What a partner's user needs who is not its account's own. The item is ours: the vendor has none for this.
const ITEM: &str = "GATEWAY_WEBHOOKS";

/// Who may look at events and webhooks.
pub fn policy() -> Policy {
    Policy::callers(&CallerKind::SELLERS).needs(ITEM)
}

/// Which webhook.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfWebhook {
    /// The webhook.
    #[param(inline)]
    pub webhook: WebhookId,
}
