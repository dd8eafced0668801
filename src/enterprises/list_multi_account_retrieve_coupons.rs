//! `GET /v2/enterprises/multi-accounts/retrieve-coupons`

use super::refusal::Refusal;
use super::store;
use crate::api::caller::{CallerKind, Master};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::coupons::model::{ICouponUseLimitInfoV2, coupon_limits};
use crate::coupons::store::split::{self, Movable};
use crate::customers::model::AccountIdText;
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
pub struct ListMultiAccountRetrieveCouponsQuery {
    /// The member's account.
    #[param(inline)]
    sub_customer_id: AccountIdText,
    /// How many to skip. It must not be empty.
    #[param(inline)]
    #[serde(default)]
    offset: Offset<false>,
    /// How many to answer at most. It must not be empty.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100, 10, false>,
}

/// Coupons that can be taken back.
#[derive(Serialize, ToSchema)]
pub struct ListMultiAccountRetrieveCouponsResponse {
    /// How many there are in all.
    #[schema(example = 3)]
    total_count: usize,
    /// This part of them, the latest first.
    avail_retrieve_coupons: Vec<AvailRetrieveCoupons>,
}

/// A coupon that can be taken back.
#[derive(Serialize, ToSchema)]
pub struct AvailRetrieveCoupons {
    /// The master account's coupon, of which it is a part.
    coupon_id: Option<CouponId>,
    /// Its own id.
    sub_coupon_id: CouponId,
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

impl From<Movable> for AvailRetrieveCoupons {
    fn from(coupon: Movable) -> Self {
        Self {
            coupon_id: coupon.main,
            sub_coupon_id: coupon.id,
            plan_name: coupon.name,
            balance: AmountText(coupon.balance.into()),
            effective_time: Instant(coupon.effective_at),
            expire_time: Instant(coupon.expires_at),
            use_limits: coupon_limits(coupon.id, &coupon.limits.0),
        }
    }
}

/// Lists the coupons that a master account can take back from a member account.
///
/// Those that it has given, as parts of its own, and of which something is left.
#[utoipa::path(
    get, path = "/v2/enterprises/multi-accounts/retrieve-coupons",
    params(ListMultiAccountRetrieveCouponsQuery),
    responses((status = 200, description = "The coupons.", body = ListMultiAccountRetrieveCouponsResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&[CallerKind::Master]).on(Site::Cn).customer_action("businessUnitCenter:businessUnitFinance:view")
    ))),
)]
pub async fn list_multi_account_retrieve_coupons(
    State(app): State<App>,
    master: Master,
    Query(query): Query<ListMultiAccountRetrieveCouponsQuery>,
) -> Result<Json<ListMultiAccountRetrieveCouponsResponse>, ApiError> {
    let account = store::Master::of(&master);
    let mut connection = app.database.tenant(account.tenant).await?;
    let member = query.sub_customer_id.id().ok_or(Refusal::NoSuchAccount)?;
    let member = store::member_of(&mut connection, account, member).await?.ok_or(Refusal::NoSuchAccount)?.id;
    let pair = (account.id, member);
    let coupons = split::retrievable(&mut connection, account.tenant, pair, app.now(account.tenant)).await?;
    let total_count = coupons.len();
    let part = coupons.into_iter().skip(query.offset.get()).take(query.limit.get());
    Ok(Json(ListMultiAccountRetrieveCouponsResponse {
        total_count,
        avail_retrieve_coupons: part.map(AvailRetrieveCoupons::from).collect(),
    }))
}
