//! `GET /v2/enterprises/multi-accounts/retrieve-amount`

use super::funds;
use super::refusal::Refusal;
use super::store::{self, Master};
use crate::accounts::credit::Lot;
use crate::accounts::model::{BalanceType, CURRENCY, YUAN};
use crate::api::caller::{CallerKind, Customer};
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
use rust_decimal::Decimal;
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

impl RetrieveAmountInfoV2 {
    fn cash(amount: Decimal) -> Self {
        Self {
            avail_retrieve_amount: amount.into(),
            measure_id: YUAN,
            currency: CURRENCY,
            amount: None,
            credit_amount: None,
            expire_time: None,
        }
    }

    fn credit(lot: &Lot) -> Self {
        Self {
            amount: Some(lot.balance.into()),
            credit_amount: Some(lot.granted.into()),
            expire_time: lot.expires_at.map(Instant),
            ..Self::cash(lot.balance)
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
    master: Customer,
    Query(query): Query<ListEnterpriseMultiAccountQuery>,
) -> Result<Json<ListEnterpriseMultiAccountResponse>, ApiError> {
    let account = Master { tenant: master.tenant, id: master.domain };
    let mut connection = app.database.tenant(account.tenant).await?;
    // The vendor documents no other code here for an account that is not the master's.
    let member = query.sub_customer_id.id().ok_or(Refusal::NoSuchAccount)?;
    let member = store::member_of(&mut connection, account, member).await?.ok_or(Refusal::NoSuchAccount)?.id;
    let (total_count, amount_infos) = match query.balance_type {
        BalanceType::Debit => {
            let amount = funds::reclaimable_cash(&mut connection, account, member).await?;
            (1, vec![RetrieveAmountInfoV2::cash(amount)])
        }
        BalanceType::Credit => {
            let lots = funds::given_credit(&mut connection, account, member, app.now(account.tenant)).await?;
            let part = lots.iter().skip(query.offset.get()).take(query.limit.get());
            (lots.len(), part.map(RetrieveAmountInfoV2::credit).collect())
        }
    };
    Ok(Json(ListEnterpriseMultiAccountResponse { total_count, amount_infos }))
}
