//! `POST /v3/auth/tokens`

use super::directory::Session;
use super::model::{self, LoginName, ProjectName, SUBJECT_TOKEN_HEADER, Token, TokenQuery, TokenResult};
use super::{password, store};
use crate::api::caller::Caller;
use crate::api::edge::Source;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::operation::Policy;
use crate::app::App;
use crate::secrets;
use crate::values::id::{DomainId, ProjectId};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::sync::Arc;
use time::Duration;
use utoipa::ToSchema;
use uuid::Uuid;

/// The request.
#[derive(Deserialize, ToSchema)]
pub struct TokenRequest {
    auth: Auth,
}

/// Who asks, and for what.
#[derive(Deserialize, ToSchema)]
pub struct Auth {
    identity: Identity,
    /// What the token is for; the user's account by default.
    #[schema(nullable)]
    scope: Option<Scope>,
}

/// How the user identifies itself.
#[derive(Deserialize, ToSchema)]
pub struct Identity {
    /// Only `password`.
    #[schema(min_items = 1, max_items = 1, example = json!(["password"]))]
    methods: Vec<Method>,
    password: PasswordIdentity,
}

/// A way to identify oneself.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Name and password.
    Password,
}

/// The user behind a password.
#[derive(Deserialize, ToSchema)]
pub struct PasswordIdentity {
    user: PasswordUser,
}

/// Name, account and password.
#[derive(Deserialize, ToSchema)]
pub struct PasswordUser {
    name: LoginName,
    /// The user's password.
    #[schema(min_length = 1, max_length = 128, format = Password, example = "Secret-123")]
    password: String,
    domain: DomainName,
}

/// An account by name.
#[derive(Deserialize, ToSchema)]
pub struct DomainName {
    name: LoginName,
}

/// An account or a project, not both.
#[derive(Deserialize, ToSchema)]
pub struct Scope {
    /// The user's own account.
    #[schema(nullable)]
    domain: Option<DomainRef>,
    /// One of its projects.
    #[schema(nullable)]
    project: Option<ProjectRef>,
}

/// An account by id or by name.
#[derive(Deserialize, ToSchema)]
pub struct DomainRef {
    #[schema(nullable)]
    id: Option<LoginName>,
    #[schema(nullable)]
    name: Option<LoginName>,
}

/// A project by id or by name.
#[derive(Deserialize, ToSchema)]
pub struct ProjectRef {
    #[schema(nullable)]
    id: Option<LoginName>,
    #[schema(nullable)]
    name: Option<ProjectName>,
}

/// Gives a token for a user's name and password.
///
/// The token comes in the header `X-Subject-Token` and is valid for 24 hours. It is sent as `X-Auth-Token` with other
/// calls. An earlier token of the same user stays valid.
#[utoipa::path(
    post, path = "/v3/auth/tokens",
    params(TokenQuery),
    request_body(content = TokenRequest, example = json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": {
            "name": "demo-partner", "password": "Secret-123", "domain": {"name": "demo-partner"}}}},
        "scope": {"domain": {"name": "demo-partner"}}}})),
    responses((
        status = 201, description = "The token, in the header.", body = TokenResult,
        headers(("X-Subject-Token" = String, description = "The token.")),
    )),
    extensions(("x-policy" = json!(Policy::open().identity()))),
)]
pub async fn keystone_create_token(
    State(app): State<App>,
    Extension(Source(source)): Extension<Source>,
    Query(query): Query<TokenQuery>,
    Json(request): Json<TokenRequest>,
) -> Result<Response, ApiError> {
    let Auth { identity, scope } = request.auth;
    if identity.methods != [Method::Password] {
        return Err(ApiError::parameter("auth.identity.methods", "must be [\"password\"]"));
    }
    let user = identity.password.user;
    let lock = format!("{}/{}", user.domain.name.as_str(), user.name.as_str());
    if app.lockout.is_locked(&lock, source) {
        return Err(wrong_credentials());
    }
    let Some(caller) = log_in(&app, user).await? else {
        app.lockout.failed(&lock, source);
        return Err(wrong_credentials());
    };
    app.lockout.succeeded(&lock, source);

    let project = resolve_scope(&app, &caller, scope).await?;
    let (project, project_name) = project.map(|project| (project.id, project.name)).unzip();
    let issued_at = app.clock.now();
    let expires_at = issued_at + Duration::hours(i64::from(app.settings.identity.token_hours));
    let session = Session { caller: Arc::new(caller), project, issued_at, expires_at };
    let token = new_token();
    let mut connection = app.database.control().await?;
    let hash = model::token_hash(token.as_bytes());
    store::insert_token(&mut connection, &hash, &session.caller, project, (issued_at, expires_at)).await?;

    let body = TokenResult { token: Token::of(&session, project_name, query.with_catalog()) };
    let token = HeaderValue::try_from(token).expect("a token is plain ASCII");
    let header = [(HeaderName::from_static(SUBJECT_TOKEN_HEADER), token)];
    Ok((StatusCode::CREATED, header, Json(body)).into_response())
}

