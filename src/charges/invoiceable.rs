//! What of charges may be invoiced, and what of that invoices hold: kept with the charges, by order, and by month for use.
//!
//! Its payer is who is invoiced: of a resale customer its partner, of a member in custody its master, else the customer. Who takes
//! something locks its rows, so nothing is taken twice, and the database refuses a row that holds more than there is.

use crate::values::id::{DomainId, TenantId};
use crate::values::money::Currency;
use crate::values::time::Month;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::Date;

/// What may be invoiced of an order, or of a month's use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// The customer.
    pub customer: DomainId,
    /// The first day of the month.
    pub cycle: Date,
    /// The order; empty for use.
    pub order_id: String,
    /// How much; below zero what was given back.
    pub amount: Decimal,
}

/// Who is invoiced, in which currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Payer {
    /// The tenant.
    pub tenant: TenantId,
    /// The account.
    pub account: DomainId,
    /// The currency.
    pub currency: Currency,
}

/// What is to be invoiced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Selection {
    /// All of a month, of one customer or of all.
    Month(Month, Option<DomainId>),
    /// These orders.
    Orders(Vec<String>),
}

impl Selection {
    fn cycle(&self) -> Option<Date> {
        match self {
            Self::Month(month, _) => Some(month.first_day()),
            Self::Orders(_) => None,
        }
    }

    fn customer(&self) -> Option<DomainId> {
        match self {
            Self::Month(_, customer) => *customer,
            Self::Orders(_) => None,
        }
    }

    fn orders(&self) -> &[String] {
        match self {
            Self::Month(..) => &[],
            Self::Orders(orders) => orders,
        }
    }
}

/// Takes all that may be invoiced of a selection, and what was given back since the last invoice, whatever of.
pub async fn take(connection: &mut PgConnection, payer: Payer, selection: &Selection) -> sqlx::Result<Vec<Item>> {
    sqlx::query_as!(
        Item,
        r#"with wanted as (
             select domain_id, cycle, order_id, amount - invoiced as open from invoiceable
             where tenant_id = $1 and payer_id = $2 and currency = $3 and amount <> invoiced
               and (amount < invoiced or order_id = any($4) or cycle = $5 and ($6::uuid is null or domain_id = $6))
             order by domain_id, cycle, order_id for no key update
           )
           update invoiceable i set invoiced = i.amount from wanted w
           where i.tenant_id = $1 and i.payer_id = $2 and i.currency = $3 and i.domain_id = w.domain_id
             and i.cycle = w.cycle and i.order_id = w.order_id
           returning w.domain_id as "customer!: DomainId", w.cycle as "cycle!", w.order_id as "order_id!",
                     w.open as "amount!""#,
        payer.tenant.0,
        payer.account.0,
        payer.currency as Currency,
        selection.orders(),
        selection.cycle(),
        selection.customer().map(|customer| customer.0)
    )
    .fetch_all(connection)
    .await
}

/// Gives back what an invoice held that is none any more.
pub async fn release(connection: &mut PgConnection, payer: Payer, items: &[Item]) -> sqlx::Result<()> {
    sqlx::query!(
        "update invoiceable i set invoiced = i.invoiced - u.amount
         from unnest($4::uuid[], $5::date[], $6::text[], $7::numeric[]) as u (domain_id, cycle, order_id, amount)
         where i.tenant_id = $1 and i.payer_id = $2 and i.currency = $3 and i.domain_id = u.domain_id
           and i.cycle = u.cycle and i.order_id = u.order_id",
        payer.tenant.0,
        payer.account.0,
        payer.currency as Currency,
        &items.iter().map(|item| item.customer.0).collect::<Vec<_>>(),
        &items.iter().map(|item| item.cycle).collect::<Vec<_>>(),
        &items.iter().map(|item| item.order_id.clone()).collect::<Vec<_>>(),
        &items.iter().map(|item| item.amount).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether something of a selection is not paid yet.
pub async fn is_owed(connection: &mut PgConnection, payer: Payer, selection: &Selection) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists(
             select 1 from invoiceable where tenant_id = $1 and payer_id = $2 and currency = $3 and owed > 0
               and (order_id = any($4) or cycle = $5 and ($6::uuid is null or domain_id = $6))) as "owed!""#,
        payer.tenant.0,
        payer.account.0,
        payer.currency as Currency,
        selection.orders(),
        selection.cycle(),
        selection.customer().map(|customer| customer.0)
    )
    .fetch_one(connection)
    .await
}

/// What may still be invoiced: a page of it, the latest month first, how much there is, and what all of it comes to, beyond this
/// page and these filters.
pub async fn open(
    connection: &mut PgConnection,
    payer: Payer,
    (month, customer): (Option<Month>, Option<DomainId>),
    (offset, limit): (usize, usize),
) -> sqlx::Result<(Vec<Item>, i64, Decimal)> {
    let all = sqlx::query!(
        r#"select coalesce(sum(amount - invoiced), 0) as "sum!",
                  count(*) filter (where ($4::date is null or cycle = $4) and ($5::uuid is null or domain_id = $5)) as "count!"
           from invoiceable
           where tenant_id = $1 and payer_id = $2 and currency = $3 and amount <> invoiced"#,
        payer.tenant.0,
        payer.account.0,
        payer.currency as Currency,
        month.map(Month::first_day),
        customer.map(|customer| customer.0)
    )
    .fetch_one(&mut *connection)
    .await?;
    let items = sqlx::query_as!(
        Item,
        r#"select domain_id as "customer: DomainId", cycle, order_id, amount - invoiced as "amount!" from invoiceable
           where tenant_id = $1 and payer_id = $2 and currency = $3 and amount <> invoiced
             and ($4::date is null or cycle = $4) and ($5::uuid is null or domain_id = $5)
           order by cycle desc, domain_id desc, order_id desc offset $6 limit $7"#,
        payer.tenant.0,
        payer.account.0,
        payer.currency as Currency,
        month.map(Month::first_day),
        customer.map(|customer| customer.0),
        i64::try_from(offset).unwrap_or(i64::MAX),
        i64::try_from(limit).unwrap_or(i64::MAX)
    )
    .fetch_all(connection)
    .await?;
    Ok((items, all.count, all.sum))
}

/// Whether a month's charges are final.
pub async fn is_closed(connection: &mut PgConnection, tenant: TenantId, month: Month) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists(select 1 from billing_cycles where tenant_id = $1 and cycle = $2 and closed_at is not null) as "closed!""#,
        tenant.0,
        month.first_day()
    )
    .fetch_one(connection)
    .await
}
