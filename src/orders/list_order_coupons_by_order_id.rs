//! `GET /v2/orders/customer-orders/order-coupons`

use super::model::{Order, OrderNumber};
use super::offers;
use super::refusal::Refusal;
use super::sight;
use super::store;
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::policy::Policy;
use crate::app::App;
use crate::coupons::choice::{self, Candidate};
use crate::coupons::model::{CouponKind, CouponStatus, MaybeInstant, YUAN, instant_or_empty};
use crate::coupons::store::coupons::Coupon;
use crate::coupons::store::search::{CouponFilter, CouponRow, Search, Whose};
use crate::values::amount::Amount;
use crate::values::id::{CouponId, DomainId};
use crate::values::site::Site;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

/// Of which order.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListOrderCouponsByOrderIdQuery {
    /// The order.
    #[param(inline)]
    order_id: OrderNumber,
}

/// The coupons that an order can be paid with.
#[derive(Serialize, ToSchema)]
pub struct ListOrderCouponsByOrderIdResponse {
    /// How many there are.
    #[schema(example = 1)]
    count: usize,
    /// The coupons, those first that were issued last.
    user_coupons: Vec<CouponInfoV2>,
    /// How many of each sort it takes.
    coupon_max_use_quantity: Vec<CouponMaxUseQuantity>,
}

/// A coupon.
#[derive(Serialize, ToSchema)]
pub struct CouponInfoV2 {
    /// Its id.
    coupon_id: CouponId,
    /// Its code: the id, since it was issued online.
    coupon_code: CouponId,
    /// 2: it can be used.
    status: CouponStatus,
    /// 1 cash coupon, 2 discount coupon, 3 product coupon, 4 flexi-purchase coupon.
    coupon_type: CouponKind,
    /// The unit of the amounts: 1, the currency's main unit.
    #[schema(example = 1)]
    measure_id: i32,
    /// What it was worth; of a discount coupon the share that is still to be paid.
    face_value: Amount,
    /// From when on it can be used.
    effective_time: Instant,
    /// Until when.
    expire_time: Instant,
    /// Its name.
    #[schema(example = "")]
    plan_name: String,
    /// What it is about: the remark it was issued with.
    #[schema(example = "For the first project")]
    plan_desc: String,
    /// What it may be used for.
    use_limits: Vec<LimitInfoV2>,
    /// When it was activated, that is, issued.
    active_time: Instant,
    /// When it was used last; empty where it never was.
    last_used_time: MaybeInstant,
    /// When it was issued.
    create_time: Instant,
    /// 1: it is used once; 2: as long as something is left.
    #[schema(example = 2)]
    coupon_version: i32,
    /// What is left of it; of a discount coupon nothing is.
    balance: Amount,
    /// The order that keeps it from being used by others: none does, since a payment uses a coupon at once.
    #[schema(example = "")]
    used_by_order_id: &'static str,
    /// What it is for.
    #[schema(example = "")]
    coupon_usage: &'static str,
    /// 0 for cloud services, 1 of KooGallery, 2 dedicated, 3 for hardware.
    #[schema(example = 0)]
    coupon_group: i16,
}

