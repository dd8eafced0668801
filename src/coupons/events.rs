//! What partners are told of coupons and quotas.

use crate::values::amount::{Amount, AmountText};
use crate::values::id::{CouponId, DomainId, QuotaId};
use crate::values::money::Currency;
use crate::values::time::Instant;
use rust_decimal::Decimal;
use serde::Serialize;
use time::macros::datetime;
use utoipa::ToSchema;
use uuid::Uuid;

/// A coupon will expire, and something is left of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CouponExpiring {
    /// The coupon.
    pub coupon_id: CouponId,
    /// Whose it is.
    pub customer_id: DomainId,
    /// When it expires.
    pub expire_time: Instant,
    /// What is left of it.
    pub balance: AmountText,
}

impl CouponExpiring {
    /// One for the document.
    pub fn example() -> Self {
        Self {
            coupon_id: CouponId(Uuid::from_u128(0x0197_8d6a_2b3c_7d4e_8f90_a1b2_c3d4_e5f6)),
            customer_id: DomainId(Uuid::from_u128(0x0197_8d6a_2b3c_7d4e_8f90_a1b2_c3d4_e5f7)),
            expire_time: Instant(datetime!(2026-03-28 14:45:38 UTC)),
            balance: AmountText(Amount::from(Decimal::new(1234, 2))),
        }
    }
}

/// Most of a quota is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CouponQuotaUsed {
    /// The quota.
    pub quota_id: QuotaId,
    /// What was granted.
    pub quota_value: AmountText,
    /// What is left.
    pub balance: AmountText,
    /// Of both.
    pub currency: Currency,
}

impl CouponQuotaUsed {
    /// One for the document.
    pub fn example() -> Self {
        Self {
            quota_id: QuotaId(Uuid::from_u128(0x0197_8d6a_2b3c_7d4e_8f90_a1b2_c3d4_e5f6)),
            quota_value: AmountText(Amount::from(Decimal::new(100_000, 2))),
            balance: AmountText(Amount::from(Decimal::new(9_950, 2))),
            currency: Currency::Cny,
        }
    }
}
