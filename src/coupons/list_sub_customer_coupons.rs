//! `GET /v2/promotions/benefits/coupons`

use super::model::{
    Between, CouponIdText, CouponKind, CouponStatus, ICouponUseLimitInfoV2, MaybeInstant, OrderIdText, Validity, YUAN,
    between, coupon_limits, instant_or_empty, shown_balance, shown_coupon_status,
};
use super::store::search::{CouponFilter, CouponRow, Search, Source, Whose};
use crate::api::caller::{AnyCaller, CallerKind};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter, Refused, Taken};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::values::amount::Amount;
use crate::values::id::{CouponId, DomainId};
use crate::values::money::Currency;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which coupons.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListSubCustomerCouponsQuery {
    /// Only this one. Given without a value it matches none.
    #[param(inline, value_type = CouponIdText)]
    #[serde(default)]
    coupon_id: Filter<CouponIdText, Taken>,
    /// Only those that this order used last. Given without a value: those that none has used.
    #[param(inline, value_type = OrderIdText)]
    #[serde(default)]
    order_id: Filter<OrderIdText, Taken>,
    /// Only those of this promotion plan. There are none, so that only the empty value matches.
    #[param(inline, value_type = OrderIdText)]
    #[serde(default)]
    promotion_plan_id: Filter<OrderIdText, Taken>,
    /// Only those of this type: 1 cash, 2 discount, 3 product, 4 flexi-purchase coupons; it must not be empty.
    #[param(inline, value_type = CouponKind)]
    #[serde(default)]
    coupon_type: Filter<CouponKind, Refused>,
    /// Only those with this status: 1 not yet effective, 2 usable, 3 used up, 4 expired, 5 reclaimed.
    #[param(inline, value_type = CouponStatus)]
    #[serde(default)]
    status: Filter<CouponStatus>,
    /// Only those activated after this instant; neither empty nor null.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    active_start_time: Filter<Instant, Refused, Refused>,
    /// Only those activated before this instant; neither empty nor null.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    active_end_time: Filter<Instant, Refused, Refused>,
    /// How many to skip; only together with `limit`.
    #[param(inline)]
    offset: Option<Offset>,
    /// How many to answer at most.
    #[param(inline)]
    limit: Option<Limit<100>>,
    /// Only those issued by this partner. Given without a value: those that the vendor issued.
    #[param(inline, value_type = AccountIdText)]
    #[serde(default)]
    source_id: Filter<AccountIdText, Taken>,
    /// For a distributor: the reseller whose coupons to answer. Ignored for other callers.
    #[param(inline)]
    indirect_partner_id: Option<AccountIdText>,
}

/// Coupons.
#[derive(Serialize, ToSchema)]
pub struct ListSubCustomerCouponsResponse {
    /// How many there are in all.
    #[schema(example = 3)]
    count: i64,
    /// This part of them, the latest first.
    user_coupons: Vec<IQueryUserCouponsResultV2>,
}

/// A coupon of the caller's.
#[derive(Serialize, ToSchema)]
pub struct IQueryUserCouponsResultV2 {
    /// Its id.
    coupon_id: CouponId,
    /// Its code: the id, since it was issued online.
    coupon_code: CouponId,
    /// 1 not yet effective, 2 usable, 3 used up, 4 expired, 5 reclaimed.
    status: CouponStatus,
    /// Whose it is.
    customer_id: DomainId,
    /// 1 cash coupon, 2 discount coupon, 3 product coupon, 4 flexi-purchase coupon.
    coupon_type: CouponKind,
    /// The unit of the amounts: 1, the currency's own.
    #[schema(example = 1)]
    measure_id: i32,
    /// What it was worth, in the unit of its currency; of a discount coupon the share that is still to be paid.
    face_value: Amount,
    /// From when on it can be used.
    valid_time: Instant,
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
    plan_name: String,
    /// What it is about: the remark it was issued with.
    #[schema(example = "For the first project")]
    plan_desc: String,
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
    reserve_time: MaybeInstant,
    /// The promotion; there is none.
    #[schema(example = "")]
    promotion_id: &'static str,
    /// When it was issued.
    create_time: Instant,
    /// 1: it is used once; 2: as long as something is left.
    #[schema(example = 2)]
    coupon_version: i32,
    /// What is left of it; of version 2 only.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<Amount>,
    /// The order that keeps it from being used by others; empty where none does.
    #[schema(example = "")]
    lock_order_id: &'static str,
    /// What it is for.
    #[schema(example = "")]
    coupon_usage: &'static str,
    /// 1 if it is frozen, else 0.
    #[schema(example = "0")]
    is_frozen: &'static str,
    /// The currency.
    currency: Currency,
    /// Always empty.
    #[schema(example = "")]
    extend_param1: &'static str,
    /// The partner who issued it; empty where the vendor did.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    source_id: String,
}

