//! How pages of histories are read from the database.

use super::model::{Change, Entry, Filter, History, Listed, Page, Rest, Shown, Span, Trade, Version};
use crate::ledger::coalesce::Ask;
use crate::ledger::model::{Rows, TransferKind};
use crate::values::id::{DomainId, TenantId, TransferId};
use futures_util::TryStreamExt;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::marker::PhantomData;
use time::OffsetDateTime;
use uuid::Uuid;

/// Asks for pages that are not of the version that is known.
pub struct Pages<E>(PhantomData<fn() -> E>);

impl<E: Shown> Ask for Pages<E> {
    type Question = (Page, Option<Version>);
    type Answer = Option<Listed<E>>;

    async fn ask(
        connection: &mut PgConnection,
        tenant: TenantId,
        questions: Vec<(Page, Option<Version>)>,
        answer: impl FnMut(usize, Option<Listed<E>>) + Send,
    ) -> sqlx::Result<()> {
        read(connection, tenant, &questions, answer).await
    }
}

/// Reads the pages that are not of the version that is known, and answers each as soon as it is whole.
async fn read<E: Shown>(
    connection: &mut PgConnection,
    tenant: TenantId,
    asked: &[(Page, Option<Version>)],
    mut answer: impl FnMut(usize, Option<Listed<E>>) + Send,
) -> sqlx::Result<()> {
    let columns = Rows(asked);
    let account_ids = columns.column(|(page, _)| page.history.account.0);
    let known_entries = columns.column(|(_, known)| known.map(|known| known.entries));
    let known_instants = columns.column(|(_, known)| known.map(|known| known.last_at));
    let begins = columns.column(|(page, _)| page.span.begin);
    let ends = columns.column(|(page, _)| page.span.end);
    let skipped = columns.column(|(page, _)| page.part.0);
    let wanted = columns.column(|(page, _)| page.part.1);
    let rows = sqlx::query_as!(
        Row,
        r#"select page as "page!", entries, last_at, total, transfer_id as "transfer: TransferId", happened_at,
                  kind as "kind: TransferKind", amount, customer_id as "customer: DomainId", balance_after, reference, memo
           from history_pages($1, $2, $3, $4, $5, $6, $7, $8, $9)"#,
        tenant.0,
        E::ADJUSTS_ONLY,
        &account_ids,
        &known_entries as &[Option<i64>],
        &known_instants as &[Option<OffsetDateTime>],
        &begins,
        &ends,
        &skipped,
        &wanted
    );
    let mut rows = rows.fetch(connection);
    let mut begun: Vec<Option<Listed<E>>> = asked.iter().map(|_| None).collect();
    while let Some(row) = rows.try_next().await? {
        let place = usize::try_from(row.page).ok().and_then(|page| page.checked_sub(1));
        let place = place.filter(|place| *place < asked.len()).ok_or(sqlx::Error::RowNotFound)?;
        let (page, _) = &asked[place];
        row.add_to(&mut begun[place], page)?;
        if let Some(whole) = begun[place].take_if(|listed| listed.entries.len() == listed.wanted(page)) {
            answer(place, Some(whole));
        }
    }
    // Who has no answer yet asked for a page of the version that is known.
    for (place, listed) in begun.into_iter().enumerate() {
        answer(place, listed);
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
    fn add_to<E: Shown>(self, listed: &mut Option<Listed<E>>, page: &Page) -> sqlx::Result<()> {
        if let Some(total) = self.total {
            let version = self.entries.zip(self.last_at).map(|(entries, last_at)| Version { entries, last_at });
            let begun = listed.insert(Listed { entries: Vec::new(), total, version });
            begun.entries.reserve_exact(begun.wanted(page));
        } else if let Some(listed) = listed {
            listed.entries.push(self.entry().ok_or_else(not_read)?);
        }
        Ok(())
    }

    fn entry<E: Shown>(self) -> Option<E> {
        let entry = Entry {
            transfer: self.transfer?,
            happened_at: self.happened_at?,
            kind: self.kind?,
            amount: self.amount?,
            customer: self.customer,
        };
        E::of(entry, Rest { balance_after: self.balance_after, reference: self.reference, memo: self.memo })
    }
}

/// What a filter finds, with what any list shows.
pub struct Found {
    transfer: TransferId,
    happened_at: OffsetDateTime,
    kind: TransferKind,
    amount: Decimal,
    balance_after: Option<Decimal>,
    customer: Option<DomainId>,
    reference: String,
    memo: String,
}

impl Found {
    /// As its list shows it.
    pub fn entry<E: Shown>(self) -> Option<E> {
        let Self { transfer, happened_at, kind, amount, customer, .. } = self;
        let (reference, memo) = (Some(self.reference), Some(self.memo));
        let rest = Rest { balance_after: self.balance_after, reference, memo };
        E::of(Entry { transfer, happened_at, kind, amount, customer }, rest)
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

/// How many entries a filter finds.
pub async fn count(
    connection: &mut PgConnection,
    (history, adjusts_only): (History, bool),
    span: Span,
    filter: &Filter,
) -> sqlx::Result<i64> {
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
        adjusts_only
    )
    .fetch_one(connection)
    .await
}

/// A part of what a filter finds.
pub async fn filtered(
    connection: &mut PgConnection,
    (history, adjusts_only): (History, bool),
    span: Span,
    filter: &Filter,
    (offset, limit): (i64, i64),
) -> sqlx::Result<Vec<Found>> {
    let span = around(span, filter.trade.as_ref());
    sqlx::query_as!(
        Found,
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
        adjusts_only,
        offset,
        limit
    )
    .fetch_all(connection)
    .await
}

/// A change, and the number of its entry among the account's.
#[derive(Clone, Debug)]
pub struct Numbered {
    /// The number.
    pub number: i64,
    /// The change.
    pub change: Change,
}

/// So many entries of a span behind the one of a number, the latest first: for who reads all of them.
pub async fn behind(
    connection: &mut PgConnection,
    history: History,
    span: Span,
    (number, limit): (Option<i64>, usize),
) -> sqlx::Result<Vec<Numbered>> {
    let rows = sqlx::query!(
        r#"select entry as "number!", transfer_id as "transfer!: TransferId", happened_at as "happened_at!",
                  kind as "kind!: TransferKind", amount as "amount!", balance_after as "balance_after!",
                  customer_id as "customer: DomainId", reference as "reference!"
           from entries
           where tenant_id = $1 and account_id = $2 and happened_at >= $3 and happened_at < $4 and entry < $5
           order by entry desc limit $6"#,
        history.tenant.0,
        history.account.0,
        span.begin,
        span.end,
        number.unwrap_or(i64::MAX),
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    let rows = rows.fetch_all(connection).await?;
    let numbered = rows.into_iter().map(|row| Numbered {
        number: row.number,
        change: Change {
            entry: Entry {
                transfer: row.transfer,
                happened_at: row.happened_at,
                kind: row.kind,
                amount: row.amount,
                customer: row.customer,
            },
            balance_after: row.balance_after,
            reference: row.reference,
        },
    });
    Ok(numbered.collect())
}

/// How many entries of several accounts a filter finds.
pub async fn count_together(
    connection: &mut PgConnection,
    (tenant, accounts): (TenantId, &[Uuid]),
    span: Span,
    filter: &Filter,
) -> sqlx::Result<i64> {
    let span = around(span, filter.trade.as_ref());
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from entries
           where tenant_id = $1 and account_id = any($2) and happened_at >= $3 and happened_at < $4
             and ($5::text[] is null or kind = any($5)) and ($6::boolean is null or (amount > 0) = $6)
             and ($7::text is null or reference = $7 or transfer_id = $8)"#,
        tenant.0,
        accounts,
        span.begin,
        span.end,
        filter.kinds.as_deref() as Option<&[TransferKind]>,
        filter.received,
        filter.trade.as_ref().map(|trade| trade.reference.as_str()),
        filter.trade.as_ref().and_then(|trade| trade.transfer).map(|transfer| transfer.0)
    )
    .fetch_one(connection)
    .await
}

/// A part of what a filter finds in several accounts.
pub async fn together(
    connection: &mut PgConnection,
    (tenant, accounts): (TenantId, &[Uuid]),
    span: Span,
    filter: &Filter,
    (offset, limit): (i64, i64),
) -> sqlx::Result<Vec<Found>> {
    let span = around(span, filter.trade.as_ref());
    sqlx::query_as!(
        Found,
        r#"select transfer_id as "transfer!: TransferId", happened_at as "happened_at!", kind as "kind!: TransferKind",
                  amount as "amount!", balance_after, customer_id as "customer: DomainId", reference as "reference!",
                  memo as "memo!"
           from entries
           where tenant_id = $1 and account_id = any($2) and happened_at >= $3 and happened_at < $4
             and ($5::text[] is null or kind = any($5)) and ($6::boolean is null or (amount > 0) = $6)
             and ($7::text is null or reference = $7 or transfer_id = $8)
           order by happened_at desc, transfer_id desc offset $9 limit $10"#,
        tenant.0,
        accounts,
        span.begin,
        span.end,
        filter.kinds.as_deref() as Option<&[TransferKind]>,
        filter.received,
        filter.trade.as_ref().map(|trade| trade.reference.as_str()),
        filter.trade.as_ref().and_then(|trade| trade.transfer).map(|transfer| transfer.0),
        offset,
        limit
    )
    .fetch_all(connection)
    .await
}

/// A statement left out what its list shows.
pub fn not_read() -> sqlx::Error {
    sqlx::Error::Protocol("an entry lacks what its list shows".to_owned())
}