/// The user, if it exists, is enabled, and this is its password. All three take the same time.
async fn log_in(app: &App, user: PasswordUser) -> Result<Option<Caller>, ApiError> {
    let account = store::domain_by_name(&mut *app.database.control().await?, user.domain.name.as_str()).await?;
    let found = match account {
        Some((tenant, domain)) => {
            let mut connection = app.database.tenant(tenant).await?;
            let user = store::user_by_name(&mut connection, tenant, domain, user.name.as_str()).await?;
            user.map(|(user, hash)| (tenant, user, hash))
        }
        None => None,
    };
    let hash = found.as_ref().and_then(|(_, _, hash)| hash.clone());
    if !password::verify(user.password, hash).await {
        return Ok(None);
    }
    let Some((tenant, user, _)) = found else { return Ok(None) };
    let mut connection = app.database.tenant(tenant).await?;
    let caller = store::caller(&mut connection, tenant, user).await?;
    Ok(caller.and_then(|(caller, enabled)| enabled.then_some(caller)))
}

/// A project of the caller's account, or `None` for the account itself. Foreign ones do not exist for the caller.
async fn resolve_scope(app: &App, caller: &Caller, scope: Option<Scope>) -> Result<Option<store::Project>, ApiError> {
    let Some(Scope { domain, project }) = scope else { return Ok(None) };
    match (domain, project) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(ApiError::parameter("auth.scope", "must be a domain or a project, not both")),
        (Some(domain), None) => {
            if names_domain(&domain, caller.domain, &caller.domain_name) {
                Ok(None)
            } else {
                Err(wrong_scope())
            }
        }
        (None, Some(project)) => {
            let mut connection = app.database.tenant(caller.tenant).await?;
            let projects = store::projects(&mut connection, caller.tenant, caller.domain).await?;
            projects.into_iter().find(|own| names_project(&project, own)).map(Some).ok_or_else(wrong_scope)
        }
    }
}

fn names_domain(wanted: &DomainRef, id: DomainId, name: &str) -> bool {
    match (&wanted.id, &wanted.name) {
        (None, None) => false,
        (wanted_id, wanted_name) => {
            wanted_id.as_ref().is_none_or(|wanted| parse_id(wanted) == Some(id.0))
                && wanted_name.as_ref().is_none_or(|wanted| wanted.as_str() == name)
        }
    }
}

fn names_project(wanted: &ProjectRef, project: &store::Project) -> bool {
    match (&wanted.id, &wanted.name) {
        (None, None) => false,
        (wanted_id, wanted_name) => {
            wanted_id.as_ref().is_none_or(|wanted| parse_id(wanted).map(ProjectId) == Some(project.id))
                && wanted_name.as_ref().is_none_or(|wanted| wanted.as_str() == project.name)
        }
    }
}

fn parse_id(text: &LoginName) -> Option<Uuid> {
    Uuid::try_parse(text.as_str()).ok()
}

/// 256 random bits: nothing about a token can be guessed, so its plain hash is enough to store.
fn new_token() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(secrets::random::<32>())
}

