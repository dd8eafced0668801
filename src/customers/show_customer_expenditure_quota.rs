//! `GET /v2/accounts/customer-accounts/expenditure-quota`

use super::budgets::{self, CURRENCY, percentage};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::amount::Amount;
use crate::values::money::{Currency, MAIN_UNIT};
use crate::values::site::Site;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// What the customer may consume.
#[derive(Serialize, ToSchema)]
pub struct ShowCustomerExpenditureQuotaResponse {
    /// Its budget; 0 if none is set.
    granting_amount: Amount,
    /// What is used of it.
    granting_amount_used: Amount,
    /// How much of it that is, in percent with two decimals.
    percentage_granting_amount_used: Amount,
    /// The unit of the amounts: 1, the dollar.
    #[schema(example = 1)]
    measure_id: i32,
    /// The currency.
    currency: Currency,
}

/// Shows what the caller may consume, and has consumed.
///
/// Its partner sets it as a budget.
#[utoipa::path(
    get, path = "/v2/accounts/customer-accounts/expenditure-quota",
    responses((status = 200, description = "The quota.", body = ShowCustomerExpenditureQuotaResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).on(Site::Intl)))),
)]
pub async fn show_customer_expenditure_quota(
    State(app): State<App>,
    customer: Customer,
) -> Result<Json<ShowCustomerExpenditureQuotaResponse>, ApiError> {
    let now = app.now(customer.tenant);
    let mut connection = app.database.tenant(customer.tenant).await?;
    let found = budgets::budgets(&mut connection, customer.tenant, &[customer.domain]).await?;
    let budget = found.first().map(|(_, budget)| (budget.amount, budget.used_at(now)));
    let (amount, used) = budget.unwrap_or_default();
    Ok(Json(ShowCustomerExpenditureQuotaResponse {
        granting_amount: amount.into(),
        granting_amount_used: used.into(),
        percentage_granting_amount_used: percentage(used, amount).into(),
        measure_id: MAIN_UNIT,
        currency: CURRENCY,
    }))
}
