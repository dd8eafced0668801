//! `POST /v2/enterprises/multi-accounts/transfer-amount`

use super::funds::{self, Direction, What};
use super::task::{Task, TransId};
use crate::accounts::model::BalanceType;
use crate::api::caller::{CallerKind, Master};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::values::amount::PositiveAmount;
use crate::values::site::Site;
use crate::values::time::Instant;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

/// What to give, and to which member.
#[derive(Deserialize, ToSchema)]
pub struct TransferEnterpriseMultiAccountReq {
    /// The member's account.
    customer_id: AccountIdText,
    /// How much, in yuan: above 0, at most 2 decimals. A text or a number.
    #[schema(value_type = String, max_length = 40, example = "100.00")]
    amount: PositiveAmount,
    /// The caller's own number of the transfer, by which it happens once: it can be used for one transfer, of money or of a
    /// coupon, to a member or back. Absent, null or empty: a new one.
    #[schema(nullable)]
    trans_id: Option<TransId>,
    /// Which balance: cash, also if absent or null, or credit.
    #[schema(nullable)]
    balance_type: Option<BalanceType>,
    /// Of credit: when it ends, in UTC to the second, as the list of what can be moved says; absent or null for credit that never
    /// ends. Ignored with cash.
    #[schema(value_type = Option<Instant>, nullable)]
    expire_time: Option<Instant>,
}

/// Gives a member account a part of the master account's balance or credit.
///
/// From the master's own cash, or from credit that ends at one instant and ends for the member then, too. A master account that is
/// a partner's resale customer cannot give cash: `fail_check_items` says so. It moves one thing at a time: while another transfer
/// of its is under way the answer is 400 `CBC.99007461`, and nothing has happened.
#[utoipa::path(
    post, path = "/v2/enterprises/multi-accounts/transfer-amount",
    responses((status = 204, description = "It was transferred.")),
    extensions(("x-policy" = json!(
        Policy::callers(&[CallerKind::Master]).on(Site::Cn).customer_action("businessUnitCenter:businessUnitFinance:update").writes()
    ))),
)]
pub async fn update_sub_enterprise_amount(
    State(app): State<App>,
    master: Master,
    write: Write,
    Json(request): Json<TransferEnterpriseMultiAccountReq>,
) -> Result<Answer, ApiError> {
    let now = app.now(master.tenant);
    let task = Task::of(&master, &request.customer_id, request.trans_id.as_ref().map(TransId::as_str), now)?;
    let what = What::of(request.balance_type, request.expire_time);
    let amount = request.amount.get().decimal();
    write
        .once(async |connection| {
            funds::move_funds(connection, &task, (Direction::Transfer, what, amount), now).await?;
            Ok(Outcome::empty(&task.member))
        })
        .await
}
