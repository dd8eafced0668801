//! How somebody who asks for a token or for a temporary key proves who it is.

use super::authenticate::Signer;
use super::directory::Session;
use super::model::{AgencyName, LoginName};
use super::{authenticate, model, password, second_factor, store};
use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::api::source::is_within;
use crate::app::App;
use crate::values::id::{DomainId, TenantId, UserId};
use crate::values::number;
use crate::values::text::texts;
use axum::Extension;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use std::net::IpAddr;
use std::sync::Arc;
use store::Principal;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// What lets an operator that is no administrator use its account's agencies.
pub const AGENCY_OPERATOR: &str = "te_agency";

/// How the caller identifies itself: a method, or `password` and `totp` together, and the fields of these names.
#[derive(Deserialize, ToSchema)]
pub struct Identity {
    /// `password`, `password` and `totp`, `token` or `assume_role`.
    #[schema(min_items = 1, max_items = 2, example = json!(["password"]))]
    methods: Vec<Method>,
    #[schema(nullable)]
    password: Option<PasswordIdentity>,
    #[schema(nullable)]
    totp: Option<TotpIdentity>,
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
    /// Beside the password, a passcode of the user's authenticator app.
    Totp,
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
            Self::Totp => "totp",
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

/// Name, account and password; or id and password.
#[derive(Deserialize, ToSchema)]
pub struct PasswordUser {
    /// Its id, with which neither name nor account is needed.
    #[schema(nullable, inline, example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    id: Option<LoginName>,
    /// Its name.
    #[schema(nullable, inline)]
    name: Option<LoginName>,
    /// The user's password.
    #[schema(min_length = 1, max_length = 128, format = Password, example = "Secret-123")]
    password: String,
    /// Its account.
    #[schema(nullable)]
    domain: Option<DomainOfUser>,
}

impl PasswordUser {
    /// What is locked when it fails too often.
    fn lock(&self) -> Result<String, ApiError> {
        let required =
            |field: &str| ApiError::parameter(&format!("auth.identity.password.user.{field}"), "is required");
        if let Some(id) = &self.id {
            return Ok(format!("id/{}", id.as_str()));
        }
        let name = self.name.as_ref().ok_or_else(|| required("name"))?;
        let domain = self.domain.as_ref().and_then(|domain| domain.id.as_ref().or(domain.name.as_ref()));
        let domain = domain.ok_or_else(|| required("domain"))?;
        Ok(format!("{}/{}", domain.as_str(), name.as_str()))
    }
}

/// The passcode of a user with a second factor.
#[derive(Deserialize, ToSchema)]
pub struct TotpIdentity {
    user: TotpUser,
}

/// The user once more, by id, and its passcode.
#[derive(Deserialize, ToSchema)]
pub struct TotpUser {
    id: UserId,
    passcode: Passcode,
}

texts! {
    /// What the authenticator app shows at the moment: six digits.
    Passcode, 1..=16, "123456";
}

/// An account, by id or by name.
#[derive(Deserialize, ToSchema)]
pub struct DomainOfUser {
    /// Its id.
    #[schema(nullable, inline, example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    id: Option<LoginName>,
    /// Its name.
    #[schema(nullable, inline)]
    name: Option<LoginName>,
}

/// A token; the one in `X-Auth-Token` counts before it.
#[derive(Deserialize, ToSchema)]
pub struct TokenIdentity {
    /// The token itself.
    #[schema(nullable, max_length = 256)]
    id: Option<String>,
    /// For a temporary key: how long it is valid.
    #[schema(nullable, minimum = 900, maximum = 86400, example = 900)]
    #[serde(default, deserialize_with = "number::any_or_none")]
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
    #[serde(default, deserialize_with = "number::any_or_none")]
    duration_seconds: Option<u32>,
}

/// Somebody who has proved who it is.
pub struct Proof {
    /// What to store.
    pub principal: Principal,
    /// Who it is now.
    pub caller: Caller,
    /// How it was proved.
    pub methods: &'static [Method],
    /// What is given for it must not be valid for longer than what it was proved with.
    pub not_after: Option<OffsetDateTime>,
    /// For a temporary key: the validity that was asked for.
    pub duration_seconds: Option<u32>,
}

/// Who asks, as the request itself tells.
pub struct Asking<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Who signed it.
    pub signer: Option<(Arc<Caller>, Signer)>,
    /// From where it comes.
    pub source: IpAddr,
}

