//! `GET /v2/promotions/benefits/partner-coupons`

use super::model::{
    CouponIdText, CouponKind, CouponStatus, ICouponUseLimitInfoV2, MaybeInstant, OrderIdText, Validity, YUAN, between,
    coupon_limits, instant_or_empty, shown_balance, shown_coupon_status,
};
use super::store::search::{CouponFilter, CouponRow, Search, Whose};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter, Refused, Taken};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::values::amount::Amount;
use crate::values::coded::coded;
use crate::values::id::{CouponId, DomainId};
use crate::values::site::Site;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

coded! {
    /// What partners issue: 1 cash coupons, 4 flexi-purchase coupons.
    PartnerCouponKind {
        /// Cash coupons.
        Cash = 1,
        /// Flexi-purchase coupons.
        Flexi = 4,
    }
}

/// Which coupons.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListIssuedPartnerCouponsQuery {
    /// Only this one; it must not be empty.
    #[param(inline, value_type = CouponIdText)]
    #[serde(default)]
    coupon_id: Filter<CouponIdText, Refused, Taken>,
    /// Only those of this customer. Given without a value it matches none.
    #[param(inline, value_type = AccountIdText)]
    #[serde(default)]
    customer_id: Filter<AccountIdText, Taken, Taken>,
    /// Only those that this order used last; it must not be empty.
    #[param(inline, value_type = OrderIdText)]
    #[serde(default)]
    order_id: Filter<OrderIdText, Refused, Taken>,
    /// Only those of this type: 1 cash coupons, 4 flexi-purchase coupons.
    #[param(inline, value_type = PartnerCouponKind)]
    #[serde(default)]
    coupon_type: Filter<PartnerCouponKind>,
    /// Only those with this status: 1 not yet effective, 2 usable, 3 used up, 4 expired, 5 reclaimed.
    #[param(inline, value_type = CouponStatus)]
    #[serde(default)]
    status: Filter<CouponStatus>,
    /// Only those issued after this instant.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    create_time_begin: Filter<Instant>,
    /// Only those issued before this instant.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    create_time_end: Filter<Instant>,
    /// Only those that take effect after this instant.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    effective_time_begin: Filter<Instant>,
    /// Only those that take effect before this instant.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    effective_time_end: Filter<Instant>,
    /// Only those that expire after this instant.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    expire_time_begin: Filter<Instant>,
    /// Only those that expire before this instant.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    expire_time_end: Filter<Instant>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100>,
    /// For a distributor: the reseller whose coupons to answer. Ignored for other callers.
    #[param(inline)]
    indirect_partner_id: Option<AccountIdText>,
}

/// Coupons.
#[derive(Serialize, ToSchema)]
pub struct ListIssuedPartnerCouponsResponse {
    /// How many there are in all.
    #[schema(example = 25)]
    total_count: i64,
    /// This part of them, the latest first.
    user_coupons: Vec<IQueryUserPartnerCouponsResultV2>,
}

/// A coupon that a partner issued.
#[derive(Serialize, ToSchema)]
pub struct IQueryUserPartnerCouponsResultV2 {
    /// Its id.
    coupon_id: CouponId,
    /// 1 not yet effective, 2 usable, 3 used up, 4 expired, 5 reclaimed.
    status: CouponStatus,
    /// The customer.
    customer_id: DomainId,
    /// 1 cash coupon, 4 flexi-purchase coupon.
    coupon_type: CouponKind,
    /// The unit of the amounts: 1, the currency's own.
    #[schema(example = 1)]
    measure_id: i32,
    /// What it was worth, in the unit of its currency.
    face_value: Amount,
    /// From when on it can be used.
    effective_time: Instant,
    /// Until when.
    expire_time: Instant,
    /// The order or bill that used it last; empty where none did.
    #[schema(example = "")]
    order_id: String,
    /// The promotion plan; there is none.
    #[schema(example = "")]
    promotion_plan_id: &'static str,
    /// Its name.
    #[schema(example = "")]
    promotion_plan_name: String,
    /// What it is about: the remark it was issued with.
    #[schema(example = "For the first project")]
    promotion_plan_desc: String,
    /// 1: it is electronic.
    #[schema(example = 1)]
    media_type: i32,
    /// 3: it was issued online.
    #[schema(example = 3)]
    fetch_method: i32,
    /// What it may be used for.
    use_limits: Vec<ICouponUseLimitInfoV2>,
    /// When it was activated, that is, issued.
    active_time: Instant,
    /// When it was used last; empty where it never was.
    last_used_time: MaybeInstant,
    /// The promotion; there is none.
    #[schema(example = "")]
    promotion_id: &'static str,
    /// When it was issued.
    create_time: Instant,
    /// What is left of it.
    balance: Amount,
    /// The order that keeps it from being used by others; empty where none does.
    #[schema(example = "")]
    lock_order_id: &'static str,
    /// 1 if it is frozen, else 0.
    #[schema(example = "0")]
    is_frozen: &'static str,
}

