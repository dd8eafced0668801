//! Who pays for what a customer buys and uses: the customer, or the master account that keeps its finances.

use super::model::AssociationType;
use super::store::{self, State};
use crate::values::id::{DomainId, TenantId};
use sqlx::PgConnection;

/// Who pays. Coupons, cards, money and debts are this account's; what is bought and used is the customer's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Payer {
    /// The account.
    pub id: DomainId,
    /// The customer for whom it pays.
    customer: DomainId,
    /// The account as a customer.
    state: State,
}

/// The account that pays for a customer.
fn account(customer: DomainId, state: &State) -> DomainId {
    state.custodian.unwrap_or(customer)
}

impl Payer {
    /// Who pays for a customer that is locked, and its custodian with it.
    pub async fn of(
        connection: &mut PgConnection,
        tenant: TenantId,
        (customer, state): (DomainId, &State),
    ) -> sqlx::Result<Self> {
        let id = account(customer, state);
        let state = if id == customer {
            *state
        } else {
            store::lock(connection, tenant, id).await?.ok_or(sqlx::Error::RowNotFound)?
        };
        Ok(Self { id, customer, state })
    }

    /// The account, if it is another one than the customer.
    pub fn master(&self) -> Option<DomainId> {
        Some(self.id).filter(|id| *id != self.customer)
    }

    /// How it is associated, by which its money pays in another order.
    pub fn kind(&self) -> Option<AssociationType> {
        self.state.kind
    }

    /// Whose resale customer it is; nobody's if it is none.
    pub fn resale_of(&self) -> Option<DomainId> {
        self.state.resale_of()
    }

    /// Whether it pays nothing.
    pub fn is_frozen(&self) -> bool {
        self.state.is_frozen()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customers::model::{CustomerType, Frozen, VerifiedStatus};
    use crate::subscriptions::lifecycle::CustomerLevel;
    use uuid::Uuid;

    #[test]
    fn a_customer_pays_itself_unless_somebody_keeps_its_finances() {
        let [customer, master, partner] = [1, 2, 3].map(|number| DomainId(Uuid::from_u128(number)));
        let alone = State {
            partner: None,
            kind: None,
            number: None,
            is_pending: false,
            customer_type: CustomerType::Company,
            verified: VerifiedStatus::Verified,
            frozen: Frozen::No,
            level: CustomerLevel::default(),
            custodian: None,
        };
        let kept = State { custodian: Some(master), ..alone };
        assert_eq!([alone, kept].map(|state| account(customer, &state)), [customer, master]);
        let payer = |id, state| Payer { id, customer, state };
        let resale = State { partner: Some(partner), kind: Some(AssociationType::Resale), ..alone };
        let referral = State { kind: Some(AssociationType::Referral), ..resale };
        assert_eq!((payer(customer, alone).master(), payer(master, alone).master()), (None, Some(master)));
        assert_eq!([resale, referral].map(|state| payer(master, state).resale_of()), [Some(partner), None]);
    }
}
