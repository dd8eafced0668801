//! Reading an account's history, newest first.
//!
//! Entries are numbered without gaps, so a page of an unfiltered list is a range of numbers and its total a difference of
//! two: the last page of a million costs what the first does. A list with a filter counts what the filter finds.
//!
//! Partners ask for the same pages again and again. Those that were read are remembered, and the database is asked only
//! whether the account has been through anything since.

use super::{Rows, TransferKind};
use crate::api::error::ApiError;
use crate::database::Database;
use crate::gather::{Ask, Gatherer};
use crate::values::id::{AccountId, DomainId, TenantId, TransferId};
use crate::values::money::Currency;
use moka::sync::Cache;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
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
    /// In which currency.
    pub currency: Currency,
    /// What the account received; below zero, what it gave.
    pub amount: Decimal,
    /// What it held then.
    pub balance_after: Decimal,
    /// The customer or reseller it concerns.
    pub customer: Option<DomainId>,
    /// The order or bill.
    pub reference: String,
    /// A remark.
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
    known: Cache<Page, Arc<Listed>>,
}

impl Histories {
    /// Of all accounts. What the database does not answer within this time is given up.
    pub fn new(database: Database, within: Duration) -> Self {
        let weight = |_: &Page, listed: &Arc<Listed>| u32::try_from(1 + listed.entries.len()).unwrap_or(u32::MAX);
        let known = Cache::builder().max_capacity(CAPACITY).weigher(weight).build();
        Self { pages: Gatherer::new(database.clone(), within), database, known }
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
        let known = self.known.get(&page);
        let version = known.as_ref().and_then(|listed| listed.version);
        let Some(listed) = self.pages.ask(history.tenant, (page, version)).await? else {
            return Ok(known.unwrap_or_default());
        };
        let listed = Arc::new(listed);
        self.known.insert(page, listed.clone());
        Ok(listed)
    }

    /// Forgets everything: for when the database may have become one in which accounts went through something else.
    pub fn forget_all(&self) {
        self.known.invalidate_all();
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
    ) -> sqlx::Result<Vec<Option<Listed>>> {
        // Before the pages, in a statement of its own: a page can then only be newer than its version, and is read again. In
        // one with the function that reads pages a cluster would send both to a node, where the function may not ask.
        let accounts: HashSet<AccountId> = questions.iter().map(|(page, _)| page.history.account).collect();
        let versions = versions(connection, tenant, &accounts).await?;
        let version = |page: &Page| versions.get(&page.history.account).copied();
        let is_new = |(page, known): &(Page, Option<Version>)| known.is_none() || *known != version(page);
        let wanted: Vec<Page> = questions.iter().filter(|question| is_new(question)).map(|(page, _)| *page).collect();
        let mut listed = pages(connection, tenant, &wanted).await?.into_iter();
        let answers = questions.iter().map(|question| {
            let listed = if is_new(question) { listed.next() } else { None };
            listed.map(|listed| Listed { version: version(&question.0), ..listed })
        });
        Ok(answers.collect())
    }
}

/// What these accounts have been through.
async fn versions(
    connection: &mut PgConnection,
    tenant: TenantId,
    accounts: &HashSet<AccountId>,
) -> sqlx::Result<HashMap<AccountId, Version>> {
    let rows = sqlx::query!(
        r#"select account_id as "account: AccountId", entries, last_at from accounts
           where tenant_id = $1 and account_id = any($2)"#,
        tenant.0,
        &accounts.iter().map(|account| account.0).collect::<Vec<_>>()
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| (row.account, Version { entries: row.entries, last_at: row.last_at })).collect())
}

/// Reads pages.
async fn pages(connection: &mut PgConnection, tenant: TenantId, pages: &[Page]) -> sqlx::Result<Vec<Listed>> {
    if pages.is_empty() {
        return Ok(Vec::new());
    }
    let pages = Rows(pages);
    let rows = sqlx::query_as!(
        Numbered,
        r#"select page.number as "page!", e.total as "total!", e.transfer_id as "transfer: TransferId", e.happened_at,
                  e.kind as "kind: TransferKind", e.currency as "currency: Currency", e.amount, e.balance_after,
                  e.customer_id as "customer: DomainId", e.reference, e.memo
           from unnest($2::uuid[], $3::boolean[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::bigint[])
                with ordinality as page (account, adjusts_only, span_begin, span_end, skipped, wanted, number),
           lateral entries_page($1, page.account, page.adjusts_only, page.span_begin, page.span_end, page.skipped,
                                page.wanted) as e"#,
        tenant.0,
        &pages.column(|page| page.history.account.0),
        &pages.column(|page| page.history.adjusts_only),
        &pages.column(|page| page.span.begin),
        &pages.column(|page| page.span.end),
        &pages.column(|page| page.part.0),
        &pages.column(|page| page.part.1)
    )
    .fetch_all(connection)
    .await?;
    let mut listed: Vec<Listed> = pages.column(|_| Listed::default());
    for row in rows {
        let listed = usize::try_from(row.page - 1).ok().and_then(|number| listed.get_mut(number));
        let listed = listed.ok_or(sqlx::Error::RowNotFound)?;
        listed.total = row.total;
        listed.entries.extend(row.entry());
    }
    Ok(listed)
}

/// An entry of a page. A page without an entry has one row, for the total.
struct Numbered {
    page: i64,
    total: i64,
    transfer: Option<TransferId>,
    happened_at: Option<OffsetDateTime>,
    kind: Option<TransferKind>,
    currency: Option<Currency>,
    amount: Option<Decimal>,
    balance_after: Option<Decimal>,
    customer: Option<DomainId>,
    reference: Option<String>,
    memo: Option<String>,
}

impl Numbered {
    fn entry(self) -> Option<Entry> {
        Some(Entry {
            transfer: self.transfer?,
            happened_at: self.happened_at?,
            kind: self.kind?,
            currency: self.currency?,
            amount: self.amount?,
            balance_after: self.balance_after?,
            customer: self.customer,
            reference: self.reference?,
            memo: self.memo?,
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
                  currency as "currency!: Currency", amount as "amount!", balance_after as "balance_after!",
                  customer_id as "customer: DomainId", reference as "reference!", memo as "memo!"
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
