//! Reading an account's history, newest first.
//!
//! Entries are numbered without gaps, so a page of an unfiltered list is a range of numbers and its total a difference of
//! two: the last page of a million costs what the first does. A list with a filter counts what the filter finds.
//!
//! Partners ask for the same pages again and again. Those that are asked for twice are remembered, and the database is asked
//! only whether the account has been through anything since.

use super::model::{Rows, TransferKind};
use crate::api::error::ApiError;
use crate::database::Database;
use crate::ledger::coalesce::{Ask, Gatherer};
use crate::memory::Memory;
use crate::values::id::{AccountId, DomainId, TenantId, TransferId};
use foldhash::fast::RandomState;
use futures_util::TryStreamExt;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use time::OffsetDateTime;

/// One side of a transfer, as its account sees it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The transfer.
    pub transfer: TransferId,
    /// When.
    pub happened_at: OffsetDateTime,
    /// Why.
    pub kind: TransferKind,
    /// What the account received; below zero, what it gave.
    pub amount: Decimal,
    /// What it held then; not read of adjustments, whose lists do not show it.
    pub balance_after: Option<Decimal>,
    /// The customer or reseller it concerns.
    pub customer: Option<DomainId>,
    /// The order or bill; not read of adjustments.
    pub reference: String,
    /// A remark; read of adjustments only.
    pub memo: String,
}

/// Which part of the history: from `begin` on, before `end`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Span {
    /// The first instant.
    pub begin: OffsetDateTime,
    /// The first instant after it.
    pub end: OffsetDateTime,
}

/// Which entries of the span; what is `None` does not filter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Why.
    pub kinds: Option<Vec<TransferKind>>,
    /// Only received (`true`) or only given.
    pub received: Option<bool>,
    /// The order or bill, or the transfer itself.
    pub trade: Option<Trade>,
    /// The account on the other side.
    pub other: Option<AccountId>,
}

/// An order or bill by its number, or a transfer by its id.
#[derive(Clone, Debug)]
pub struct Trade {
    /// The number.
    pub reference: String,
    /// The transfer, if the number is one.
    pub transfer: Option<TransferId>,
}

impl Filter {
    fn is_empty(&self) -> bool {
        self.kinds.is_none() && self.received.is_none() && self.trade.is_none() && self.other.is_none()
    }
}

/// Whose history.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct History {
    /// The tenant.
    pub tenant: TenantId,
    /// The account.
    pub account: AccountId,
    /// All entries, or only the adjustments that the account, a partner's, made.
    pub adjusts_only: bool,
}

/// A page.
#[derive(Debug, Default)]
pub struct Listed {
    /// Its entries.
    pub entries: Vec<Entry>,
    /// How many there are in all.
    pub total: i64,
    version: Option<Version>,
}

impl Listed {
    /// How many of them the page has.
    fn wanted(&self, page: &Page) -> usize {
        let (skipped, limit) = page.part;
        usize::try_from(self.total.saturating_sub(skipped).min(limit)).unwrap_or(0)
    }
}

/// What an account has been through. A history only grows, so as long as this is the same, so is each of its pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Version {
    entries: i64,
    last_at: OffsetDateTime,
}

/// How many entries of unfiltered lists are remembered at most; a page counts for one more.
const CAPACITY: u64 = 20_000;

/// Reads histories.
#[derive(Debug)]
pub struct Histories {
    database: Database,
    pages: Gatherer<Pages>,
    /// Pages as they were read. Which version is the newest only the database knows.
    known: Memory<Page, Arc<Listed>>,
    /// Of which pages it is the second time.
    lately: Lately,
}

impl Histories {
    /// Of all accounts. What the database does not answer within this time is given up.
    pub fn new(database: Database, within: Duration) -> Self {
        let weight = |listed: &Arc<Listed>| u32::try_from(1 + listed.entries.len()).unwrap_or(u32::MAX);
        let known = Memory::new(|bounds| bounds.max_capacity(CAPACITY).weigher(move |_, listed| weight(listed)));
        Self { pages: Gatherer::new(database.clone(), within), database, known, lately: Lately::new() }
    }

