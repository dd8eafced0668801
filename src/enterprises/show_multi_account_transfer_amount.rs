//! `GET /v2/enterprises/multi-accounts/transfer-amount`

use super::funds::{self, Movable};
use super::store;
use crate::accounts::model::{BalanceType, CURRENCY, YUAN};
use crate::api::caller::{CallerKind, Master};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::amount::Amount;
use crate::values::money::Currency;
use crate::values::site::Site;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which balance.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShowMultiAccountTransferAmountQuery {
    /// Cash or credit.
    #[param(inline)]
    balance_type: BalanceType,
    /// How many to skip; of credit only.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most; of credit only.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100>,
}

/// What a master account can give.
#[derive(Serialize, ToSchema)]
pub struct ShowMultiAccountTransferAmountResponse {
    /// How many there are in all: 1 of cash.
    #[schema(example = 1)]
    total_count: usize,
    /// Of cash one, of credit one for each instant at which some ends, the earliest first.
    amount_infos: Vec<TransferAmountInfoV2>,
}

/// What can be given.
#[derive(Serialize, ToSchema)]
pub struct TransferAmountInfoV2 {
    /// How much can be given.
    avail_transfer_amount: Amount,
    /// The unit of the amounts: 1, the yuan.
    #[schema(example = 1)]
    measure_id: i32,
    /// The currency.
    currency: Currency,
    /// What is left of the credit; of credit only.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Amount>,
    /// The credit limit: what would be left if nothing had been paid with it; of credit only.
    #[serde(skip_serializing_if = "Option::is_none")]
    credit_amount: Option<Amount>,
    /// When the credit ends; left out if it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    expire_time: Option<Instant>,
}

impl From<&Movable> for TransferAmountInfoV2 {
    fn from(movable: &Movable) -> Self {
        let lot = movable.lot.as_ref();
        Self {
            avail_transfer_amount: movable.amount.into(),
            measure_id: YUAN,
            currency: CURRENCY,
            amount: lot.map(|lot| lot.balance.into()),
            credit_amount: lot.map(|lot| lot.granted.into()),
            expire_time: lot.and_then(|lot| lot.expires_at).map(Instant),
        }
    }
}

/// Shows what a master account can give its member accounts.
///
/// Its own cash, or its own credit in the parts that end at different times. A partner's resale customer can give no cash.
#[utoipa::path(
    get, path = "/v2/enterprises/multi-accounts/transfer-amount",
    params(ShowMultiAccountTransferAmountQuery),
    responses((status = 200, description = "What can be given.", body = ShowMultiAccountTransferAmountResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&[CallerKind::Master]).on(Site::Cn).customer_action("businessUnitCenter:businessUnitFinance:view")
    ))),
)]
pub async fn show_multi_account_transfer_amount(
    State(app): State<App>,
    master: Master,
    Query(query): Query<ShowMultiAccountTransferAmountQuery>,
) -> Result<Json<ShowMultiAccountTransferAmountResponse>, ApiError> {
    let (of, now) = (store::Master::of(&master), app.now(master.tenant));
    let related = app.customers.related(of.tenant, of.id).await?;
    let mut connection = app.database.tenant(of.tenant).await?;
    let movable = funds::to_give(&mut connection, of, related.as_deref(), query.balance_type, now).await?;
    let page = funds::page(&movable, (query.offset.get(), query.limit.get()));
    let amount_infos = page.map(TransferAmountInfoV2::from).collect();
    Ok(Json(ShowMultiAccountTransferAmountResponse { total_count: movable.len(), amount_infos }))
}
