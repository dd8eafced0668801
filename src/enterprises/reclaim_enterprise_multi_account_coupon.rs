//! `POST /v2/enterprises/multi-accounts/retrieve-coupon`

use super::coupons;
use super::task::{Task, TransId};
use crate::api::caller::{CallerKind, Master};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::coupons::model::CouponIdText;
use crate::customers::model::AccountIdText;
use crate::values::amount::AmountText;
use crate::values::site::Site;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which coupon to take back, and from which member.
#[derive(Deserialize, ToSchema)]
pub struct RetrieveEnterpriseMultiAccountCouponReq {
    /// The member's account.
    customer_id: AccountIdText,
    /// The master account's coupon, a part of which was given.
    coupon_id: CouponIdText,
    /// The member's coupon.
    sub_coupon_id: CouponIdText,
    /// The caller's own number of the transfer, by which it happens once: it can be used for one transfer, of money or of a
    /// coupon, to a member or back. Absent, null or empty: a new one.
    #[schema(nullable)]
    trans_id: Option<TransId>,
}

/// What came back.
#[derive(Serialize, ToSchema)]
pub struct ReclaimEnterpriseMultiAccountCouponResponse {
    /// How much, in yuan. Misspelt as the vendor does.
    real_retrieve_amout: AmountText,
}

/// Takes back what is left of a coupon that the master account has given a member account.
///
/// It goes back into the coupon of which it was a part, and the member's coupon is over. Of one that is used up, expired or frozen
/// nothing comes back: `fail_check_items` says so. The master account moves one thing at a time: while another transfer of its is
/// under way the answer is 400 `CBC.99007461`, and nothing has happened.
#[utoipa::path(
    post, path = "/v2/enterprises/multi-accounts/retrieve-coupon",
    responses((status = 200, description = "What came back.", body = ReclaimEnterpriseMultiAccountCouponResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&[CallerKind::Master]).on(Site::Cn).customer_action("businessUnitCenter:businessUnitFinance:update").writes()
    ))),
)]
pub async fn reclaim_enterprise_multi_account_coupon(
    State(app): State<App>,
    master: Master,
    write: Write,
    Json(request): Json<RetrieveEnterpriseMultiAccountCouponReq>,
) -> Result<Answer, ApiError> {
    let now = app.now(master.tenant);
    let task = Task::of(&master, &request.customer_id, request.trans_id.as_ref().map(TransId::as_str), now)?;
    let coupon = coupons::named("coupon_id", &request.coupon_id)?;
    let part = coupons::named("sub_coupon_id", &request.sub_coupon_id)?;
    write
        .once(async |connection| {
            let taken = coupons::reclaim(connection, &task, (coupon, part), now).await?;
            let real_retrieve_amout = AmountText(taken.into());
            Outcome::of(&part, &ReclaimEnterpriseMultiAccountCouponResponse { real_retrieve_amout })
        })
        .await
}
