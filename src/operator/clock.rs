//! `/admin/v1/clock`

use super::named::refused;
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::background::due::{self, Happened};
use crate::clock::{self, Movement, Setting};
use crate::identity::administration::find_account;
use crate::operators::store::Role;
use crate::values::id::TenantId;
use crate::values::number;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use utoipa::{IntoParams, ToSchema};

/// Whose clock.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ShowClockQuery {
    /// Name of any account of the tenant.
    #[param(example = "demo-partner", max_length = 64)]
    account: String,
}

/// What a tenant's clock shows.
#[derive(Serialize, ToSchema)]
pub struct ClockView {
    /// The tenant: the account at the top of the tree.
    tenant_id: TenantId,
    /// The tenant's time.
    now: Instant,
    /// The system's time.
    system_now: Instant,
    /// Whether it stands still.
    frozen: bool,
    /// How many seconds it is ahead of the system's time; below zero, behind.
    offset_seconds: i64,
}

impl ClockView {
    fn new(tenant: TenantId, setting: Setting, system: OffsetDateTime) -> Self {
        let now = setting.show(system);
        Self {
            tenant_id: tenant,
            now: Instant(now),
            system_now: Instant(system),
            frozen: setting.frozen_at.is_some(),
            offset_seconds: (now - system).whole_seconds(),
        }
    }
}

/// Show a tenant's clock
///
/// Business happens in a tenant's own time. It is the system's, unless the sandbox has moved it.
#[utoipa::path(
    get,
    path = "/admin/v1/clock",
    params(ShowClockQuery),
    responses((status = 200, body = ClockView, description = "What it shows.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn show_clock(
    State(app): State<App>,
    Query(query): Query<ShowClockQuery>,
) -> Result<Json<ClockView>, ApiError> {
    let mut connection = app.database.control().await?;
    let (tenant, _) = find_account(&mut connection, &query.account).await.map_err(refused)?;
    let setting = clock::setting(&mut connection, tenant).await?;
    Ok(Json(ClockView::new(tenant, setting, app.clock.now())))
}

/// Whose clock is moved, and how.
#[derive(Deserialize, ToSchema)]
pub struct SetClockBody {
    /// Name of any account of the tenant.
    #[schema(example = "demo-partner", max_length = 64)]
    account: String,
    /// How.
    action: ClockAction,
    /// `ADVANCE`: by so many days.
    #[schema(example = 40, minimum = 1, maximum = 1830)]
    #[serde(default, deserialize_with = "number::any_or_none")]
    days: Option<u16>,
    /// `ADVANCE`: to this instant.
    to: Option<Instant>,
    /// `OFFSET`: how far ahead of the system's time; below zero, behind.
    #[schema(example = 86400)]
    #[serde(default, deserialize_with = "number::any_or_none")]
    offset_seconds: Option<i32>,
}

/// A way to move a clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ClockAction {
    /// It stands still.
    Freeze,
    /// It runs on from what it shows.
    Run,
    /// It runs, by `offset_seconds` ahead of the system's.
    Offset,
    /// It goes ahead by `days`, or `to` an instant.
    Advance,
    /// It is the system's again.
    Reset,
}

impl SetClockBody {
    fn movement(&self) -> Result<Movement, ApiError> {
        let Self { action, days, to, offset_seconds, .. } = self;
        match (action, days, to, offset_seconds) {
            (ClockAction::Freeze, None, None, None) => Ok(Movement::Freeze),
            (ClockAction::Run, None, None, None) => Ok(Movement::Run),
            (ClockAction::Reset, None, None, None) => Ok(Movement::Reset),
            (ClockAction::Advance, Some(days @ 1..), None, None) => {
                Ok(Movement::AdvanceBy(Duration::days((*days).into())))
            }
            (ClockAction::Advance, None, Some(to), None) => Ok(Movement::Advance(to.0)),
            (ClockAction::Offset, None, None, Some(seconds)) => {
                Ok(Movement::Offset(Duration::seconds((*seconds).into())))
            }
            (ClockAction::Advance, ..) => Err(ApiError::parameter("days", "ADVANCE takes either days or to")),
            (ClockAction::Offset, ..) => Err(ApiError::parameter("offset_seconds", "OFFSET takes it and nothing else")),
            _ => Err(ApiError::parameter("action", "takes no other parameter")),
        }
    }
}

/// What came of moving a clock.
#[derive(Serialize, ToSchema)]
pub struct ClockMoved {
    /// What it shows now.
    clock: ClockView,
    /// What fell due and was done on the way, in order.
    happened: Vec<Happened>,
}

/// Move a tenant's clock
///
/// In the sandbox only. `ADVANCE` does all work that falls due on the way, in order, before the clock shows the new time.
/// `RESET` and `OFFSET` go back only as far as nothing has happened: to go back further, restore a snapshot.
#[utoipa::path(
    post,
    path = "/admin/v1/clock",
    request_body = SetClockBody,
    responses((status = 200, body = ClockMoved, description = "What it shows now, and what happened on the way.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn set_clock(
    State(app): State<App>,
    write: Write,
    Json(body): Json<SetClockBody>,
) -> Result<Answer, ApiError> {
    let movement = body.movement()?;
    let (tenant, _) = find_account(&mut *app.database.control().await?, &body.account).await.map_err(refused)?;
    // Outside the transaction: a new month's partitions take locks that others would wait for until its end.
    due::make_room(&mut *app.database.control().await?, tenant, movement, &app.clock).await.map_err(refused)?;
    write
        .once(async |connection| {
            let moved = due::move_clock(connection, &app.desk().into(), tenant, movement, &app.clock).await;
            let (setting, happened) = moved.map_err(refused)?;
            let clock = ClockView::new(tenant, setting, app.clock.now());
            Outcome::of(&tenant, &ClockMoved { clock, happened })
        })
        .await
}
