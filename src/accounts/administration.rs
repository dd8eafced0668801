//! What the vendor's staff do to funds: top up, withdraw, grant credit, issue stored-value cards.

use super::credit::{self, Terms};
use super::model::{CURRENCY, cash};
use crate::api::caller::CallerKind;
use crate::customers::model::AssociationType;
use crate::customers::model::Related;
use crate::customers::{self};
use crate::ledger::books::Transfer;
use crate::ledger::{self, AccountKind, PostError, Posting, Purse, TransferKind, store};
use crate::values::amount::{Amount, PositiveAmount};
use crate::values::id::{DomainId, TenantId};
use crate::values::time::Instant;
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A resale customer's funds come from its partner.
    #[error("a resale customer's funds are allocated by its partner")]
    Resale,
    /// Only customers use cards, and credit of their own.
    #[error("the account is no customer's")]
    NotACustomer,
    /// It would never be good for anything.
    #[error("the credit would have ended already")]
    Ended,
    /// More credit is used than the line would be.
    #[error("more credit is used than that")]
    CreditInUse,
    /// The ledger refuses.
    #[error(transparent)]
    Ledger(#[from] PostError),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// An account of the API.
pub type Account = (TenantId, DomainId);

/// What is paid in or out.
#[derive(Clone, Debug)]
pub struct Payment {
    /// How much.
    pub amount: PositiveAmount,
    /// Whether it is for designated purposes only.
    pub designated: bool,
    /// A remark.
    pub memo: String,
}

/// Pays in to a partner's, a reseller's or a referral customer's balance.
pub async fn top_up(
    connection: &mut PgConnection,
    account: Account,
    payment: &Payment,
    now: OffsetDateTime,
) -> Result<Transfer, Refusal> {
    pay(connection, account, payment, TransferKind::Recharge, now).await
}

/// Pays out what is there.
pub async fn withdraw(
    connection: &mut PgConnection,
    account: Account,
    payment: &Payment,
    now: OffsetDateTime,
) -> Result<Transfer, Refusal> {
    pay(connection, account, payment, TransferKind::Adjust, now).await
}

async fn pay(
    connection: &mut PgConnection,
    (tenant, owner): Account,
    payment: &Payment,
    kind: TransferKind,
    now: OffsetDateTime,
) -> Result<Transfer, Refusal> {
    let mut transaction = connection.begin().await?;
    if let Some(Related::Customer(customer)) = customers::store::related(&mut transaction, tenant, owner).await?
        && customer.association.kind == AssociationType::Resale
    {
        return Err(Refusal::Resale);
    }
    let held = if payment.designated { AccountKind::Designated } else { AccountKind::Cash };
    let (vendor, own) = (Purse::vendor(tenant, CURRENCY), Purse::of(tenant, owner, held, CURRENCY));
    let (from, to) = if kind == TransferKind::Recharge { (vendor, own) } else { (own, vendor) };
    let posting = Posting {
        kind,
        from,
        to,
        amount: payment.amount.get().decimal(),
        customer: None,
        reference: String::new(),
        memo: payment.memo.clone(),
        user: None,
    };
    let made = ledger::post(&mut transaction, tenant, &[posting], now).await?.pop();
    transaction.commit().await?;
    Ok(made.expect("one posting makes one transfer"))
}

/// Sets how far a partner's balance may go below zero.
pub async fn set_credit_line(
    connection: &mut PgConnection,
    (tenant, owner): Account,
    line: Amount,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let mut transaction = connection.begin().await?;
    let purse = cash(tenant, owner);
    let accounts = store::lock(&mut transaction, Some(tenant), &[purse], now).await?;
    if accounts.iter().any(|account| account.balance < -line.decimal()) {
        return Err(Refusal::CreditInUse);
    }
    store::set_credit_line(&mut transaction, &purse, line.decimal()).await?;
    transaction.commit().await?;
    Ok(())
}

/// Credit to be granted.
#[derive(Clone, Debug)]
pub struct Credit {
    /// How much.
    pub amount: PositiveAmount,
    /// When it ends; never, if it does not.
    pub expires_at: Option<OffsetDateTime>,
    /// A remark.
    pub memo: String,
}

/// Grants a customer credit, in the lot that ends at the same instant.
pub async fn grant_credit(
    connection: &mut PgConnection,
    (tenant, customer): Account,
    granted: &Credit,
    now: OffsetDateTime,
) -> Result<Transfer, Refusal> {
    let mut transaction = connection.begin().await?;
    let kind = customers::store::kind(&mut transaction, tenant, customer).await?;
    if !CallerKind::CUSTOMERS.contains(&kind) {
        return Err(Refusal::NotACustomer);
    }
    if granted.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(Refusal::Ended);
    }
    let amount = granted.amount.get().decimal();
    let terms = Terms { currency: CURRENCY, given_by: None, expires_at: granted.expires_at };
    let lot = credit::raise(&mut transaction, (tenant, customer), terms, amount, now).await?;
    let posting = Posting {
        kind: TransferKind::AdjustCredit,
        from: Purse::vendor(tenant, CURRENCY),
        to: credit::purse(tenant, lot, CURRENCY),
        amount,
        customer: Some(customer),
        reference: String::new(),
        memo: granted.memo.clone(),
        user: None,
    };
    let made = ledger::post(&mut transaction, tenant, &[posting], now).await?.pop();
    transaction.commit().await?;
    Ok(made.expect("one posting makes one transfer"))
}

