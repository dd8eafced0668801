//! `HEAD /v3/auth/tokens`

use super::model;
use crate::api::caller::AnyCaller;
use crate::api::error::{ApiError, IdentityError};
use crate::api::policy::Policy;
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

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use axum::http::Method;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn only_a_valid_token_of_the_own_account_is_found(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let token = app.log_in("demo-partner").await;
        let subject = [("x-subject-token", token.as_str())];
        assert_eq!(client.call(Method::HEAD, "/v3/auth/tokens", &subject, "").await.status.as_u16(), 200);
        let foreign = app.client("other-partner");
        assert_eq!(foreign.call(Method::HEAD, "/v3/auth/tokens", &subject, "").await.status.as_u16(), 404);
        app.app.clock.set(app.app.clock.now() + time::Duration::hours(25));
        assert_eq!(client.call(Method::HEAD, "/v3/auth/tokens", &subject, "").await.status.as_u16(), 404);
    }
}
