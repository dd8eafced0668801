//! `GET /partner/v1/exports`

use super::exports::{ExportView, policy};
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::page::{Limit, Offset};
use crate::app::App;
use crate::exports::store;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which exports.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListExportsQuery {
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
}

/// Exports.
#[derive(Serialize, ToSchema)]
pub struct ListExportsResponse {
    /// How many there are in all.
    #[schema(example = 25)]
    total_count: i64,
    /// This part of them, what was asked for last first.
    exports: Vec<ExportView>,
}

/// Lists the account's exports.
///
/// Those of all its users, until 90 days after they have ended, whatever became of them.
#[utoipa::path(
    get, path = "/partner/v1/exports",
    params(ListExportsQuery),
    responses((status = 200, description = "The exports.", body = ListExportsResponse)),
    extensions(("x-policy" = json!(policy()))),
)]
pub async fn list_exports(
    State(app): State<App>,
    seller: Seller,
    Query(query): Query<ListExportsQuery>,
) -> Result<Json<ListExportsResponse>, ApiError> {
    let now = app.now(seller.tenant);
    let part = (query.offset.get(), query.limit.get());
    let mut connection = app.database.tenant(seller.tenant).await?;
    let (exports, total_count) = store::page(&mut connection, (seller.tenant, seller.domain), part).await?;
    let exports = exports.into_iter().map(|export| ExportView::of(export, now)).collect();
    Ok(Json(ListExportsResponse { total_count, exports }))
}
