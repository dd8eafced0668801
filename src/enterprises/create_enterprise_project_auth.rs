//! `POST /v2/enterprises/enterprise-projects/authority`

use super::features;
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use axum::extract::State;

/// Opens enterprise projects for the account.
///
/// For good: they cannot be closed, and what is open already is left so. Only verified companies can: 400 `CBC.99007004` with the
/// check `SELF_OPEN_ONLY_FOR_ENT_AND_INTR_CUST` in `fail_check_items`; and none that divides its resources otherwise already:
/// `NOT_OPEN_PROJECT_GROUP`, `NOT_OPEN_MULTI_PROJECT`.
#[utoipa::path(
    post, path = "/v2/enterprises/enterprise-projects/authority",
    responses((status = 204, description = "They are open.")),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).writes()))),
)]
pub async fn create_enterprise_project_auth(
    State(app): State<App>,
    customer: Customer,
    write: Write,
) -> Result<Answer, ApiError> {
    let now = app.now(customer.tenant);
    write
        .once(async |connection| {
            features::open_projects(connection, (customer.tenant, customer.domain), now).await?;
            Ok(Outcome::empty(&customer.domain))
        })
        .await
}
