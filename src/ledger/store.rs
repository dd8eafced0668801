//! The ledger's SQL. Nothing else writes these tables.
//!
//! Each statement works on many rows at once and exists in two texts: for one tenant, which a cluster sends to that tenant's
//! node, and for several tenants mixed, which on one machine saves the round trips of all but one.

use super::books::{Account, Books, Transfer};
use super::model::{AccountKind, Purse, TransferKind};
use crate::values::id::{AccountId, DomainId, TenantId};
use crate::values::money::Currency;
use foldhash::HashMap;
use rust_decimal::Decimal;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// A statement for several tenants, and for the one that is bound last.
macro_rules! scoped {
    ($statement:expr, $condition:literal $(, $rest:literal)?) => {
        [concat!($statement $(, $rest)?), concat!($statement, $condition $(, $rest)?)]
    };
}

/// The accounts of these ids.
macro_rules! select_accounts {
    () => {
        "select a.account_id, a.balance, a.floor, a.entries, a.adjusts, a.last_at, a.closed
         from accounts a
         join unnest($1::uuid[], $2::uuid[]) as u (tenant_id, account_id)
              on a.tenant_id = u.tenant_id and a.account_id = u.account_id"
    };
}

const LOOK: &str = select_accounts!();

const LOCK: [&str; 2] =
    scoped!(select_accounts!(), " where a.tenant_id = $3", " order by a.tenant_id, a.account_id for update of a");

const OPEN: [&str; 2] = scoped!(
    "insert into accounts (tenant_id, account_id, owner_id, kind, currency, balance, floor, entries, adjusts, last_at, closed)
     select t.tenant_id, u.account_id, u.owner_id, u.kind, u.currency, 0, u.floor, 0, 0, u.opened_at, false
     from tenants t
     join unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::numeric[], $7::timestamptz[])
          as u (tenant_id, account_id, owner_id, kind, currency, floor, opened_at) on u.tenant_id = t.tenant_id",
    " where t.tenant_id = $8",
    " on conflict do nothing"
);

const UPDATE: [&str; 2] = scoped!(
    "update accounts a
     set balance = u.balance, entries = u.entries, adjusts = u.adjusts, last_at = u.last_at
     from unnest($1::uuid[], $2::uuid[], $3::numeric[], $4::bigint[], $5::bigint[], $6::timestamptz[])
          as u (tenant_id, account_id, balance, entries, adjusts, last_at)
     where a.tenant_id = u.tenant_id and a.account_id = u.account_id",
    " and a.tenant_id = $7"
);

const INSERT: [&str; 2] = scoped!(
    "insert into transfers (tenant_id, happened_at, transfer_id, group_id, kind, currency, amount, from_account, from_after,
                            from_entry, from_adjust, to_account, to_after, to_entry, to_adjust, customer_id, reference,
                            memo, user_id)
     select t.tenant_id, u.happened_at, u.transfer_id, u.group_id, u.kind, u.currency, u.amount, u.from_account,
            u.from_after, u.from_entry, u.from_adjust, u.to_account, u.to_after, u.to_entry, u.to_adjust, u.customer_id,
            u.reference, u.memo, u.user_id
     from tenants t
     join unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::numeric[], $8::uuid[],
                 $9::numeric[], $10::bigint[], $11::bigint[], $12::uuid[], $13::numeric[], $14::bigint[], $15::bigint[],
                 $16::uuid[], $17::text[], $18::text[], $19::uuid[])
          as u (tenant_id, happened_at, transfer_id, group_id, kind, currency, amount, from_account, from_after, from_entry,
                from_adjust, to_account, to_after, to_entry, to_adjust, customer_id, reference, memo, user_id)
          on u.tenant_id = t.tenant_id",
    " where t.tenant_id = $20"
);

