//! Stored-value cards, for who is paid with them. What is left on one is its account in the ledger.

use crate::values::id::{DomainId, TenantId};
use crate::values::money::Currency;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// A card that pays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Card {
    /// Its id.
    pub id: Uuid,
    /// Until when it can be used.
    pub expires_at: OffsetDateTime,
}

/// Those of a customer's cards among these ids that can be used now, the one that expires soonest first.
pub async fn usable(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    ids: &[Uuid],
    currency: Currency,
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Card>> {
    sqlx::query_as!(
        Card,
        "select card_id as id, expires_at from stored_value_cards
         where tenant_id = $1 and customer_id = $2 and card_id = any($3) and currency = $4 and effective_at <= $5
           and expires_at > $5
         order by expires_at, card_id",
        tenant.0,
        customer.0,
        ids,
        currency as Currency,
        now
    )
    .fetch_all(connection)
    .await
}

/// All of a customer's cards that can be used now, the one that expires soonest first.
pub async fn all_usable(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    currency: Currency,
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Card>> {
    sqlx::query_as!(
        Card,
        "select card_id as id, expires_at from stored_value_cards
         where tenant_id = $1 and customer_id = $2 and currency = $3 and effective_at <= $4 and expires_at > $4
         order by expires_at, card_id",
        tenant.0,
        customer.0,
        currency as Currency,
        now
    )
    .fetch_all(connection)
    .await
}
