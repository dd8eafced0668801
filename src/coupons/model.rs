//! What several operations share: kinds and statuses, what is stored, what is shown.

use super::limits::Limits;
use crate::ledger::{AccountKind, Purse};
use crate::values::coded::coded;
use crate::values::id::{CouponId, DomainId, QuotaId, TenantId};
use crate::values::money::Currency;
use crate::values::text::texts;
use crate::values::time::Instant;
use rust_decimal::Decimal;
use serde::Serialize;
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;
use uuid::Uuid;

/// Unit of amounts: the yuan.
pub const YUAN: i32 = crate::values::money::MAIN_UNIT;

texts! {
    /// A quota's id as a request names it. What is no id of ours is a quota that does not exist.
    QuotaIdText, 0..=64, "01978d6a2b3c7d4e8f90a1b2c3d4e5f6";
    /// A coupon's id as a request names it. What is no id of ours is a coupon that does not exist.
    CouponIdText, 0..=64, "01978d6a2b3c7d4e8f90a1b2c3d4e5f6";
    /// An order's or a bill's number.
    OrderIdText, 0..=64, "CS2603281445NO7";
    /// A product's id.
    ProductIdText, 1..=64, "00301-110060-0--0";
    /// A remark.
    Remark, 0..=256, "For the first project";
}

impl QuotaIdText {
    /// The id, if it can be one.
    pub fn id(&self) -> Option<QuotaId> {
        Uuid::try_parse(self.as_str()).ok().map(QuotaId)
    }
}

impl CouponIdText {
    /// The id, if it can be one.
    pub fn id(&self) -> Option<CouponId> {
        Uuid::try_parse(self.as_str()).ok().map(CouponId)
    }
}

coded! {
    /// What coupons a quota is for: 0 cash coupons, 1 flexi-purchase coupons.
    QuotaKind {
        /// Cash coupons.
        Cash = 0,
        /// Flexi-purchase coupons.
        Flexi = 1,
    }

    /// How a quota stands: 0 normal, 3 invalid, 4 being adjusted, 5 frozen, 6 reclaimed.
    QuotaStatus {
        /// Coupons can be issued.
        Normal = 0,
        /// Expired, or set invalid.
        Invalid = 3,
        /// Being adjusted: shown, not used.
        Adjusting = 4,
        /// Frozen.
        Frozen = 5,
        /// Reclaimed by the distributor who gave it.
        Reclaimed = 6,
    }

    /// What a coupon is: 1 cash coupon, 2 discount coupon, 3 product coupon, 4 flexi-purchase coupon.
    CouponKind {
        /// Pays up to its balance.
        Cash = 1,
        /// Lowers the price by a share, once.
        Discount = 2,
        /// Pays for certain products, once.
        Product = 3,
        /// Pays up to its balance, as money does.
        Flexi = 4,
    }

    /// How a coupon stands: 1 not yet effective, 2 usable, 3 used up, 4 expired, 5 reclaimed.
    CouponStatus {
        /// Not yet effective. (The vendor calls coupons on paper "not activated"; ours need no activation.)
        Inactive = 1,
        /// Usable.
        Usable = 2,
        /// Used up.
        Used = 3,
        /// Expired.
        Expired = 4,
        /// Reclaimed.
        Reclaimed = 5,
    }
}

impl QuotaKind {
    /// What is issued from it.
    pub fn coupon(self) -> CouponKind {
        match self {
            Self::Cash => CouponKind::Cash,
            Self::Flexi => CouponKind::Flexi,
        }
    }
}

impl CouponKind {
    /// Whether its value is money in the ledger. A discount is none.
    pub fn holds_money(self) -> bool {
        self != Self::Discount
    }

    /// The vendor's version of coupons: 1 are used once, 2 as long as something is left.
    pub fn version(self) -> i32 {
        match self {
            Self::Cash | Self::Flexi => 2,
            Self::Discount | Self::Product => 1,
        }
    }
}

/// From when to when something is valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    /// The first instant.
    pub from: OffsetDateTime,
    /// The first instant after it.
    pub until: OffsetDateTime,
}

impl Validity {
    /// Whether it is valid at an instant.
    pub fn contains(&self, instant: OffsetDateTime) -> bool {
        self.from <= instant && instant < self.until
    }
}

