//! The nouns: a subscription, the bucket that its files go to, a delivery.

use super::schedule::{Rhythm, Span};
use super::state::State;
use crate::api::page::Limit;
use crate::exports::model::{ExportFormat, ExportKind};
use crate::values::id::{DomainId, ExportId, FileSubscriptionId, TenantId};
use crate::values::language::Language;
use crate::values::text::texts;
use crate::values::time::{Day, Instant};
use crate::values::truth;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use utoipa::{IntoParams, ToSchema};

/// How long a delivery is tried.
pub const PATIENCE: Duration = Duration::days(3);
/// How long it is said what became of one.
pub const LISTED: Duration = Duration::days(90);

texts! {
    /// Where a store is.
    Endpoint, 1..=2048, "https://s3.example.com";
    /// A region's name.
    Region, 1..=64, "cn-north-4";
    /// A bucket's name.
    BucketName, 3..=63, "example-bills";
    /// What the names of a bucket's files begin with.
    Prefix, 0..=512, "bss/files";
    /// An access key for a store.
    BucketAccessKey, 1..=128, "AKIAIOSFODNN7EXAMPLE";
    /// Its secret key.
    BucketSecretKey, 1..=256, "<secret key>";
}

/// How a bucket is addressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Addressing {
    /// As a part of the host's name, as most stores ask for.
    #[default]
    VirtualHost,
    /// As the first part of the path.
    Path,
}

/// A bucket of an S3-compatible store, and a key that may write to it. Not printed anywhere, for the secret in it.
#[derive(Deserialize, ToSchema)]
pub struct BucketReq {
    /// The store's address, without the bucket: `https`, on a network that is open to all, unless the server's settings say
    /// otherwise.
    #[schema(value_type = String, min_length = 1, max_length = 2048, example = "https://s3.example.com")]
    pub endpoint: Endpoint,
    /// The region that requests are signed for.
    #[schema(value_type = String, min_length = 1, max_length = 64, example = "cn-north-4")]
    pub region: Region,
    /// The bucket's name: lower-case letters, digits, dots and hyphens.
    #[schema(value_type = String, min_length = 3, max_length = 63, example = "example-bills")]
    pub name: BucketName,
    /// What the names of its files begin with, folders with slashes between them; nothing if left out.
    #[schema(value_type = Option<String>, max_length = 512, nullable, example = "bss/files")]
    pub prefix: Option<Prefix>,
    /// How the bucket is addressed; as a part of the host's name unless said otherwise.
    #[schema(nullable)]
    pub addressing: Option<Addressing>,
    /// The access key.
    #[schema(value_type = String, min_length = 1, max_length = 128, example = "AKIAIOSFODNN7EXAMPLE")]
    pub access_key: BucketAccessKey,
    /// Its secret key, which is never shown.
    #[schema(value_type = String, min_length = 1, max_length = 256, example = "<secret key>")]
    pub secret_key: BucketSecretKey,
}

/// A bucket without the secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = BucketView)]
pub struct Bucket {
    /// The store's address.
    #[schema(example = "https://s3.example.com")]
    pub endpoint: String,
    /// The region that requests are signed for.
    #[schema(example = "cn-north-4")]
    pub region: String,
    /// The bucket's name.
    #[schema(example = "example-bills")]
    pub name: String,
    /// What the names of its files begin with.
    #[schema(example = "bss/files")]
    pub prefix: String,
    /// How it is addressed.
    pub addressing: Addressing,
    /// The access key.
    #[schema(example = "AKIAIOSFODNN7EXAMPLE")]
    pub access_key: String,
}

impl From<&BucketReq> for Bucket {
    fn from(request: &BucketReq) -> Self {
        let prefix = request.prefix.as_ref().map_or("", Prefix::as_str);
        Self {
            endpoint: request.endpoint.as_str().trim_end_matches('/').to_owned(),
            region: request.region.as_str().to_owned(),
            name: request.name.as_str().to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
            addressing: request.addressing.unwrap_or_default(),
            access_key: request.access_key.as_str().to_owned(),
        }
    }
}

/// What to subscribe to.
#[derive(Deserialize, ToSchema)]
pub struct CreateFileSubscriptionReq {
    /// Of what the files are.
    pub kind: ExportKind,
    /// How they are written; CSV unless said otherwise.
    #[schema(nullable)]
    pub format: Option<ExportFormat>,
    /// How often one is made.
    pub rhythm: Rhythm,
    /// Whether CSV files begin with a byte order mark, by which spreadsheets know that they are in UTF-8; they do not unless it is
    /// true.
    #[serde(default, deserialize_with = "truth::value_or_none")]
    #[schema(value_type = Option<bool>, nullable)]
    pub byte_order_mark: Option<bool>,
    /// Where they go; left out, into the folder that the server has for them, if it has one.
    #[schema(nullable)]
    pub bucket: Option<BucketReq>,
}

/// What to change of a subscription. What is left out stays.
#[derive(Deserialize, ToSchema)]
pub struct UpdateFileSubscriptionReq {
    /// Whether files are made. What would fall due while it is disabled is not made later.
    #[schema(nullable)]
    pub state: Option<SubscriptionState>,
    /// Where files go from now on, also those that are on their way; with both keys.
    #[schema(nullable)]
    pub bucket: Option<BucketReq>,
}

/// Whether files are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SubscriptionState {
    /// They are.
    Enabled,
    /// None is.
    Disabled,
}

