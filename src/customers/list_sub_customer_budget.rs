//! `POST /v2/partners/sub-customers/budget/query`

use super::budgets::{self, Budget, BudgetType, CURRENCY};
use super::model::{AccountIdText, AssociationType};
use super::store;
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::amount::Amount;
use crate::values::id::DomainId;
use crate::values::money::{Currency, MAIN_UNIT};
use crate::values::site::Site;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::ToSchema;

/// Most customers of one request.
const CUSTOMERS_MAX: usize = 100;

/// Whose budgets.
#[derive(Deserialize, ToSchema)]
pub struct ListSubCustomerBudgetReq {
    /// The customers, 1 to 100.
    #[schema(min_items = 1, max_items = 100)]
    customer_ids: Vec<AccountIdText>,
    /// For a distributor: the reseller whose customers they are. Ignored for other callers.
    indirect_partner_id: Option<AccountIdText>,
}

/// The budgets.
#[derive(Serialize, ToSchema)]
pub struct ListSubCustomerBudgetResponse {
    /// The unit of the amounts: 1, the dollar.
    #[schema(example = 1)]
    measure_id: i32,
    /// The currency.
    currency: Currency,
    /// In the order of the request, without those that are no resale customers of the partner.
    budget_infos: Vec<BudgetInfo>,
}

/// A customer's budget.
#[derive(Serialize, ToSchema)]
pub struct BudgetInfo {
    /// The customer.
    customer_id: DomainId,
    /// How much; 0 if none is set.
    budget_amount: Amount,
    /// What is used of it.
    used_amount: Amount,
    /// How long it lasts.
    budget_type: BudgetType,
}

/// Lists the budgets of several resale customers.
///
/// An account that is not a resale customer of the partner is left out.
#[utoipa::path(
    post, path = "/v2/partners/sub-customers/budget/query",
    responses((status = 200, description = "The budgets.", body = ListSubCustomerBudgetResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::PARTNERS).on(Site::Intl)))),
)]
pub async fn list_sub_customer_budget(
    State(app): State<App>,
    partner: Partner,
    Json(request): Json<ListSubCustomerBudgetReq>,
) -> Result<Json<ListSubCustomerBudgetResponse>, ApiError> {
    if !(1..=CUSTOMERS_MAX).contains(&request.customer_ids.len()) {
        return Err(ApiError::parameter("customer_ids", format_args!("must have 1 to {CUSTOMERS_MAX} items")));
    }
    let owner = app.customers.acting_partner(&partner, request.indirect_partner_id.as_ref()).await?;
    let named: Vec<DomainId> = request.customer_ids.iter().filter_map(AccountIdText::id).collect();
    let now = app.now(partner.tenant);
    let mut connection = app.database.tenant(partner.tenant).await?;
    let found = store::among(&mut connection, partner.tenant, owner, &named).await?;
    let resale = found.iter().filter(|customer| customer.association.kind == AssociationType::Resale);
    let ids: Vec<DomainId> = resale.map(|customer| customer.id).collect();
    let budgets: HashMap<DomainId, Budget> =
        budgets::budgets(&mut connection, partner.tenant, &ids).await?.into_iter().collect();
    let show = |id: DomainId| {
        let budget = budgets.get(&id);
        BudgetInfo {
            customer_id: id,
            budget_amount: budget.map(|budget| budget.amount).unwrap_or_default().into(),
            used_amount: budget.map(|budget| budget.used_at(now)).unwrap_or_default().into(),
            budget_type: budget.map(|budget| budget.budget_type).unwrap_or_default(),
        }
    };
    let budget_infos = ids.into_iter().map(show).collect();
    Ok(Json(ListSubCustomerBudgetResponse { measure_id: MAIN_UNIT, currency: CURRENCY, budget_infos }))
}
