//! `GET /v3/auth/tokens`

use super::model::{self, Token, TokenQuery, TokenResult};
use super::store;
use crate::api::caller::AnyCaller;
use crate::api::error::{ApiError, IdentityError};
use crate::api::extract::{Json, Query};
use crate::api::operation::Policy;
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
    let subject = HeaderName::from_static(model::SUBJECT_TOKEN_HEADER);
    let token = headers[&subject].clone();
    Ok(([(subject, token)], Json(TokenResult { token: Token::of(&session, project_name, query.with_catalog()) })))
}