/// One of the two texts, with the tenant still to be bound last.
fn text(statement: [&'static str; 2], tenant: Option<TenantId>) -> &'static str {
    statement[usize::from(tenant.is_some())]
}

/// Locks accounts in the order of their ids, opening those that are not there yet. `tenant` is the one they are all of;
/// `None` where several are mixed.
pub async fn lock(
    connection: &mut PgConnection,
    tenant: Option<TenantId>,
    purses: &[Purse],
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Account>> {
    find_or_open(connection, text(LOCK, tenant), tenant, purses, now).await
}

/// Looks at accounts of several tenants mixed, opening those that are not there yet.
pub async fn look(connection: &mut PgConnection, purses: &[Purse], now: OffsetDateTime) -> sqlx::Result<Vec<Account>> {
    find_or_open(connection, LOOK, None, purses, now).await
}

async fn find_or_open(
    connection: &mut PgConnection,
    statement: &'static str,
    tenant: Option<TenantId>,
    purses: &[Purse],
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Account>> {
    let purses: BTreeMap<(TenantId, AccountId), Purse> =
        purses.iter().map(|purse| ((purse.tenant, purse.id()), *purse)).collect();
    let mut accounts = find(connection, statement, tenant, &purses).await?;
    if accounts.len() < purses.len() {
        let missing: Vec<&Purse> =
            purses.values().filter(|purse| accounts.iter().all(|account| account.purse != **purse)).collect();
        open(connection, tenant, &missing, now).await?;
        accounts = find(connection, statement, tenant, &purses).await?;
    }
    // One that could not be opened has no tenant any more.
    if accounts.len() < purses.len() { Err(sqlx::Error::RowNotFound) } else { Ok(accounts) }
}

async fn find(
    connection: &mut PgConnection,
    statement: &'static str,
    tenant: Option<TenantId>,
    purses: &BTreeMap<(TenantId, AccountId), Purse>,
) -> sqlx::Result<Vec<Account>> {
    let by_id: HashMap<AccountId, Purse> = purses.iter().map(|((_, id), purse)| (*id, *purse)).collect();
    let mut query = sqlx::query(statement)
        .bind(purses.keys().map(|(tenant, _)| tenant.0).collect::<Vec<_>>())
        .bind(purses.keys().map(|(_, id)| id.0).collect::<Vec<_>>());
    if let Some(tenant) = tenant {
        query = query.bind(tenant.0);
    }
    let rows = query.fetch_all(connection).await?;
    rows.iter().map(|row| account(row, &by_id)).collect()
}

fn account(row: &PgRow, purses: &HashMap<AccountId, Purse>) -> sqlx::Result<Account> {
    Ok(Account {
        purse: purses[&row.try_get("account_id")?],
        balance: row.try_get("balance")?,
        floor: row.try_get("floor")?,
        entries: row.try_get("entries")?,
        adjusts: row.try_get("adjusts")?,
        last_at: row.try_get("last_at")?,
        closed: row.try_get("closed")?,
    })
}

async fn open(
    connection: &mut PgConnection,
    tenant: Option<TenantId>,
    purses: &[&Purse],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let column = |of: fn(&Purse) -> Uuid| purses.iter().map(|purse| of(purse)).collect::<Vec<_>>();
    let mut query = sqlx::query(text(OPEN, tenant))
        .bind(column(|purse| purse.tenant.0))
        .bind(column(|purse| purse.id().0))
        .bind(column(|purse| purse.owner))
        .bind(purses.iter().map(|purse| purse.kind).collect::<Vec<AccountKind>>())
        .bind(purses.iter().map(|purse| purse.currency).collect::<Vec<Currency>>())
        .bind(purses.iter().map(|purse| purse.kind.floor()).collect::<Vec<Option<Decimal>>>())
        .bind(vec![now; purses.len()]);
    if let Some(tenant) = tenant {
        query = query.bind(tenant.0);
    }
    query.execute(connection).await?;
    Ok(())
}

/// Writes the accounts that changed and the transfers that changed them.
pub async fn write(
    connection: &mut PgConnection,
    tenant: Option<TenantId>,
    books: &Books,
    transfers: &[Transfer],
) -> sqlx::Result<()> {
    let changed: Vec<&Account> = books.changed().collect();
    let mut query = sqlx::query(text(UPDATE, tenant))
        .bind(changed.iter().map(|account| account.purse.tenant.0).collect::<Vec<_>>())
        .bind(changed.iter().map(|account| account.purse.id().0).collect::<Vec<_>>())
        .bind(changed.iter().map(|account| account.balance).collect::<Vec<_>>())
        .bind(changed.iter().map(|account| account.entries).collect::<Vec<_>>())
        .bind(changed.iter().map(|account| account.adjusts).collect::<Vec<_>>())
        .bind(changed.iter().map(|account| account.last_at).collect::<Vec<_>>());
    if let Some(tenant) = tenant {
        query = query.bind(tenant.0);
    }
    query.execute(&mut *connection).await?;
    insert(connection, tenant, transfers).await
}

async fn insert(connection: &mut PgConnection, tenant: Option<TenantId>, transfers: &[Transfer]) -> sqlx::Result<()> {
    fn column<T>(transfers: &[Transfer], of: impl Fn(&Transfer) -> T) -> Vec<T> {
        transfers.iter().map(of).collect()
    }
    let mut query = sqlx::query(text(INSERT, tenant))
        .bind(column(transfers, |transfer| transfer.posting.from.tenant.0))
        .bind(column(transfers, |transfer| transfer.happened_at))
        .bind(column(transfers, |transfer| transfer.id.0))
        .bind(column(transfers, |transfer| transfer.group.map(|group| group.0)))
        .bind(column::<TransferKind>(transfers, |transfer| transfer.posting.kind))
        .bind(column::<Currency>(transfers, |transfer| transfer.posting.from.currency))
        .bind(column(transfers, |transfer| transfer.posting.amount))
        .bind(column(transfers, |transfer| transfer.from.account.0))
        .bind(column(transfers, |transfer| transfer.from.after))
        .bind(column(transfers, |transfer| transfer.from.entry))
        .bind(column(transfers, |transfer| transfer.from.adjust))
        .bind(column(transfers, |transfer| transfer.to.account.0))
        .bind(column(transfers, |transfer| transfer.to.after))
        .bind(column(transfers, |transfer| transfer.to.entry))
        .bind(column(transfers, |transfer| transfer.to.adjust))
        .bind(column(transfers, |transfer| transfer.posting.customer.map(|customer| customer.0)))
        .bind(column(transfers, |transfer| transfer.posting.reference.clone()))
        .bind(column(transfers, |transfer| transfer.posting.memo.clone()))
        .bind(column(transfers, |transfer| transfer.posting.user.map(|user| user.0)));
    if let Some(tenant) = tenant {
        query = query.bind(tenant.0);
    }
    query.execute(connection).await?;
    Ok(())
}

/// What an account holds, and down to where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Whose it is.
    pub owner: Uuid,
    /// The account.
    pub account: AccountId,
    /// What it holds.
    pub kind: AccountKind,
    /// In which currency.
    pub currency: Currency,
    /// How much.
    pub balance: Decimal,
    /// Where it must not go below.
    pub floor: Option<Decimal>,
}

/// The balances of these owners.
pub async fn balances(
    connection: &mut PgConnection,
    tenant: TenantId,
    owners: &[DomainId],
) -> sqlx::Result<Vec<Balance>> {
    let owners: Vec<Uuid> = owners.iter().map(|owner| owner.0).collect();
    sqlx::query_as!(
        Balance,
        r#"select owner_id as owner, account_id as "account: AccountId", kind as "kind: AccountKind",
                  currency as "currency: Currency", balance, floor
           from accounts where tenant_id = $1 and owner_id = any($2) order by owner_id, kind, currency"#,
        tenant.0,
        &owners
    )
    .fetch_all(connection)
    .await
}

/// Closes an account, or opens it again, if there is one: a closed one takes part in no transfer.
pub async fn set_closed(connection: &mut PgConnection, purse: &Purse, closed: bool) -> sqlx::Result<()> {
    sqlx::query!(
        "update accounts set closed = $3 where tenant_id = $1 and account_id = $2 and closed <> $3",
        purse.tenant.0,
        purse.id().0,
        closed
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets how far a partner's cash may go below zero. Refused by `accounts_floor_kept` where it already is below that.
pub async fn set_credit_line(connection: &mut PgConnection, purse: &Purse, line: Decimal) -> sqlx::Result<()> {
    sqlx::query!(
        "update accounts set floor = $3 where tenant_id = $1 and account_id = $2",
        purse.tenant.0,
        purse.id().0,
        -line
    )
    .execute(connection)
    .await?;
    Ok(())
}
