//! What the ledger's files and its callers speak of: purses, kinds of transfers, postings.

use crate::values::id::{AccountId, DomainId, TenantId, TransferId, UserId};
use crate::values::money::Currency;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What an account holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum AccountKind {
    /// The vendor's side of top-ups, credit and revenue: the tenant's own, without a floor.
    Vendor,
    /// What was paid in and may be used for everything. A partner's floor is below zero by its credit line.
    Cash,
    /// Paid in, for designated purposes only.
    Designated,
    /// A resale customer's funds, allocated by its partner.
    Allocated,
    /// What is left of a lot of a customer's credit; its owner is the lot.
    Credit,
    /// Bonus.
    Bonus,
    /// A stored-value card; its owner is the card.
    StoredValueCard,
    /// What coupons can still be issued from; its owner is the quota.
    CouponQuota,
    /// What is left of a coupon; its owner is the coupon.
    Coupon,
}

impl AccountKind {
    /// Where a new account's balance must not go below.
    pub(super) fn floor(self) -> Option<Decimal> {
        (self != Self::Vendor).then_some(Decimal::ZERO)
    }
}

/// Rows that are sent column by column.
pub(super) struct Rows<'r, T>(pub(super) &'r [T]);

impl<'r, T> Rows<'r, T> {
    pub(super) fn column<C>(&self, of: impl Fn(&'r T) -> C) -> Vec<C> {
        self.0.iter().map(of).collect()
    }
}

/// Names an account by what it is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Purse {
    pub(super) tenant: TenantId,
    pub(super) owner: Uuid,
    pub(super) kind: AccountKind,
    pub(super) currency: Currency,
    id: AccountId,
}

impl Purse {
    /// What `owner` has of a kind, in a currency: a quota or a coupon for instance.
    pub fn new(tenant: TenantId, owner: Uuid, kind: AccountKind, currency: Currency) -> Self {
        let mut hash = Sha256::new_with_prefix(tenant.0);
        hash.update(owner);
        hash.update(format!("{kind:?} {currency:?}"));
        let bytes = *hash.finalize().first_chunk().expect("a SHA-256 has 32 bytes");
        let id = AccountId(uuid::Builder::from_custom_bytes(bytes).into_uuid());
        Self { tenant, owner, kind, currency, id }
    }

    /// A purse of an account of the API.
    pub fn of(tenant: TenantId, owner: DomainId, kind: AccountKind, currency: Currency) -> Self {
        Self::new(tenant, owner.0, kind, currency)
    }

    /// What a partner has allocated to a resale customer: yuan, for allocating exists on the Chinese site only.
    pub fn allocated(tenant: TenantId, customer: DomainId) -> Self {
        Self::of(tenant, customer, AccountKind::Allocated, Currency::Cny)
    }

    /// The vendor's side.
    pub fn vendor(tenant: TenantId, currency: Currency) -> Self {
        Self::new(tenant, tenant.0, AccountKind::Vendor, currency)
    }

    /// The account's id. It follows from the rest, so that nobody has to look it up.
    pub fn id(&self) -> AccountId {
        self.id
    }

    /// The tenant.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Whose it is.
    pub fn owner(&self) -> Uuid {
        self.owner
    }

    /// What it holds.
    pub fn kind(&self) -> AccountKind {
        self.kind
    }
}

/// Why funds move.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum TransferKind {
    /// A top-up.
    Recharge,
    /// The vendor corrects a balance.
    Adjust,
    /// The vendor raises or lowers a credit.
    AdjustCredit,
    /// A partner allocates funds to who is below it.
    Allocate,
    /// A partner takes allocated funds back.
    Reclaim,
    /// Allocated funds come back because the association ends or changes.
    Unbind,
    /// An enterprise's master account gives a member funds or credit.
    EnterpriseTransfer,
    /// It takes them back.
    EnterpriseReclaim,
    /// A yearly/monthly purchase.
    Subscribe,
    /// Pay-per-use consumption.
    Usage,
    /// A refund.
    Refund,
    /// The vendor grants a coupon quota, or raises it.
    QuotaGrant,
    /// The vendor takes back what is left of a quota.
    QuotaWithdraw,
    /// A distributor gives a reseller a quota out of its own.
    QuotaSplit,
    /// A distributor takes back what is left of it.
    QuotaReclaim,
    /// A coupon is issued.
    CouponIssue,
    /// A coupon pays for an order.
    CouponSubscribe,
    /// A coupon pays for pay-per-use consumption.
    CouponUsage,
    /// A refund gives a coupon back what it paid.
    CouponRefund,
    /// What is left of a coupon goes back because its issuer reclaims it, or has to.
    CouponReclaim,
    /// What is left of a coupon goes back because it has expired.
    CouponExpire,
    /// A part of a coupon of a master account becomes a coupon of a member.
    CouponTransfer,
    /// What is left of that goes back into the coupon it was taken from.
    CouponRetrieve,
}

