//! The sandbox's funds.

use super::administration::{self, Account, Payment};
use super::model::cash;
use crate::ledger::{self, Posting, Purse, TransferKind};
use crate::values::amount::PositiveAmount;
use crate::values::id::{DomainId, TenantId, UserId};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Pays in so many yuan.
pub async fn top_up(
    connection: &mut PgConnection,
    account: Account,
    yuan: &str,
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let amount = PositiveAmount::try_from(yuan).map_err(anyhow::Error::msg)?;
    let payment = Payment { amount, designated: false, memo: String::new() };
    administration::top_up(connection, account, &payment, now).await?;
    Ok(())
}

/// A partner with 500 yuan, and its customer with none of the 100 that it was allocated once.
pub async fn out_of_balance(
    connection: &mut PgConnection,
    partner: Account,
    customer: DomainId,
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    top_up(connection, partner, "500", now).await?;
    let to = Hand { tenant: partner.0, partner: partner.1, user: None };
    let hundred = Decimal::ONE_HUNDRED;
    let moves = [(to.allocate(customer, hundred), now), (to.reclaim(customer, hundred), now)];
    ledger::post_each(connection, partner.0, &moves).await?;
    Ok(())
}

/// Whose hand moves funds between a partner and who is below it.
#[derive(Clone, Copy, Debug)]
pub struct Hand {
    /// The tenant.
    pub tenant: TenantId,
    /// The partner.
    pub partner: DomainId,
    /// Its user.
    pub user: Option<UserId>,
}

impl Hand {
    /// An allocation to a customer.
    pub fn allocate(self, customer: DomainId, amount: Decimal) -> Posting {
        let (from, to) = (cash(self.tenant, self.partner), Purse::allocated(self.tenant, customer));
        self.posting(TransferKind::Allocate, (from, to), customer, amount)
    }

    /// An allocation to a reseller.
    pub fn allocate_to_reseller(self, reseller: DomainId, amount: Decimal) -> Posting {
        let (from, to) = (cash(self.tenant, self.partner), cash(self.tenant, reseller));
        self.posting(TransferKind::Allocate, (from, to), reseller, amount)
    }

    /// What takes it back from a customer.
    pub fn reclaim(self, customer: DomainId, amount: Decimal) -> Posting {
        let (from, to) = (Purse::allocated(self.tenant, customer), cash(self.tenant, self.partner));
        self.posting(TransferKind::Reclaim, (from, to), customer, amount)
    }

    fn posting(
        self,
        kind: TransferKind,
        (from, to): (ledger::Purse, ledger::Purse),
        customer: DomainId,
        amount: Decimal,
    ) -> Posting {
        let (reference, memo) = (String::new(), String::new());
        Posting { kind, from, to, amount, customer: Some(customer), reference, memo, user: self.user }
    }
}
