//! Bringing a file where it is wanted, by a replica that has taken it up.

use super::bucket::{Buckets, cause};
use super::deliveries::{self, HELD, Taken};
use super::events::{ExportDelivered, ExportDeliveryFailed};
use super::model::{Bucket, Subscription};
use super::refusal::Trouble;
use super::state::{self, Event, State};
use super::upload::{self, PART, Place};
use super::{folder, manifest, schedule, store};
use crate::clock::{Clock, Clocks};
use crate::database::Database;
use crate::exports::model::{Export, ExportStatus, Holder, Request, SLOT_OF_SUBSCRIPTIONS};
use crate::exports::{file, store as exports};
use crate::outbox;
use crate::secrets::Sealer;
use crate::values::id::{ExportId, FileSubscriptionId};
use crate::values::pause::pause;
use futures_util::TryStreamExt;
use futures_util::stream;
use object_store::aws::AmazonS3;
use object_store::multipart::MultipartStore;
use object_store::path::Path as BucketPath;
use object_store::{Error, ObjectStoreExt};
use sha2::{Digest, Sha256};
use std::path::Path;
use time::{Duration, OffsetDateTime};

/// When it is looked again whether a file is written.
const LOOK_AGAIN: Duration = Duration::SECOND;

/// What a replica has at hand for it.
#[derive(Clone, Copy)]
pub struct Hand<'a> {
    /// Who it is.
    pub holder: Holder,
    /// Where all is written down.
    pub database: &'a Database,
    /// The system's time.
    pub clock: &'a Clock,
    /// The tenants' times.
    pub clocks: &'a Clocks,
    /// Opens secrets.
    pub sealer: &'a Sealer,
    /// The way to buckets.
    pub buckets: &'a Buckets,
    /// The server's folder; empty if it has none.
    pub folder: &'a str,
}

/// Whom the secret of a bucket is sealed for.
pub fn secret_owner(subscription: FileSubscriptionId) -> String {
    format!("file subscription {subscription}")
}

/// Goes on with a delivery as far as it can be gone now.
pub async fn go_on(hand: Hand<'_>, mut taken: Taken) -> sqlx::Result<()> {
    let ended = match deliver(hand, &mut taken).await {
        Ok(()) | Err(Trouble::Lost) => return Ok(()),
        Err(Trouble::Database(error)) => return Err(error),
        Err(Trouble::Store(cause)) => failed(hand, &mut taken, cause).await,
    };
    match ended {
        Err(Trouble::Database(error)) => Err(error),
        _ => Ok(()),
    }
}

async fn deliver(hand: Hand<'_>, taken: &mut Taken) -> Result<(), Trouble> {
    let (tenant, id) = taken.of;
    let subscription = store::by_id(&mut *hand.database.tenant(tenant).await?, tenant, id).await?;
    let subscription = subscription.ok_or(Trouble::Lost)?;
    let export = match export(hand, taken, &subscription).await? {
        Written::Done(export) => export,
        Written::Never(cause) => return give_up(hand, taken, cause).await,
        Written::NotYet if hand.clock.now() >= taken.give_up_at => {
            return give_up(hand, taken, "the file was not written in time".to_owned()).await;
        }
        Written::NotYet => return save(hand, taken, hand.clock.now() + LOOK_AGAIN).await,
    };
    taken.delivery.state = next(taken, Event::Begun);
    taken.delivery.attempts += 1;
    keep(hand, taken).await?;
    let sha256 = sum(hand, taken, &export).await?;
    let path = subscription.file_path(taken.delivery.span);
    let sums = manifest::sums(&subscription.file_name(taken.delivery.span), &sha256);
    let manifest = manifest::manifest(&subscription, &taken.delivery, &export, &sha256);
    // The manifest comes last: where it is, all is.
    let beside = [(format!("{path}.sha256"), sums), (format!("{path}.manifest.json"), manifest)];
    if let Some(bucket) = &subscription.bucket {
        let store = open(hand, taken, bucket).await?;
        bring(hand, taken, (&store, &export), &path).await?;
        for (path, content) in beside {
            store.put(&BucketPath::from(path), content.into()).await.map_err(|error| Trouble::Store(cause(error)))?;
        }
    } else if hand.folder.is_empty() {
        return Err(Trouble::Store("the server has no folder for files any more".to_owned()));
    } else {
        let (folder, holder) = (Path::new(hand.folder), hand.holder);
        folder::write(&folder.join(&path), file::stream(hand.database.clone(), &export), holder).await?;
        for (path, content) in beside {
            folder::write(&folder.join(path), stream::iter([Ok(content)]), holder).await?;
        }
    }
    let delivered = ExportDelivered {
        subscription_id: id,
        export_id: export.id,
        kind: subscription.kind,
        time_begin: taken.delivery.span.0,
        time_end: taken.delivery.span.1,
        file: path,
        rows: export.rows_done,
        bytes: export.bytes,
        sha256,
    };
    taken.delivery.error = None;
    end(hand, taken, Event::Ended, outbox::Event::new(subscription.account.1, &delivered)).await
}

