//! `GET /v3/auth/tokens`

use super::model::{self, Token, TokenQuery, TokenResult};
use super::store;
use crate::api::caller::AnyCaller;
use crate::api::error::{ApiError, IdentityError};
use crate::api::extract::{Json, Query};
use crate::api::policy::Policy;
use crate::app::App;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Shows what a token says.
///
/// The token in `X-Subject-Token` must belong to the caller's own account, for instance be the one the caller sends.
#[utoipa::path(
    get, path = "/v3/auth/tokens",
    params(("X-Subject-Token" = String, Header, description = "The token to show."), TokenQuery),
    responses(
        (status = 200, description = "The token's content.", body = TokenResult,
         headers(("X-Subject-Token" = String, description = "The token shown."))),
        (status = 404, description = "No such token, or not one of the caller's account.", body = IdentityError<'_>),
    ),
    extensions(("x-policy" = json!(Policy::any_caller().identity()))),
)]
pub async fn keystone_show_token(
    State(app): State<App>,
    caller: AnyCaller,
    Query(query): Query<TokenQuery>,
    headers: HeaderMap,
) -> Result<([(HeaderName, HeaderValue); 1], Json<TokenResult>), ApiError> {
    let session = app.directory.session(model::subject_token(&headers)?).await?;
    let session =
        session.filter(|session| session.caller.domain == caller.domain && session.expires_at > app.clock.now());
    let session = session.ok_or_else(model::no_such_token)?;
    let project_name = match session.project {
        None => None,
        Some(project) => {
            let mut connection = app.database.tenant(caller.tenant).await?;
            let projects = store::projects(&mut connection, caller.tenant, caller.domain).await?;
            projects.into_iter().find(|own| own.id == project).map(|own| own.name)
        }
    };
    let catalogue_of = query.with_catalog().then(|| app.settings.server.public_address());
    let subject = HeaderName::from_static(model::SUBJECT_TOKEN_HEADER);
    let token = headers[&subject].clone();
    Ok(([(subject, token)], Json(TokenResult { token: Token::of(&session, project_name, catalogue_of.as_deref()) })))
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use crate::testing::login;
    use axum::http::Method;
    use serde_json::json;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_project_token_shows_its_project_and_a_foreign_token_does_not_exist(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let account = app.world.demo();
        let mut request = login(account.name, &account.password);
        request["auth"]["scope"] = json!({"project": {"name": "cn-north-4"}});
        let answer = client.post("/v3/auth/tokens", &request).await;
        let token = answer.header("x-subject-token").expect("the token").to_owned();
        let shown =
            client.call(Method::GET, "/v3/auth/tokens?nocatalog=1", &[("x-subject-token", &token)], "").await.ok();
        assert_eq!(shown["token"]["project"]["name"], "cn-north-4");
        assert_eq!(shown["token"]["project"]["domain"]["name"], "demo-partner");
        assert!(shown["token"].get("catalog").is_none() && shown["token"].get("domain").is_none());

        let foreign = app.client("other-partner");
        let answer = foreign.call(Method::GET, "/v3/auth/tokens", &[("x-subject-token", &token)], "").await;
        assert_eq!(answer.body["error"]["code"], 404);
        let missing = client.get("/v3/auth/tokens").await;
        assert_eq!(missing.body["error"]["message"], "Parameter error. X-Subject-Token: is required.");
    }
}
