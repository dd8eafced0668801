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
    let purses: Vec<Purse> = postings.iter().flat_map(|posting| [posting.from, posting.to]).collect();
    let accounts = store::lock(connection, Some(tenant), &purses, now).await?;
    let mut books = Books::new(accounts);
    let transfers = books.post(postings, now)?;
    store::write(connection, Some(tenant), &books, &transfers).await?;
    Ok(transfers)
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
