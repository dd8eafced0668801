//! Transfers inside a caller's transaction.

use super::books::{Books, Refusal, Transfer};
use super::model::{Posting, Purse};
use super::store;
use crate::values::id::TenantId;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Why a transfer was not made.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// A rule forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Makes transfers, all or none, inside the caller's transaction. `now` is the tenant's time.
///
/// Accounts are locked in the order of their ids. A transaction that posts twice may meet another one half-way; post once.
pub async fn post(
    connection: &mut PgConnection,
    tenant: TenantId,
    postings: &[Posting],
    now: OffsetDateTime,
) -> Result<Vec<Transfer>, PostError> {
    let books = lock(connection, tenant, &purses(postings), now).await?;
    post_locked(connection, tenant, books, postings, now).await
}

/// Locks accounts until the transaction ends, for [`post_locked`]: all that it will need, since a transaction locks once.
pub async fn lock(
    connection: &mut PgConnection,
    tenant: TenantId,
    purses: &[Purse],
    now: OffsetDateTime,
) -> sqlx::Result<Books> {
    Ok(Books::new(store::lock(connection, Some(tenant), purses, now).await?))
}

/// Makes transfers, all or none, between accounts that are locked; none if there is nothing to be made.
pub async fn post_locked(
    connection: &mut PgConnection,
    tenant: TenantId,
    mut books: Books,
    postings: &[Posting],
    now: OffsetDateTime,
) -> Result<Vec<Transfer>, PostError> {
    let transfers = books.post(postings, now)?;
    if !transfers.is_empty() {
        store::write(connection, Some(tenant), &books, &transfers).await?;
    }
    Ok(transfers)
}

/// The accounts that postings touch, for [`lock`].
pub fn purses(postings: &[Posting]) -> Vec<Purse> {
    postings.iter().flat_map(|posting| [posting.from, posting.to]).collect()
}

/// Makes transfers one after the other, each at its own instant, as if each had been posted alone; all or none are written.
/// For many at once: locked and written together, in the order given, which must be that of time.
pub async fn post_each(
    connection: &mut PgConnection,
    tenant: TenantId,
    postings: &[(Posting, OffsetDateTime)],
) -> Result<Vec<Transfer>, PostError> {
    let Some((_, first)) = postings.first() else { return Ok(Vec::new()) };
    let purses: Vec<Purse> = postings.iter().flat_map(|(posting, _)| [posting.from, posting.to]).collect();
    let mut books = Books::new(store::lock(connection, Some(tenant), &purses, *first).await?);
    let mut transfers = Vec::with_capacity(postings.len());
    for (posting, at) in postings {
        transfers.extend(books.post(std::slice::from_ref(posting), *at)?);
    }
    store::write(connection, Some(tenant), &books, &transfers).await?;
    Ok(transfers)
}
