//! `HEAD /v3/auth/tokens`

use super::model;
use crate::api::caller::AnyCaller;
use crate::api::error::{ApiError, IdentityError};
use crate::api::operation::Policy;
use crate::app::App;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

/// Tells whether a token is valid.
///
/// Answers 200 without a body for a valid token of the caller's own account, else 404.
#[utoipa::path(
    head, path = "/v3/auth/tokens",
    params(("X-Subject-Token" = String, Header, description = "The token to check.")),
    responses(
        (status = 200, description = "The token is valid."),
        (status = 404, description = "No such token, or not one of the caller's account.", body = IdentityError<'_>),
    ),
    extensions(("x-policy" = json!(Policy::any_caller().identity()))),
)]
pub async fn keystone_check_token(
    State(app): State<App>,
    caller: AnyCaller,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let session = app.directory.session(model::subject_token(&headers)?).await?;
    let valid =
        session.is_some_and(|session| session.caller.domain == caller.domain && session.expires_at > app.clock.now());
    if valid { Ok(StatusCode::OK) } else { Err(model::no_such_token()) }
}