impl<'a> Asking<'a> {
    /// What the gate has put beside the request.
    pub fn new(
        headers: &'a HeaderMap,
        caller: Option<Extension<Arc<Caller>>>,
        signer: Option<Extension<Option<Signer>>>,
        source: IpAddr,
    ) -> Self {
        let signer = caller.zip(signer).and_then(|(Extension(caller), Extension(signer))| Some((caller, signer?)));
        Self { headers, signer, source }
    }
}

/// Checks the proof.
pub async fn prove(app: &App, identity: Identity, asking: &Asking<'_>) -> Result<Proof, ApiError> {
    let source = asking.source;
    let missing = |field: &str| ApiError::parameter(&format!("auth.identity.{field}"), "is required by the method");
    let user = |password: Option<PasswordIdentity>| password.map(|given| given.user).ok_or_else(|| missing("password"));
    match identity.methods[..] {
        [Method::Password] => by_password(app, user(identity.password)?, None, source).await,
        [Method::Password, Method::Totp] | [Method::Totp, Method::Password] => {
            let passcode = identity.totp.ok_or_else(|| missing("totp"))?.user;
            by_password(app, user(identity.password)?, Some(passcode), source).await
        }
        [Method::Token] => by_token(app, identity.token, asking).await,
        [Method::AssumeRole] => {
            by_agency(app, identity.assume_role.ok_or_else(|| missing("assume_role"))?, asking).await
        }
        _ => Err(ApiError::parameter("auth.identity.methods", "must name one method, or password and totp")),
    }
}

async fn by_password(
    app: &App,
    user: PasswordUser,
    passcode: Option<TotpUser>,
    source: IpAddr,
) -> Result<Proof, ApiError> {
    let lock = user.lock()?;
    // One guess after the other: those that are judged at once would all be judged before any counts.
    let _turn = app.lockout.turn(&lock, source).await;
    let lockable = (!is_within(&app.settings.server.trusted_proxies, source)).then_some(source);
    if lockable.is_some_and(|source| app.lockout.locked_for(&lock, source).is_some()) {
        return Err(wrong_credentials());
    }
    let methods: &[Method] = if passcode.is_some() { &[Method::Password, Method::Totp] } else { &[Method::Password] };
    let Some(caller) = log_in(app, user, passcode).await? else {
        lockable.inspect(|source| app.lockout.failed(&lock, *source));
        return Err(wrong_credentials());
    };
    lockable.inspect(|source| app.lockout.succeeded(&lock, *source));
    let principal = Principal { user: (caller.tenant, caller.user), agency: None };
    Ok(Proof { principal, caller, methods, not_after: None, duration_seconds: None })
}

/// The user, if it exists, is enabled, this is its password and, where it has a second factor, this its passcode. Until the
/// password is right, all of them take the same time.
async fn log_in(app: &App, user: PasswordUser, passcode: Option<TotpUser>) -> Result<Option<Caller>, ApiError> {
    let found = find(app, &user).await?;
    let hash = found.as_ref().and_then(|(_, _, hash)| hash.clone());
    if !password::verify(user.password, hash).await {
        return Ok(None);
    }
    let Some((tenant, user, _)) = found else { return Ok(None) };
    let mut connection = app.database.tenant(tenant).await?;
    let row = store::user(&mut connection, tenant, user).await?.filter(|user| user.enabled);
    let Some(row) = row else { return Ok(None) };
    if passcode.as_ref().is_some_and(|passcode| passcode.id != user) {
        return Ok(None);
    }
    let passcode = passcode.as_ref().map(|passcode| passcode.passcode.as_str());
    let admitted = second_factor::admits(&mut connection, (tenant, user), passcode, &app.sealer, app.clock.now()).await;
    Ok(admitted.map_err(ApiError::from)?.then_some(row.caller))
}

