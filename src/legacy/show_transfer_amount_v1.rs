//! `GET /v1.0/{domain_id}/customer/account-mgr/transfer-amount`

use super::form::{OfCaller, PageNumber, check_own};
use super::funds::{AmountV1, AmountsV1};
use crate::accounts::model::BalanceType;
use crate::api::caller::{CallerKind, Master};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::page::Limit;
use crate::api::policy::Policy;
use crate::app::App;
use crate::enterprises::funds;
use crate::enterprises::store;
use crate::values::amount::Amount;
use crate::values::site::Site;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which balance, in the old form.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShowTransferAmountV1Query {
    /// Cash or credit.
    #[param(inline)]
    balance_type: BalanceType,
    /// Which page, from 1, also if absent; of credit only.
    #[param(inline)]
    offset: Option<PageNumber>,
    /// How many to answer at most; of credit only.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100, 10, false>,
}

/// What can be given, in the old form.
#[derive(Serialize, ToSchema)]
pub struct TransferAmountV1 {
    /// How much.
    #[serde(rename = "availTransferAmount")]
    available: Amount,
    #[serde(flatten)]
    rest: AmountV1,
}

impl From<AmountV1> for TransferAmountV1 {
    fn from(rest: AmountV1) -> Self {
        Self { available: rest.available, rest }
    }
}

/// Shows what a master account can give its member accounts, in the old form.
///
/// As `ShowMultiAccountTransferAmount` does today.
#[utoipa::path(
    get, path = "/v1.0/{domain_id}/customer/account-mgr/transfer-amount",
    params(OfCaller, ShowTransferAmountV1Query),
    responses((status = 200, description = "What can be given.", body = AmountsV1<TransferAmountV1>)),
    extensions(("x-policy" = json!(
        Policy::callers(&[CallerKind::Master]).on(Site::Cn).customer_action("businessUnitCenter:businessUnitFinance:view")
    ))),
)]
pub async fn show_transfer_amount_v1(
    State(app): State<App>,
    master: Master,
    Path(OfCaller { domain_id }): Path<OfCaller>,
    Query(query): Query<ShowTransferAmountV1Query>,
) -> Result<Json<AmountsV1<TransferAmountV1>>, ApiError> {
    check_own(&master, &domain_id)?;
    let (of, now) = (store::Master::of(&master), app.now(master.tenant));
    let related = app.customers.related(of.tenant, of.id).await?;
    let mut connection = app.database.tenant(of.tenant).await?;
    let movable = funds::to_give(&mut connection, of, related.as_deref(), query.balance_type, now).await?;
    Ok(Json(AmountsV1::new(&movable, (query.offset, query.limit.get()))))
}