    /// A page.
    pub async fn page(
        &self,
        history: History,
        span: Span,
        filter: &Filter,
        (offset, limit): (usize, usize),
    ) -> Result<Arc<Listed>, ApiError> {
        let part = (i64::try_from(offset).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
        if !filter.is_empty() {
            let mut connection = self.database.tenant(history.tenant).await?;
            let total = count(&mut connection, history, span, filter).await?;
            let entries = filtered(&mut connection, history, span, filter, part).await?;
            return Ok(Arc::new(Listed { entries, total, version: None }));
        }
        let page = Page { history, span, part };
        let place = self.known.place(page);
        let known = self.known.get(&place).await;
        let version = known.as_ref().and_then(|listed| listed.version);
        let Some(listed) = self.pages.ask(history.tenant, (page, version)).await? else {
            return Ok(known.unwrap_or_default());
        };
        let listed = Arc::new(listed);
        if self.lately.was_read(page) {
            self.known.insert(place, listed.clone()).await;
        }
        Ok(listed)
    }

    /// Forgets everything: for when the database may have become one in which accounts went through something else.
    pub fn forget_all(&self) {
        self.known.forget_all();
    }
}

/// Which pages were read lately, by their hashes; each may make another be forgotten. Who goes through a long history asks for
/// no page of it again, so only what is read twice is worth the place and the work of remembering it.
#[derive(Debug)]
struct Lately {
    hasher: RandomState,
    hashes: Box<[AtomicU64]>,
}

impl Lately {
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

/// A page of an unfiltered list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Page {
    history: History,
    span: Span,
    part: (i64, i64),
}

/// Asks for pages that are not of the version that is known.
struct Pages;

impl Ask for Pages {
    type Question = (Page, Option<Version>);
    type Answer = Option<Listed>;

    async fn ask(
        connection: &mut PgConnection,
        tenant: TenantId,
        questions: Vec<(Page, Option<Version>)>,
        mut answer: impl FnMut(usize, Option<Listed>) + Send,
    ) -> sqlx::Result<()> {
        for adjusts_only in [false, true] {
            // A history of all entries and one of adjustments have numbers of their own.
            let asked = questions.iter().enumerate();
            let asked: Vec<_> = asked.filter(|(_, (page, _))| page.history.adjusts_only == adjusts_only).collect();
            if !asked.is_empty() {
                read(connection, tenant, adjusts_only, &asked, &mut answer).await?;
            }
        }
        Ok(())
    }
}

/// Reads the pages that are not of the version that is known, and answers each as soon as it is whole.
async fn read(
    connection: &mut PgConnection,
    tenant: TenantId,
    adjusts_only: bool,
    asked: &[(usize, &(Page, Option<Version>))],
    answer: &mut (impl FnMut(usize, Option<Listed>) + Send),
) -> sqlx::Result<()> {
    let columns = Rows(asked);
    let account_ids = columns.column(|(_, (page, _))| page.history.account.0);
    let known_entries = columns.column(|(_, (_, known))| known.map(|known| known.entries));
    let known_instants = columns.column(|(_, (_, known))| known.map(|known| known.last_at));
    let begins = columns.column(|(_, (page, _))| page.span.begin);
    let ends = columns.column(|(_, (page, _))| page.span.end);
    let skipped = columns.column(|(_, (page, _))| page.part.0);
    let wanted = columns.column(|(_, (page, _))| page.part.1);
    let rows = sqlx::query_as!(
        Row,
        r#"select page as "page!", entries, last_at, total, transfer_id as "transfer: TransferId", happened_at,
                  kind as "kind: TransferKind", amount, customer_id as "customer: DomainId", balance_after, reference, memo
           from history_pages($1, $2, $3, $4, $5, $6, $7, $8, $9)"#,
        tenant.0,
        adjusts_only,
        &account_ids,
        &known_entries as &[Option<i64>],
        &known_instants as &[Option<OffsetDateTime>],
        &begins,
        &ends,
        &skipped,
        &wanted
    );
    let mut rows = rows.fetch(connection);
    let mut begun: Vec<Option<Listed>> = asked.iter().map(|_| None).collect();
    while let Some(row) = rows.try_next().await? {
        let number = usize::try_from(row.page).ok().and_then(|page| page.checked_sub(1));
        let number = number.filter(|number| *number < asked.len()).ok_or(sqlx::Error::RowNotFound)?;
        let (place, (page, _)) = asked[number];
        row.add_to(&mut begun[number], page);
        if let Some(whole) = begun[number].take_if(|listed| listed.entries.len() == listed.wanted(page)) {
            answer(place, Some(whole));
        }
    }
    // Who has no answer yet asked for a page of the version that is known.
    for (listed, (place, _)) in begun.into_iter().zip(asked) {
        answer(*place, listed);
    }
    Ok(())
}

/// What `history_pages` answers: a page's row, which has a total, or one of its entries.
struct Row {
    page: i32,
    entries: Option<i64>,
    last_at: Option<OffsetDateTime>,
    total: Option<i64>,
    transfer: Option<TransferId>,
    happened_at: Option<OffsetDateTime>,
    kind: Option<TransferKind>,
    amount: Option<Decimal>,
    customer: Option<DomainId>,
    balance_after: Option<Decimal>,
    reference: Option<String>,
    memo: Option<String>,
}

impl Row {
    /// A page's row comes before its entries.
    fn add_to(self, listed: &mut Option<Listed>, page: &Page) {
        if let Some(total) = self.total {
            let version = self.entries.zip(self.last_at).map(|(entries, last_at)| Version { entries, last_at });
            let begun = listed.insert(Listed { entries: Vec::new(), total, version });
            begun.entries.reserve_exact(begun.wanted(page));
        } else if let Some(listed) = listed {
            listed.entries.extend(self.entry());
        }
    }

