//! Which orders a customer may see: its own; and of the members of its enterprise that let it see their bills those that it has to
//! pay or has paid.

use super::model::Order;
use super::store::search::PaidFor;
use crate::enterprises::store::{self as enterprises, Master};
use crate::values::id::DomainId;
use sqlx::PgConnection;

/// Whether a customer may see an order.
pub async fn is_seen(connection: &mut PgConnection, account: DomainId, order: &Order) -> sqlx::Result<bool> {
    if order.customer == account || order.payer != Some(account) {
        return Ok(order.customer == account);
    }
    let paid_for = paid_for(connection, Master { tenant: order.tenant, id: account }).await?;
    Ok(paid_for.members.contains(&order.customer))
}

/// For whom a master account pays orders that it may see.
pub async fn paid_for(connection: &mut PgConnection, master: Master) -> sqlx::Result<PaidFor> {
    let members = enterprises::members_with_open_bills(connection, master).await?;
    Ok(PaidFor { master: master.id, members: members.into_iter().map(|(member, _)| member).collect() })
}
