//! Reading an account's history, newest first.
//!
//! Entries are numbered without gaps, so a page of an unfiltered list is a range of numbers and its total a difference of
//! two: the last page of a million costs what the first does. A list with a filter counts what the filter finds.
//!
//! Partners ask for the same pages again and again. Those that are asked for twice are remembered, and the database is asked
//! only whether the account has been through anything since.

mod model;
mod pages;

pub use model::{Adjustment, Change, Entry, Filter, History, Listed, Span, Trade};
pub use pages::{Numbered, behind};

use super::coalesce::Coalescer;
use super::model::TransferKind;
use crate::api::error::ApiError;
use crate::database::Database;
use crate::memory::Memory;
use crate::values::id::{AccountId, TenantId};
use foldhash::fast::RandomState;
use model::{Page, Shown};
use pages::Pages;
use sqlx::PgConnection;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// How many entries of unfiltered lists are remembered at most, of changes and of adjustments each; a page counts for one more.
const CAPACITY: u64 = 20_000;

/// Reads histories.
#[derive(Debug)]
pub struct Histories {
    changes: Reader<Change>,
    adjustments: Reader<Adjustment>,
}

impl Histories {
    /// Of all accounts. What the database does not answer within this time is given up.
    pub fn new(database: Database, within: Duration) -> Self {
        Self { changes: Reader::new(database.clone(), within), adjustments: Reader::new(database, within) }
    }

    /// A page of all that an account has been through.
    pub async fn changes(
        &self,
        history: History,
        span: Span,
        filter: &Filter,
        part: (usize, usize),
    ) -> Result<Arc<Listed<Change>>, ApiError> {
        self.changes.page(history, span, filter, part).await
    }

    /// A page of all that several accounts of a tenant have been through, as if they were one: what is held in lots.
    pub async fn changes_together(
        &self,
        (tenant, accounts): (TenantId, &[AccountId]),
        span: Span,
        filter: &Filter,
        part: (usize, usize),
    ) -> Result<Listed<Change>, ApiError> {
        let mut connection = self.changes.database.tenant(tenant).await?;
        let accounts: Vec<Uuid> = accounts.iter().map(|account| account.0).collect();
        let total = pages::count_together(&mut connection, (tenant, &accounts), span, filter).await?;
        let rows = pages::together(&mut connection, (tenant, &accounts), span, filter, numbers(part)).await?;
        let entries: Option<Vec<Change>> = rows.into_iter().map(pages::Found::entry).collect();
        Ok(Listed { entries: entries.ok_or_else(pages::not_read)?, total, version: None })
    }

    /// A page of the adjustments that an account, a partner's, made.
    pub async fn adjustments(
        &self,
        history: History,
        span: Span,
        filter: &Filter,
        part: (usize, usize),
    ) -> Result<Arc<Listed<Adjustment>>, ApiError> {
        self.adjustments.page(history, span, filter, part).await
    }

    /// A page of the adjustments that a partner made with who is below it: out of the history of the latter, the shorter one.
    pub async fn adjustments_with(
        &self,
        below: History,
        partner: AccountId,
        span: Span,
        mut filter: Filter,
        part: (usize, usize),
    ) -> Result<Arc<Listed<Adjustment>>, ApiError> {
        filter.other = Some(partner);
        filter.kinds.get_or_insert_with(|| TransferKind::ADJUSTMENTS.to_vec());
        self.adjustments.filtered(below, false, span, &filter, part).await
    }

    /// Forgets everything: for when the database may have become one in which accounts went through something else.
    pub fn forget_all(&self) {
        self.changes.known.forget_all();
        self.adjustments.known.forget_all();
    }
}

/// Reads what entries are listed as.
#[derive(Debug)]
struct Reader<E: Shown> {
    database: Database,
    pages: Coalescer<Pages<E>>,
    /// Pages as they were read. Which version is the newest only the database knows.
    known: Memory<Page, Arc<Listed<E>>>,
    /// Of which pages it is the second time.
    admission: AdmissionFilter,
}

