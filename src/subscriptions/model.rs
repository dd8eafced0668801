//! A subscription.

use crate::pricing::model::Size;
use crate::pricing::model::{Currency, Period};
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

/// In which state a resource is, as far as renewing it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, clap::ValueEnum, sqlx::Type)]
#[serde(rename_all = "kebab-case")]
#[sqlx(type_name = "text", rename_all = "kebab-case")]
pub enum SubscriptionState {
    /// Nothing is under way
    InUse,
    /// An order for it waits to be paid
    PendingPayment,
    /// It is being unsubscribed from, or changed
    Changing,
    /// It has expired and been deleted
    Deleted,
}

/// A resource that an account has bought for a time.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The resource.
    pub resource_id: String,
    /// The project it is in.
    pub project_id: Uuid,
    /// Its type.
    pub resource_type: String,
    /// Its specification.
    pub resource_spec: String,
    /// Its region.
    pub region: String,
    /// Its size, of linear products.
    pub size: Option<Size>,
    /// The currency in which it was bought.
    pub currency: Currency,
    /// Whether it is a primary resource.
    pub is_main: bool,
    /// Of a secondary its primary, of a primary the one that it is associated with.
    pub parent_id: Option<String>,
    /// For how long it was bought last.
    pub period: Period,
    /// In which state it is.
    pub state: SubscriptionState,
    /// Until when it is paid for.
    pub expires_at: OffsetDateTime,
}