/// A quota as it stands in the database.
#[derive(Clone, PartialEq, Debug)]
pub struct Quota {
    /// Its id.
    pub id: QuotaId,
    /// Who issues coupons from it.
    pub owner: DomainId,
    /// The quota it was split from.
    pub parent: Option<QuotaId>,
    /// What coupons it is for.
    pub kind: QuotaKind,
    /// What it was worth.
    pub value: Decimal,
    /// In which currency.
    pub currency: Currency,
    /// As it was set.
    pub status: QuotaStatus,
    /// When coupons can be issued.
    pub validity: Validity,
    /// Limits of its coupons.
    pub limits: Limits,
    /// To whom how much may be issued.
    pub terms: Terms,
    /// Whether the owner was told that most of it is used.
    pub used_told: bool,
}

/// To whom how much may be issued from a quota; `None` is no limit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Terms {
    /// The smallest face value.
    pub face_min: Option<Decimal>,
    /// The largest face value.
    pub face_max: Option<Decimal>,
    /// How many coupons one customer can get.
    pub customer_coupons_max: Option<i32>,
    /// Up to which sum of face values.
    pub customer_face_max: Option<Decimal>,
    /// These customers only.
    pub only_customers: Option<Vec<DomainId>>,
    /// Only customers that were never associated with another partner.
    pub only_first_association: bool,
}

/// The ledger's account of a quota.
pub fn quota_purse(tenant: TenantId, quota: QuotaId, currency: Currency) -> Purse {
    Purse::new(tenant, quota.0, AccountKind::CouponQuota, currency)
}

/// The ledger's account of a coupon.
pub fn coupon_purse(tenant: TenantId, coupon: CouponId, currency: Currency) -> Purse {
    Purse::new(tenant, coupon.0, AccountKind::Coupon, currency)
}

/// How a quota is shown: once expired it is invalid.
pub fn shown_quota_status(status: QuotaStatus, validity: Validity, now: OffsetDateTime) -> QuotaStatus {
    if status == QuotaStatus::Normal && now >= validity.until { QuotaStatus::Invalid } else { status }
}

/// How a coupon is shown: what the clock does to it counts before the job has recorded it.
pub fn shown_coupon_status(state: CouponStatus, validity: Validity, now: OffsetDateTime) -> CouponStatus {
    match state {
        CouponStatus::Usable if now >= validity.until => CouponStatus::Expired,
        CouponStatus::Usable if now < validity.from => CouponStatus::Inactive,
        other => other,
    }
}

/// What is shown as left of a coupon: nothing once it is over, whether or not the job has given it back already.
pub fn shown_balance(status: CouponStatus, balance: Decimal) -> Decimal {
    if matches!(status, CouponStatus::Expired | CouponStatus::Reclaimed) { Decimal::ZERO } else { balance }
}

/// For so many years after it expired a coupon stands in a list: in its partner's. Customers' lists are shorter.
pub const YEARS_LISTED_MAX: i32 = 2;

/// So many years before an instant, by the calendar.
pub fn years_before(now: OffsetDateTime, years: i32) -> OffsetDateTime {
    let year = now.year() - years;
    // The 29th of February has none; the 28th is its neighbour inside the year.
    now.replace_year(year).or_else(|_| now.replace_day(28)?.replace_year(year)).unwrap_or(now)
}

/// The first instant after the one that is named. The wire has whole seconds, so all of that second is before it.
pub fn after(begin: &Instant) -> OffsetDateTime {
    begin.0.saturating_add(Duration::SECOND)
}

/// The instant that is named, itself no part of what is wanted.
pub fn until(end: &Instant) -> OffsetDateTime {
    end.0
}

/// After the first instant named and before the second, both excluded, as the vendor says of these lists.
pub fn between(begin: Option<&Instant>, end: Option<&Instant>) -> Between {
    Between { from: begin.map(after), until: end.map(until) }
}

/// From an instant on, before another; `None` is no bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Between {
    /// The first instant.
    pub from: Option<OffsetDateTime>,
    /// The first instant after it.
    pub until: Option<OffsetDateTime>,
}

/// A limit of a quota.
#[derive(Serialize, ToSchema)]
pub struct QuotaLimitInfo {
    /// What is limited.
    #[schema(example = "maxDeductionRatio")]
    limit_key: String,
    /// The values it is limited to.
    limit_values: Vec<LimitValue>,
}

