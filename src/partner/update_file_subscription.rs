//! `PATCH /partner/v1/file-subscriptions/{subscription_id}`

use super::exports::policy;
use super::file_subscriptions::OfFileSubscription;
use crate::api::caller::Seller;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::files::administration::{self, Rules};
use crate::files::model::{FileSubscriptionView, UpdateFileSubscriptionReq};
use axum::extract::State;

/// Changes where subscribed files go, or whether they are made.
///
/// What is on its way goes to the new bucket from its next attempt on. While a subscription is disabled no file is made, and none
/// is made up for later.
#[utoipa::path(
    patch, path = "/partner/v1/file-subscriptions/{subscription_id}",
    params(OfFileSubscription),
    responses((status = 200, description = "The subscription as it is now.", body = FileSubscriptionView)),
    extensions(("x-policy" = json!(policy().writes()))),
)]
pub async fn update_file_subscription(
    State(app): State<App>,
    seller: Seller,
    write: Write,
    Path(OfFileSubscription { subscription_id }): Path<OfFileSubscription>,
    Json(request): Json<UpdateFileSubscriptionReq>,
) -> Result<Answer, ApiError> {
    let (now, of) = (app.now(seller.tenant), ((seller.tenant, seller.domain), subscription_id));
    let rules = Rules::new(&app.buckets, &app.sealer, &app.settings.files);
    write
        .once(async |connection| {
            let updated = administration::update(connection, of, &request, rules, now).await?;
            Outcome::of(&subscription_id, &FileSubscriptionView::from(updated))
        })
        .await
}