/// The same for an unknown account, an unknown or disabled user, a wrong password and a locked one.
fn wrong_credentials() -> ApiError {
    metrics::counter!("bss_authentication_failures_total", "cause" => "password").increment(1);
    ApiError::identity(StatusCode::UNAUTHORIZED, "The username or password is wrong.")
}

fn wrong_scope() -> ApiError {
    ApiError::identity(StatusCode::UNAUTHORIZED, "The scope is no account or project of the user.")
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use crate::testing::login;
    use axum::http::StatusCode;
    use serde_json::json;
    use sqlx::PgPool;
    use time::Duration;

    const TARGET: &str = "/v3/auth/tokens";

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_token_says_whose_it_is_and_lets_its_owner_in_for_a_day(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let account = app.world.demo();
        let answer = app.anonymous().post(TARGET, &login(account.name, &account.password)).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        let token = answer.header("x-subject-token").expect("the token").to_owned();
        let body = answer.ok();
        assert_eq!(body["token"]["user"]["domain"]["name"], "demo-partner");
        assert_eq!(body["token"]["domain"]["id"], account.domain.to_string());
        assert_eq!(body["token"]["roles"][0]["name"], "te_admin");
        assert_eq!(body["token"]["catalog"], json!([]));

        let target = "/v2/products/resource-types";
        assert!(client.with_token(&token).get(target).await.status.is_success());
        app.app.clock.set(app.app.clock.now() + Duration::hours(24));
        let expired = app.anonymous().with_token(&token).get(target).await;
        assert!(expired.refusal().2.contains("token expires, expires_at: 20"), "{}", expired.body);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn whatever_is_wrong_with_the_credentials_is_refused_alike(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let account = app.world.demo();
        let mut refusals = Vec::new();
        for (name, password) in
            [(account.name, "Wrong-123"), ("unknown", account.password.as_str()), ("other-partner", &account.password)]
        {
            refusals.push(client.post(TARGET, &login(name, password)).await);
        }
        for refusal in refusals {
            let message = "The username or password is wrong.";
            let expected = json!({"error": {"code": 401, "message": message, "title": "Unauthorized"}});
            assert_eq!((refusal.status.as_u16(), refusal.body), (401, expected));
        }
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn the_sixth_wrong_password_locks_even_the_right_one(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let account = app.world.demo();
        for _ in 0..6 {
            assert_eq!(client.post(TARGET, &login(account.name, "Wrong-123")).await.status.as_u16(), 401);
        }
        let right = login(account.name, &account.password);
        assert_eq!(client.post(TARGET, &right).await.status.as_u16(), 401);
        let elsewhere = app.anonymous().from_address("192.0.2.77");
        assert_eq!(elsewhere.post(TARGET, &right).await.status, StatusCode::CREATED);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_scope_must_be_the_users_own(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let account = app.world.demo();
        let other = app.world.account("other-partner").domain.to_string();
        for (scope, status) in [
            (json!({"domain": {"name": account.name}}), 201),
            (json!({"domain": {"id": account.domain}}), 201),
            (json!({"domain": {"id": other}}), 401),
            (json!({"domain": {}}), 401),
            (json!({"project": {"name": "cn-north-4"}}), 201),
            (json!({"project": {"name": "unknown"}}), 401),
            (json!({"project": {"name": "cn-north-4"}, "domain": {"name": account.name}}), 400),
            (json!({}), 201),
        ] {
            let mut request = login(account.name, &account.password);
            request["auth"]["scope"] = scope.clone();
            let answer = client.post(TARGET, &request).await;
            assert_eq!(answer.status.as_u16(), status, "{scope}: {}", answer.body);
        }
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn parameter_errors_have_the_identity_shape(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let answer = client.post(TARGET, &json!({"auth": {"identity": {"methods": ["totp"]}}})).await;
        assert_eq!(answer.body["error"]["code"], 400);
        let message = answer.body["error"]["message"].as_str().expect("a text");
        assert!(message.contains("auth.identity.methods[0]"), "{message}");
        let mut request = login("demo-partner", "x");
        request["auth"]["identity"]["password"]["user"]["name"] = json!("a\u{0}b");
        assert_eq!(client.post(TARGET, &request).await.status.as_u16(), 400, "a NUL never reaches the database");
    }
}
