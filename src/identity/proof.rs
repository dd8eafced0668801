//! How somebody who asks for a token or for a temporary key proves who it is.

use super::directory::Session;
use super::model::{AgencyName, LoginName};
use super::{authenticate, model, password, store};
use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::app::App;
use crate::values::id::{DomainId, TenantId};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use std::net::IpAddr;
use std::sync::Arc;
use store::Principal;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// What lets an operator that is no administrator use its account's agencies.
const AGENCY_OPERATOR: &str = "te_agency";

/// How the caller identifies itself: one method, and the field of that name.
#[derive(Deserialize, ToSchema)]
pub struct Identity {
    /// `password`, `token` or `assume_role`.
    #[schema(min_items = 1, max_items = 1, example = json!(["password"]))]
    methods: Vec<Method>,
    #[schema(nullable)]
    password: Option<PasswordIdentity>,
    #[schema(nullable)]
    token: Option<TokenIdentity>,
    #[schema(nullable)]
    assume_role: Option<AssumeRole>,
}

/// A way to identify oneself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Name and password.
    Password,
    /// Another token.
    Token,
    /// An agency.
    AssumeRole,
}

impl Method {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Token => "token",
            Self::AssumeRole => "assume_role",
        }
    }
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

/// A token; without it the one in `X-Auth-Token`.
#[derive(Deserialize, ToSchema)]
pub struct TokenIdentity {
    /// The token itself.
    #[schema(nullable, max_length = 256)]
    id: Option<String>,
    /// For a temporary key: how long it is valid.
    #[schema(nullable, minimum = 900, maximum = 86400, example = 900)]
    duration_seconds: Option<u32>,
}

/// An agency of another account that trusts the caller's.
#[derive(Deserialize, ToSchema)]
pub struct AssumeRole {
    /// The account that granted it, by name; or `domain_id`.
    #[schema(nullable, inline)]
    domain_name: Option<LoginName>,
    /// The account that granted it, by id.
    #[schema(nullable, inline)]
    domain_id: Option<LoginName>,
    agency_name: AgencyName,
    /// For a temporary key: how long it is valid.
    #[schema(nullable, minimum = 900, maximum = 86400, example = 900)]
    duration_seconds: Option<u32>,
}

/// Somebody who has proved who it is.
pub struct Proof {
    /// What to store.
    pub principal: Principal,
    /// Who it is now.
    pub caller: Caller,
    /// How it was proved.
    pub method: Method,
    /// What is given for it must not be valid for longer than what it was proved with.
    pub not_after: Option<OffsetDateTime>,
    /// For a temporary key: the validity that was asked for.
    pub duration_seconds: Option<u32>,
}

/// Checks the proof.
pub async fn prove(app: &App, identity: Identity, headers: &HeaderMap, source: IpAddr) -> Result<Proof, ApiError> {
    let missing = |field: &str| ApiError::parameter(&format!("auth.identity.{field}"), "is required by the method");
    match identity.methods[..] {
        [Method::Password] => {
            by_password(app, identity.password.ok_or_else(|| missing("password"))?.user, source).await
        }
        [Method::Token] => by_token(app, identity.token, headers).await,
        [Method::AssumeRole] => {
            by_agency(app, identity.assume_role.ok_or_else(|| missing("assume_role"))?, headers).await
        }
        _ => Err(ApiError::parameter("auth.identity.methods", "must name one method")),
    }
}

async fn by_password(app: &App, user: PasswordUser, source: IpAddr) -> Result<Proof, ApiError> {
    let lock = format!("{}/{}", user.domain.name.as_str(), user.name.as_str());
    if app.lockout.is_locked(&lock, source) {
        return Err(wrong_credentials());
    }
    let Some(caller) = log_in(app, user).await? else {
        app.lockout.failed(&lock, source);
        return Err(wrong_credentials());
    };
    app.lockout.succeeded(&lock, source);
    let principal = Principal { user: (caller.tenant, caller.user), agency: None };
    Ok(Proof { principal, caller, method: Method::Password, not_after: None, duration_seconds: None })
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
    let user = store::user(&mut connection, tenant, user).await?;
    Ok(user.filter(|user| user.enabled).map(|user| user.caller))
}

