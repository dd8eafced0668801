//! Debts: what nobody had money for when it was used is taken once there is some, the oldest first. A charge's amount never
//! changes; what has paid it does.
//!
//! A debt is of who paid for the customer when it was used, whoever does now.

use super::settle::{purses, to_vendor};
use super::store::{self, Debt};
use crate::charges::store::{self as charges, Settling};
use crate::customers::budgets;
use crate::customers::store as customers;
use crate::ledger::{self, Purse};
use crate::orders::model::Source;
use crate::orders::{charging, plan};
use crate::resources::arrears;
use crate::values::id::{DomainId, TenantId};
use crate::values::money::Currency;
use rust_decimal::Decimal;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;

/// How many customers are looked up at once; each has a transaction of its own.
const CUSTOMERS: i64 = 200;
/// How many debts of one are settled at once.
const DEBTS: i64 = 1_000;

/// Something is due now where a customer owes and has money: when that came is not known, so it is due at the end of a look.
pub async fn next_due(
    connection: &mut PgConnection,
    tenant: TenantId,
    until: OffsetDateTime,
) -> sqlx::Result<Option<OffsetDateTime>> {
    let debtors = store::debtors(connection, tenant, until, 1).await?;
    Ok(debtors.first().map(|_| until))
}

/// Collects what customers owe and can pay; of how many customers.
pub async fn run(connection: &mut PgConnection, tenant: TenantId, at: OffsetDateTime) -> anyhow::Result<usize> {
    let mut done = 0;
    for (customer, currency) in store::debtors(connection, tenant, at, CUSTOMERS).await? {
        let mut transaction = connection.begin().await?;
        done += usize::from(collect(&mut transaction, ((tenant, customer), currency), at).await?);
        transaction.commit().await?;
    }
    Ok(done)
}

/// Lets a debtor pay what it owes for itself and for members of its enterprise, as far as it can. `false`: there is nothing that
/// could be paid.
async fn collect(
    connection: &mut PgConnection,
    (account, currency): ((TenantId, DomainId), Currency),
    at: OffsetDateTime,
) -> anyhow::Result<bool> {
    let tenant = account.0;
    // Charges are changed of customers that are locked. Those that have come to owe something since are left for the next look.
    let mut owing = store::owing(connection, account, currency).await?;
    owing.push(account.1);
    let locked = customers::lock_all(connection, tenant, &owing).await?;
    let Some(state) = locked.get(&account.1) else { return Ok(false) };
    let debts = store::debts(connection, account, (&owing, currency), DEBTS).await?;
    let money = purses(connection, account, (state.kind, currency), at).await?;
    // Cash coupons, cards and bonus pay for use when it is settled; a debt is paid by money.
    let is_money = |source: Source| matches!(source, Source::Cash | Source::Allocated | Source::Credit);
    let money: Vec<(Source, Purse)> = money.into_iter().filter(|(source, _)| is_money(*source)).collect();
    let mut all: Vec<Purse> = money.iter().map(|(_, purse)| *purse).collect();
    all.push(Purse::vendor(tenant, currency));
    let books = ledger::lock(connection, tenant, &all, at).await?;
    let owed = debts.iter().map(|debt| debt.owed).collect();
    let (paid, _) = plan::spread(owed, &charging::available(&books, &money));
    if paid.is_empty() {
        return Ok(false);
    }
    let trades: Vec<(DomainId, &str)> = debts.iter().map(|debt| (debt.customer, debt.trade_id.as_str())).collect();
    let postings = to_vendor((tenant, currency), &trades, (&paid, &money));
    ledger::post_locked(connection, tenant, books, &postings, at).await?;
    let settling = |(place, debt): (usize, &Debt)| {
        let parts = paid.iter().filter(|share| share.line == place).map(|share| (share.source, share.amount));
        let by = charging::split(parts);
        Settling {
            customer: debt.customer,
            cycle: debt.cycle,
            consumed_at: debt.consumed_at,
            charge: debt.charge,
            cash: by.cash,
            credit: by.credit,
        }
    };
    let settlings: Vec<Settling> = debts.iter().enumerate().map(settling).collect();
    charges::settle_debts(connection, account, &settlings).await?;
    let spent: Decimal = paid.iter().map(|share| share.amount).sum();
    budgets::consume(connection, account, spent, at).await?;
    arrears::end(connection, tenant, &locked, at).await?;
    Ok(true)
}