/// A subscription.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Its id.
    pub id: FileSubscriptionId,
    /// Whose it is.
    pub account: (TenantId, DomainId),
    /// Of what the files are.
    pub kind: ExportKind,
    /// How they are written.
    pub format: ExportFormat,
    /// The language of names in them.
    pub language: Language,
    /// Whether a byte order mark stands first.
    pub has_bom: bool,
    /// How often one is made.
    pub rhythm: Rhythm,
    /// Where they go; nothing: into the server's folder.
    pub bucket: Option<Bucket>,
    /// Whether files are made.
    pub is_enabled: bool,
    /// Who subscribed.
    pub user_name: String,
    /// When.
    pub created_at: OffsetDateTime,
    /// When the next file falls due.
    pub due_at: OffsetDateTime,
}

impl Subscription {
    /// What the file of a span is called, without what stands before it.
    pub fn file_name(&self, (first, last): Span) -> String {
        let plain = |day: Day| day.to_string().replace('-', "");
        format!("{}_{}-{}.{}", self.kind.name(), plain(first), plain(last), self.format.extension())
    }

    /// The same with what stands before it: in a bucket the prefix, in the server's folder the account's.
    pub fn file_path(&self, span: Span) -> String {
        let name = self.file_name(span);
        match &self.bucket {
            Some(bucket) if bucket.prefix.is_empty() => format!("{}/{name}", self.id),
            Some(bucket) => format!("{}/{}/{name}", bucket.prefix, self.id),
            None => format!("{}/{}/{name}", self.account.1, self.id),
        }
    }
}

/// A subscription.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileSubscriptionView {
    /// Its id.
    subscription_id: FileSubscriptionId,
    /// Of what the files are.
    kind: ExportKind,
    /// How they are written.
    format: ExportFormat,
    /// How often one is made.
    rhythm: Rhythm,
    /// Whether CSV files begin with a byte order mark.
    byte_order_mark: bool,
    /// Where they go; null: into the server's folder.
    #[schema(nullable)]
    bucket: Option<Bucket>,
    /// Whether files are made.
    state: SubscriptionState,
    /// Who subscribed.
    #[schema(example = "demo-partner")]
    user_name: String,
    /// When, by the tenant's time.
    create_time: Instant,
    /// When the next file falls due; null while it is disabled.
    #[schema(value_type = Instant, nullable)]
    next_time: Option<Instant>,
}

impl From<Subscription> for FileSubscriptionView {
    fn from(of: Subscription) -> Self {
        Self {
            subscription_id: of.id,
            kind: of.kind,
            format: of.format,
            rhythm: of.rhythm,
            byte_order_mark: of.has_bom,
            bucket: of.bucket,
            state: if of.is_enabled { SubscriptionState::Enabled } else { SubscriptionState::Disabled },
            user_name: of.user_name,
            create_time: Instant(of.created_at),
            next_time: of.is_enabled.then_some(Instant(of.due_at)),
        }
    }
}

/// Subscriptions.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileSubscriptionList {
    /// The oldest first.
    pub subscriptions: Vec<FileSubscriptionView>,
}

/// A file that a subscription makes, and what became of it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Of which days.
    pub span: Span,
    /// When it fell due.
    pub due_at: OffsetDateTime,
    /// The export.
    pub export: Option<ExportId>,
    /// How it stands.
    pub state: State,
    /// How often it was tried to be brought.
    pub attempts: i32,
    /// Why the last time failed.
    pub error: Option<String>,
    /// The file's sum.
    pub sha256: Option<String>,
    /// When something last happened to it.
    pub updated_at: OffsetDateTime,
}

/// A file that a subscription makes, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileDeliveryView {
    /// The first of the days of UTC+8 that it is of.
    time_begin: Day,
    /// The last one.
    time_end: Day,
    /// When it fell due, by the tenant's time.
    due_time: Instant,
    /// How it stands.
    status: State,
    /// The export that it is; null until it is begun.
    #[schema(nullable)]
    export_id: Option<ExportId>,
    /// What it is called in the bucket. Beside it lie `….sha256` with its sum and `….manifest.json`, which comes last.
    #[schema(example = "bss/files/01978d6a2b3c7d4e8f90a1b2c3d4e5f6/orders_20260323-20260329.csv")]
    file: String,
    /// Its SHA-256, in hexadecimal digits; null until it is on its way.
    #[schema(nullable, example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    sha256: Option<String>,
    /// How often it was tried to be brought there.
    #[schema(example = 1)]
    attempts: i32,
    /// What went wrong the last time; null where nothing did.
    #[schema(nullable, example = "there is no such bucket")]
    error: Option<String>,
    /// When something last happened to it.
    update_time: Instant,
}

impl FileDeliveryView {
    /// Of a subscription.
    pub fn of(subscription: &Subscription, delivery: Delivery) -> Self {
        Self {
            time_begin: delivery.span.0,
            time_end: delivery.span.1,
            due_time: Instant(delivery.due_at),
            status: delivery.state,
            export_id: delivery.export,
            file: subscription.file_path(delivery.span),
            sha256: delivery.sha256,
            attempts: delivery.attempts,
            error: delivery.error,
            update_time: Instant(delivery.updated_at),
        }
    }
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListFileDeliveriesQuery {
    /// Only those whose days begin before this one; left out, from the latest on.
    #[param(inline)]
    pub before: Option<Day>,
    /// How many to answer.
    #[serde(default)]
    #[param(inline)]
    pub limit: Limit<100>,
}

/// Deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileDeliveryList {
    /// Those of the latest days first.
    pub deliveries: Vec<FileDeliveryView>,
    /// What to ask for as `before` to go on; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_before: Option<Day>,
}
