//! `/admin/v1/accounts/{account}/file-subscriptions`

use super::named::{OfAccount, account_and_time};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::operation::{Operations, operations};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::files::administration::{self, Rules};
use crate::files::model::{
    CreateFileSubscriptionReq, FileDeliveryList, FileSubscriptionList, FileSubscriptionView, ListFileDeliveriesQuery,
    UpdateFileSubscriptionReq,
};
use crate::operators::store::Role;
use crate::values::id::FileSubscriptionId;
use crate::values::language::Language;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

/// The operations on file subscriptions.
pub fn register(operations: &mut Operations<App, OperatorPolicy>) {
    operations!(operations, "exports":
        list_file_subscriptions,
        create_file_subscription,
        update_file_subscription,
        delete_file_subscription,
        list_file_deliveries,
    );
}

/// The subscription in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfFileSubscription {
    /// The account's name.
    #[param(example = "demo-partner")]
    account: String,
    /// The subscription.
    #[param(inline)]
    subscription: FileSubscriptionId,
}

/// List the files that an account has subscribed to
///
/// Without the secret keys of their buckets, which are never shown.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/file-subscriptions",
    params(OfAccount),
    responses((status = 200, body = FileSubscriptionList, description = "The subscriptions.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_file_subscriptions(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
) -> Result<Json<FileSubscriptionList>, ApiError> {
    let mut connection = app.database.control().await?;
    let (of, _) = account_and_time(&mut connection, &app, &account).await?;
    Ok(Json(administration::list(&mut connection, of).await?))
}

/// Subscribe to files for an account
///
/// By the same rules as the account itself.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/file-subscriptions",
    params(OfAccount),
    responses((status = 200, body = FileSubscriptionView, description = "The subscription.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn create_file_subscription(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(request): Json<CreateFileSubscriptionReq>,
) -> Result<Answer, ApiError> {
    let rules = Rules::new(&app.buckets, &app.sealer, &app.settings.files);
    let user_name = write.caller.user_name.clone();
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let by = (of, user_name.as_str(), Language::default());
            let created = administration::create(connection, by, &request, rules, now).await?;
            let id = created.id;
            Outcome::of(&id, &FileSubscriptionView::from(created))
        })
        .await
}

/// Change where an account's subscribed files go, or whether they are made
///
/// What is on its way goes to the new bucket from its next attempt on.
#[utoipa::path(
    patch,
    path = "/admin/v1/accounts/{account}/file-subscriptions/{subscription}",
    params(OfFileSubscription),
    responses((status = 200, body = FileSubscriptionView, description = "The subscription as it is now.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn update_file_subscription(
    State(app): State<App>,
    write: Write,
    Path(OfFileSubscription { account, subscription }): Path<OfFileSubscription>,
    Json(request): Json<UpdateFileSubscriptionReq>,
) -> Result<Answer, ApiError> {
    let rules = Rules::new(&app.buckets, &app.sealer, &app.settings.files);
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let updated = administration::update(connection, (of, subscription), &request, rules, now).await?;
            Outcome::of(&subscription, &FileSubscriptionView::from(updated))
        })
        .await
}

/// End a file subscription of an account
///
/// What is on its way is brought no further.
#[utoipa::path(
    delete,
    path = "/admin/v1/accounts/{account}/file-subscriptions/{subscription}",
    params(OfFileSubscription),
    responses((status = 204, description = "It is gone.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn delete_file_subscription(
    State(app): State<App>,
    write: Write,
    Path(OfFileSubscription { account, subscription }): Path<OfFileSubscription>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (of, _) = account_and_time(connection, &app, &account).await?;
            administration::delete(connection, of, subscription).await?;
            Ok(Outcome::empty(&subscription))
        })
        .await
}

/// List the files of a subscription of an account, and what became of each
///
/// For 90 days from when they fell due.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/file-subscriptions/{subscription}/deliveries",
    params(OfFileSubscription, ListFileDeliveriesQuery),
    responses((status = 200, body = FileDeliveryList, description = "The deliveries.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_file_deliveries(
    State(app): State<App>,
    Path(OfFileSubscription { account, subscription }): Path<OfFileSubscription>,
    Query(query): Query<ListFileDeliveriesQuery>,
) -> Result<Json<FileDeliveryList>, ApiError> {
    let mut connection = app.database.control().await?;
    let (of, _) = account_and_time(&mut connection, &app, &account).await?;
    Ok(Json(administration::list_deliveries(&mut connection, (of, subscription), &query).await?))
}
