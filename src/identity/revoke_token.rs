//! `DELETE /v3/auth/tokens`

use super::{model, store};
use crate::api::caller::AnyCaller;
use crate::api::error::{ApiError, IdentityError};
use crate::api::policy::Policy;
use crate::app::App;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use sqlx::Connection;

/// Revokes a token.
///
/// The token in `X-Subject-Token` must belong to the caller's own account. It is refused from now on.
#[utoipa::path(
    delete, path = "/v3/auth/tokens",
    params(("X-Subject-Token" = String, Header, description = "The token to revoke.")),
    responses(
        (status = 204, description = "The token is revoked."),
        (status = 404, description = "No such token, or not one of the caller's account.", body = IdentityError<'_>),
    ),
    extensions(("x-policy" = json!(Policy::any_caller().identity()))),
)]
pub async fn keystone_revoke_token(
    State(app): State<App>,
    caller: AnyCaller,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let hash = model::subject_token(&headers)?;
    let mut connection = app.database.control().await?;
    let mut transaction = connection.begin().await?;
    let revoked = store::delete_token(&mut transaction, &hash, caller.domain).await?;
    transaction.commit().await?;
    // The announcement reaches every replica, this one included; the caller must not wait for it.
    app.directory.forget_session(&hash).await;
    if revoked { Ok(StatusCode::NO_CONTENT) } else { Err(model::no_such_token()) }
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use axum::http::Method;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_revoked_token_is_refused_at_once_and_only_its_account_can_revoke_it(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let token = app.log_in("demo-partner").await;
        let subject = [("x-subject-token", token.as_str())];
        let holder = app.anonymous().with_token(&token);
        assert!(holder.get("/v2/products/resource-types").await.status.is_success());

        let foreign = app.client("other-partner");
        assert_eq!(foreign.call(Method::DELETE, "/v3/auth/tokens", &subject, "").await.status.as_u16(), 404);
        assert!(holder.get("/v2/products/resource-types").await.status.is_success());

        assert_eq!(client.call(Method::DELETE, "/v3/auth/tokens", &subject, "").await.status.as_u16(), 204);
        let refused = holder.get("/v2/products/resource-types").await;
        assert!(refused.refusal().2.ends_with("decrypt token fail"), "{}", refused.body);
        assert_eq!(client.call(Method::DELETE, "/v3/auth/tokens", &subject, "").await.status.as_u16(), 404);
    }
}
