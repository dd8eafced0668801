//! Reading an account's history, newest first.
//!
//! Entries are numbered without gaps, so a page of an unfiltered list is a range of numbers and its total a difference of
//! two: the last page of a million costs what the first does. A list with a filter counts what the filter finds.

use super::TransferKind;
use crate::values::id::{AccountId, DomainId, TenantId, TransferId};
use crate::values::money::Currency;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

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
#[derive(Clone, Copy, Debug)]
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
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// The tenant.
    pub tenant: TenantId,
    /// The account.
    pub account: AccountId,
    /// All entries, or only the adjustments that the account, a partner's, made.
    pub adjusts_only: bool,
}

/// A page and how many there are in all.
pub async fn page(
    connection: &mut PgConnection,
    history: History,
    span: Span,
    filter: &Filter,
    (offset, limit): (usize, usize),
) -> sqlx::Result<(Vec<Entry>, i64)> {
    let (offset, limit) = (i64::try_from(offset).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
    if !filter.is_empty() {
        let total = count(connection, history, span, filter).await?;
        return Ok((filtered(connection, history, span, filter, (offset, limit)).await?, total));
    }
    let History { tenant, account, adjusts_only } = history;
    let numbered = sqlx::query_as!(
        Numbered,
        r#"select total as "total!", transfer_id as "transfer: TransferId", happened_at, kind as "kind: TransferKind",
                  currency as "currency: Currency", amount, balance_after, customer_id as "customer: DomainId", reference, memo
           from entries_page($1, $2, $3, $4, $5, $6, $7)"#,
        tenant.0,
        account.0,
        adjusts_only,
        span.begin,
        span.end,
        offset,
        limit
    )
    .fetch_all(connection)
    .await?;
    let total = numbered.first().map_or(0, |row| row.total);
    Ok((numbered.into_iter().filter_map(Numbered::entry).collect(), total))
}

/// A row of a page of numbered entries. A page without an entry has one row, for the total.
struct Numbered {
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
        Some(instant.saturating_add(Duration::nanoseconds(i64::from(nanoseconds))))
    });
    match instant {
        Some(instant) => {
            Span { begin: span.begin.max(instant), end: span.end.min(instant.saturating_add(Duration::MILLISECOND)) }
        }
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
