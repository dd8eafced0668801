//! `/admin/v1/accounts/{account}/notifications`

use super::cursor::{Cursor, PageQuery};
use super::named::{OfAccount, refused};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::customers::partner_administration::find_partner;
use crate::events::deliveries::{self, Trace};
use crate::operators::store::Role;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Notifications.
#[derive(Serialize, ToSchema)]
pub struct NotificationPage {
    /// The latest first.
    notifications: Vec<Trace>,
    /// Where the list goes on; left out at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List what a partner was told
///
/// Of the bindings of its customers, with each attempt to deliver it; of a distributor also those of its resellers' customers.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/notifications",
    params(OfAccount, PageQuery),
    responses((status = 200, body = NotificationPage, description = "The notifications.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_notifications(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
    Query(query): Query<PageQuery>,
) -> Result<Json<NotificationPage>, ApiError> {
    let behind = query.cursor.as_ref().map(Cursor::moment).transpose()?;
    let limit = query.limit.get();
    let mut connection = app.database.control().await?;
    let (tenant, partner, _) = find_partner(&mut connection, &account).await.map_err(refused)?;
    let now = app.clock.now();
    let mut notifications = deliveries::traces(&mut connection, (tenant, partner), (behind, limit + 1), now).await?;
    let next_cursor = Cursor::cut_at_moment(&mut notifications, limit, |row| (row.created_at.0, row.id));
    Ok(Json(NotificationPage { notifications, next_cursor }))
}

/// The notification in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfNotification {
    /// The account's name.
    #[param(example = "demo-partner")]
    account: String,
    /// The notification's id.
    #[param(value_type = String, example = "01978d6a-2b3c-7d4e-8f90-a1b2c3d4e5f6")]
    notification: Uuid,
}

/// Send a notification again
///
/// At once, whether it was taken or not, to the address that is set now. What is about the same customer still comes in
/// order: those that were not taken before it come first.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/notifications/{notification}/send",
    params(OfNotification),
    responses((status = 204, description = "It is due.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn send_notification(
    State(app): State<App>,
    write: Write,
    Path(OfNotification { account, notification }): Path<OfNotification>,
) -> Result<Answer, ApiError> {
    let answer = write
        .once(async |connection| {
            let (tenant, partner, _) = find_partner(connection, &account).await.map_err(refused)?;
            let now = app.clock.now();
            deliveries::send_again(connection, (tenant, partner), notification, now).await.map_err(refused)?;
            Ok(Outcome::empty(&notification))
        })
        .await?;
    app.notified.notify_one();
    Ok(answer)
}