/// Lists the coupons that a partner issued.
///
/// Until two years after they expired; the latest first.
#[utoipa::path(
    get, path = "/v2/promotions/benefits/partner-coupons",
    params(ListIssuedPartnerCouponsQuery),
    responses((status = 200, description = "The coupons.", body = ListIssuedPartnerCouponsResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::PARTNERS).on(Site::Cn)))),
)]
pub async fn list_issued_partner_coupons(
    State(app): State<App>,
    partner: Partner,
    Query(query): Query<ListIssuedPartnerCouponsQuery>,
) -> Result<Json<ListIssuedPartnerCouponsResponse>, ApiError> {
    let issuer = app.customers.acting_partner(&partner, query.indirect_partner_id.as_ref()).await?;
    let now = app.now(partner.tenant);
    let search = Search { tenant: partner.tenant, whose: Whose::IssuedBy(issuer), filter: filter(&query), now };
    let mut connection = app.database.tenant(partner.tenant).await?;
    let (rows, total_count) = search.page(&mut connection, (query.offset.get(), query.limit.get())).await?;
    let user_coupons = rows.into_iter().map(|row| show(row, now)).collect();
    Ok(Json(ListIssuedPartnerCouponsResponse { total_count, user_coupons }))
}

fn filter(query: &ListIssuedPartnerCouponsQuery) -> CouponFilter {
    CouponFilter {
        // What cannot be an id is no coupon's and nobody's.
        coupon: query.coupon_id.wanted().map(|text| text.id().unwrap_or(CouponId(Uuid::nil()))),
        holder: query.customer_id.wanted().map(|text| text.id().unwrap_or(DomainId(Uuid::nil()))),
        order: query.order_id.wanted().map(|text| text.as_str().to_owned()),
        kind: query.coupon_type.wanted().map(|kind| match kind {
            PartnerCouponKind::Cash => CouponKind::Cash,
            PartnerCouponKind::Flexi => CouponKind::Flexi,
        }),
        status: query.status.wanted().copied(),
        source: None,
        created: between(query.create_time_begin.wanted(), query.create_time_end.wanted()),
        effective: between(query.effective_time_begin.wanted(), query.effective_time_end.wanted()),
        expires: between(query.expire_time_begin.wanted(), query.expire_time_end.wanted()),
    }
}

fn show(row: CouponRow, now: OffsetDateTime) -> IQueryUserPartnerCouponsResultV2 {
    let validity = Validity { from: row.effective_at, until: row.expires_at };
    let status = shown_coupon_status(row.state, validity, now);
    IQueryUserPartnerCouponsResultV2 {
        coupon_id: row.coupon_id,
        status,
        customer_id: row.holder_id,
        coupon_type: row.kind,
        measure_id: YUAN,
        face_value: row.face_value.into(),
        effective_time: Instant(row.effective_at),
        expire_time: Instant(row.expires_at),
        order_id: row.order_id,
        promotion_plan_id: "",
        promotion_plan_name: row.name,
        promotion_plan_desc: row.memo,
        media_type: 1,
        fetch_method: 3,
        use_limits: coupon_limits(row.coupon_id, &row.limits),
        active_time: Instant(row.created_at),
        last_used_time: instant_or_empty(row.last_used_at),
        promotion_id: "",
        create_time: Instant(row.created_at),
        balance: shown_balance(status, row.balance).into(),
        lock_order_id: "",
        is_frozen: if row.frozen { "1" } else { "0" },
    }
}
