//! `GET /v2/enterprises/multi-accounts/transfer-coupons`

use crate::api::caller::{CallerKind, Master};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::coupons::model::{ICouponUseLimitInfoV2, coupon_limits};
use crate::coupons::store::split::{self, Movable};
use crate::values::amount::AmountText;
use crate::values::id::CouponId;
use crate::values::site::Site;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which coupons.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListMultiAccountTransferCouponsQuery {
    /// How many to skip. It must not be empty.
    #[param(inline)]
    #[serde(default)]
    offset: Offset<false>,
    /// How many to answer at most. It must not be empty.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100, 10, false>,
}

/// Coupons that can be given.
#[derive(Serialize, ToSchema)]
pub struct ListMultiAccountTransferCouponsResponse {
    /// How many there are in all.
    #[schema(example = 3)]
    total_count: usize,
    /// This part of them, the latest first.
    avail_transfer_coupons: Vec<AvailTransferCoupon>,
}

/// A coupon that can be given.
#[derive(Serialize, ToSchema)]
pub struct AvailTransferCoupon {
    /// Its id.
    coupon_id: CouponId,
    /// Its name.
    #[schema(example = "Test coupon")]
    plan_name: String,
    /// What is left of it, in yuan.
    balance: AmountText,
    /// From when on it can be used.
    effective_time: Instant,
    /// Until when.
    expire_time: Instant,
    /// What it may be used for.
    use_limits: Vec<ICouponUseLimitInfoV2>,
}

impl From<Movable> for AvailTransferCoupon {
    fn from(coupon: Movable) -> Self {
        Self {
            coupon_id: coupon.id,
            plan_name: coupon.name,
            balance: AmountText(coupon.balance.into()),
            effective_time: Instant(coupon.effective_at),
            expire_time: Instant(coupon.expires_at),
            use_limits: coupon_limits(coupon.id, &coupon.limits.0),
        }
    }
}

/// Lists the coupons that a master account can give its member accounts.
///
/// The cash coupons that the vendor issued to it itself and of which something is left.
#[utoipa::path(
    get, path = "/v2/enterprises/multi-accounts/transfer-coupons",
    params(ListMultiAccountTransferCouponsQuery),
    responses((status = 200, description = "The coupons.", body = ListMultiAccountTransferCouponsResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&[CallerKind::Master]).on(Site::Cn).customer_action("businessUnitCenter:businessUnitFinance:view")
    ))),
)]
pub async fn list_multi_account_transfer_coupons(
    State(app): State<App>,
    master: Master,
    Query(query): Query<ListMultiAccountTransferCouponsQuery>,
) -> Result<Json<ListMultiAccountTransferCouponsResponse>, ApiError> {
    let now = app.now(master.tenant);
    let mut connection = app.database.tenant(master.tenant).await?;
    let coupons = split::transferable(&mut connection, (master.tenant, master.domain), now).await?;
    let total_count = coupons.len();
    let part = coupons.into_iter().skip(query.offset.get()).take(query.limit.get());
    Ok(Json(ListMultiAccountTransferCouponsResponse {
        total_count,
        avail_transfer_coupons: part.map(AvailTransferCoupon::from).collect(),
    }))
}
