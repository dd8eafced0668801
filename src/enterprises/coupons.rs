//! Coupons between a master account and a member: what the operations on them share.

use super::refusal::{Check, NotDone, Refusal};
use super::task::Task;
use crate::coupons::model::CouponIdText;
use crate::coupons::split::{self, Between, NotMoved};
use crate::values::id::CouponId;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::OffsetDateTime;

impl Task {
    fn between(&self) -> Between {
        Between { tenant: self.master.tenant, master: self.master.id, member: self.member, user: Some(self.user) }
    }
}

/// The coupon that a field names.
pub fn named(field: &'static str, coupon: &CouponIdText) -> Result<CouponId, Refusal> {
    coupon.id().ok_or(Refusal::NoSuchCoupon(field))
}

/// Gives the member a part of a coupon, in the transaction of who calls; the coupon that it becomes.
pub async fn claim(
    connection: &mut PgConnection,
    task: &Task,
    (coupon, amount): (CouponId, Decimal),
    now: OffsetDateTime,
) -> Result<CouponId, NotDone> {
    task.begin(connection, now).await?;
    split::split(connection, task.between(), (coupon, amount), now).await.map_err(|error| not_done(error, "coupon_id"))
}

/// Takes back what is left of a part of a coupon, in the transaction of who calls; how much that is.
pub async fn reclaim(
    connection: &mut PgConnection,
    task: &Task,
    (coupon, part): (CouponId, CouponId),
    now: OffsetDateTime,
) -> Result<Decimal, NotDone> {
    let (_, member) = task.begin(connection, now).await?;
    if member.in_custody {
        return Err(Refusal::Unmet(vec![Check::InCustody]).into());
    }
    let taken = split::take_back(connection, task.between(), (coupon, part), now).await;
    taken.map_err(|error| not_done(error, "sub_coupon_id"))
}

fn not_done(error: NotMoved, field: &'static str) -> NotDone {
    let check = match error {
        NotMoved::NoSuchCoupon => return Refusal::NoSuchCoupon(field).into(),
        NotMoved::Insufficient => return Refusal::Insufficient.into(),
        NotMoved::Ledger(error) => return error.into(),
        NotMoved::Database(error) => return error.into(),
        NotMoved::NotTransferable => Check::CashCoupon,
        NotMoved::Over => Check::LivingCoupon,
        NotMoved::OnlyWhole => Check::WholeCoupon,
    };
    Refusal::Unmet(vec![check]).into()
}
