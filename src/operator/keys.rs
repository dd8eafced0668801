//! `/admin/v1/accounts/{account}/users/{user}/keys` and `/admin/v1/keys`

use super::named::{OfUser, refused};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::identity::administration as identity;
use crate::operators::store::Role;
use crate::values::time::Instant;
use crate::values::truth;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Access keys.
#[derive(Serialize, ToSchema)]
pub struct KeyList {
    /// The oldest first.
    keys: Vec<KeyView>,
}

/// An access key.
#[derive(Serialize, ToSchema)]
pub struct KeyView {
    /// The key.
    #[schema(example = "AKEXAMPLE7K2M9Q4R6T8")]
    access_key: String,
    /// Whether it is accepted.
    enabled: bool,
    /// When it was last used, to the minute; left out when never.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Instant>,
}

/// List a user's access keys
///
/// Without their secrets, which are shown once only, to who creates them.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/users/{user}/keys",
    params(OfUser),
    responses((status = 200, body = KeyList, description = "The keys.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_keys(
    State(app): State<App>,
    Path(OfUser { account, user }): Path<OfUser>,
) -> Result<Json<KeyList>, ApiError> {
    let keys = identity::list_keys(&mut *app.database.control().await?, &account, &user).await.map_err(refused)?;
    let keys = keys.into_iter().map(|key| KeyView {
        access_key: key.access_key,
        enabled: key.enabled,
        last_used_at: key.last_used_at.map(Instant),
    });
    Ok(Json(KeyList { keys: keys.collect() }))
}

/// An access key that was created.
#[derive(Serialize, ToSchema)]
pub struct KeyCreated {
    /// The key.
    #[schema(example = "AKEXAMPLE7K2M9Q4R6T8")]
    access_key: String,
    /// Its secret, shown this once; null where the answer is given again.
    secret_key: Option<String>,
}

/// Create an access key
///
/// A user can have two that are enabled, so that one can be replaced while the other is in use.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/users/{user}/keys",
    params(OfUser),
    responses((status = 200, body = KeyCreated, description = "The key and its secret.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn create_key(
    State(app): State<App>,
    write: Write,
    Path(OfUser { account, user }): Path<OfUser>,
) -> Result<Answer, ApiError> {
    let now = app.clock.now();
    write
        .once(async |connection| {
            let key = identity::create_key(connection, &account, &user, &app.sealer, now).await.map_err(refused)?;
            let answer = |secret_key| KeyCreated { access_key: key.access_key.clone(), secret_key };
            Outcome::shown_once(&key.access_key, &answer(Some(key.secret_key)), &answer(None))
        })
        .await
}

/// What to change of a key.
#[derive(Deserialize, ToSchema)]
pub struct UpdateKeyBody {
    /// Whether it is accepted.
    #[serde(deserialize_with = "truth::required")]
    enabled: bool,
}

/// Accept or refuse an access key
///
/// At once, on all replicas.
#[utoipa::path(
    put,
    path = "/admin/v1/keys/{access_key}",
    params(("access_key" = String, Path, description = "The key.", example = "AKEXAMPLE7K2M9Q4R6T8")),
    request_body = UpdateKeyBody,
    responses((status = 204, description = "It is changed.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn update_key(
    write: Write,
    Path(access_key): Path<String>,
    Json(body): Json<UpdateKeyBody>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            identity::set_key_enabled(connection, &access_key, body.enabled).await.map_err(refused)?;
            Ok(Outcome::empty(&access_key))
        })
        .await
}

/// Delete an access key
///
/// It is refused at once, on all replicas, and for good.
#[utoipa::path(
    delete,
    path = "/admin/v1/keys/{access_key}",
    params(("access_key" = String, Path, description = "The key.", example = "AKEXAMPLE7K2M9Q4R6T8")),
    responses((status = 204, description = "It is gone.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn delete_key(write: Write, Path(access_key): Path<String>) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            identity::delete_key(connection, &access_key).await.map_err(refused)?;
            Ok(Outcome::empty(&access_key))
        })
        .await
}