/// Lists the caller's own coupons.
///
/// Until twelve months after they expired; the latest first. A partner reads what the vendor gave it, not its customers'.
#[utoipa::path(
    get, path = "/v2/promotions/benefits/coupons",
    params(ListSubCustomerCouponsQuery),
    responses((status = 200, description = "The coupons.", body = ListSubCustomerCouponsResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::PARTNERS_AND_CUSTOMERS).customer_action("bss:coupon:view")))),
)]
pub async fn list_sub_customer_coupons(
    State(app): State<App>,
    caller: AnyCaller,
    Query(query): Query<ListSubCustomerCouponsQuery>,
) -> Result<Json<ListSubCustomerCouponsResponse>, ApiError> {
    if query.offset.is_some() && query.limit.is_none() {
        return Err(ApiError::parameter("offset", "must be given together with limit"));
    }
    let holder = app.customers.acting_partner(&caller, query.indirect_partner_id.as_ref()).await?;
    let plan = query.promotion_plan_id.wanted().map_or("", OrderIdText::as_str);
    if !plan.is_empty() {
        return Ok(Json(ListSubCustomerCouponsResponse { count: 0, user_coupons: Vec::new() }));
    }
    let now = app.now(caller.tenant);
    let search = Search { tenant: caller.tenant, whose: Whose::HeldBy(holder), filter: filter(&query), now };
    let mut connection = app.database.tenant(caller.tenant).await?;
    let part = (query.offset.unwrap_or_default().get(), query.limit.unwrap_or_default().get());
    let (rows, count) = search.page(&mut connection, part).await?;
    let user_coupons = rows.into_iter().map(|row| show(row, now)).collect();
    Ok(Json(ListSubCustomerCouponsResponse { count, user_coupons }))
}

fn filter(query: &ListSubCustomerCouponsQuery) -> CouponFilter {
    let source = |text: &AccountIdText| match text.as_str() {
        "" => Source::Vendor,
        _ => Source::Partner(text.id().unwrap_or(DomainId(Uuid::nil()))),
    };
    CouponFilter {
        // What cannot be an id is no coupon's.
        coupon: query.coupon_id.wanted().map(|text| text.id().unwrap_or(CouponId(Uuid::nil()))),
        holder: None,
        order: query.order_id.wanted().map(|text| text.as_str().to_owned()),
        kind: query.coupon_type.wanted().copied(),
        status: query.status.wanted().copied(),
        source: query.source_id.wanted().map(source),
        created: between(query.active_start_time.wanted(), query.active_end_time.wanted()),
        effective: Between::default(),
        expires: Between::default(),
    }
}

fn show(row: CouponRow, now: OffsetDateTime) -> IQueryUserCouponsResultV2 {
    let validity = Validity { from: row.effective_at, until: row.expires_at };
    let status = shown_coupon_status(row.state, validity, now);
    IQueryUserCouponsResultV2 {
        coupon_id: row.coupon_id,
        coupon_code: row.coupon_id,
        status,
        customer_id: row.holder_id,
        coupon_type: row.kind,
        measure_id: YUAN,
        face_value: row.face_value.into(),
        valid_time: Instant(row.effective_at),
        expire_time: Instant(row.expires_at),
        order_id: row.order_id,
        promotion_plan_id: "",
        plan_name: row.name,
        plan_desc: row.memo,
        media_type: 1,
        fetch_method: 3,
        use_limits: coupon_limits(row.coupon_id, &row.limits),
        active_time: Instant(row.created_at),
        reserve_time: instant_or_empty(row.last_used_at),
        promotion_id: "",
        create_time: Instant(row.created_at),
        coupon_version: row.kind.version(),
        balance: (row.kind.version() == 2).then(|| shown_balance(status, row.balance).into()),
        lock_order_id: "",
        coupon_usage: "",
        is_frozen: if row.frozen { "1" } else { "0" },
        currency: row.currency,
        extend_param1: "",
        source_id: row.partner_id.map(|partner| partner.to_string()).unwrap_or_default(),
    }
}
