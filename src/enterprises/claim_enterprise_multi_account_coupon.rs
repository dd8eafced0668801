//! `POST /v2/enterprises/multi-accounts/transfer-coupon`

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
use crate::values::amount::PositiveAmount;
use crate::values::id::CouponId;
use crate::values::site::Site;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What of which coupon to give, and to which member.
#[derive(Deserialize, ToSchema)]
pub struct TransferEnterpriseMultiAccountCouponReq {
    /// The member's account.
    customer_id: AccountIdText,
    /// The master account's coupon.
    coupon_id: CouponIdText,
    /// How much of it, in yuan: above 0, at most 2 decimals. A text or a number.
    #[schema(value_type = String, max_length = 40, example = "100.00")]
    amount: PositiveAmount,
    /// The caller's own number of the transfer, by which it happens once: it can be used for one transfer, of money or of a
    /// coupon, to a member or back. Absent, null or empty: a new one.
    #[schema(nullable)]
    trans_id: Option<TransId>,
}

/// The member's coupon.
#[derive(Serialize, ToSchema)]
pub struct ClaimEnterpriseMultiAccountCouponResponse {
    /// Its id.
    sub_coupon_id: CouponId,
}

/// Gives a member account a part of one of the master account's coupons.
///
/// The part becomes a coupon of its own, good for the same and until the same instant. Only cash coupons that the vendor issued
/// itself can be given, and those that are used once only as a whole; `fail_check_items` says what forbids it. The master account
/// moves one thing at a time: while another transfer of its is under way the answer is 400 `CBC.99007461`, and nothing has happened.
#[utoipa::path(
    post, path = "/v2/enterprises/multi-accounts/transfer-coupon",
    responses((status = 200, description = "The coupon.", body = ClaimEnterpriseMultiAccountCouponResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&[CallerKind::Master]).on(Site::Cn).customer_action("businessUnitCenter:businessUnitFinance:update").writes()
    ))),
)]
pub async fn claim_enterprise_multi_account_coupon(
    State(app): State<App>,
    master: Master,
    write: Write,
    Json(request): Json<TransferEnterpriseMultiAccountCouponReq>,
) -> Result<Answer, ApiError> {
    let now = app.now(master.tenant);
    let task = Task::of(&master, &request.customer_id, request.trans_id.as_ref().map(TransId::as_str), now)?;
    let coupon = coupons::named("coupon_id", &request.coupon_id)?;
    let amount = request.amount.get().decimal();
    write
        .once(async |connection| {
            let sub_coupon_id = coupons::claim(connection, &task, (coupon, amount), now).await?;
            Outcome::of(&sub_coupon_id, &ClaimEnterpriseMultiAccountCouponResponse { sub_coupon_id })
        })
        .await
}
