//! How an account joins an enterprise, and how it leaves. Its orders have their part in it.

use crate::customers::store as customers;
use crate::enterprises::administration::{self, Invitation, Refusal};
use crate::enterprises::store::Master;
use crate::identity::administration::find_account;
use crate::orders::agent_payment;
use crate::orders::model::By;
use crate::personal::Vault;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Makes an account a member, as [`administration::invite`] does. Whose finances are kept from now on has its master pay what waits
/// to be paid.
pub async fn join(
    connection: &mut PgConnection,
    vault: &Vault,
    master: Master,
    invitation: &Invitation<'_>,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let id = administration::invite(connection, vault, master, invitation, now).await?;
    let member = customers::lock(connection, master.tenant, id).await?.ok_or(Refusal::NotACustomer)?;
    agent_payment::hand_over_all(connection, ((master.tenant, id), &member), By { user: None, now }).await?;
    Ok(())
}

/// Lets a member go, as [`administration::dismiss`] does. What its master would have had to pay it pays itself.
pub async fn leave(
    connection: &mut PgConnection,
    master: Master,
    account: &str,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let (tenant, id) = find_account(connection, account).await?;
    if tenant != master.tenant {
        return Err(Refusal::NotAMember);
    }
    administration::dismiss(connection, master, id, now).await?;
    agent_payment::hand_back_all(connection, (tenant, id), By { user: None, now }).await?;
    Ok(())
}