async fn by_token(app: &App, token: Option<TokenIdentity>, headers: &HeaderMap) -> Result<Proof, ApiError> {
    let (id, duration_seconds) = token.map_or((None, None), |token| (token.id, token.duration_seconds));
    let session = match id {
        None => own_session(app, headers).await?,
        Some(id) => {
            let session = app.directory.session(model::token_hash(id.as_bytes())).await?;
            session.filter(|session| session.expires_at > app.clock.now()).ok_or_else(model::no_such_token)?
        }
    };
    Ok(Proof {
        principal: session.principal,
        caller: Caller::clone(&session.caller),
        method: Method::Token,
        not_after: Some(session.expires_at),
        duration_seconds,
    })
}

async fn by_agency(app: &App, role: AssumeRole, headers: &HeaderMap) -> Result<Proof, ApiError> {
    let session = own_session(app, headers).await?;
    let user = &session.caller;
    if user.acting_from.is_some()
        || !(user.administrator || user.permission_items.iter().any(|item| item == AGENCY_OPERATOR))
    {
        return Err(ApiError::identity(StatusCode::FORBIDDEN, "The user may not use agencies."));
    }
    let granting = granting_account(app, &role).await?;
    let agency = match granting {
        Some((tenant, domain)) => {
            let mut connection = app.database.tenant(tenant).await?;
            let agency = store::agency_by_name(&mut connection, (tenant, domain), role.agency_name.as_str()).await?;
            agency.map(|agency| (tenant, agency))
        }
        None => None,
    };
    let principal = Principal { user: (user.tenant, user.user), agency };
    // Without an agency the principal would be the user itself.
    let caller = if agency.is_some() {
        app.directory.resolve(principal, app.clock.now()).await.map_err(ApiError::internal)?
    } else {
        None
    };
    Ok(Proof {
        principal,
        caller: caller.ok_or_else(no_such_agency)?,
        method: Method::AssumeRole,
        not_after: Some(session.expires_at),
        duration_seconds: role.duration_seconds,
    })
}

/// The session of the token in `X-Auth-Token`, refused in this service's shape.
async fn own_session(app: &App, headers: &HeaderMap) -> Result<Arc<Session>, ApiError> {
    authenticate::session(app, headers).await.map_err(|error| match error.status {
        StatusCode::UNAUTHORIZED => ApiError::identity(error.status, error.message),
        _ => error,
    })
}

async fn granting_account(app: &App, role: &AssumeRole) -> Result<Option<(TenantId, DomainId)>, ApiError> {
    let mut connection = app.database.control().await?;
    match (&role.domain_name, &role.domain_id) {
        (Some(name), id) => {
            let found = store::domain_by_name(&mut connection, name.as_str()).await?;
            let agrees = |domain: Uuid| id.as_ref().is_none_or(|id| Uuid::try_parse(id.as_str()) == Ok(domain));
            Ok(found.filter(|(_, domain)| agrees(domain.0)))
        }
        (None, Some(id)) => match Uuid::try_parse(id.as_str()) {
            Ok(id) => Ok(store::domain_by_id(&mut connection, id).await?),
            Err(_) => Ok(None),
        },
        (None, None) => Err(ApiError::parameter("auth.identity.assume_role", "domain_name or domain_id is required")),
    }
}

/// The same for an unknown account, an unknown or disabled user, a wrong password and a locked one.
fn wrong_credentials() -> ApiError {
    metrics::counter!("bss_authentication_failures_total", "cause" => "password").increment(1);
    ApiError::identity(StatusCode::UNAUTHORIZED, "The username or password is wrong.")
}

/// The same for an unknown account, an unknown agency and one that trusts somebody else.
fn no_such_agency() -> ApiError {
    ApiError::identity(StatusCode::FORBIDDEN, "The account has granted no such agency.")
}