/// A value of a limit.
#[derive(Serialize, ToSchema)]
pub struct LimitValue {
    /// The value.
    #[schema(example = "0.5")]
    value1: String,
    /// The end of a range; no limit here is one.
    #[schema(example = "")]
    value2: &'static str,
}

/// A limit of a coupon.
#[derive(Serialize, ToSchema)]
pub struct ICouponUseLimitInfoV2 {
    /// The limit's own id.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6-maxDeductionRatio")]
    use_limiti_info_id: String,
    /// What is limited.
    #[schema(example = "maxDeductionRatio")]
    limit_key: String,
    /// The value it is limited to; several are separated by commas.
    #[schema(example = "0.5")]
    value1: String,
    /// The end of a range; no limit here is one.
    #[schema(example = "")]
    value2: &'static str,
    /// A unit; the values have none.
    #[schema(example = "")]
    value_unit: &'static str,
    /// A type; the limits have none.
    #[schema(example = "")]
    limit_type: &'static str,
    /// The promotion plan; there is none.
    #[schema(example = "")]
    promotion_plan_id: &'static str,
}

/// A quota's limits as they are shown.
pub fn quota_limits(limits: &Limits) -> Vec<QuotaLimitInfo> {
    let values =
        |values: &[String]| values.iter().map(|value| LimitValue { value1: value.clone(), value2: "" }).collect();
    limits.iter().map(|(key, of)| QuotaLimitInfo { limit_key: key.name(), limit_values: values(of) }).collect()
}

/// A coupon's limits as they are shown.
pub fn coupon_limits(coupon: CouponId, limits: &Limits) -> Vec<ICouponUseLimitInfoV2> {
    let shown = limits.iter().map(|(key, values)| ICouponUseLimitInfoV2 {
        use_limiti_info_id: format!("{coupon}-{}", key.name()),
        limit_key: key.name(),
        value1: values.join(","),
        value2: "",
        value_unit: "",
        limit_type: "",
        promotion_plan_id: "",
    });
    shown.collect()
}

/// An instant that may be absent, written as an empty text.
pub fn instant_or_empty(instant: Option<OffsetDateTime>) -> MaybeInstant {
    MaybeInstant(instant.map(Instant))
}

/// An instant, or an empty text.
pub struct MaybeInstant(Option<Instant>);

impl Serialize for MaybeInstant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(instant) => instant.serialize(serializer),
            None => serializer.serialize_str(""),
        }
    }
}

impl utoipa::PartialSchema for MaybeInstant {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
        ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).examples(["2026-03-28T14:45:38Z"]).into()
    }
}

impl utoipa::ToSchema for MaybeInstant {}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn lists_reach_back_by_the_calendar() {
        for (now, years, since) in [
            (datetime!(2026-03-28 10:00 UTC), 1, datetime!(2025-03-28 10:00 UTC)),
            (datetime!(2028-02-29 10:00 UTC), 1, datetime!(2027-02-28 10:00 UTC)),
            (datetime!(2028-02-29 10:00 UTC), 2, datetime!(2026-02-28 10:00 UTC)),
            (datetime!(2026-12-31 23:59 UTC), 2, datetime!(2024-12-31 23:59 UTC)),
        ] {
            assert_eq!(years_before(now, years), since);
        }
    }

    #[test]
    fn the_clock_shows_before_the_job_has_run() {
        let validity = Validity { from: datetime!(2026-01-01 00:00 UTC), until: datetime!(2026-02-01 00:00 UTC) };
        let shown = |now| shown_coupon_status(CouponStatus::Usable, validity, now);
        assert_eq!(shown(datetime!(2025-12-31 23:59:59 UTC)), CouponStatus::Inactive);
        assert_eq!(shown(validity.from), CouponStatus::Usable);
        assert_eq!(shown(validity.until), CouponStatus::Expired);
        assert_eq!(shown_coupon_status(CouponStatus::Used, validity, validity.until), CouponStatus::Used);
        assert_eq!(shown_quota_status(QuotaStatus::Normal, validity, validity.until), QuotaStatus::Invalid);
        assert_eq!(shown_quota_status(QuotaStatus::Frozen, validity, validity.until), QuotaStatus::Frozen);
    }
}
