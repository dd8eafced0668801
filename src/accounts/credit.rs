//! Credit, in lots: each ends at an instant of its own, or never. What is left of a lot is its account in the ledger.

use crate::ledger::{AccountKind, Purse};
use crate::values::id::{AccountId, DomainId, LotId, TenantId, new_uuid};
use crate::values::money::Currency;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// A lot of a customer's credit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lot {
    /// Its id.
    pub id: LotId,
    /// The master account whose credit it was; nobody: the vendor granted it.
    pub given_by: Option<DomainId>,
    /// When it ends; never, if it does not.
    pub expires_at: Option<OffsetDateTime>,
    /// What it would hold if it had never paid.
    pub granted: Decimal,
    /// What is left of it.
    pub balance: Decimal,
}

/// The ledger's account of a lot.
pub fn purse(tenant: TenantId, lot: LotId, currency: Currency) -> Purse {
    Purse::new(tenant, lot.0, AccountKind::Credit, currency)
}

/// A customer's lots that have not ended, the one that ends first first, and last the one that never does. There are few.
pub async fn lots(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    currency: Currency,
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Lot>> {
    sqlx::query_as!(
        Lot,
        r#"select l.lot_id as "id: LotId", l.given_by as "given_by: DomainId", l.expires_at, l.granted, coalesce(a.balance, 0) as "balance!"
           from credit_lots l
           left join accounts a on a.tenant_id = l.tenant_id and a.owner_id = l.lot_id and a.kind = 'credit'
               and a.tenant_id = $1
           where l.tenant_id = $1 and l.customer_id = $2 and l.currency = $3 and (l.expires_at is null or l.expires_at > $4)
           order by l.expires_at nulls last, l.lot_id"#,
        tenant.0,
        customer.0,
        currency as Currency,
        now
    )
    .fetch_all(connection)
    .await
}

/// The ledger's accounts of all of a customer's lots, also of those that have ended.
pub async fn accounts(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    currency: Currency,
) -> sqlx::Result<Vec<AccountId>> {
    let lots = sqlx::query_scalar!(
        r#"select lot_id as "id: LotId" from credit_lots where tenant_id = $1 and customer_id = $2 and currency = $3"#,
        tenant.0,
        customer.0,
        currency as Currency
    );
    Ok(lots.fetch_all(connection).await?.into_iter().map(|lot| purse(tenant, lot, currency).id()).collect())
}

/// What tells a customer's lots apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// The currency.
    pub currency: Currency,
    /// The master account whose credit it was; nobody: the vendor granted it.
    pub given_by: Option<DomainId>,
    /// When it ends; never, if it does not.
    pub expires_at: Option<OffsetDateTime>,
}

/// Lets a customer's lot on these terms hold so much more, and makes it if there is none. It is locked until the transaction ends,
/// which moves as much into it.
pub async fn raise(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    terms: Terms,
    amount: Decimal,
    now: OffsetDateTime,
) -> sqlx::Result<LotId> {
    sqlx::query_scalar!(
        r#"insert into credit_lots (tenant_id, lot_id, customer_id, currency, granted, expires_at, given_by)
           values ($1, $2, $3, $4, $5, $6, $7)
           on conflict (tenant_id, customer_id, currency, given_by, expires_at)
               do update set granted = credit_lots.granted + excluded.granted
           returning lot_id as "id: LotId""#,
        tenant.0,
        new_uuid(now),
        customer.0,
        terms.currency as Currency,
        amount,
        terms.expires_at,
        terms.given_by.map(|giver| giver.0)
    )
    .fetch_one(connection)
    .await
}

/// Lets a lot hold so much less. It is locked until the transaction ends, which moves as much out of it.
pub async fn lower(
    connection: &mut PgConnection,
    (tenant, lot): (TenantId, LotId),
    amount: Decimal,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update credit_lots set granted = granted - $3 where tenant_id = $1 and lot_id = $2",
        tenant.0,
        lot.0,
        amount
    )
    .execute(connection)
    .await?;
    Ok(())
}