/// How far the export is that a delivery brings.
enum Written {
    /// It waits, or is being written.
    NotYet,
    /// It is there.
    Done(Box<Export>),
    /// It will not be there, for this cause.
    Never(String),
}

/// The export of a delivery, asked for if it has not been yet. While the account's place for it is taken it is not.
async fn export(hand: Hand<'_>, taken: &mut Taken, of: &Subscription) -> Result<Written, Trouble> {
    let tenant = of.account.0;
    if let Some(id) = taken.delivery.export {
        let found = exports::by_id(&mut *hand.database.tenant(tenant).await?, tenant, id).await?;
        return Ok(match found.map(|export| (export.status(hand.clocks.now(tenant)), export)) {
            Some((ExportStatus::Waiting | ExportStatus::Running, _)) => Written::NotYet,
            Some((ExportStatus::Done, export)) => Written::Done(Box::new(export)),
            Some((ExportStatus::Failed, export)) => Written::Never(export.cause.unwrap_or_default()),
            Some((ExportStatus::Expired, _)) | None => Written::Never("the file has expired".to_owned()),
        });
    }
    let id = ExportId::new(hand.clocks.now(tenant));
    let request = Request {
        account: of.account,
        owner: of.account.1,
        kind: of.kind,
        format: of.format,
        language: of.language,
        has_bom: of.has_bom,
        is_masked: true,
        customer: None,
        days: schedule::rows(of.kind, taken.delivery.span),
        user_name: of.user_name.clone(),
    };
    let mut transaction = hand.database.begin(tenant).await?;
    let (due_at, system) = (taken.delivery.due_at, hand.clock.now());
    // As of the instant at which it fell due.
    let slots = SLOT_OF_SUBSCRIPTIONS..=SLOT_OF_SUBSCRIPTIONS;
    if exports::insert(&mut transaction, (id, &request), slots, (due_at, system)).await?.is_err() {
        return Ok(Written::NotYet);
    }
    taken.delivery.export = Some(id);
    if !deliveries::save(&mut transaction, taken, hand.holder, system + HELD).await? {
        return Err(Trouble::Lost);
    }
    transaction.commit().await?;
    Ok(Written::NotYet)
}

/// The file's sum, kept from the first attempt on.
async fn sum(hand: Hand<'_>, taken: &mut Taken, export: &Export) -> Result<String, Trouble> {
    if let Some(sha256) = &taken.delivery.sha256 {
        return Ok(sha256.clone());
    }
    let pieces = file::stream(hand.database.clone(), export);
    let digest = pieces.try_fold(Sha256::new(), async |digest, piece| Ok(digest.chain_update(piece))).await?;
    let sha256 = hex::encode(digest.finalize());
    taken.delivery.sha256 = Some(sha256.clone());
    keep(hand, taken).await?;
    Ok(sha256)
}

async fn open(hand: Hand<'_>, taken: &Taken, bucket: &Bucket) -> Result<AmazonS3, Trouble> {
    let (tenant, id) = taken.of;
    let sealed = store::secret(&mut *hand.database.tenant(tenant).await?, tenant, id).await?.ok_or(Trouble::Lost)?;
    let secret = hand.sealer.open(&sealed, &secret_owner(id)).and_then(|secret| String::from_utf8(secret).ok());
    let Some(secret) = secret else {
        tracing::error!(%tenant, subscription = %id, "a bucket's secret cannot be opened: is a retired master key missing?");
        return Err(Trouble::Store("the bucket's secret key must be given again".to_owned()));
    };
    hand.buckets.open(bucket, &secret).map_err(|error| Trouble::Store(error.to_string()))
}

