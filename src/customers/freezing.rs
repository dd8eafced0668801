//! Freezing: a frozen customer buys, renews and changes nothing.

use super::model::Frozen;
use super::{Customer, no_permission_on_customer, not_a_customer, store};
use crate::api::error::ApiError;
use crate::api::write::WriteTransaction;
use crate::customers::{AccountIdText, AssociationType};
use crate::values::id::{DomainId, TenantId, UserId, new_uuid};
use crate::values::text::texts;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use std::collections::HashSet;
use time::OffsetDateTime;
use utoipa::ToSchema;

texts! {
    /// Why.
    Reason, 1..=256, "Arrears";
}

/// Most customers of one request.
const CUSTOMERS_MAX: usize = 10;

/// What of a customer to freeze or to unfreeze.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FreezeType {
    /// The account.
    #[default]
    Account,
    /// The account and its resources.
    AccountAndResource,
}

impl FreezeType {
    fn state(self) -> Frozen {
        match self {
            Self::Account => Frozen::Account,
            Self::AccountAndResource => Frozen::AccountAndResources,
        }
    }
}

/// A customer that was left as it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CustomerErrorDetail {
    /// The code of the reason.
    #[schema(example = "CBC.99000035")]
    pub error_code: String,
    /// The reason.
    #[schema(example = "Not a customer of the partner.")]
    pub error_msg: String,
    /// The customer, as the request names it.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    pub id: String,
}

/// What is to become of customers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// To freeze them.
    Freeze(FreezeType),
    /// To unfreeze them.
    Unfreeze(FreezeType),
}

/// What a customer becomes.
pub fn decide(state: Frozen, change: Change) -> Result<Frozen, ApiError> {
    match change {
        Change::Freeze(kind) => Ok(kind.state()),
        Change::Unfreeze(_) if state == Frozen::No => Ok(Frozen::No),
        Change::Unfreeze(kind) if state == kind.state() => Ok(Frozen::No),
        // The vendor demands the same type and names no code.
        Change::Unfreeze(_) => Err(ApiError::bss(
            StatusCode::BAD_REQUEST,
            "CBC.0150",
            "Illegal operation: the type is not the one of the freezing.",
        )),
    }
}

/// Refuses too many or too few customers.
pub fn check_count(ids: &[AccountIdText]) -> Result<(), ApiError> {
    if (1..=CUSTOMERS_MAX).contains(&ids.len()) {
        return Ok(());
    }
    Err(ApiError::parameter("customer_ids", format_args!("must have 1 to {CUSTOMERS_MAX} items")))
}

/// Changes the customers of a partner one by one; who cannot be changed is left and reported. If nobody can, the request
/// is refused for the first one's reason.
pub async fn change(
    transaction: &mut WriteTransaction,
    partner: DomainId,
    ids: &[AccountIdText],
    (change, reason): (Change, &Reason),
    now: OffsetDateTime,
) -> Result<Vec<CustomerErrorDetail>, ApiError> {
    let caller = transaction.write().caller.clone();
    let (tenant, connection) = (caller.tenant, transaction.connection());
    let mut seen = HashSet::new();
    let distinct: Vec<&AccountIdText> = ids.iter().filter(|id| seen.insert(id.as_str())).collect();
    let named: Vec<DomainId> = distinct.iter().filter_map(|id| id.id()).collect();
    let found = store::among(connection, tenant, partner, &named).await?;
    let mut refused = Vec::new();
    for id in &distinct {
        let customer = found.iter().find(|customer| Some(customer.id) == id.id());
        let done = change_one(connection, tenant, customer, change, (reason.as_str(), caller.user), now).await;
        if let Err(error) = done {
            if error.cause.is_some() {
                return Err(error);
            }
            refused.push((id.as_str().to_owned(), error));
        }
    }
    if refused.len() == distinct.len() {
        return Err(refused.swap_remove(0).1);
    }
    let detail = |(id, error): (String, ApiError)| CustomerErrorDetail {
        error_code: error.code.to_owned(),
        error_msg: error.message.into_owned(),
        id,
    };
    Ok(refused.into_iter().map(detail).collect())
}

async fn change_one(
    connection: &mut PgConnection,
    tenant: TenantId,
    customer: Option<&Customer>,
    change: Change,
    (reason, user): (&str, UserId),
    now: OffsetDateTime,
) -> Result<(), ApiError> {
    let customer = customer.ok_or_else(not_a_customer)?;
    if customer.association.kind != AssociationType::Resale {
        return Err(no_permission_on_customer());
    }
    let state = lock(connection, tenant, customer.id).await?;
    let wanted = decide(state, change)?;
    if wanted != state {
        set(connection, (tenant, customer.id), wanted, (reason, Some(user)), now).await?;
    }
    Ok(())
}

/// What of a customer is frozen, locked until the transaction ends.
pub async fn lock(connection: &mut PgConnection, tenant: TenantId, customer: DomainId) -> sqlx::Result<Frozen> {
    sqlx::query_scalar!(
        r#"select frozen as "frozen: Frozen" from customers where tenant_id = $1 and domain_id = $2 for update"#,
        tenant.0,
        customer.0
    )
    .fetch_one(connection)
    .await
}

/// Freezes or unfreezes a customer, and says so in its history. Without a user it is the system's doing.
pub async fn set(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    frozen: Frozen,
    (reason, user): (&str, Option<UserId>),
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update customers set frozen = $3 where tenant_id = $1 and domain_id = $2",
        tenant.0,
        customer.0,
        frozen as i16
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "insert into freeze_events (tenant_id, happened_at, event_id, customer_id, frozen, reason, user_id)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.0,
        now,
        new_uuid(now),
        customer.0,
        frozen as i16,
        reason,
        user.map(|user| user.0)
    )
    .execute(&mut *connection)
    .await?;
    store::announce(connection, tenant, customer).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfreezing_is_of_the_type_of_the_freezing() {
        use FreezeType::{Account, AccountAndResource};
        let after = |state, change| decide(state, change).map_err(|error| error.code);
        assert_eq!(after(Frozen::No, Change::Freeze(Account)), Ok(Frozen::Account));
        assert_eq!(after(Frozen::Account, Change::Freeze(AccountAndResource)), Ok(Frozen::AccountAndResources));
        assert_eq!(after(Frozen::Account, Change::Unfreeze(Account)), Ok(Frozen::No));
        assert_eq!(after(Frozen::Account, Change::Unfreeze(AccountAndResource)), Err("CBC.0150"));
        assert_eq!(after(Frozen::No, Change::Unfreeze(Account)), Ok(Frozen::No));
    }
}
