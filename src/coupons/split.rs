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
use crate::values::money::Currency;
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
    /// Who causes it; nobody of the two where operators do.
    pub user: Option<UserId>,
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
    let made = ledger::post(connection, tenant, &[step.posting(amount, main.currency)], now).await?;
    if amount == main.balance {
        coupons::set_state(connection, tenant, &[main.id], CouponStatus::Used).await?;
    }
    let records = made.iter().flat_map(|made| step.records(made, (Operation::TransferOut, Operation::TransferIn)));
    books::append(connection, tenant, &records.collect::<Vec<_>>()).await?;
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
    let tenant = between.tenant;
    if split::main_of(connection, tenant, part).await? != Some(main) {
        return Err(NotMoved::NoSuchCoupon);
    }
    let retrieving = Retrieving::lock(connection, between, &[(main, part)]).await?;
    let (_, part) = retrieving.pairs.first().ok_or(NotMoved::NoSuchCoupon)?;
    check_alive(part, now)?;
    let made = ledger::post(connection, tenant, &retrieving.postings(), now).await?;
    retrieving.record(connection, &made).await?;
    Ok(part.balance)
}

/// Parts of coupons that are about to go back, as a part of somebody's transaction, which puts [`postings`](Self::postings) into
/// the one posting that it makes and calls [`record`](Self::record) then. They are locked, and the coupons they go back into.
#[derive(Debug)]
pub struct Retrieving {
    between: Between,
    /// Each main coupon, and what was taken from it.
    pairs: Vec<(Coupon, Coupon)>,
}

impl Retrieving {
    /// All that are left of what a member was given.
    pub async fn of_all(connection: &mut PgConnection, between: Between, now: OffsetDateTime) -> sqlx::Result<Self> {
        let held = split::retrievable(connection, between.tenant, (between.master, between.member), now).await?;
        let ids: Vec<_> = held.iter().filter_map(|part| Some((part.main?, part.id))).collect();
        let mut all = Self::lock(connection, between, &ids).await?;
        all.pairs.retain(|(_, part)| check_alive(part, now).is_ok());
        Ok(all)
    }

    async fn lock(connection: &mut PgConnection, between: Between, ids: &[(CouponId, CouponId)]) -> sqlx::Result<Self> {
        let all: Vec<CouponId> = ids.iter().flat_map(|(main, part)| [*main, *part]).collect();
        let held = coupons::lock(connection, between.tenant, Which::Ids(&all)).await?;
        let of = |id, holder| held.iter().find(|coupon| coupon.id == id && coupon.holder == holder).cloned();
        let pair = |(main, part): &(CouponId, CouponId)| of(*main, between.master).zip(of(*part, between.member));
        Ok(Self { between, pairs: ids.iter().filter_map(pair).collect() })
    }

    fn step(&self, (main, part): &(Coupon, Coupon)) -> Step {
        let Between { master, member, .. } = self.between;
        let kind = TransferKind::CouponRetrieve;
        Step { between: self.between, kind, from: (part.id, member), to: (main.id, master) }
    }

    /// What takes them back.
    pub fn postings(&self) -> Vec<Posting> {
        self.pairs.iter().map(|pair| self.step(pair).posting(pair.1.balance, pair.1.currency)).collect()
    }

    /// Records it: a part is over then, and its main coupon can be used again if it was used up. Among `transfers` are those made
    /// of the postings.
    pub async fn record(&self, connection: &mut PgConnection, transfers: &[Transfer]) -> sqlx::Result<()> {
        let tenant = self.between.tenant;
        let mut records = Vec::new();
        for pair in &self.pairs {
            let from = coupon_purse(tenant, pair.1.id, pair.1.currency).id();
            let made = transfers.iter().find(|transfer| transfer.from.account == from);
            let both = (Operation::RetrieveOut, Operation::RetrieveIn);
            records.extend(made.into_iter().flat_map(|made| self.step(pair).records(made, both)));
        }
        let parts: Vec<CouponId> = self.pairs.iter().map(|(_, part)| part.id).collect();
        coupons::set_state(connection, tenant, &parts, CouponStatus::Reclaimed).await?;
        let used = self.pairs.iter().filter(|(main, _)| main.state == CouponStatus::Used);
        let used: Vec<CouponId> = used.map(|(main, _)| main.id).collect();
        coupons::set_state(connection, tenant, &used, CouponStatus::Usable).await?;
        books::append(connection, tenant, &records).await
    }
}

/// A transfer between two coupons, with their holders.
struct Step {
    between: Between,
    kind: TransferKind,
    from: (CouponId, DomainId),
    to: (CouponId, DomainId),
}

impl Step {
    /// The transfer that makes it.
    fn posting(&self, amount: Decimal, currency: Currency) -> Posting {
        let Between { tenant, member, user, .. } = self.between;
        Posting {
            kind: self.kind,
            from: coupon_purse(tenant, self.from.0, currency),
            to: coupon_purse(tenant, self.to.0, currency),
            amount,
            customer: Some(member),
            reference: String::new(),
            memo: String::new(),
            user,
        }
    }

    /// What of it stands in both holders' books.
    fn records(&self, transfer: &Transfer, (out, into): (Operation, Operation)) -> [NewRecord; 2] {
        let (from, to) = (transfer.from.after, transfer.to.after);
        [self.record(transfer, (self.from, from), out), self.record(transfer, (self.to, to), into)]
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
            user: self.between.user,
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
