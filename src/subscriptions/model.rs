//! A subscription.

use super::lifecycle::{self, AutoRenewal, DaysBefore, ExpirePolicy, Leniency, ResourceStatus};
use super::term::{self, UnifiedDay};
use crate::pricing::model::Size;
use crate::pricing::model::{Currency, Period, PeriodType};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// What is under way with a resource.
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscription {
    /// The resource.
    pub resource_id: String,
    /// Its internal id, which the vendor shows beside it.
    pub instance_id: String,
    /// Its name.
    pub name: String,
    /// The project it is in.
    pub project_id: Uuid,
    /// Its service type.
    pub service_type: String,
    /// Its type.
    pub resource_type: String,
    /// Its specification.
    pub resource_spec: String,
    /// Its region.
    pub region: String,
    /// Its size, of linear products.
    pub size: Option<Size>,
    /// The product of the price book.
    pub product_id: String,
    /// The enterprise project it is in.
    pub enterprise_project: Option<String>,
    /// The order that bought it; empty if it was recorded without one.
    pub order_id: String,
    /// The currency in which it was bought.
    pub currency: Currency,
    /// Whether it is a primary resource.
    pub is_main: bool,
    /// Of a secondary its primary, of a primary the one that it is associated with.
    pub parent_id: Option<String>,
    /// For how long it was bought last.
    pub period: Period,
    /// What is under way with it.
    pub state: SubscriptionState,
    /// How it stands.
    pub status: ResourceStatus,
    /// From when on it is there.
    pub effective_at: OffsetDateTime,
    /// Until when it is paid for.
    pub expires_at: OffsetDateTime,
    /// The day of the month on which its periods end.
    pub anchor: u8,
    /// What happens when its time is over.
    pub policy: ExpirePolicy,
    /// For months or years it is renewed by itself; nothing: as it was bought last.
    pub renew_kind: Option<PeriodType>,
    /// How often it is renewed by itself.
    pub auto_renewal: AutoRenewal,
    /// When that is tried next.
    pub renew_attempt_at: Option<OffsetDateTime>,
    /// When it was changed last.
    pub updated_at: OffsetDateTime,
}

/// A resource that was left out.
#[derive(Serialize, ToSchema)]
pub struct FailResourceInfo {
    /// Why, by the vendor's code.
    #[schema(example = "CBC.30050009")]
    pub error_code: &'static str,
    /// Why, in words.
    #[schema(example = "The resource has expired and been deleted, or does not exist.")]
    pub error_msg: String,
    /// The resource.
    #[schema(example = "server-1")]
    pub resource_id: String,
}

/// What decides how a resource goes on by itself.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long it is kept once it has expired.
    pub leniency: Leniency,
    /// From how many days before the end on it is tried to renew it.
    pub days_before: DaysBefore,
    /// The day on which all resources of the account end.
    pub unified: Option<UnifiedDay>,
}

impl Subscription {
    /// A resource that nobody ordered, recorded by hand: for a month, and then as resources go by default.
    pub fn recorded(resource_id: String, (project_id, region): (Uuid, String), at: OffsetDateTime) -> Self {
        Self {
            instance_id: resource_id.clone(),
            name: resource_id.clone(),
            resource_id,
            project_id,
            service_type: String::new(),
            resource_type: String::new(),
            resource_spec: String::new(),
            region,
            size: None,
            product_id: String::new(),
            enterprise_project: None,
            order_id: String::new(),
            currency: Currency::Cny,
            is_main: true,
            parent_id: None,
            period: Period { kind: PeriodType::Month, num: 1 },
            state: SubscriptionState::InUse,
            status: ResourceStatus::InUse,
            effective_at: at,
            expires_at: at,
            anchor: term::anchor_of(at),
            policy: ExpirePolicy::Grace,
            renew_kind: None,
            auto_renewal: AutoRenewal { times: 0, done: 0 },
            renew_attempt_at: None,
            updated_at: at,
        }
    }

    /// What was bought, opened at this instant for its first period.
    #[must_use]
    pub fn opened(self, at: OffsetDateTime) -> Self {
        let anchor = term::anchor_of(at);
        let expires_at = term::end_of(at, self.period, anchor);
        Self { effective_at: at, expires_at, anchor, updated_at: at, ..self }
    }

    /// When something happens to it by itself: it changes, or its renewal is tried. A secondary goes with its primary.
    pub fn next_due(&self, rules: &Rules) -> Option<OffsetDateTime> {
        let change =
            lifecycle::next_change(self.status, self.policy, self.expires_at, rules.leniency).map(|next| next.0);
        let attempt = self.renew_attempt_at.filter(|_| self.policy == ExpirePolicy::AutoRenew);
        [change, attempt].into_iter().flatten().min().filter(|_| self.is_main)
    }

    /// When its automatic renewal is tried next after an instant; nothing if it is not renewed by itself.
    pub fn attempt_after(&self, after: OffsetDateTime, rules: &Rules) -> Option<OffsetDateTime> {
        let is_on = self.policy == ExpirePolicy::AutoRenew && self.status != ResourceStatus::Closed;
        is_on.then(|| lifecycle::next_attempt(after, self.expires_at, rules.days_before, rules.leniency)).flatten()
    }

    /// Whether it is gone.
    pub fn is_gone(&self) -> bool {
        self.state == SubscriptionState::Deleted || self.status == ResourceStatus::Closed
    }
}