/// A stored-value card.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = StoredValueCardView)]
pub struct Card {
    /// Its id.
    #[schema(value_type = String, example = "01978d6a-2b3c-7d4e-8f90-a1b2c3d4e5f6")]
    pub card_id: Uuid,
    /// Its name.
    #[schema(example = "Gift card")]
    pub name: String,
    /// What it was worth, in yuan.
    pub face_value: Amount,
    /// What is left.
    pub balance: Amount,
    /// From when on it can be used.
    pub effective_at: Instant,
    /// Until when.
    pub expires_at: Instant,
}

/// A customer's stored-value cards, the one that takes effect last first, from behind one on.
pub async fn cards(
    connection: &mut PgConnection,
    (tenant, customer): Account,
    (behind, limit): (Option<(OffsetDateTime, Uuid)>, usize),
) -> sqlx::Result<Vec<Card>> {
    let rows = sqlx::query!(
        "select c.card_id, c.name, c.face_value, a.balance, c.effective_at, c.expires_at
         from stored_value_cards c
         join accounts a on a.tenant_id = c.tenant_id and a.owner_id = c.card_id and a.kind = 'stored_value_card'
         where c.tenant_id = $1 and a.tenant_id = $1 and c.customer_id = $2
           and ($3::timestamptz is null or (c.effective_at, c.card_id) < ($3, $4))
         order by c.effective_at desc, c.card_id desc limit $5",
        tenant.0,
        customer.0,
        behind.map(|(at, _)| at),
        behind.map(|(_, id)| id),
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    let rows = rows.fetch_all(connection).await?.into_iter().map(|row| Card {
        card_id: row.card_id,
        name: row.name,
        face_value: row.face_value.into(),
        balance: row.balance.into(),
        effective_at: Instant(row.effective_at),
        expires_at: Instant(row.expires_at),
    });
    Ok(rows.collect())
}

/// What a card is called unless it has a name.
pub const CARD_NAME: &str = "Stored-value card";
/// How many days a card can be used unless it is said.
pub const CARD_DAYS: i64 = 365;

/// A stored-value card to be issued.
#[derive(Clone, Debug)]
pub struct NewCard {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What it is worth.
    pub face_value: PositiveAmount,
    /// Until when it can be used.
    pub expires_at: OffsetDateTime,
}

/// Issues a stored-value card to a customer.
pub async fn issue_card(
    connection: &mut PgConnection,
    (tenant, customer): Account,
    card: &NewCard,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let mut transaction = connection.begin().await?;
    let kind = customers::store::kind(&mut transaction, tenant, customer).await?;
    if !CallerKind::CUSTOMERS.contains(&kind) {
        return Err(Refusal::NotACustomer);
    }
    let face_value: Decimal = card.face_value.get().decimal();
    sqlx::query!(
        "insert into stored_value_cards
             (tenant_id, card_id, customer_id, name, face_value, currency, effective_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant.0,
        card.id,
        customer.0,
        card.name,
        face_value,
        CURRENCY as _,
        now,
        card.expires_at
    )
    .execute(&mut *transaction)
    .await?;
    let purse = Purse::new(tenant, card.id, AccountKind::StoredValueCard, CURRENCY);
    let posting = Posting {
        kind: TransferKind::Recharge,
        from: Purse::vendor(tenant, CURRENCY),
        to: purse,
        amount: face_value,
        customer: Some(customer),
        reference: String::new(),
        memo: card.name.clone(),
        user: None,
    };
    ledger::post(&mut transaction, tenant, &[posting], now).await?;
    transaction.commit().await?;
    Ok(())
}
