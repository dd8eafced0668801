//! `POST /v3/auth/tokens`

use super::authenticate::Signer;
use super::directory::Session;
use super::model::{self, LoginName, ProjectName, SUBJECT_TOKEN_HEADER, Token, TokenQuery, TokenResult};
use super::proof::{self, Asking, Identity};
use super::store;
use crate::api::caller::Caller;
use crate::api::edge::Source;
use crate::api::error::{ApiError, IdentityError};
use crate::api::extract::{Json, Query};
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::id::{DomainId, ProjectId};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
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

/// Gives a token for a password, for another token, or for an agency.
///
/// The token comes in the header `X-Subject-Token` and is valid for 24 hours; it is sent as `X-Auth-Token` with other calls.
/// An earlier token of the same user stays valid. A user with a second factor gives its passcode too, with the methods
/// `password` and `totp`; each passcode counts once. With `assume_role` and the caller's own token in `X-Auth-Token` it acts for
/// the account that granted the agency; with `token` it has another scope and ends when that token does.
#[utoipa::path(
    post, path = "/v3/auth/tokens",
    params(("X-Auth-Token" = Option<String>, Header, description = "The caller's own token, for `assume_role`."), TokenQuery),
    request_body(content = TokenRequest, example = json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": {
            "name": "demo-partner", "password": "Secret-123", "domain": {"name": "demo-partner"}}}},
        "scope": {"domain": {"name": "demo-partner"}}}})),
    responses(
        (status = 201, description = "The token, in the header.", body = TokenResult,
         headers(("X-Subject-Token" = String, description = "The token."))),
        (status = 403, description = "No such agency, or the user may not use agencies.", body = IdentityError<'_>),
        (status = 404, description = "The token in the body is not valid.", body = IdentityError<'_>),
    ),
    extensions(("x-policy" = json!(Policy::open_or_signed().identity()))),
)]
pub async fn keystone_create_token(
    State(app): State<App>,
    Extension(Source(source)): Extension<Source>,
    Query(query): Query<TokenQuery>,
    signer: Option<Extension<Option<Signer>>>,
    caller: Option<Extension<Arc<Caller>>>,
    headers: HeaderMap,
    Json(request): Json<TokenRequest>,
) -> Result<Response, ApiError> {
    let Auth { identity, scope } = request.auth;
    let proof = proof::prove(&app, identity, &Asking::new(&headers, caller, signer, source)).await?;
    let project = resolve_scope(&app, &proof.caller, scope).await?;
    let (project, project_name) = project.map(|project| (project.id, project.name)).unzip();
    let issued_at = app.clock.now();
    let day = issued_at + Duration::hours(i64::from(app.settings.identity.token_hours));
    let row = store::TokenRow {
        principal: proof.principal,
        methods: proof.methods.iter().map(|method| method.name().to_owned()).collect(),
        project_id: project,
        issued_at,
        expires_at: proof.not_after.map_or(day, |end| end.min(day)),
    };
    let token = model::new_token();
    let mut connection = app.database.control().await?;
    store::insert_token(&mut connection, &model::token_hash(token.as_bytes()), &proof.caller, &row).await?;

    let session = Session {
        caller: Arc::new(proof.caller),
        principal: row.principal,
        methods: row.methods,
        project,
        issued_at,
        expires_at: row.expires_at,
    };
    let catalogue_of = query.with_catalog().then(|| app.settings.server.public_address());
    let body = TokenResult { token: Token::of(&session, project_name, catalogue_of.as_deref()) };
    let token = HeaderValue::try_from(token).expect("a token is plain ASCII");
    let header = [(HeaderName::from_static(SUBJECT_TOKEN_HEADER), token)];
    Ok((StatusCode::CREATED, header, Json(body)).into_response())
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

fn wrong_scope() -> ApiError {
    ApiError::identity(StatusCode::UNAUTHORIZED, "The scope is no account or project of the user.")
}

#[cfg(test)]
mod tests {
    use crate::identity::store;
    use crate::sandbox::world::AGENCY;
    use crate::testing::TestApp;
    use crate::testing::{assume, login};
    use axum::http::{Method, StatusCode};
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
        let services = body["token"]["catalog"].as_array().expect("a list");
        let services: Vec<_> = services.iter().map(|service| service["name"].as_str()).collect();
        assert_eq!(services, [Some("bss"), Some("iam"), Some("identity")]);

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
        let answer = client.post(TARGET, &json!({"auth": {"identity": {"methods": ["magic"]}}})).await;
        assert_eq!(answer.body["error"]["code"], 400);
        let message = answer.body["error"]["message"].as_str().expect("a text");
        assert!(message.contains("auth.identity.methods[0]"), "{message}");
        let mut request = login("demo-partner", "x");
        request["auth"]["identity"]["password"]["user"]["name"] = json!("a\u{0}b");
        assert_eq!(client.post(TARGET, &request).await.status.as_u16(), 400, "a NUL never reaches the database");
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn under_an_agency_a_partner_is_its_customer_until_the_agency_is_withdrawn(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let own = app.log_in("demo-partner").await;
        let request = assume("demo-customer", AGENCY);
        let answer = app.anonymous().call(Method::POST, TARGET, &[("x-auth-token", &own)], &request.to_string()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        assert_eq!(answer.body["token"]["domain"]["name"], "demo-customer");
        assert_eq!(answer.body["token"]["assumed_by"]["user"]["domain"]["name"], "demo-partner");
        assert_eq!(answer.body["token"]["methods"], json!(["assume_role"]));
        let token = answer.header("x-subject-token").expect("the token").to_owned();
        let customer = app.anonymous().with_token(&token);
        let whoami = customer.get("/v5/caller-identity").await.ok();
        assert_eq!(whoami["account_id"], app.world.account("demo-customer").domain.to_string());
        let again = customer.call(Method::POST, TARGET, &[], &request.to_string()).await;
        assert_eq!(again.status, StatusCode::FORBIDDEN, "who acts for another account has no agencies of its own");

        let mut connection = pool.acquire().await.expect("a connection");
        let tenant = app.world.account("demo-customer").tenant;
        assert!(store::delete_agency(&mut connection, tenant, app.world.agency()).await.expect("it is withdrawn"));
        app.app.directory.forget_all();
        assert_eq!(customer.get("/v5/caller-identity").await.status, StatusCode::UNAUTHORIZED);
        let refused = app.anonymous().call(Method::POST, TARGET, &[("x-auth-token", &own)], &request.to_string()).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn an_agency_serves_only_whom_it_trusts(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let request = assume("demo-customer", AGENCY).to_string();
        let customer = app.world.account("demo-customer").domain.to_string();
        let by_id = json!({"auth": {"identity": {"methods": ["assume_role"],
            "assume_role": {"domain_id": customer, "agency_name": AGENCY}}}});
        for (account, body, status) in [
            ("demo-partner", request.clone(), 201),
            ("demo-partner", by_id.to_string(), 201),
            ("other-partner", request.clone(), 403),
            ("demo-customer", request.clone(), 403),
            ("demo-partner", assume("demo-customer", "unknown").to_string(), 403),
            ("demo-partner", assume("unknown", AGENCY).to_string(), 403),
        ] {
            let token = app.log_in(account).await;
            let answer = app.anonymous().call(Method::POST, TARGET, &[("x-auth-token", &token)], &body).await;
            assert_eq!(answer.status.as_u16(), status, "{account} {body}: {}", answer.body);
        }
        let without = app.anonymous().call(Method::POST, TARGET, &[], &request).await;
        assert_eq!(without.body["error"]["code"], 401, "the user's own token is missing");
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_token_gives_another_one_that_ends_with_it(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let first = app.log_in("demo-partner").await;
        app.app.clock.set(app.app.clock.now() + Duration::hours(20));
        let request = json!({"auth": {"identity": {"methods": ["token"], "token": {"id": first}},
            "scope": {"project": {"name": "cn-north-4"}}}});
        let answer = app.anonymous().post(TARGET, &request).await;
        assert_eq!(answer.body["token"]["project"]["name"], "cn-north-4");
        let second = answer.header("x-subject-token").expect("the token").to_owned();
        let holder = app.anonymous().with_token(&second);
        assert!(holder.get("/v5/caller-identity").await.status.is_success());
        app.app.clock.set(app.app.clock.now() + Duration::hours(5));
        assert_eq!(holder.get("/v5/caller-identity").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(app.anonymous().post(TARGET, &request).await.status, StatusCode::NOT_FOUND);
    }
}
