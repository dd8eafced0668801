//! Freezing: a frozen customer buys, renews and changes nothing.

use super::model::Frozen;
use super::model::{AccountIdText, AssociationType};
use super::refusal::Unrelated;
use super::store::{self, State};
use crate::api::error::ApiError;
use crate::api::write::WriteTransaction;
use crate::values::id::{DomainId, TenantId, UserId, new_uuid};
use crate::values::text::texts;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use std::collections::{BTreeSet, HashMap, HashSet};
use time::OffsetDateTime;
use utoipa::ToSchema;

texts! {
    /// Why.
    Reason, 1..=256, "Arrears";
}

/// Most customers of one request.
const CUSTOMERS_MAX: usize = 10;

/// What of a customer to freeze or to unfreeze.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
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

    /// What is frozen, if anything is.
    pub fn of(frozen: Frozen) -> Option<Self> {
        match frozen {
            Frozen::No => None,
            Frozen::Account => Some(Self::Account),
            Frozen::AccountAndResources => Some(Self::AccountAndResource),
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

/// Why a customer is left as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refusal {
    /// It is no resale customer of the partner.
    Unrelated(Unrelated),
    /// It is to be unfrozen by another type than it was frozen by. The vendor demands the same and names no code.
    OtherType,
}

impl Refusal {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Unrelated(unrelated) => unrelated.words(),
            Self::OtherType => ("CBC.0150", "Illegal operation: the type is not the one of the freezing."),
        }
    }

    fn detail(self, id: &str) -> CustomerErrorDetail {
        let (code, message) = self.words();
        CustomerErrorDetail { error_code: code.to_owned(), error_msg: message.to_owned(), id: id.to_owned() }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let (code, message) = refusal.words();
        Self::bss(StatusCode::BAD_REQUEST, code, message)
    }
}

/// What a partner's resale customer becomes. Of anybody else nothing.
fn decide(state: Option<State>, partner: DomainId, change: Change) -> Result<Frozen, Refusal> {
    let state = state.filter(|state| state.partner == Some(partner));
    let state = state.ok_or(Refusal::Unrelated(Unrelated::NotACustomer))?;
    if state.kind != Some(AssociationType::Resale) {
        return Err(Refusal::Unrelated(Unrelated::NoPermissionOnCustomer));
    }
    after(state.frozen, change).ok_or(Refusal::OtherType)
}

/// What of a customer is frozen after a change; nothing if it is unfrozen by another type than it was frozen by.
pub fn after(frozen: Frozen, change: Change) -> Option<Frozen> {
    match change {
        Change::Freeze(kind) => Some(kind.state()),
        Change::Unfreeze(kind) if frozen == Frozen::No || frozen == kind.state() => Some(Frozen::No),
        Change::Unfreeze(_) => None,
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
    let named: BTreeSet<DomainId> = distinct.iter().filter_map(|id| id.id()).collect();
    let mut states = HashMap::new();
    // In the order of their ids: two requests that name the same customers wait for each other in one order.
    for id in named {
        states.insert(id, store::lock(connection, tenant, id).await?);
    }
    let mut refused = Vec::new();
    for text in &distinct {
        let found = text.id().and_then(|id| Some((id, states[&id]?)));
        match decide(found.map(|(_, state)| state), partner, change) {
            Err(refusal) => refused.push((text.as_str(), refusal)),
            Ok(wanted) => {
                if let Some((id, state)) = found
                    && state.frozen != wanted
                {
                    set(connection, (tenant, id), wanted, (reason.as_str(), Some(caller.user)), now).await?;
                }
            }
        }
    }
    if let Some((_, first)) = refused.first()
        && refused.len() == distinct.len()
    {
        return Err((*first).into());
    }
    Ok(refused.into_iter().map(|(id, refusal)| refusal.detail(id)).collect())
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
    use crate::customers::model::{CustomerType, VerifiedStatus};
    use crate::subscriptions::lifecycle::CustomerLevel;

    #[test]
    fn unfreezing_is_of_the_type_of_the_freezing_and_of_the_partners_resale_customers() {
        use FreezeType::{Account, AccountAndResource};
        let partner = DomainId(uuid::Uuid::from_u128(1));
        let state = State {
            partner: Some(partner),
            kind: Some(AssociationType::Resale),
            number: Some(1),
            is_pending: false,
            customer_type: CustomerType::None,
            verified: VerifiedStatus::None,
            frozen: Frozen::No,
            level: CustomerLevel::V0,
            custodian: None,
        };
        let after = |frozen, change| decide(Some(State { frozen, ..state }), partner, change);
        assert_eq!(after(Frozen::No, Change::Freeze(Account)), Ok(Frozen::Account));
        assert_eq!(after(Frozen::Account, Change::Freeze(AccountAndResource)), Ok(Frozen::AccountAndResources));
        assert_eq!(after(Frozen::Account, Change::Unfreeze(Account)), Ok(Frozen::No));
        assert_eq!(after(Frozen::Account, Change::Unfreeze(AccountAndResource)), Err(Refusal::OtherType));
        assert_eq!(after(Frozen::No, Change::Unfreeze(Account)), Ok(Frozen::No));
        let freeze = |state| decide(state, partner, Change::Freeze(Account));
        let not_a_customer = Err(Refusal::Unrelated(Unrelated::NotACustomer));
        assert_eq!(freeze(None), not_a_customer);
        assert_eq!(freeze(Some(State { partner: None, kind: None, ..state })), not_a_customer);
        let referral = Some(AssociationType::Referral);
        assert_eq!(
            freeze(Some(State { kind: referral, ..state })),
            Err(Refusal::Unrelated(Unrelated::NoPermissionOnCustomer))
        );
    }
}
