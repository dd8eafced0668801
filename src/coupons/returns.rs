//! What is left of coupons goes back to where it came from: to the quota, to that one's parent if the quota itself has been
//! reclaimed, or to the vendor.

use super::model::{CouponStatus, QuotaKind, coupon_purse, quota_purse};
use super::store::books::{self, Book, NewRecord, Operation};
use super::store::coupons::{self, Coupon, Which};
use super::store::quotas;
use crate::ledger::books::Transfer;
use crate::ledger::{self, PostError, Posting, Purse, TransferKind};
use crate::values::id::{CouponId, DomainId, QuotaId, TenantId, UserId};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// Why coupons end, and who says so.
#[derive(Clone, Debug)]
pub struct End<'a> {
    /// What is done to them.
    pub operation: Operation,
    /// A remark for the records.
    pub memo: &'a str,
    /// Who caused it; nobody where it falls due by itself.
    pub user: Option<UserId>,
}

impl End<'_> {
    fn state(&self) -> CouponStatus {
        if self.operation == Operation::Expire { CouponStatus::Expired } else { CouponStatus::Reclaimed }
    }

    fn transfer(&self) -> TransferKind {
        if self.operation == Operation::Expire { TransferKind::CouponExpire } else { TransferKind::CouponReclaim }
    }
}

/// Where the value of each coupon goes, by its quota.
pub type Homes = BTreeMap<QuotaId, (QuotaKind, Option<QuotaId>)>;

/// Where the values of these coupons go back to.
pub async fn homes(connection: &mut PgConnection, tenant: TenantId, coupons: &[Coupon]) -> sqlx::Result<Homes> {
    let mut ids: Vec<QuotaId> = coupons.iter().filter_map(|coupon| Some(coupon.source?.1)).collect();
    ids.sort_unstable();
    ids.dedup();
    let found = quotas::homes(connection, tenant, &ids).await?;
    Ok(found.into_iter().map(|(id, kind, home)| (id, (kind, home))).collect())
}

/// The purse a coupon's value goes back to.
pub fn home(tenant: TenantId, coupon: &Coupon, homes: &Homes) -> Purse {
    let quota = coupon.source.and_then(|(_, quota)| homes.get(&quota)?.1);
    quota.map_or_else(|| Purse::vendor(tenant, coupon.currency), |quota| quota_purse(tenant, quota, coupon.currency))
}

/// Ends coupons that are locked: gives back what is left of them, and records it.
pub async fn end(
    connection: &mut PgConnection,
    tenant: TenantId,
    ended: Vec<Coupon>,
    end: End<'_>,
    now: OffsetDateTime,
) -> Result<(), PostError> {
    let ending = Ending::of(connection, tenant, ended, end).await?;
    let postings = ending.postings();
    // The ledger is not asked where nothing is left: discount coupons hold no money.
    let transfers =
        if postings.is_empty() { Vec::new() } else { ledger::post(connection, tenant, &postings, now).await? };
    Ok(ending.record(connection, &transfers).await?)
}

/// Coupons that are about to end, as a part of somebody's transaction, which puts [`postings`](Self::postings) into the one
/// posting that it makes and calls [`record`](Self::record) then. They and the quotas that they go back to are locked.
#[derive(Debug)]
pub struct Ending<'a> {
    tenant: TenantId,
    coupons: Vec<Coupon>,
    homes: Homes,
    end: End<'a>,
}

impl<'a> Ending<'a> {
    /// Of coupons that are locked.
    pub async fn of(
        connection: &mut PgConnection,
        tenant: TenantId,
        coupons: Vec<Coupon>,
        end: End<'a>,
    ) -> sqlx::Result<Self> {
        let homes = homes(connection, tenant, &coupons).await?;
        Ok(Self { tenant, coupons, homes, end })
    }

    /// Of all coupons that a partner gave a customer, which is locked: for when their association ends or changes.
    pub async fn of_all_given(
        connection: &mut PgConnection,
        (tenant, partner, customer): (TenantId, DomainId, DomainId),
        end: End<'a>,
    ) -> sqlx::Result<Self> {
        let mut coupons = coupons::lock(connection, tenant, Which::UsableOf(customer)).await?;
        coupons.retain(|coupon| coupon.source.is_some_and(|(issuer, _)| issuer == partner));
        Self::of(connection, tenant, coupons, end).await
    }

    /// What gives back what is left of them.
    pub fn postings(&self) -> Vec<Posting> {
        let left = self.coupons.iter().filter(|coupon| coupon.balance > Decimal::ZERO);
        left.map(|coupon| self.posting(coupon)).collect()
    }

    fn posting(&self, coupon: &Coupon) -> Posting {
        Posting {
            kind: self.end.transfer(),
            from: coupon_purse(self.tenant, coupon.id, coupon.currency),
            to: home(self.tenant, coupon, &self.homes),
            amount: coupon.balance,
            customer: Some(coupon.holder),
            reference: String::new(),
            memo: self.end.memo.to_owned(),
            user: self.end.user,
        }
    }

    /// Records that they have ended. Among `transfers` are those made of the postings.
    pub async fn record(&self, connection: &mut PgConnection, transfers: &[Transfer]) -> sqlx::Result<()> {
        let ids: Vec<CouponId> = self.coupons.iter().map(|coupon| coupon.id).collect();
        coupons::set_state(connection, self.tenant, &ids, self.end.state()).await?;
        let by_account: BTreeMap<_, &Transfer> =
            transfers.iter().map(|transfer| (transfer.from.account, transfer)).collect();
        let mut records = Vec::new();
        for coupon in &self.coupons {
            let moved = by_account.get(&coupon_purse(self.tenant, coupon.id, coupon.currency).id());
            // What moved nothing leaves no record: the vendor's records have amounts above zero.
            let Some(transfer) = moved else { continue };
            records.extend(records_of(coupon, transfer, &self.end, &self.homes));
        }
        books::append(connection, self.tenant, &records).await
    }
}

/// In the holder's book, and in the issuer's.
fn records_of(coupon: &Coupon, transfer: &Transfer, end: &End<'_>, homes: &Homes) -> Vec<NewRecord> {
    let quota = coupon.source.and_then(|(_, quota)| Some((quota, homes.get(&quota)?.0)));
    let held = NewRecord {
        owner: coupon.holder,
        book: Book::Held,
        operation: end.operation,
        quota,
        parent: None,
        coupon: Some(coupon.id),
        customer: coupon.holder,
        amount: transfer.posting.amount,
        balance_after: transfer.from.after,
        reference: String::new(),
        paid_for: Default::default(),
        memo: end.memo.to_owned(),
        user: end.user,
        refused: None,
        happened_at: transfer.happened_at,
    };
    let issued = coupon.source.map(|(partner, _)| NewRecord { owner: partner, book: Book::Issued, ..held.clone() });
    [Some(held), issued].into_iter().flatten().collect()
}