/// Brings the file into a bucket, part by part from where it is on.
async fn bring(
    hand: Hand<'_>,
    taken: &mut Taken,
    (store, export): (&AmazonS3, &Export),
    path: &str,
) -> Result<(), Trouble> {
    let path = BucketPath::from(path);
    loop {
        let from = taken.upload.as_ref().map_or(Place::default(), |progress| progress.next);
        let part = upload::part(hand.database, export, from, PART).await?;
        match upload::step(store, &path, taken.upload.clone(), part).await {
            Ok(None) => {
                taken.upload = None;
                return keep(hand, taken).await;
            }
            Ok(progress) => {
                taken.upload = progress;
                keep(hand, taken).await?;
            }
            Err(error) => {
                // Stores forget what is not ended for long; then it is begun anew.
                if matches!(error, Error::NotFound { .. }) {
                    taken.upload = None;
                }
                return Err(Trouble::Store(cause(error)));
            }
        }
    }
}

/// Notes why an attempt failed, and when the next one is, if there is any.
async fn failed(hand: Hand<'_>, taken: &mut Taken, cause: String) -> Result<(), Trouble> {
    let now = hand.clock.now();
    if now >= taken.give_up_at {
        return give_up(hand, taken, cause).await;
    }
    taken.delivery.error = Some(cause);
    save(hand, taken, now + pause(taken.delivery.attempts)).await
}

async fn give_up(hand: Hand<'_>, taken: &mut Taken, cause: String) -> Result<(), Trouble> {
    let (tenant, id) = taken.of;
    let subscription = store::by_id(&mut *hand.database.tenant(tenant).await?, tenant, id).await?;
    let subscription = subscription.ok_or(Trouble::Lost)?;
    if let (Some(bucket), Some(progress)) = (&subscription.bucket, taken.upload.take()) {
        let path = BucketPath::from(subscription.file_path(taken.delivery.span));
        // What is left there costs who owns the bucket; but a store that takes nothing may not take this either.
        if let Ok(store) = open(hand, taken, bucket).await {
            store.abort_multipart(&path, &progress.id).await.ok();
        }
    }
    let failed = ExportDeliveryFailed {
        subscription_id: id,
        export_id: taken.delivery.export,
        kind: subscription.kind,
        time_begin: taken.delivery.span.0,
        time_end: taken.delivery.span.1,
        cause: cause.clone(),
    };
    taken.delivery.error = Some(cause);
    end(hand, taken, Event::GivenUp, outbox::Event::new(subscription.account.1, &failed)).await
}

fn next(taken: &Taken, event: Event) -> State {
    state::next(taken.delivery.state, event).expect("only what has not ended is taken")
}

/// Ends a delivery and tells of it, in one transaction.
async fn end(hand: Hand<'_>, taken: &mut Taken, event: Event, told: outbox::Event) -> Result<(), Trouble> {
    let (tenant, now) = (taken.of.0, hand.clocks.now(taken.of.0));
    taken.delivery.state = next(taken, event);
    taken.delivery.updated_at = now;
    let mut transaction = hand.database.begin(tenant).await?;
    if !deliveries::save(&mut transaction, taken, hand.holder, hand.clock.now()).await? {
        return Err(Trouble::Lost);
    }
    outbox::append(&mut transaction, tenant, &[told], now).await?;
    Ok(transaction.commit().await?)
}

/// Writes how a delivery stands, which stays this replica's.
async fn keep(hand: Hand<'_>, taken: &mut Taken) -> Result<(), Trouble> {
    save(hand, taken, hand.clock.now() + HELD).await
}

async fn save(hand: Hand<'_>, taken: &mut Taken, held_until: OffsetDateTime) -> Result<(), Trouble> {
    let tenant = taken.of.0;
    taken.delivery.updated_at = hand.clocks.now(tenant);
    let mut connection = hand.database.tenant(tenant).await?;
    let is_ours = deliveries::save(&mut connection, taken, hand.holder, held_until).await?;
    if is_ours { Ok(()) } else { Err(Trouble::Lost) }
}