/// A limit of a coupon.
#[derive(Serialize, ToSchema)]
pub struct LimitInfoV2 {
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

/// How many coupons of a sort an order takes.
#[derive(Serialize, ToSchema)]
pub struct CouponMaxUseQuantity {
    /// 1 cash coupon, 2 discount coupon, 3 product coupon, 4 flexi-purchase coupon.
    coupon_type: CouponKind,
    /// 0 for cloud services, 1 of KooGallery, 2 dedicated, 3 for hardware.
    #[schema(example = 0)]
    coupon_group: i16,
    /// How many.
    #[schema(example = 1)]
    use_quantity_value: usize,
}

/// Lists the coupons that an order can be paid with.
///
/// Before a discount is chosen: a coupon may exclude one, or be excluded by it. They are the caller's, so an order that it has not to
/// pay has none.
#[utoipa::path(
    get, path = "/v2/orders/customer-orders/order-coupons",
    params(ListOrderCouponsByOrderIdQuery),
    responses((status = 200, description = "The coupons.", body = ListOrderCouponsByOrderIdResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).on(Site::Cn)))),
)]
pub async fn list_order_coupons_by_order_id(
    State(app): State<App>,
    customer: Customer,
    Query(query): Query<ListOrderCouponsByOrderIdQuery>,
) -> Result<Json<ListOrderCouponsByOrderIdResponse>, ApiError> {
    let now = app.now(customer.tenant);
    let mut connection = app.database.tenant(customer.tenant).await?;
    let order = store::find(&mut connection, customer.tenant, &query.order_id.id()).await?;
    let order = order.ok_or(Refusal::NoSuchOrder)?;
    if !sight::is_seen(&mut connection, customer.domain, &order).await? {
        return Err(Refusal::NoSuchOrder.into());
    }
    let mut fitting = Vec::new();
    if order.turn() == Some(customer.domain) {
        fitting = usable(&mut connection, (&order, customer.domain), now).await?;
    }
    let mut sorts: Vec<(CouponKind, i16)> = fitting.iter().map(|row| (row.kind, row.coupon_group)).collect();
    sorts.sort_unstable();
    sorts.dedup();
    let most = |(kind, group): (CouponKind, i16)| CouponMaxUseQuantity {
        coupon_type: kind,
        coupon_group: group,
        use_quantity_value: choice::most_of(kind),
    };
    Ok(Json(ListOrderCouponsByOrderIdResponse {
        count: fitting.len(),
        user_coupons: fitting.into_iter().map(show).collect(),
        coupon_max_use_quantity: sorts.into_iter().map(most).collect(),
    }))
}

/// The coupons of who has to pay an order that it could be paid with now.
async fn usable(
    connection: &mut PgConnection,
    (order, payer): (&Order, DomainId),
    now: OffsetDateTime,
) -> Result<Vec<CouponRow>, ApiError> {
    let search = Search {
        tenant: order.tenant,
        whose: Whose::HeldBy(payer),
        filter: CouponFilter { status: Some(CouponStatus::Usable), ..CouponFilter::default() },
        now,
    };
    let (rows, _) = search.page(connection, (0, usize::MAX)).await?;
    let bought_in = store::services_bought(connection, order).await?;
    let amounts: Vec<_> = order.lines.iter().map(|line| line.amounts.clone()).collect();
    let purchase = offers::purchase(order, &amounts, None, &bought_in, now);
    let mut fitting = Vec::new();
    for row in rows {
        let candidate = Candidate::of(&Coupon::from(&row)).map_err(ApiError::internal)?;
        if choice::fit(&purchase, &candidate).is_ok() {
            fitting.push(row);
        }
    }
    Ok(fitting)
}

fn show(row: CouponRow) -> CouponInfoV2 {
    let limits = row.limits.iter().map(|(key, values)| LimitInfoV2 {
        use_limiti_info_id: format!("{}-{}", row.coupon_id, key.name()),
        limit_key: key.name(),
        value1: values.join(","),
        value2: "",
        value_unit: "",
        limit_type: "",
        promotion_plan_id: "",
    });
    CouponInfoV2 {
        use_limits: limits.collect(),
        coupon_id: row.coupon_id,
        coupon_code: row.coupon_id,
        status: CouponStatus::Usable,
        coupon_type: row.kind,
        measure_id: YUAN,
        face_value: row.face_value.into(),
        effective_time: Instant(row.effective_at),
        expire_time: Instant(row.expires_at),
        plan_name: row.name,
        plan_desc: row.memo,
        active_time: Instant(row.created_at),
        last_used_time: instant_or_empty(row.last_used_at),
        create_time: Instant(row.created_at),
        coupon_version: row.kind.version(),
        balance: row.balance.into(),
        used_by_order_id: "",
        coupon_usage: "",
        coupon_group: row.coupon_group,
    }
}
