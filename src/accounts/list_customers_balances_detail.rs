//! `POST /v2/accounts/customer-accounts/balances/batch-query`

use super::model::{CURRENCY, YUAN};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::app::App;
use crate::charges::store as charges;
use crate::customers::model::{AccountIdText, AssociationType};
use crate::customers::{self};
use crate::ledger::AccountKind;
use crate::ledger::store;
use crate::values::amount::Amount;
use crate::values::id::DomainId;
use crate::values::money::Currency;
use crate::values::site::Site;
use axum::extract::State;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::ToSchema;

/// Most customers of one request. The vendor's bound was not found; this is its usual page.
const CUSTOMERS_MAX: usize = 100;

/// Whose balances.
#[derive(Deserialize, ToSchema)]
pub struct QueryCustomersBalancesReq {
    /// The customers, 1 to 100.
    #[schema(min_items = 1, max_items = 100)]
    customer_infos: Vec<CustomerInfoV2>,
    /// For a distributor: the reseller whose customers they are. Ignored for other callers.
    indirect_partner_id: Option<AccountIdText>,
}

/// A customer.
#[derive(Deserialize, ToSchema)]
pub struct CustomerInfoV2 {
    /// Its account.
    customer_id: AccountIdText,
}

/// Balances.
#[derive(Serialize, ToSchema)]
pub struct ListCustomersBalancesDetailResponse {
    /// In the order of the request, without those that are no resale customers of the partner.
    customer_balances: Vec<CustomerBalancesV2>,
}

/// What a customer holds.
#[derive(Serialize, ToSchema)]
pub struct CustomerBalancesV2 {
    /// Its account.
    customer_id: DomainId,
    /// What it owes, in yuan.
    debt_amount: Amount,
    /// What it can spend, in yuan.
    amount: Amount,
    /// The currency.
    currency: Currency,
    /// The unit of the amounts: 1, the yuan.
    #[schema(example = 1)]
    measure_id: i32,
}

/// Lists the balances of several resale customers.
///
/// An account that is not a resale customer of the partner is left out.
#[utoipa::path(
    post, path = "/v2/accounts/customer-accounts/balances/batch-query",
    responses((status = 200, description = "The balances.", body = ListCustomersBalancesDetailResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::PARTNERS).on(Site::Cn)))),
)]
pub async fn list_customers_balances_detail(
    State(app): State<App>,
    partner: Partner,
    Json(request): Json<QueryCustomersBalancesReq>,
) -> Result<Json<ListCustomersBalancesDetailResponse>, ApiError> {
    if !(1..=CUSTOMERS_MAX).contains(&request.customer_infos.len()) {
        return Err(ApiError::parameter("customer_infos", format_args!("must have 1 to {CUSTOMERS_MAX} items")));
    }
    let owner = app.customers.acting_partner(&partner, request.indirect_partner_id.as_ref()).await?;
    let named: Vec<DomainId> = request.customer_infos.iter().filter_map(|info| info.customer_id.id()).collect();
    let mut connection = app.database.tenant(partner.tenant).await?;
    let found = customers::store::among(&mut connection, partner.tenant, owner, &named).await?;
    let found = found.iter().filter(|customer| customer.association.kind == AssociationType::Resale);
    let ids: Vec<DomainId> = found.map(|customer| customer.id).collect();
    let mut held: HashMap<DomainId, Decimal> = HashMap::new();
    for balance in store::balances(&mut connection, partner.tenant, &ids).await? {
        if balance.currency == CURRENCY && [AccountKind::Cash, AccountKind::Allocated].contains(&balance.kind) {
            *held.entry(DomainId(balance.owner)).or_default() += balance.balance;
        }
    }
    let owed = charges::owed(&mut connection, partner.tenant, (&ids, CURRENCY)).await?;
    let show = |id: DomainId| {
        let held = held.get(&id).copied().unwrap_or_default();
        CustomerBalancesV2 {
            customer_id: id,
            debt_amount: ((-held).max(Decimal::ZERO) + owed.get(&id).copied().unwrap_or_default()).into(),
            amount: held.max(Decimal::ZERO).into(),
            currency: CURRENCY,
            measure_id: YUAN,
        }
    };
    Ok(Json(ListCustomersBalancesDetailResponse { customer_balances: ids.into_iter().map(show).collect() }))
}