impl TransferKind {
    /// Those that move funds between a partner and who is below it.
    pub const ADJUSTMENTS: [Self; 3] = [Self::Allocate, Self::Reclaim, Self::Unbind];

    /// Whether it moves funds between a partner and who is below it, and on which side the partner is then.
    pub fn partner_side(self) -> Option<PartnerSide> {
        match self {
            Self::Allocate => Some(PartnerSide::From),
            Self::Reclaim | Self::Unbind => Some(PartnerSide::To),
            _ => None,
        }
    }
}

/// Where the partner is in a transfer between it and who is below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PartnerSide {
    /// It gives.
    From,
    /// It takes.
    To,
}

/// A transfer to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Posting {
    /// Why.
    pub kind: TransferKind,
    /// From where.
    pub from: Purse,
    /// To where: the same tenant and currency, another purse.
    pub to: Purse,
    /// How much, above zero.
    pub amount: Decimal,
    /// The customer or reseller it concerns.
    pub customer: Option<DomainId>,
    /// The order or bill it belongs to; empty where there is none.
    pub reference: String,
    /// A remark.
    pub memo: String,
    /// Who caused it; nobody where it falls due by itself.
    pub user: Option<UserId>,
}

/// A transfer's number as the vendor's interfaces show it: a prefix that tells allocation from reclaim, and the id.
pub fn number(kind: TransferKind, id: TransferId) -> String {
    let prefix = match kind {
        TransferKind::Allocate | TransferKind::EnterpriseTransfer => "AD",
        TransferKind::Reclaim | TransferKind::Unbind | TransferKind::EnterpriseReclaim => "RE",
        _ => "TR",
    };
    [prefix, id.0.simple().encode_upper(&mut Uuid::encode_buffer())].concat()
}

/// The transfer of this number, if it is one.
pub fn parse_number(number: &str) -> Option<TransferId> {
    let digits = ["AD", "RE", "TR"].iter().find_map(|prefix| number.strip_prefix(prefix))?;
    Uuid::try_parse(digits).ok().filter(|_| digits.len() == 32).map(TransferId)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn an_accounts_id_follows_from_what_it_is_for() {
        let tenant = TenantId::new(datetime!(2026-01-01 00:00 UTC));
        let owner = DomainId::new(datetime!(2026-01-01 00:00 UTC));
        let purse = Purse::of(tenant, owner, AccountKind::Cash, Currency::Cny);
        assert_eq!(purse, Purse::new(tenant, owner.0, AccountKind::Cash, Currency::Cny));
        assert_ne!(purse.id(), Purse::of(tenant, owner, AccountKind::Credit, Currency::Cny).id());
        assert_ne!(purse.id(), Purse::of(tenant, owner, AccountKind::Cash, Currency::Usd).id());
    }

    #[test]
    fn a_transfers_number_reads_back() {
        let id = TransferId::new(datetime!(2026-01-01 00:00 UTC));
        let shown = number(TransferKind::Allocate, id);
        assert!(shown.starts_with("AD") && shown.len() == 34, "{shown}");
        assert_eq!(parse_number(&shown), Some(id));
        for other in ["", "AD", "XX0123456789ABCDEF0123456789ABCDEF", "AD01234567-89ab-cdef-0123-456789abcdef"] {
            assert_eq!(parse_number(other), None, "{other}");
        }
    }
}
