//! `GET /v2/customers/real-name-auth-status`

use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::{CustomerType, VerifiedStatus};
use crate::customers::store;
use crate::values::site::Site;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// How far the customer is.
#[derive(Serialize, ToSchema)]
pub struct ShowRealNameAuthStatusResponse {
    /// -1 none, 0 under review, 1 refused, 2 verified.
    verified_status: VerifiedStatus,
    /// 0 as a person, 1 as a company; null before.
    #[schema(example = 0)]
    verified_type: Option<i16>,
}

/// Shows how far the caller's own real-name authentication is.
///
/// Null as the type means that it is not known yet what the customer is.
#[utoipa::path(
    get, path = "/v2/customers/real-name-auth-status",
    responses((status = 200, description = "The status.", body = ShowRealNameAuthStatusResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).on(Site::Cn)))),
)]
pub async fn show_real_name_auth_status(
    State(app): State<App>,
    customer: Customer,
) -> Result<Json<ShowRealNameAuthStatusResponse>, ApiError> {
    let mut connection = app.database.tenant(customer.tenant).await?;
    let (kind, verified_status) = store::verification(&mut connection, customer.tenant, customer.domain).await?;
    let verified_type = (kind != CustomerType::None).then_some(kind as i16);
    Ok(Json(ShowRealNameAuthStatusResponse { verified_status, verified_type }))
}
