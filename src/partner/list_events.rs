//! `GET /partner/v1/events`

use super::webhook::policy;
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::page::Limit;
use crate::app::App;
use crate::events::model::{EventView, KindName, Position};
use crate::events::poll;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which events.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListEventsQuery {
    /// Only those behind this position; left out, from the oldest on.
    #[serde(default)]
    #[param(inline)]
    after: Position,
    /// How many to answer.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<1000, 100>,
    /// Only those of this kind.
    #[param(inline)]
    kind: Option<KindName>,
}

/// Events.
#[derive(Serialize, ToSchema)]
pub struct ListEventsResponse {
    /// In order.
    events: Vec<EventView>,
    /// What to ask for as `after` next: the position of the last of these, or what was asked for where there is none.
    #[schema(example = 4711)]
    next_after: i64,
}

/// Lists what the account was told.
///
/// For who cannot be called: the same events as a webhook of the account gets, with the same ids. Who asks on with `next_after`
/// misses none. Events are kept for 30 days.
#[utoipa::path(
    get, path = "/partner/v1/events",
    params(ListEventsQuery),
    responses((status = 200, description = "The events.", body = ListEventsResponse)),
    extensions(("x-policy" = json!(policy()))),
)]
pub async fn list_events(
    State(app): State<App>,
    seller: Seller,
    Query(query): Query<ListEventsQuery>,
) -> Result<Json<ListEventsResponse>, ApiError> {
    let mut connection = app.database.tenant(seller.tenant).await?;
    let (after, kind) = (query.after.get(), query.kind.as_ref().map(KindName::as_str));
    let owner = (seller.tenant, seller.domain);
    let events = poll::events(&mut connection, owner, (after, query.limit.get()), kind, app.clock.now()).await?;
    let next_after = events.last().map_or(after, |last| last.position);
    Ok(Json(ListEventsResponse { events, next_after }))
}
