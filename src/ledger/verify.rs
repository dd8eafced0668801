//! `bss-gateway verify-ledger`: whether every balance is what its transfers say.
//!
//! Tenant by tenant, each in one statement and so in one snapshot: on a cluster two totals side by side would show drift
//! that is none.

use crate::values::id::TenantId;
use sqlx::PgConnection;
use uuid::Uuid;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Tenants proved.
    pub tenants: usize,
    /// Their accounts.
    pub accounts: i64,
    /// Their transfers.
    pub transfers: i64,
    /// The first wrong row of each tenant that has one, in words.
    pub wrong: Vec<String>,
}

/// Proves all tenants, each from its first transfer on.
pub async fn all(connection: &mut PgConnection) -> sqlx::Result<Report> {
    let tenants = tenants(connection).await?;
    let mut report = Report { tenants: tenants.len(), ..Report::default() };
    for tenant in tenants {
        let (accounts, transfers, wrong) = tenant_report(connection, tenant).await?;
        report.accounts += accounts;
        report.transfers += transfers;
        report.wrong.extend(wrong);
    }
    Ok(report)
}

/// Everybody whose ledger is to be proved.
pub async fn tenants(connection: &mut PgConnection) -> sqlx::Result<Vec<TenantId>> {
    sqlx::query_scalar!(r#"select tenant_id as "tenant_id: TenantId" from tenants order by tenant_id"#)
        .fetch_all(connection)
        .await
}

/// Proves one tenant: for each account, in the order of its entries, that they are numbered without a gap, that each balance
/// is the one before plus the amount, and that the account holds the last one.
async fn tenant_report(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<(i64, i64, Option<String>)> {
    let row = sqlx::query!(
        r#"with history as (
               select account_id, entry, balance_after, happened_at, transfer_id,
                      entry - coalesce(lag(entry) over account, 0) <> 1 as gap,
                      balance_after - coalesce(lag(balance_after) over account, 0) <> amount as drift,
                      happened_at <= lag(happened_at) over account as backwards
               from entries where tenant_id = $1
               window account as (partition by account_id order by entry)
           ), sums as (
               select account_id, count(*) as entries, max(entry) as last_entry,
                      (array_agg(balance_after order by entry desc))[1] as last_balance,
                      min(entry) filter (where gap or drift or backwards) as wrong_entry
               from history group by account_id
           ), judged as (
               select coalesce(a.account_id, s.account_id) as account_id,
                      case when a.account_id is null then 'there is no such account'
                           when s.wrong_entry is not null then 'entry ' || s.wrong_entry || ' does not follow from the one before'
                           when coalesce(s.entries, 0) <> a.entries then 'it counts ' || a.entries || ' entries and has '
                                                                         || coalesce(s.entries, 0)
                           when coalesce(s.last_balance, 0) <> a.balance then 'it holds ' || a.balance || ' and its entries say '
                                                                         || coalesce(s.last_balance, 0)
                           when a.balance < a.floor then 'it holds ' || a.balance || ', below its floor'
                      end as wrong
               from (select account_id, balance, floor, entries from accounts where tenant_id = $1) a
               full join sums s on s.account_id = a.account_id
           )
           select count(*) as "accounts!",
                  (select count(*) from transfers where tenant_id = $1) as "transfers!",
                  (array_agg(account_id order by account_id) filter (where wrong is not null))[1] as account,
                  (array_agg(wrong order by account_id) filter (where wrong is not null))[1] as wrong
           from judged"#,
        tenant.0
    )
    .fetch_one(connection)
    .await?;
    let account: Uuid = row.account.unwrap_or_default();
    let wrong = row.wrong.map(|wrong| format!("tenant {tenant}, account {}: {wrong}", account.simple()));
    Ok((row.accounts, row.transfers, wrong))
}
