//! The only door into the tables of what moves between a master account and its members.
//!
//! Locks: who moves something has noted the number it has ([`note`]) and taken the master's turn ([`take_turn`]) before it locks
//! anything else. Nobody waits for a turn, and nobody who holds one waits for a number, so no circle goes through them.

use super::store::Master;
use crate::values::id::DomainId;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Notes the number of a transfer. `false`: it was used before. Waits for who is about to use it.
pub async fn note(
    connection: &mut PgConnection,
    master: Master,
    (trans_id, member): (&str, DomainId),
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let noted = sqlx::query!(
        "insert into enterprise_transactions (tenant_id, master_id, trans_id, member_id, happened_at)
         values ($1, $2, $3, $4, $5) on conflict (tenant_id, master_id, trans_id) do nothing",
        master.tenant.0,
        master.id.0,
        trans_id,
        member.0,
        now
    );
    Ok(noted.execute(connection).await?.rows_affected() == 1)
}

/// Takes the master's turn until the transaction ends. `false`: somebody else has it.
pub async fn take_turn(connection: &mut PgConnection, master: Master) -> sqlx::Result<bool> {
    sqlx::query!(
        "insert into enterprise_tasks (tenant_id, master_id) values ($1, $2) on conflict (tenant_id, master_id) do nothing",
        master.tenant.0,
        master.id.0
    )
    .execute(&mut *connection)
    .await?;
    let turn = sqlx::query_scalar!(
        "select master_id from enterprise_tasks where tenant_id = $1 and master_id = $2 for update skip locked",
        master.tenant.0,
        master.id.0
    );
    Ok(turn.fetch_optional(connection).await?.is_some())
}

/// What a master has given a member of its cash and not taken back.
pub async fn allocated(connection: &mut PgConnection, master: Master, member: DomainId) -> sqlx::Result<Decimal> {
    let allocated = sqlx::query_scalar!(
        "select amount from enterprise_allocations where tenant_id = $1 and master_id = $2 and member_id = $3",
        master.tenant.0,
        master.id.0,
        member.0
    );
    Ok(allocated.fetch_optional(connection).await?.unwrap_or_default())
}

/// Counts so much as given.
pub async fn allocate(
    connection: &mut PgConnection,
    master: Master,
    member: DomainId,
    amount: Decimal,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into enterprise_allocations (tenant_id, master_id, member_id, amount) values ($1, $2, $3, $4)
         on conflict (tenant_id, master_id, member_id)
             do update set amount = enterprise_allocations.amount + excluded.amount",
        master.tenant.0,
        master.id.0,
        member.0,
        amount
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Counts so much of what was given as taken back.
pub async fn take_back(
    connection: &mut PgConnection,
    master: Master,
    member: DomainId,
    amount: Decimal,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update enterprise_allocations set amount = amount - $4
         where tenant_id = $1 and master_id = $2 and member_id = $3",
        master.tenant.0,
        master.id.0,
        member.0,
        amount
    )
    .execute(connection)
    .await?;
    Ok(())
}
