//! `POST /v1.0/{domain_id}/customer/account-mgr/transfer`

use super::form::{DoneV1, OfCaller};
use super::funds::{self, DeductMode, MoveV1, TransIdV1};
use crate::accounts::model::BalanceType;
use crate::api::caller::{CallerKind, Master};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::policy::Policy;
use crate::api::write::{Answer, Write};
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::enterprises::funds::Direction;
use crate::values::amount::PositiveAmount;
use crate::values::site::Site;
use crate::values::time::Instant;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

/// What to give, and to which member, in the old form.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransferAmountV1Req {
    /// The caller's own number of the transfer, by which it happens once. Absent, null or empty: a new one.
    #[schema(nullable)]
    trans_id: Option<TransIdV1>,
    /// Which balance: cash, also if absent or null, or credit.
    #[schema(nullable)]
    balance_type: Option<BalanceType>,
    /// The member's account.
    sub_customer_id: AccountIdText,
    /// How it is counted: 1, by its amount. It is read and not used.
    #[serde(rename = "deductMode")]
    #[schema(value_type = String, example = "1")]
    _deduct_mode: DeductMode,
    /// How much, in yuan: above 0, at most 2 decimals. A text or a number.
    #[schema(value_type = String, max_length = 40, example = "100.00")]
    total_transfer_amount: PositiveAmount,
    /// Of credit: when it ends, in UTC to the second; absent or null for credit that never ends. Ignored with cash.
    #[schema(value_type = Option<Instant>, nullable)]
    expire_time: Option<Instant>,
}

/// Gives a member account a part of the master account's balance or credit, in the old form.
///
/// As `UpdateSubEnterpriseAmount` does today.
#[utoipa::path(
    post, path = "/v1.0/{domain_id}/customer/account-mgr/transfer",
    params(OfCaller),
    responses((status = 200, description = "It was done.", body = DoneV1)),
    extensions(("x-policy" = json!(
        Policy::callers(&[CallerKind::Master]).on(Site::Cn).customer_action("businessUnitCenter:businessUnitFinance:update").writes()
    ))),
)]
pub async fn transfer_amount_v1(
    State(app): State<App>,
    master: Master,
    write: Write,
    Path(OfCaller { domain_id }): Path<OfCaller>,
    Json(request): Json<TransferAmountV1Req>,
) -> Result<Answer, ApiError> {
    let wanted = MoveV1 {
        trans_id: request.trans_id.as_ref(),
        balance_type: request.balance_type,
        member: &request.sub_customer_id,
        amount: request.total_transfer_amount,
        expires_at: request.expire_time,
    };
    funds::move_funds(app.now(master.tenant), (&master, &domain_id), write, Direction::Transfer, wanted).await
}