impl<E: Shown> Reader<E> {
    fn new(database: Database, within: Duration) -> Self {
        let weight = |listed: &Arc<Listed<E>>| u32::try_from(1 + listed.entries.len()).unwrap_or(u32::MAX);
        let known = Memory::new(|bounds| bounds.max_capacity(CAPACITY).weigher(move |_, listed| weight(listed)));
        Self { pages: Coalescer::new(database.clone(), within), database, known, admission: AdmissionFilter::new() }
    }

    async fn page(
        &self,
        history: History,
        span: Span,
        filter: &Filter,
        part: (usize, usize),
    ) -> Result<Arc<Listed<E>>, ApiError> {
        if !filter.is_empty() {
            return self.filtered(history, E::ADJUSTS_ONLY, span, filter, part).await;
        }
        let page = Page { history, span, part: numbers(part) };
        let place = self.known.place(page);
        let known = self.known.get(&place).await;
        let version = known.as_ref().and_then(|listed| listed.version);
        let Some(listed) = self.pages.ask(history.tenant, (page, version)).await? else {
            let nothing = || Arc::new(Listed { entries: Vec::new(), total: 0, version: None });
            return Ok(known.unwrap_or_else(nothing));
        };
        let listed = Arc::new(listed);
        if self.admission.was_read(page) {
            self.known.insert(place, listed.clone()).await;
        }
        Ok(listed)
    }

    async fn filtered(
        &self,
        history: History,
        adjusts_only: bool,
        span: Span,
        filter: &Filter,
        part: (usize, usize),
    ) -> Result<Arc<Listed<E>>, ApiError> {
        let mut connection = self.database.tenant(history.tenant).await?;
        let total = pages::count(&mut connection, (history, adjusts_only), span, filter).await?;
        let rows = pages::filtered(&mut connection, (history, adjusts_only), span, filter, numbers(part)).await?;
        let entries: Option<Vec<E>> = rows.into_iter().map(pages::Found::entry).collect();
        Ok(Arc::new(Listed { entries: entries.ok_or_else(pages::not_read)?, total, version: None }))
    }
}

/// How many entries of a span an account has.
pub async fn count(connection: &mut PgConnection, history: History, span: Span) -> sqlx::Result<i64> {
    pages::count(connection, (history, false), span, &Filter::default()).await
}

/// A part of a list as the database counts it.
fn numbers((offset, limit): (usize, usize)) -> (i64, i64) {
    (i64::try_from(offset).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX))
}

/// Which pages were read lately, by their hashes; each may make another be forgotten. Who goes through a long history asks for
/// no page of it again, so only what is read twice is worth the place and the work of remembering it.
#[derive(Debug)]
struct AdmissionFilter {
    hasher: RandomState,
    hashes: Box<[AtomicU64]>,
}

impl AdmissionFilter {
    const PAGES: usize = 4096;

    fn new() -> Self {
        Self { hasher: RandomState::default(), hashes: (0..Self::PAGES).map(|_| AtomicU64::default()).collect() }
    }

    /// Whether it was read before; from now on it was.
    fn was_read(&self, page: Page) -> bool {
        let hash = self.hasher.hash_one(page);
        let place = usize::try_from(hash % Self::PAGES as u64).unwrap_or(0);
        self.hashes[place].swap(hash, Ordering::Relaxed) == hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::OffsetDateTime;

    #[test]
    fn a_page_is_worth_remembering_when_it_is_read_again() {
        let filter = AdmissionFilter::new();
        let history = History { tenant: TenantId(Uuid::nil()), account: AccountId(Uuid::nil()) };
        let span = Span { begin: OffsetDateTime::UNIX_EPOCH, end: OffsetDateTime::UNIX_EPOCH };
        let page = |offset| Page { history, span, part: (offset, 10) };
        assert_eq!([0, 0, 0].map(|offset| filter.was_read(page(offset))), [false, true, true]);
        // A history that is gone through is not remembered, however long it is.
        assert!((1..10_000).all(|number| !filter.was_read(page(number * 10 + 5))));
    }
}