/// The user that a request names, with its password's hash.
async fn find(app: &App, user: &PasswordUser) -> Result<Option<(TenantId, UserId, Option<String>)>, ApiError> {
    let mut connection = app.database.control().await?;
    if let Some(id) = user.id.as_ref() {
        let Ok(id) = Uuid::try_parse(id.as_str()) else { return Ok(None) };
        return Ok(store::user_by_id(&mut connection, id).await?);
    }
    let Some(domain) = user.domain.as_ref() else { return Ok(None) };
    let account = match (&domain.id, &domain.name) {
        (Some(id), _) => match Uuid::try_parse(id.as_str()) {
            Ok(id) => store::domain_by_id(&mut connection, id).await?,
            Err(_) => None,
        },
        (None, Some(name)) => store::domain_by_name(&mut connection, name.as_str()).await?,
        (None, None) => None,
    };
    drop(connection);
    let (Some((tenant, domain)), Some(name)) = (account, user.name.as_ref()) else { return Ok(None) };
    let mut connection = app.database.tenant(tenant).await?;
    let user = store::user_by_name(&mut connection, tenant, domain, name.as_str()).await?;
    Ok(user.map(|(user, hash)| (tenant, user, hash)))
}

/// Who asks for something of its own: by the token in `X-Auth-Token`, by its signature, or by the token in the body.
struct Own {
    principal: Principal,
    caller: Arc<Caller>,
    not_after: Option<OffsetDateTime>,
}

impl Own {
    fn of(session: &Session) -> Self {
        Self { principal: session.principal, caller: session.caller.clone(), not_after: Some(session.expires_at) }
    }

    async fn find(app: &App, asking: &Asking<'_>, token: Option<String>) -> Result<Self, ApiError> {
        if let Some((caller, Signer(principal))) = &asking.signer {
            return Ok(Self { principal: *principal, caller: caller.clone(), not_after: None });
        }
        let is_sent = asking.headers.get(authenticate::TOKEN_HEADER).is_some_and(|token| !token.is_empty());
        match token.filter(|_| !is_sent) {
            None => Ok(Self::of(&*own_session(app, asking.headers).await?)),
            Some(token) => {
                let session = app.directory.session(model::token_hash(token.as_bytes())).await?;
                let session = session.filter(|session| session.expires_at > app.clock.now());
                Ok(Self::of(&*session.ok_or_else(model::no_such_token)?))
            }
        }
    }
}

async fn by_token(app: &App, token: Option<TokenIdentity>, asking: &Asking<'_>) -> Result<Proof, ApiError> {
    let (id, duration_seconds) = token.map_or((None, None), |token| (token.id, token.duration_seconds));
    let Own { principal, caller, not_after } = Own::find(app, asking, id).await?;
    let caller = Caller::clone(&caller);
    Ok(Proof { principal, caller, methods: &[Method::Token], not_after, duration_seconds })
}

async fn by_agency(app: &App, role: AssumeRole, asking: &Asking<'_>) -> Result<Proof, ApiError> {
    let own = Own::find(app, asking, None).await?;
    let user = &own.caller;
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
    let caller = if agency.is_some() { app.directory.resolve(principal, app.clock.now()).await? } else { None };
    Ok(Proof {
        principal,
        caller: caller.ok_or_else(no_such_agency)?,
        methods: &[Method::AssumeRole],
        not_after: own.not_after,
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

/// The same for an unknown account, an unknown or disabled user, a wrong password, a missing or wrong passcode and a locked
/// user. That the vendor, too, answers a missing passcode in these words is inferred: the words for it are not documented,
/// and others would tell a stranger that the password is right.
fn wrong_credentials() -> ApiError {
    metrics::counter!("bss_authentication_failures_total", "cause" => "password").increment(1);
    ApiError::identity(StatusCode::UNAUTHORIZED, "The username or password is wrong.")
}

/// The same for an unknown account, an unknown agency and one that trusts somebody else.
fn no_such_agency() -> ApiError {
    ApiError::identity(StatusCode::FORBIDDEN, "The account has granted no such agency.")
}
