//! What coupons paid comes back to them, as a part of somebody else's transaction: whoever gives a payment back locks the
//! coupons with [`lock`], puts [`postings`](Returning::postings) into its one posting, and calls [`record`](Returning::record)
//! then. A coupon that has expired or was reclaimed since gets nothing: what it had paid is lost.

use super::model::{CouponStatus, coupon_purse};
use super::returns::{self, Homes};
use super::store::books::{self, Book, NewRecord, Operation};
use super::store::coupons::{self, Coupon, Which};
use crate::ledger::books::Transfer;
use crate::ledger::{AccountKind, Posting, Purse, TransferKind};
use crate::values::id::{CouponId, DomainId, TenantId, UserId};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// What comes back to coupons, which are locked.
#[derive(Debug)]
pub struct Returning {
    tenant: TenantId,
    customer: DomainId,
    user: Option<UserId>,
    coupons: Vec<(Coupon, Decimal)>,
    homes: Homes,
}

/// Locks the coupons to which so much comes back of what a customer had bought, whosever they are. `user` is who caused it.
pub async fn lock(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    amounts: &[(CouponId, Decimal)],
    user: Option<UserId>,
    now: OffsetDateTime,
) -> sqlx::Result<Returning> {
    let ids: Vec<CouponId> = amounts.iter().map(|(id, _)| *id).collect();
    let mut held =
        if ids.is_empty() { Vec::new() } else { coupons::lock(connection, tenant, Which::Ids(&ids)).await? };
    held.retain(|coupon| {
        matches!(coupon.state, CouponStatus::Usable | CouponStatus::Used) && now < coupon.validity.until
    });
    let homes = returns::homes(connection, tenant, &held).await?;
    let amount = |coupon: &Coupon| amounts.iter().filter(|(id, _)| *id == coupon.id).map(|(_, amount)| *amount).sum();
    let coupons = held.into_iter().map(|coupon| (amount(&coupon), coupon)).map(|(amount, coupon)| (coupon, amount));
    Ok(Returning { tenant, customer, user, coupons: coupons.collect(), homes })
}

impl Returning {
    /// Whether a coupon gets it back; if it is over it does not.
    pub fn reaches(&self, coupon: CouponId) -> bool {
        self.coupons.iter().any(|(held, _)| held.id == coupon)
    }

    /// What gives it back. `reference` is the order that does.
    pub fn postings(&self, reference: &str) -> Vec<Posting> {
        let posting = |(coupon, amount): &(Coupon, Decimal)| Posting {
            kind: TransferKind::CouponRefund,
            from: Purse::vendor(self.tenant, coupon.currency),
            to: coupon_purse(self.tenant, coupon.id, coupon.currency),
            amount: *amount,
            customer: Some(self.customer),
            reference: reference.to_owned(),
            memo: String::new(),
            user: self.user,
        };
        self.coupons.iter().map(posting).collect()
    }

    /// Records it: coupons that were used up are usable again. Among `transfers` are those made of the postings.
    pub async fn record(&self, connection: &mut PgConnection, transfers: &[Transfer]) -> sqlx::Result<()> {
        let used: Vec<CouponId> = self.coupons.iter().map(|(coupon, _)| coupon.id).collect();
        if used.is_empty() {
            return Ok(());
        }
        coupons::set_state(connection, self.tenant, &used, CouponStatus::Usable).await?;
        let ours = transfers.iter().filter(|transfer| transfer.posting.to.kind() == AccountKind::Coupon);
        let of =
            |transfer: &&Transfer| self.coupons.iter().find(|(coupon, _)| coupon.id.0 == transfer.posting.to.owner());
        let records: Vec<NewRecord> =
            ours.filter_map(|transfer| Some(self.record_of(&of(&transfer)?.0, transfer))).collect();
        books::append(connection, self.tenant, &records).await
    }

    fn record_of(&self, coupon: &Coupon, transfer: &Transfer) -> NewRecord {
        NewRecord {
            owner: coupon.holder,
            book: Book::Held,
            operation: Operation::Refund,
            quota: coupon.source.and_then(|(_, quota)| Some((quota, self.homes.get(&quota)?.0))),
            parent: None,
            coupon: Some(coupon.id),
            customer: coupon.holder,
            amount: transfer.posting.amount,
            balance_after: transfer.to.after,
            reference: transfer.posting.reference.clone(),
            paid_for: Default::default(),
            memo: String::new(),
            user: self.user,
            happened_at: transfer.happened_at,
            refused: None,
        }
    }
}
