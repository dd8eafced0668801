//! Paying with coupons, as a part of somebody else's transaction: whoever takes a payment locks the coupons, lets
//! [`choice`](super::choice) decide, puts [`postings`] into the one posting of its transaction, and calls [`record`] then.

use super::choice::Cover;
use super::model::{CouponKind, coupon_purse};
use super::returns::{self, Homes};
use super::store::books::{self, Book, NewRecord, Operation};
use super::store::coupons::{self, Coupon};
use crate::ledger::books::Transfer;
use crate::ledger::{AccountKind, Posting, Purse, TransferKind};
use crate::values::id::{CouponId, DomainId, TenantId, UserId};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// What is paid for.
#[derive(Clone, Debug)]
pub struct Payment<'a> {
    /// The tenant.
    pub tenant: TenantId,
    /// The order or bill.
    pub reference: &'a str,
    /// Who buys or uses it, whosever the coupons are.
    pub customer: DomainId,
    /// Whether it is pay-per-use consumption.
    pub is_usage: bool,
    /// Codes of the service type and the resource type, for the records; empty where there are several.
    pub paid_for: (String, String),
    /// Who pays; nobody where it falls due by itself.
    pub user: Option<UserId>,
}

/// What a payment moves: from each coupon to the vendor what it pays; and of a coupon that is used once only, back to where
/// it came from what it does not pay. `homes` says where that is; see [`returns::homes`]. A discount moves nothing.
pub fn postings(payment: &Payment<'_>, used: &[(Coupon, Cover)], homes: &Homes) -> Vec<Posting> {
    let tenant = payment.tenant;
    let mut postings = Vec::new();
    for (coupon, cover) in used.iter().filter(|(coupon, _)| coupon.kind.holds_money()) {
        let from = coupon_purse(tenant, coupon.id, coupon.currency);
        let paid = Posting {
            kind: if payment.is_usage { TransferKind::CouponUsage } else { TransferKind::CouponSubscribe },
            from,
            to: Purse::vendor(tenant, coupon.currency),
            amount: cover.amount,
            customer: Some(payment.customer),
            reference: payment.reference.to_owned(),
            memo: String::new(),
            user: payment.user,
        };
        let left = coupon.balance - cover.amount;
        if is_used_once(coupon) && left > Decimal::ZERO {
            let to = returns::home(tenant, coupon, homes);
            let customer = Some(coupon.holder);
            postings.push(Posting { kind: TransferKind::CouponExpire, to, amount: left, customer, ..paid.clone() });
        }
        postings.push(paid);
    }
    postings
}

/// Whether a coupon is over once it has paid, whatever is left.
pub fn is_used_once(coupon: &Coupon) -> bool {
    let by_limit = coupon.limits.rules().is_ok_and(|rules| rules.is_used_once);
    by_limit || matches!(coupon.kind, CouponKind::Discount | CouponKind::Product)
}

/// Records a payment: which coupons are used up by it, and their holder's book. `transfers` are those made of the postings.
pub async fn record(
    connection: &mut PgConnection,
    payment: &Payment<'_>,
    used: &[(Coupon, Cover)],
    (transfers, homes): (&[Transfer], &Homes),
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let is_over = |(coupon, cover): &(Coupon, Cover)| {
        (coupon.id, is_used_once(coupon) || (coupon.kind.holds_money() && cover.amount >= coupon.balance))
    };
    let states: Vec<(CouponId, bool)> = used.iter().map(is_over).collect();
    coupons::set_used(connection, payment.tenant, &states, payment.reference, now).await?;
    let ours = transfers.iter().filter(|transfer| transfer.posting.from.kind() == AccountKind::Coupon);
    let found = |transfer: &Transfer| used.iter().find(|(coupon, _)| coupon.id.0 == transfer.posting.from.owner());
    let records: Vec<NewRecord> =
        ours.filter_map(|transfer| Some(records_of(&found(transfer)?.0, payment, transfer, homes))).flatten().collect();
    books::append(connection, payment.tenant, &records).await
}

/// In the holder's book; and what went back to its quota, in the issuer's.
fn records_of(coupon: &Coupon, payment: &Payment<'_>, transfer: &Transfer, homes: &Homes) -> Vec<NewRecord> {
    let operation = match transfer.posting.kind {
        TransferKind::CouponUsage => Operation::Usage,
        TransferKind::CouponSubscribe => Operation::Subscribe,
        _ => Operation::Expire,
    };
    let held = NewRecord {
        owner: coupon.holder,
        book: Book::Held,
        operation,
        quota: coupon.source.and_then(|(_, quota)| Some((quota, homes.get(&quota)?.0))),
        parent: None,
        coupon: Some(coupon.id),
        customer: coupon.holder,
        amount: transfer.posting.amount,
        balance_after: transfer.from.after,
        reference: payment.reference.to_owned(),
        paid_for: payment.paid_for.clone(),
        memo: String::new(),
        user: payment.user,
        refused: None,
        happened_at: transfer.happened_at,
    };
    let source = coupon.source.filter(|_| operation == Operation::Expire);
    let issued = source.map(|(partner, _)| NewRecord { owner: partner, book: Book::Issued, ..held.clone() });
    [Some(held), issued].into_iter().flatten().collect()
}