    fn entry(self) -> Option<Entry> {
        Some(Entry {
            transfer: self.transfer?,
            happened_at: self.happened_at?,
            kind: self.kind?,
            amount: self.amount?,
            balance_after: self.balance_after,
            customer: self.customer,
            reference: self.reference.unwrap_or_default(),
            memo: self.memo.unwrap_or_default(),
        })
    }
}

/// When a transfer of this id was made: its id says it to the millisecond.
fn around(span: Span, trade: Option<&Trade>) -> Span {
    let seconds = trade.and_then(|trade| trade.transfer?.0.get_timestamp()).map(|stamp| stamp.to_unix());
    let instant = seconds.and_then(|(seconds, nanoseconds)| {
        let instant = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
        Some(instant.saturating_add(time::Duration::nanoseconds(i64::from(nanoseconds))))
    });
    match instant {
        Some(instant) => Span {
            begin: span.begin.max(instant),
            end: span.end.min(instant.saturating_add(time::Duration::MILLISECOND)),
        },
        None => span,
    }
}

async fn count(connection: &mut PgConnection, history: History, span: Span, filter: &Filter) -> sqlx::Result<i64> {
    let span = around(span, filter.trade.as_ref());
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from entries
           where tenant_id = $1 and account_id = $2 and happened_at >= $3 and happened_at < $4
             and ($5::text[] is null or kind = any($5)) and ($6::boolean is null or (amount > 0) = $6)
             and ($7::text is null or reference = $7 or transfer_id = $8) and ($9::uuid is null or other_account = $9)
             and (not $10 or adjust is not null)"#,
        history.tenant.0,
        history.account.0,
        span.begin,
        span.end,
        filter.kinds.as_deref() as Option<&[TransferKind]>,
        filter.received,
        filter.trade.as_ref().map(|trade| trade.reference.as_str()),
        filter.trade.as_ref().and_then(|trade| trade.transfer).map(|transfer| transfer.0),
        filter.other.map(|other| other.0),
        history.adjusts_only
    )
    .fetch_one(connection)
    .await
}

async fn filtered(
    connection: &mut PgConnection,
    history: History,
    span: Span,
    filter: &Filter,
    (offset, limit): (i64, i64),
) -> sqlx::Result<Vec<Entry>> {
    let span = around(span, filter.trade.as_ref());
    sqlx::query_as!(
        Entry,
        r#"select transfer_id as "transfer!: TransferId", happened_at as "happened_at!", kind as "kind!: TransferKind",
                  amount as "amount!", balance_after, customer_id as "customer: DomainId", reference as "reference!",
                  memo as "memo!"
           from entries
           where tenant_id = $1 and account_id = $2 and happened_at >= $3 and happened_at < $4
             and ($5::text[] is null or kind = any($5)) and ($6::boolean is null or (amount > 0) = $6)
             and ($7::text is null or reference = $7 or transfer_id = $8) and ($9::uuid is null or other_account = $9)
             and (not $10 or adjust is not null)
           order by entry desc offset $11 limit $12"#,
        history.tenant.0,
        history.account.0,
        span.begin,
        span.end,
        filter.kinds.as_deref() as Option<&[TransferKind]>,
        filter.received,
        filter.trade.as_ref().map(|trade| trade.reference.as_str()),
        filter.trade.as_ref().and_then(|trade| trade.transfer).map(|transfer| transfer.0),
        filter.other.map(|other| other.0),
        history.adjusts_only,
        offset,
        limit
    )
    .fetch_all(connection)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_page_is_worth_remembering_when_it_is_read_again() {
        let lately = Lately::new();
        let history = History { tenant: TenantId(Uuid::nil()), account: AccountId(Uuid::nil()), adjusts_only: true };
        let span = Span { begin: OffsetDateTime::UNIX_EPOCH, end: OffsetDateTime::UNIX_EPOCH };
        let page = |offset| Page { history, span, part: (offset, 10) };
        assert_eq!([0, 0, 0].map(|offset| lately.was_read(page(offset))), [false, true, true]);
        // A history that is gone through is not remembered, however long it is.
        assert!((1..10_000).all(|number| !lately.was_read(page(number * 10 + 5))));
    }
}
