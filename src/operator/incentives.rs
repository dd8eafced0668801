//! `/admin/v1/incentive-policies`

use super::cursor::Cursor;
use super::named::refused;
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::page::Limit;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::operators::store::Role;
use crate::pricing::administration as pricing;
use crate::pricing::discounts::IncentivePolicy;
use crate::pricing::model::IncentiveCode;
use crate::pricing::store;
use crate::products::model::ServiceTypeCode;
use crate::values::time::Instant;
use crate::values::truth;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

/// Which policies.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListIncentivePoliciesQuery {
    /// Only those of this service.
    #[param(inline)]
    service_type: Option<ServiceTypeCode>,
    /// How many to answer.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<1000, 100>,
    /// Where to go on.
    #[param(inline)]
    cursor: Option<Cursor>,
}

/// Policies.
#[derive(Serialize, ToSchema)]
pub struct IncentivePolicyPage {
    /// By service, each service's in time.
    policies: Vec<IncentivePolicyView>,
    /// Where the list goes on; left out at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What a service counts for, from an instant on until the next policy's.
#[derive(Serialize, ToSchema)]
pub struct IncentivePolicyView {
    /// The service.
    #[schema(example = "hws.service.type.ec2")]
    service_type: String,
    /// From when on.
    effective_at: Instant,
    /// 0 not a specific product, 1 specific, 2 no performance and no rebate, 13 performance and no rebate.
    #[schema(example = 0)]
    incentive_policy: i16,
    /// Whether discounts that partners grant apply.
    allow_discount: bool,
}

/// List the incentive policies
///
/// Of one service or of all; those of the past and of the future too.
#[utoipa::path(
    get,
    path = "/admin/v1/incentive-policies",
    params(ListIncentivePoliciesQuery),
    responses((status = 200, body = IncentivePolicyPage, description = "The policies.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_incentive_policies(
    State(app): State<App>,
    Query(query): Query<ListIncentivePoliciesQuery>,
) -> Result<Json<IncentivePolicyPage>, ApiError> {
    let behind: Option<(OffsetDateTime, String)> = query.cursor.as_ref().map(Cursor::moment).transpose()?;
    // No service's code is empty, so the list begins with the first one's.
    let (at, service) = behind.unwrap_or((OffsetDateTime::UNIX_EPOCH, String::new()));
    let limit = query.limit.get();
    let of = query.service_type.as_ref().map(ServiceTypeCode::as_str);
    let mut connection = app.database.control().await?;
    let rows = store::incentives_behind(&mut connection, of, (&service, at), limit + 1).await?;
    let view = |(service_type, policy): (String, IncentivePolicy)| IncentivePolicyView {
        service_type,
        effective_at: Instant(policy.effective_at),
        incentive_policy: policy.incentive_policy,
        allow_discount: policy.allow_discount,
    };
    let mut policies: Vec<IncentivePolicyView> = rows.into_iter().map(view).collect();
    let key = |policy: &IncentivePolicyView| (policy.effective_at.0, policy.service_type.clone());
    let next_cursor = Cursor::cut_at_moment(&mut policies, limit, key);
    Ok(Json(IncentivePolicyPage { policies, next_cursor }))
}

/// The service in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfService {
    /// Its code.
    #[param(inline)]
    service_type: ServiceTypeCode,
}

/// A policy.
#[derive(Deserialize, ToSchema)]
pub struct IncentivePolicyBody {
    /// From when on; a policy that begins then is replaced.
    effective_at: Instant,
    /// 0 not a specific product, 1 specific, 2 no performance and no rebate, 13 performance and no rebate.
    incentive_policy: IncentiveCode,
    /// Whether discounts that partners grant apply.
    #[serde(deserialize_with = "truth::required")]
    allow_discount: bool,
}

/// Set a service's incentive policy
///
/// From an instant on, until the next policy's. Partners read it as that of a month, at its last second.
#[utoipa::path(
    put,
    path = "/admin/v1/incentive-policies/{service_type}",
    params(OfService),
    request_body = IncentivePolicyBody,
    responses((status = 204, description = "It is set.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn set_incentive_policy(
    write: Write,
    Path(OfService { service_type }): Path<OfService>,
    Json(body): Json<IncentivePolicyBody>,
) -> Result<Answer, ApiError> {
    let policy = IncentivePolicy {
        effective_at: body.effective_at.0,
        incentive_policy: body.incentive_policy.code(),
        allow_discount: body.allow_discount,
    };
    write
        .once(async |connection| {
            pricing::set_incentive(connection, service_type.as_str(), policy).await.map_err(refused)?;
            Ok(Outcome::empty(service_type.as_str()))
        })
        .await
}
