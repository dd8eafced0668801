//! What accounts, and operators for them, do with subscriptions.

use super::bucket::{self, Buckets};
use super::model::{
    Bucket, BucketReq, CreateFileSubscriptionReq, FileDeliveryList, FileDeliveryView, FileSubscriptionList,
    ListFileDeliveriesQuery, Prefix, Subscription, SubscriptionState, UpdateFileSubscriptionReq,
};
use super::refusal::Refusal;
use super::work::secret_owner;
use super::{deliveries, store};
use crate::config::FileSettings;
use crate::secrets::Sealer;
use crate::values::id::{DomainId, FileSubscriptionId, TenantId};
use crate::values::language::Language;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// What the server has to do with subscriptions.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// Which buckets can be reached.
    buckets: &'a Buckets,
    /// Seals their secrets.
    sealer: &'a Sealer,
    /// The rest.
    settings: &'a FileSettings,
}

impl<'a> Rules<'a> {
    /// Those of the settings.
    pub fn new(buckets: &'a Buckets, sealer: &'a Sealer, settings: &'a FileSettings) -> Self {
        Self { buckets, sealer, settings }
    }
}

/// Whose subscriptions.
type Owner = (TenantId, DomainId);

/// Subscribes to files, from the next one that falls due on. `now` is the tenant's time.
pub async fn create(
    connection: &mut PgConnection,
    (account, user_name, language): (Owner, &str, Language),
    request: &CreateFileSubscriptionReq,
    rules: Rules<'_>,
    now: OffsetDateTime,
) -> Result<Subscription, Refusal> {
    if request.bucket.is_none() && rules.settings.folder.is_empty() {
        return Err(Refusal::field("bucket", "must be given: the server has no folder for files"));
    }
    if store::count(connection, account).await? >= rules.settings.subscriptions_per_account {
        let most = rules.settings.subscriptions_per_account;
        return Err(Refusal::field(
            "kind",
            format!("the account has {most} subscriptions already, the most there can be"),
        ));
    }
    let subscription = Subscription {
        id: FileSubscriptionId::new(now),
        account,
        kind: request.kind,
        format: request.format.unwrap_or_default(),
        language,
        has_bom: request.byte_order_mark == Some(true),
        rhythm: request.rhythm,
        bucket: request.bucket.as_ref().map(|bucket| checked(rules, bucket)).transpose()?,
        is_enabled: true,
        user_name: user_name.to_owned(),
        created_at: now,
        due_at: request.rhythm.next(now),
    };
    let secret = request.bucket.as_ref().map(|bucket| seal(rules, subscription.id, bucket));
    store::insert(connection, &subscription, secret.as_deref()).await?;
    Ok(subscription)
}

/// An account's subscriptions.
pub async fn list(connection: &mut PgConnection, account: Owner) -> sqlx::Result<FileSubscriptionList> {
    let subscriptions = store::list(connection, account).await?;
    Ok(FileSubscriptionList { subscriptions: subscriptions.into_iter().map(Into::into).collect() })
}

/// Changes a subscription. `now` is the tenant's time.
pub async fn update(
    connection: &mut PgConnection,
    (account, id): (Owner, FileSubscriptionId),
    request: &UpdateFileSubscriptionReq,
    rules: Rules<'_>,
    now: OffsetDateTime,
) -> Result<Subscription, Refusal> {
    let found = store::lock(connection, account, id).await?;
    let mut subscription = found.ok_or(Refusal::NoSuchSubscription(id))?;
    if let Some(bucket) = &request.bucket {
        subscription.bucket = Some(checked(rules, bucket)?);
    }
    match request.state {
        // What would have fallen due meanwhile is not made later.
        Some(SubscriptionState::Enabled) if !subscription.is_enabled => {
            (subscription.is_enabled, subscription.due_at) = (true, subscription.rhythm.next(now));
        }
        Some(SubscriptionState::Disabled) => subscription.is_enabled = false,
        Some(SubscriptionState::Enabled) | None => {}
    }
    let secret = request.bucket.as_ref().map(|bucket| seal(rules, id, bucket));
    store::update(connection, &subscription, secret.as_deref()).await?;
    Ok(subscription)
}

/// Ends a subscription. What is on its way is brought no further.
pub async fn delete(connection: &mut PgConnection, account: Owner, id: FileSubscriptionId) -> Result<(), Refusal> {
    let is_gone = store::delete(connection, account, id).await?;
    if is_gone { Ok(()) } else { Err(Refusal::NoSuchSubscription(id)) }
}

/// What became of a subscription's files.
pub async fn list_deliveries(
    connection: &mut PgConnection,
    (account, id): (Owner, FileSubscriptionId),
    query: &ListFileDeliveriesQuery,
) -> Result<FileDeliveryList, Refusal> {
    let subscription = store::find(connection, account, id).await?.ok_or(Refusal::NoSuchSubscription(id))?;
    let limit = query.limit.get();
    let mut found = deliveries::list(connection, &subscription, (query.before, limit + 1)).await?;
    let goes_on = found.len() > limit;
    found.truncate(limit);
    let next_before = found.last().filter(|_| goes_on).map(|last| last.span.0);
    let deliveries = found.into_iter().map(|delivery| FileDeliveryView::of(&subscription, delivery)).collect();
    Ok(FileDeliveryList { deliveries, next_before })
}

fn checked(rules: Rules<'_>, request: &BucketReq) -> Result<Bucket, Refusal> {
    let bucket = Bucket::from(request);
    if !bucket::is_name(&bucket.name) {
        let rule =
            "must have lower-case letters, digits, dots and hyphens only, and begin and end with one of the first two";
        return Err(Refusal::field("bucket.name", rule));
    }
    if !bucket::is_prefix(request.prefix.as_ref().map_or("", Prefix::as_str)) {
        return Err(Refusal::field("bucket.prefix", "must be names with slashes between them"));
    }
    rules.buckets.address(&bucket).map_err(|error| Refusal::field("bucket.endpoint", error.to_string()))?;
    Ok(bucket)
}

fn seal(rules: Rules<'_>, id: FileSubscriptionId, bucket: &BucketReq) -> Vec<u8> {
    rules.sealer.seal(bucket.secret_key.as_str().as_bytes(), &secret_owner(id))
}
