//! `GET /v2/enterprises/multi-accounts/retrieve-amount`

use super::funds::{self, Movable};
use super::store;
use crate::accounts::model::{BalanceType, CURRENCY, YUAN};
use crate::api::caller::{CallerKind, Master};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::values::amount::Amount;
use crate::values::money::Currency;
use crate::values::site::Site;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which balance, and whose.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListEnterpriseMultiAccountQuery {
    /// The member's account.
    #[param(inline)]
    sub_customer_id: AccountIdText,
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

/// What a master account can take back from a member.
#[derive(Serialize, ToSchema)]
pub struct ListEnterpriseMultiAccountResponse {
    /// How many there are in all: 1 of cash.
    #[schema(example = 1)]
    total_count: usize,
    /// Of cash one, of credit one for each instant at which some ends, the earliest first.
    amount_infos: Vec<RetrieveAmountInfoV2>,
}

/// What can be taken back.
#[derive(Serialize, ToSchema)]
pub struct RetrieveAmountInfoV2 {
    /// How much can be taken back.
    avail_retrieve_amount: Amount,
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

impl From<&Movable> for RetrieveAmountInfoV2 {
    fn from(movable: &Movable) -> Self {
        let lot = movable.lot.as_ref();
        Self {
            avail_retrieve_amount: movable.amount.into(),
            measure_id: YUAN,
            currency: CURRENCY,
            amount: lot.map(|lot| lot.balance.into()),
            credit_amount: lot.map(|lot| lot.granted.into()),
            expire_time: lot.and_then(|lot| lot.expires_at).map(Instant),
        }
    }
}

/// Shows what a master account can take back from a member account.
///
/// Of cash what is left of it, at most what the master has given; of credit what is left of what the master has given.
#[utoipa::path(
    get, path = "/v2/enterprises/multi-accounts/retrieve-amount",
    params(ListEnterpriseMultiAccountQuery),
    responses((status = 200, description = "What can be taken back.", body = ListEnterpriseMultiAccountResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&[CallerKind::Master]).on(Site::Cn).customer_action("businessUnitCenter:businessUnitFinance:view")
    ))),
)]
pub async fn list_enterprise_multi_account(
    State(app): State<App>,
    master: Master,
    Query(query): Query<ListEnterpriseMultiAccountQuery>,
) -> Result<Json<ListEnterpriseMultiAccountResponse>, ApiError> {
    let (of, now) = (store::Master::of(&master), app.now(master.tenant));
    let mut connection = app.database.tenant(of.tenant).await?;
    let (member, balance) = (&query.sub_customer_id, query.balance_type);
    let movable = funds::to_take_back(&mut connection, of, member, balance, now).await?;
    let page = funds::page(&movable, (query.offset.get(), query.limit.get()));
    let amount_infos = page.map(RetrieveAmountInfoV2::from).collect();
    Ok(Json(ListEnterpriseMultiAccountResponse { total_count: movable.len(), amount_infos }))
}
