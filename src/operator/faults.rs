//! `/admin/v1/faults`

use super::named::refused;
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::faults::{Fault, FaultKind, Faults, LATENCY_MS_MAX, RULES_MAX, Rule};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::operators::store::Role;
use crate::values::id::FaultId;
use crate::values::number;
use anyhow::anyhow;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// Rules by which requests meet faults.
#[derive(Serialize, ToSchema)]
pub struct FaultList {
    /// The oldest first: of those that fit a request the first is taken.
    faults: Vec<FaultView>,
}

/// A rule.
#[derive(Serialize, ToSchema)]
pub struct FaultView {
    /// Its id.
    id: FaultId,
    /// Only requests of this operation meet it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ListCities")]
    operation: Option<String>,
    /// Only requests by this access key meet it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "AKEXAMPLE7K2M9Q4R6T8")]
    access_key: Option<String>,
    /// What goes wrong.
    fault: FaultKind,
    /// How late the answer comes.
    #[schema(example = 250)]
    latency_ms: u64,
    /// How many requests more will meet it.
    remaining: u32,
    /// How many have met it.
    met: u32,
}

impl From<Rule> for FaultView {
    fn from(rule: Rule) -> Self {
        Self {
            id: rule.id,
            operation: rule.operation,
            access_key: rule.access_key,
            fault: rule.fault.kind,
            latency_ms: u64::try_from(rule.fault.latency.as_millis()).unwrap_or(u64::MAX),
            remaining: rule.remaining,
            met: rule.met,
        }
    }
}

/// List the faults
///
/// The rules of this process, with how many requests have met each. In the sandbox only.
#[utoipa::path(
    get,
    path = "/admin/v1/faults",
    responses((status = 200, body = FaultList, description = "The rules.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_faults(State(app): State<App>) -> Result<Json<FaultList>, ApiError> {
    let faults = sandbox(&app)?.rules().into_iter().map(FaultView::from).collect();
    Ok(Json(FaultList { faults }))
}

/// A fault, and who is to meet it.
#[derive(Deserialize, ToSchema)]
pub struct CreateFaultBody {
    /// What goes wrong.
    fault: FaultKind,
    /// How late the answer comes; for `LATENCY` only.
    #[schema(example = 250, maximum = 60000)]
    #[serde(default, deserialize_with = "number::any")]
    latency_ms: u32,
    /// Only requests of this operation; left out, of all.
    #[schema(example = "ListCities", max_length = 64)]
    operation: Option<String>,
    /// Only requests by this access key; left out, by all.
    #[schema(example = "AKEXAMPLE7K2M9Q4R6T8", max_length = 64)]
    access_key: Option<String>,
    /// How many requests.
    #[schema(example = 1, minimum = 1)]
    #[serde(default = "once", deserialize_with = "number::any")]
    count: u32,
}

fn once() -> u32 {
    1
}

/// A rule that was made.
#[derive(Serialize, ToSchema)]
pub struct FaultCreated {
    /// Its id.
    id: FaultId,
}

/// Let requests meet a fault
///
/// For clients that cannot send the header `X-Sandbox-Fault`. The rule is this process's own, and is used up after `count`
/// requests. In the sandbox only.
#[utoipa::path(
    post,
    path = "/admin/v1/faults",
    request_body = CreateFaultBody,
    responses((status = 200, body = FaultCreated, description = "The rule.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn create_fault(
    State(app): State<App>,
    write: Write,
    Json(body): Json<CreateFaultBody>,
) -> Result<Answer, ApiError> {
    let faults = sandbox(&app)?;
    let is_latency = body.fault == FaultKind::Latency;
    if body.latency_ms > LATENCY_MS_MAX || is_latency != (body.latency_ms > 0) {
        return Err(ApiError::parameter("latency_ms", "must be from 1 to 60000 for LATENCY, and 0 for all others"));
    }
    if body.count == 0 {
        return Err(ApiError::parameter("count", "must be at least 1"));
    }
    let id = FaultId::new(app.clock.now());
    let fault = Fault { kind: body.fault, latency: Duration::from_millis(body.latency_ms.into()) };
    let CreateFaultBody { operation, access_key, count, .. } = body;
    let rule = Rule { id, operation, access_key, fault, remaining: count, met: 0 };
    let is_tried = write.dry_run;
    write
        .once(async |_| {
            if !is_tried && !faults.add(rule) {
                return Err(refused(anyhow!("there are {RULES_MAX} rules already")));
            }
            Outcome::of(&id, &FaultCreated { id })
        })
        .await
}

/// Delete a fault
///
/// Requests meet it no more. In the sandbox only.
#[utoipa::path(
    delete,
    path = "/admin/v1/faults/{id}",
    params(("id" = FaultId, Path, description = "The rule's id.", example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")),
    responses((status = 204, description = "It is gone.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn delete_fault(State(app): State<App>, write: Write, Path(id): Path<FaultId>) -> Result<Answer, ApiError> {
    let faults = sandbox(&app)?;
    let is_tried = write.dry_run;
    write
        .once(async |_| {
            if !is_tried && !faults.remove(id) {
                return Err(refused(anyhow!("there is no fault {id}")));
            }
            Ok(Outcome::empty(&id))
        })
        .await
}

fn sandbox(app: &App) -> Result<&Faults, ApiError> {
    app.faults.as_ref().ok_or_else(|| refused(anyhow!("faults are for the sandbox only")))
}
