//! The nouns: an event as it is told, an endpoint, a delivery with its attempts; and why something is refused.

use crate::api::error::ApiError;
use crate::api::page::Limit;
use crate::values::id::{DomainId, EventId, WebhookId};
use crate::values::list::List;
use crate::values::text::texts;
use crate::values::time::Instant;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};
use utoipa::{IntoParams, ToSchema};

/// An event, as it is sent and as it is listed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EventView {
    /// Its id, the same however often it is told.
    pub id: EventId,
    /// Its place among the events of the tenant: who asks for those after it misses none.
    #[schema(example = 4711)]
    pub position: i64,
    /// What has happened.
    #[serde(rename = "type")]
    #[schema(example = "customer.bound")]
    pub kind: String,
    /// When, by the tenant's time.
    pub timestamp: Instant,
    /// The account that is told; a distributor is also told what its resellers are told.
    pub account_id: DomainId,
    /// What the kind says. The section `webhooks` of this document has a schema for each.
    #[schema(value_type = Object)]
    pub data: Value,
}

texts! {
    /// Where events are sent.
    Url, 1..=2048, "https://partner.example.com/events";
    /// The name of a kind of event.
    KindName, 1..=64, "customer.bound";
}

/// An endpoint to be registered.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateWebhookReq {
    /// Where events are sent: `https`, on a network that is open to all, unless the server's settings say otherwise.
    #[schema(value_type = String, min_length = 1, max_length = 2048, example = "https://partner.example.com/events")]
    pub url: Url,
    /// Which kinds; empty or left out, all.
    #[schema(value_type = Option<Vec<String>>, max_items = 64, example = json!(["customer.bound"]))]
    pub kinds: Option<List<KindName, 64>>,
}

/// What to change of an endpoint. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
pub struct UpdateWebhookReq {
    /// Where events are sent.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 2048, example = "https://partner.example.com/events")]
    pub url: Option<Url>,
    /// Which kinds; empty, all.
    #[schema(value_type = Option<Vec<String>>, max_items = 64, example = json!(["customer.bound"]))]
    pub kinds: Option<List<KindName, 64>>,
    /// Whether anything is sent. What happens while it is disabled is not sent later, unless it is replayed.
    pub state: Option<WebhookState>,
}

/// Whether anything is sent to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WebhookState {
    /// Events are.
    Enabled,
    /// Nothing is.
    Disabled,
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WebhookView {
    /// Its id.
    pub id: WebhookId,
    /// Where events are sent.
    #[schema(example = "https://partner.example.com/events")]
    pub url: String,
    /// Which kinds; empty: all.
    #[schema(example = json!(["customer.bound"]))]
    pub kinds: Vec<String>,
    /// Whether anything is sent.
    pub state: WebhookState,
    /// When it was registered, by the tenant's time.
    pub created_at: Instant,
}

/// An endpoint that was registered.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookCreated {
    /// The endpoint.
    #[serde(flatten)]
    pub webhook: WebhookView,
    /// What deliveries are signed with, shown this once; null where the answer is given again.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub secret: Option<String>,
}

/// Endpoints.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookList {
    /// The oldest first.
    pub webhooks: Vec<WebhookView>,
}

/// What to send again: one event, or all from one instant until before another.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ReplayWebhookReq {
    /// The event.
    pub event_id: Option<EventId>,
    /// The first instant, by the tenant's time.
    pub from: Option<Instant>,
    /// The instant behind the last.
    pub until: Option<Instant>,
}

/// What will be sent again.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayWebhookResponse {
    /// How many events.
    #[schema(example = 12)]
    pub events: i64,
}

/// What became of an event at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum DeliveryState {
    /// It will be tried, perhaps again.
    Open,
    /// It was taken.
    Delivered,
    /// It was not taken in three days.
    Failed,
}

/// An event on its way to an endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// The event.
    pub event_id: EventId,
    /// Its position.
    #[schema(example = 4711)]
    pub position: i64,
    /// Its kind.
    #[schema(example = "customer.bound")]
    pub kind: String,
    /// What became of it.
    pub state: DeliveryState,
    /// Each attempt, the oldest first.
    pub attempts: Vec<AttemptView>,
}

/// An attempt to deliver an event.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// When, by the system's time.
    pub time: Instant,
    /// The answer's HTTP status; null where there was none.
    #[schema(example = 503)]
    pub status: Option<i16>,
    /// What went wrong; empty where the event was taken.
    #[schema(example = "it was not taken")]
    pub error: String,
    /// How long it took.
    #[schema(example = 120)]
    pub duration_ms: i32,
}

/// A position in the tenant's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position(i64);

impl Position {
    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.parse().ok().filter(|number| *number >= 0 && text.starts_with(|first: char| first != '+'));
        number.map(Self).ok_or_else(|| de::Error::custom("must be the position of an event, or 0"))
    }
}

impl utoipa::PartialSchema for Position {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Integer))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(0))
            .examples([0])
            .into()
    }
}

impl ToSchema for Position {}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListWebhookDeliveriesQuery {
    /// Only those of events before this position; left out, from the latest on.
    #[param(inline)]
    pub before: Option<Position>,
    /// How many to answer.
    #[serde(default)]
    #[param(inline)]
    pub limit: Limit<1000, 100>,
    /// Only those of which this became.
    #[param(inline)]
    pub state: Option<DeliveryState>,
}

/// Deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryList {
    /// The latest event first.
    pub deliveries: Vec<DeliveryView>,
    /// What to ask for as `before` to go on; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 4700)]
    pub next_before: Option<i64>,
}

/// Why something is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A field breaks its rule.
    #[error("{field}: {rule}")]
    Field {
        /// The field.
        field: String,
        /// Its rule.
        rule: String,
    },
    /// The account has no endpoint of this id.
    #[error("there is no webhook {0}")]
    NoSuchWebhook(WebhookId),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl Refusal {
    /// A field breaks its rule.
    pub fn field(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::Field { field: field.into(), rule: rule.into() }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Field { field, rule } => Self::parameter(&field, rule),
            Refusal::NoSuchWebhook(id) => Self::parameter("webhook", format_args!("there is no webhook {id}")),
            Refusal::Database(error) => error.into(),
        }
    }
}
