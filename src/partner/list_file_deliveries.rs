//! `GET /partner/v1/file-subscriptions/{subscription_id}/deliveries`

use super::exports::policy;
use super::file_subscriptions::OfFileSubscription;
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::app::App;
use crate::files::administration;
use crate::files::model::{FileDeliveryList, ListFileDeliveriesQuery};
use axum::extract::State;

/// Lists the files of a subscription, and what became of each.
///
/// For 90 days from when they fell due. The export of one that was not delivered can be fetched as long as it is kept.
#[utoipa::path(
    get, path = "/partner/v1/file-subscriptions/{subscription_id}/deliveries",
    params(OfFileSubscription, ListFileDeliveriesQuery),
    responses((status = 200, description = "The deliveries.", body = FileDeliveryList)),
    extensions(("x-policy" = json!(policy()))),
)]
pub async fn list_file_deliveries(
    State(app): State<App>,
    seller: Seller,
    Path(OfFileSubscription { subscription_id }): Path<OfFileSubscription>,
    Query(query): Query<ListFileDeliveriesQuery>,
) -> Result<Json<FileDeliveryList>, ApiError> {
    let mut connection = app.database.tenant(seller.tenant).await?;
    let of = ((seller.tenant, seller.domain), subscription_id);
    Ok(Json(administration::list_deliveries(&mut connection, of, &query).await?))
}
