//! `GET /v2/partners/sub-customers/budget`

use super::budgets::{self, BudgetType, CURRENCY};
use super::model::AccountIdText;
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::amount::Amount;
use crate::values::money::{Currency, MAIN_UNIT};
use crate::values::site::Site;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Whose budget.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShowSubCustomerBudgetQuery {
    /// The customer.
    #[param(inline)]
    customer_id: AccountIdText,
    /// For a distributor: the reseller whose customer it is. Ignored for other callers.
    #[param(inline)]
    indirect_partner_id: Option<AccountIdText>,
}

/// A budget.
#[derive(Serialize, ToSchema)]
pub struct ShowSubCustomerBudgetResponse {
    /// How much; 0 if none is set.
    budget_amount: Amount,
    /// What is used of it.
    used_amount: Amount,
    /// The unit of the amounts: 1, the dollar.
    #[schema(example = 1)]
    measure_id: i32,
    /// The currency.
    currency: Currency,
    /// How long it lasts.
    budget_type: BudgetType,
}

/// Shows the budget of a resale customer.
///
/// A monthly budget is shown for the current month, in UTC+8.
#[utoipa::path(
    get, path = "/v2/partners/sub-customers/budget",
    params(ShowSubCustomerBudgetQuery),
    responses((status = 200, description = "The budget.", body = ShowSubCustomerBudgetResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS)
            .on(Site::Intl)
            .needs("BPC_ITEM_SUBCUSTSERV_010111")
            .needs("BPC_ITEM_SUBCUSTSERV_010503")
    ))),
)]
pub async fn show_sub_customer_budget(
    State(app): State<App>,
    partner: Partner,
    Query(query): Query<ShowSubCustomerBudgetQuery>,
) -> Result<Json<ShowSubCustomerBudgetResponse>, ApiError> {
    let owner = app.customers.acting_partner(&partner, query.indirect_partner_id.as_ref()).await?;
    let customer = app.customers.of_partner(partner.tenant, owner, &query.customer_id).await?;
    customer.require_resale()?;
    let now = app.now(partner.tenant);
    let mut connection = app.database.tenant(partner.tenant).await?;
    let found = budgets::budgets(&mut connection, partner.tenant, &[customer.id]).await?;
    let budget = found.first().map(|(_, budget)| budget);
    Ok(Json(ShowSubCustomerBudgetResponse {
        budget_amount: budget.map(|budget| budget.amount).unwrap_or_default().into(),
        used_amount: budget.map(|budget| budget.used_at(now)).unwrap_or_default().into(),
        measure_id: MAIN_UNIT,
        currency: CURRENCY,
        budget_type: budget.map(|budget| budget.budget_type).unwrap_or_default(),
    }))
}
