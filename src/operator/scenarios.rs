//! `GET /admin/v1/scenarios`

use super::named::refused;
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::app::App;
use crate::sandbox::world::scenarios::{self, Found};
use crate::values::id::{DomainId, TenantId};
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// Scenarios.
#[derive(Serialize, ToSchema)]
pub struct ScenarioList {
    /// All there are.
    scenarios: Vec<ScenarioView>,
}

/// A situation to start a test from.
#[derive(Serialize, ToSchema)]
pub struct ScenarioView {
    /// Its name, which is the name of the account at its top: copy that.
    #[schema(example = "scenario-out-of-balance")]
    name: &'static str,
    /// What it holds.
    #[schema(example = "A partner with 500.00 yuan and a resale customer with none.")]
    holds: &'static str,
    /// The account at its top: a partner's, or an enterprise's.
    domain_id: DomainId,
    /// The tenant, which has nothing else.
    tenant_id: TenantId,
    /// Names of its customers, or of its members.
    #[schema(example = json!(["out-of-balance-customer"]))]
    customers: &'static [&'static str],
}

impl From<Found> for ScenarioView {
    fn from((scenario, tenant_id, domain_id): Found) -> Self {
        Self { name: scenario.account, holds: scenario.holds, domain_id, tenant_id, customers: scenario.customers }
    }
}

/// List the scenarios
///
/// Partners and enterprises in a known situation, each a tenant of its own. A test-suite copies one (`…/accounts/{account}/forks`) and has it
/// for itself. In the sandbox only.
#[utoipa::path(
    get,
    path = "/admin/v1/scenarios",
    responses((status = 200, body = ScenarioList, description = "The scenarios.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_scenarios(State(app): State<App>) -> Result<Json<ScenarioList>, ApiError> {
    let mut connection = app.database.control().await?;
    let found = scenarios::list(&mut connection).await.map_err(refused)?;
    Ok(Json(ScenarioList { scenarios: found.into_iter().map(ScenarioView::from).collect() }))
}
