//! What the operations on file subscriptions share.

use crate::values::id::FileSubscriptionId;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which subscription.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfFileSubscription {
    /// The subscription.
    #[param(inline)]
    pub subscription_id: FileSubscriptionId,
}
