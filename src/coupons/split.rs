//! Coupons within an enterprise: a part of a master account's coupon becomes a coupon of a member, and what is left of that goes
//! back into the coupon it was taken from.
//!
//! The vendor gives test, commercial and activity coupons; all three are cash coupons that it issued itself, and nothing else
//! tells them apart here. Both coupons end at the same instant, and what is left of either is lost then.

use super::model::{CouponKind, CouponStatus, coupon_purse, shown_coupon_status};
use super::store::books::{self, Book, NewRecord, Operation};
use super::store::coupons::{self, Coupon, Which};
use super::store::split;
use super::usage;
use crate::ledger::books::Transfer;
use crate::ledger::{self, PostError, Posting, TransferKind};
use crate::values::id::{CouponId, DomainId, TenantId, UserId};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::cmp::Ordering;
use time::OffsetDateTime;

/// Why nothing is moved between two coupons.
#[derive(Debug, thiserror::Error)]
pub enum NotMoved {
    /// The master account has no such coupon, or the member has none that was taken from it.
    #[error("there is no such coupon")]
    NoSuchCoupon,
    /// It is not the vendor's own, or no cash coupon.
    #[error("is not a cash coupon of the vendor's own")]
    NotTransferable,
    /// It is used up, expired, reclaimed or frozen.
    #[error("has nothing left that could be moved")]
    Over,
    /// It is used once only, so a part of it cannot be given.
    #[error("can only be given as a whole")]
    OnlyWhole,
    /// Less is left of it than is asked for.
    #[error("the balance is insufficient")]
    Insufficient,
    /// The ledger refuses.
    #[error(transparent)]
    Ledger(#[from] PostError),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Between whom coupons move; both are customers of a tenant.
#[derive(Clone, Copy, Debug)]
pub struct Between {
    /// The tenant.
    pub tenant: TenantId,
    /// The master account.
    pub master: DomainId,
    /// Its member.
    pub member: DomainId,
    /// Who causes it.
    pub user: UserId,
}

/// Gives a member a part of a coupon; the coupon that it becomes.
pub async fn split(
    connection: &mut PgConnection,
    between: Between,
    (coupon, amount): (CouponId, Decimal),
    now: OffsetDateTime,
) -> Result<CouponId, NotMoved> {
    let Between { tenant, master, member, .. } = between;
    let main = coupons::lock(connection, tenant, Which::Ids(&[coupon])).await?.pop();
    let main = main.filter(|main| main.holder == master).ok_or(NotMoved::NoSuchCoupon)?;
    decide(&main, amount, now)?;
    let part = CouponId::new(now);
    split::insert(connection, tenant, (part, main.id), (member, amount), now).await?;
    let step = Step { between, kind: TransferKind::CouponTransfer, from: (main.id, master), to: (part, member) };
    step.make(connection, (&main, amount), (Operation::TransferOut, Operation::TransferIn), now).await?;
    Ok(part)
}

/// Whether so much of a coupon can be given.
fn decide(coupon: &Coupon, amount: Decimal, now: OffsetDateTime) -> Result<(), NotMoved> {
    if coupon.source.is_some() || coupon.kind != CouponKind::Cash {
        return Err(NotMoved::NotTransferable);
    }
    check_alive(coupon, now)?;
    match amount.cmp(&coupon.balance) {
        Ordering::Greater => Err(NotMoved::Insufficient),
        Ordering::Less if usage::is_used_once(coupon) => Err(NotMoved::OnlyWhole),
        Ordering::Less | Ordering::Equal => Ok(()),
    }
}

/// A coupon that will be used or could be, and of which something is left.
fn check_alive(coupon: &Coupon, now: OffsetDateTime) -> Result<(), NotMoved> {
    let status = shown_coupon_status(coupon.state, coupon.validity, now);
    let is_alive = matches!(status, CouponStatus::Inactive | CouponStatus::Usable) && !coupon.frozen;
    if is_alive && coupon.balance > Decimal::ZERO { Ok(()) } else { Err(NotMoved::Over) }
}

/// Takes all that is left of a member's coupon back into the one that it was taken from; how much that is. The member's coupon is
/// over then, and the other one can be used again if it was used up.
pub async fn take_back(
    connection: &mut PgConnection,
    between: Between,
    (main, part): (CouponId, CouponId),
    now: OffsetDateTime,
) -> Result<Decimal, NotMoved> {
    let Between { tenant, master, member, .. } = between;
    if split::main_of(connection, tenant, part).await? != Some(main) {
        return Err(NotMoved::NoSuchCoupon);
    }
    let held = coupons::lock(connection, tenant, Which::Ids(&[main, part])).await?;
    let of = |id, holder| held.iter().find(|coupon| coupon.id == id && coupon.holder == holder);
    let (main, part) = of(main, master).zip(of(part, member)).ok_or(NotMoved::NoSuchCoupon)?;
    check_alive(part, now)?;
    let step = Step { between, kind: TransferKind::CouponRetrieve, from: (part.id, member), to: (main.id, master) };
    step.make(connection, (part, part.balance), (Operation::RetrieveOut, Operation::RetrieveIn), now).await?;
    coupons::set_state(connection, tenant, &[part.id], CouponStatus::Reclaimed).await?;
    if main.state == CouponStatus::Used {
        coupons::set_state(connection, tenant, &[main.id], CouponStatus::Usable).await?;
    }
    Ok(part.balance)
}

/// A transfer between two coupons, with their holders.
struct Step {
    between: Between,
    kind: TransferKind,
    from: (CouponId, DomainId),
    to: (CouponId, DomainId),
}

impl Step {
    /// Makes it, and records it in both holders' books; what gave it all is used up.
    async fn make(
        &self,
        connection: &mut PgConnection,
        (giving, amount): (&Coupon, Decimal),
        (out, into): (Operation, Operation),
        now: OffsetDateTime,
    ) -> Result<(), NotMoved> {
        let Between { tenant, member, user, .. } = self.between;
        let posting = Posting {
            kind: self.kind,
            from: coupon_purse(tenant, self.from.0, giving.currency),
            to: coupon_purse(tenant, self.to.0, giving.currency),
            amount,
            customer: Some(member),
            reference: String::new(),
            memo: String::new(),
            user: Some(user),
        };
        let made = ledger::post(connection, tenant, &[posting], now).await?;
        if amount == giving.balance {
            coupons::set_state(connection, tenant, &[giving.id], CouponStatus::Used).await?;
        }
        let records: Vec<NewRecord> = made
            .iter()
            .flat_map(|transfer| {
                let (from, to) = (transfer.from.after, transfer.to.after);
                [self.record(transfer, (self.from, from), out), self.record(transfer, (self.to, to), into)]
            })
            .collect();
        Ok(books::append(connection, tenant, &records).await?)
    }

    fn record(
        &self,
        transfer: &Transfer,
        ((coupon, holder), after): ((CouponId, DomainId), Decimal),
        operation: Operation,
    ) -> NewRecord {
        NewRecord {
            owner: holder,
            book: Book::Held,
            operation,
            quota: None,
            parent: None,
            coupon: Some(coupon),
            customer: holder,
            amount: transfer.posting.amount,
            balance_after: after,
            reference: String::new(),
            paid_for: Default::default(),
            memo: String::new(),
            user: Some(self.between.user),
            refused: None,
            happened_at: transfer.happened_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coupons::limits::{LimitKey, Limits};
    use crate::coupons::model::Validity;
    use crate::values::id::QuotaId;
    use crate::values::money::Currency;
    use time::macros::datetime;
    use uuid::Uuid;

    #[test]
    fn only_what_is_left_of_the_vendors_own_living_cash_coupons_is_given() {
        let now = datetime!(2026-03-28 10:00 UTC);
        let day = time::Duration::DAY;
        let coupon = Coupon {
            id: CouponId(Uuid::nil()),
            holder: DomainId(Uuid::nil()),
            source: None,
            kind: CouponKind::Cash,
            face_value: Decimal::ONE_HUNDRED,
            currency: Currency::Cny,
            state: CouponStatus::Usable,
            validity: Validity { from: now - day, until: now + day },
            limits: Limits::default(),
            group: 0,
            frozen: false,
            balance: Decimal::TEN,
        };
        let given = |changed: Coupon, amount: Decimal| decide(&changed, amount, now);
        assert!(given(coupon.clone(), Decimal::TEN).is_ok());
        let later = Validity { from: now + day, until: now + day * 2 };
        assert!(given(Coupon { validity: later, ..coupon.clone() }, Decimal::ONE).is_ok(), "not yet effective");
        assert!(matches!(given(coupon.clone(), Decimal::from(11)), Err(NotMoved::Insufficient)));
        let of_a_partner = Some((DomainId(Uuid::nil()), QuotaId(Uuid::nil())));
        for other in [
            Coupon { source: of_a_partner, ..coupon.clone() },
            Coupon { kind: CouponKind::Flexi, ..coupon.clone() },
            Coupon { kind: CouponKind::Discount, ..coupon.clone() },
        ] {
            assert!(matches!(given(other, Decimal::ONE), Err(NotMoved::NotTransferable)));
        }
        let mut limits = Limits::default();
        limits.set(LimitKey::UsageTimes, vec!["1".to_owned()]);
        let once = Coupon { limits, ..coupon.clone() };
        assert!(matches!(given(once.clone(), Decimal::ONE), Err(NotMoved::OnlyWhole)));
        assert!(given(once, Decimal::TEN).is_ok());
        for over in [
            Coupon { validity: Validity { from: now - day * 2, until: now }, ..coupon.clone() },
            Coupon { state: CouponStatus::Used, balance: Decimal::ZERO, ..coupon.clone() },
            Coupon { state: CouponStatus::Reclaimed, ..coupon.clone() },
            Coupon { frozen: true, ..coupon },
        ] {
            assert!(matches!(given(over, Decimal::ONE), Err(NotMoved::Over)));
        }
    }
}
