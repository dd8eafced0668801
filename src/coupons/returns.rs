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

/// Ends coupons that are locked: gives back what is left of them, records it, and says how much it was.
pub async fn end(
    connection: &mut PgConnection,
    tenant: TenantId,
    ended: &[Coupon],
    end: &End<'_>,
    now: OffsetDateTime,
) -> Result<Decimal, PostError> {
    let homes = homes(connection, tenant, ended).await?;
    let posting = |coupon: &Coupon| Posting {
        kind: end.transfer(),
        from: coupon_purse(tenant, coupon.id, coupon.currency),
        to: home(tenant, coupon, &homes),
        amount: coupon.balance,
        customer: Some(coupon.holder),
        reference: String::new(),
        memo: end.memo.to_owned(),
        user: end.user,
    };
    let postings: Vec<Posting> = ended.iter().filter(|coupon| coupon.balance > Decimal::ZERO).map(posting).collect();
    let transfers =
        if postings.is_empty() { Vec::new() } else { ledger::post(connection, tenant, &postings, now).await? };
    let ids: Vec<CouponId> = ended.iter().map(|coupon| coupon.id).collect();
    coupons::set_state(connection, tenant, &ids, end.state()).await?;
    let by_account: BTreeMap<_, &Transfer> =
        transfers.iter().map(|transfer| (transfer.from.account, transfer)).collect();
    let mut records = Vec::new();
    for coupon in ended {
        let moved = by_account.get(&coupon_purse(tenant, coupon.id, coupon.currency).id());
        // What moved nothing leaves no record: the vendor's records have amounts above zero.
        let Some(transfer) = moved else { continue };
        records.extend(records_of(coupon, transfer, end, &homes));
    }
    books::append(connection, tenant, &records).await?;
    Ok(transfers.iter().map(|transfer| transfer.posting.amount).sum())
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
        happened_at: transfer.happened_at,
    };
    let issued = coupon.source.map(|(partner, _)| NewRecord { owner: partner, book: Book::Issued, ..held.clone() });
    [Some(held), issued].into_iter().flatten().collect()
}

/// Takes back all coupons that a partner gave a customer, when their association ends or changes: a part of that change's
/// transaction. Says how much came back.
pub async fn end_all_of(
    connection: &mut PgConnection,
    tenant: TenantId,
    (partner, customer): (DomainId, DomainId),
    end: &End<'_>,
    now: OffsetDateTime,
) -> Result<Decimal, PostError> {
    let held = coupons::lock(connection, tenant, Which::UsableOf(customer)).await?;
    let given: Vec<Coupon> =
        held.into_iter().filter(|coupon| coupon.source.is_some_and(|(issuer, _)| issuer == partner)).collect();
    self::end(connection, tenant, &given, end, now).await
}
