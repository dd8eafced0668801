//! `/admin/v1/maintenance`

use super::named::refused;
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::maintenance::{self, Maintenance, MaintenanceMessage, Scope};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::operators::store::Role;
use crate::values::time::Instant;
use crate::values::truth;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the switch stands.
#[derive(Serialize, ToSchema)]
pub struct MaintenanceView {
    /// Whether there is maintenance at this moment.
    on: bool,
    /// What is refused; like what follows, left out when it is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
    /// What callers are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    begun_at: Option<Instant>,
    /// Its planned end; left out too where it lasts until it is turned off.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<Instant>,
}

impl MaintenanceView {
    /// Of maintenance that is on, or of none.
    pub fn of(maintenance: Option<Maintenance>) -> Self {
        Self {
            on: maintenance.is_some(),
            scope: maintenance.as_ref().map(|maintenance| maintenance.scope),
            begun_at: maintenance.as_ref().map(|maintenance| Instant(maintenance.begun_at)),
            ends_at: maintenance.as_ref().and_then(|maintenance| maintenance.ends_at).map(Instant),
            message: maintenance.map(|maintenance| maintenance.message),
        }
    }
}

/// Show the maintenance switch
///
/// As the database has it; every replica follows within a second.
#[utoipa::path(
    get,
    path = "/admin/v1/maintenance",
    responses((status = 200, body = MaintenanceView, description = "How it stands.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn show_maintenance(State(app): State<App>) -> Result<Json<MaintenanceView>, ApiError> {
    let found = maintenance::find(&mut *app.database.control().await?).await?;
    let now = app.clock.now();
    Ok(Json(MaintenanceView::of(found.filter(|maintenance| maintenance.is_on(now)))))
}

/// How the switch is to stand.
#[derive(Deserialize, ToSchema)]
pub struct SetMaintenanceBody {
    /// Whether there is to be maintenance.
    #[serde(deserialize_with = "truth::required")]
    on: bool,
    /// What is refused; all unless said otherwise.
    #[serde(default)]
    scope: Scope,
    /// What callers are told.
    message: Option<MaintenanceMessage>,
    /// When it ends by itself; left out, it lasts until it is turned off.
    ends_at: Option<Instant>,
}

fn not_turned(refusal: maintenance::Refusal) -> ApiError {
    match refusal {
        maintenance::Refusal::Past => ApiError::parameter("ends_at", "must be later than now"),
        other @ maintenance::Refusal::Database(_) => refused(other),
    }
}

/// Turn the maintenance switch
///
/// While it is on, the partner API answers 503 `APIGW.0201` with `Retry-After`, to everything or to what writes. Health and
/// the operators' API go on. When it is on already, the new request replaces the earlier one.
#[utoipa::path(
    put,
    path = "/admin/v1/maintenance",
    request_body = SetMaintenanceBody,
    responses((status = 200, body = MaintenanceView, description = "How it stands now.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn set_maintenance(
    State(app): State<App>,
    write: Write,
    Json(body): Json<SetMaintenanceBody>,
) -> Result<Answer, ApiError> {
    let SetMaintenanceBody { on, scope, message, ends_at } = body;
    let message = message.map(|message| message.as_str().to_owned()).unwrap_or_default();
    let begun_at = app.clock.now();
    let wanted = on.then(|| Maintenance { scope, message, begun_at, ends_at: ends_at.map(|end| end.0) });
    write
        .once(async |connection| {
            match &wanted {
                Some(wanted) => maintenance::turn_on(connection, wanted).await.map_err(not_turned)?,
                None => maintenance::turn_off(connection).await?,
            }
            Outcome::of(&"maintenance", &MaintenanceView::of(wanted.clone()))
        })
        .await
}
