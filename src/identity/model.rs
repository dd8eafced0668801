//! What several identity operations share: the token's body and its parts, times, hashes.

use super::directory::Session;
use super::store::TokenHash;
use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::secrets;
use crate::values::id::{DomainId, ProjectId, UserId};
use crate::values::text::texts;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;
use utoipa::ToSchema;

/// The header that names the token an operation is about.
pub const SUBJECT_TOKEN_HEADER: &str = "x-subject-token";

texts! {
    /// The name of an account or of a user.
    LoginName, 1..=64, "demo-partner";
    /// The name of a project: a region code.
    ProjectName, 0..=64, "cn-north-4";
    /// An access key.
    AccessKeyText, 1..=64, "DEMO0123456789ABCDEF";
    /// The name of an agency.
    AgencyName, 1..=64, "demo-agency";
}

/// What a token says.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenResult {
    /// The token's content.
    pub token: Token,
}

/// Whose a token is, for what, and how long.
#[derive(Debug, Serialize, ToSchema)]
pub struct Token {
    /// Until when it is valid, UTC with microseconds.
    #[schema(example = "2026-01-02T03:04:05.678000Z")]
    pub expires_at: String,
    /// When it was given, UTC with microseconds.
    #[schema(example = "2026-01-01T03:04:05.678000Z")]
    pub issued_at: String,
    /// When a passcode was given beside the password; left out where none was.
    #[schema(example = "2026-01-01T03:04:05.678000Z")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa_authn_at: Option<String>,
    /// How the user identified itself.
    #[schema(example = json!(["password"]))]
    pub methods: Vec<String>,
    /// The services there are, all of them at this server. Left out when the request says `nocatalog`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog: Option<Vec<CatalogEntry>>,
    /// The account, when the scope is an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<TokenDomain>,
    /// The project, when the scope is a project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<TokenProject>,
    /// What the user may do in its account.
    pub roles: Vec<TokenRole>,
    /// The user.
    pub user: TokenUser,
    /// Who acts, when the token was given for an agency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_by: Option<AssumedBy>,
}

/// Who acts under an agency.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssumedBy {
    /// The user of the trusted account.
    pub user: TokenUser,
}

/// A service of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogEntry {
    /// Its id, the same as its name.
    #[schema(example = "bss")]
    pub id: &'static str,
    /// The service's name.
    #[schema(example = "bss")]
    pub name: &'static str,
    /// Its kind, the same as its name.
    #[serde(rename = "type")]
    #[schema(example = "bss")]
    pub kind: &'static str,
    /// Where it is.
    pub endpoints: Vec<Endpoint>,
}

/// Where a service of the catalogue is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Endpoint {
    /// Its id.
    #[schema(example = "bss-public")]
    pub id: String,
    /// Always `public`.
    #[schema(example = "public")]
    pub interface: &'static str,
    /// Always `*`: in all regions.
    #[schema(example = "*")]
    pub region: &'static str,
    /// The same once more.
    #[schema(example = "*")]
    pub region_id: &'static str,
    /// Its address.
    #[schema(example = "http://127.0.0.1:8080")]
    pub url: String,
}

/// What the catalogue says of a server at this address: versions of the identity service are told by the address.
fn catalogue(address: &str) -> Vec<CatalogEntry> {
    let entry = |name: &'static str, path: &str| CatalogEntry {
        id: name,
        name,
        kind: name,
        endpoints: vec![Endpoint {
            id: format!("{name}-public"),
            interface: "public",
            region: "*",
            region_id: "*",
            url: format!("{address}{path}"),
        }],
    };
    vec![entry("bss", ""), entry("iam", ""), entry("identity", "/v3")]
}

/// Where a thing and its neighbours are.
#[derive(Debug, Serialize, ToSchema)]
pub struct Links {
    /// The thing's own address.
    #[serde(rename = "self")]
    #[schema(example = "http://127.0.0.1:8080/v3/regions")]
    pub this: String,
    /// Always null: lists are answered whole.
    #[schema(nullable, example = json!(null))]
    pub previous: Option<String>,
    /// Always null.
    #[schema(nullable, example = json!(null))]
    pub next: Option<String>,
}

/// The links of what is at this path of a server.
pub fn link(address: &str, path: &str) -> Links {
    Links { this: format!("{address}{path}"), previous: None, next: None }
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenDomain {
    /// Its id.
    pub id: DomainId,
    /// Its name.
    #[schema(example = "demo-partner")]
    pub name: String,
}

/// A project of an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenProject {
    /// Its id.
    pub id: ProjectId,
    /// Its name, a region code.
    #[schema(example = "cn-north-4")]
    pub name: String,
    /// The account it belongs to.
    pub domain: TokenDomain,
}

/// A role.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenRole {
    /// Its id.
    #[schema(example = "0")]
    pub id: &'static str,
    /// Its name.
    #[schema(example = "te_admin")]
    pub name: &'static str,
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenUser {
    /// Its id.
    pub id: UserId,
    /// Its name.
    #[schema(example = "demo-partner")]
    pub name: String,
    /// Until when its password is valid; empty: for ever.
    #[schema(example = "")]
    pub password_expires_at: &'static str,
    /// Its account.
    pub domain: TokenDomain,
}

impl Token {
    /// The body of a session's token; `project_name` belongs to the session's project. The catalogue is that of the server at
    /// this address.
    pub fn of(session: &Session, project_name: Option<String>, catalogue_of: Option<&str>) -> Self {
        let caller = &session.caller;
        let domain = || TokenDomain { id: caller.domain, name: caller.domain_name.clone() };
        let user = |domain: TokenDomain| TokenUser {
            id: caller.user,
            name: caller.user_name.clone(),
            password_expires_at: "",
            domain,
        };
        let has_second_factor = session.methods.iter().any(|method| method == "totp");
        let project = session.project.zip(project_name).map(|(id, name)| TokenProject { id, name, domain: domain() });
        Self {
            expires_at: token_time(session.expires_at),
            issued_at: token_time(session.issued_at),
            mfa_authn_at: has_second_factor.then(|| token_time(session.issued_at)),
            methods: session.methods.clone(),
            catalog: catalogue_of.map(catalogue),
            domain: project.is_none().then(domain),
            project,
            roles: roles(caller),
            user: user(domain()),
            assumed_by: caller
                .acting_from
                .as_ref()
                .map(|from| AssumedBy { user: user(TokenDomain { id: from.domain, name: from.domain_name.clone() }) }),
        }
    }
}

fn roles(caller: &Caller) -> Vec<TokenRole> {
    if caller.administrator { vec![TokenRole { id: "0", name: "te_admin" }] } else { Vec::new() }
}

/// UTC with microseconds, as the identity service writes instants.
pub fn token_time(instant: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    instant.format(format).expect("every instant has these parts")
}

/// 256 random bits: nothing about a token can be guessed, so its plain hash is enough to store.
pub fn new_token() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(secrets::random::<32>())
}

/// How a token is stored and looked up.
pub fn token_hash(token: &[u8]) -> TokenHash {
    Sha256::digest(token).into()
}

/// The hash of the token that `X-Subject-Token` names.
pub fn subject_token(headers: &HeaderMap) -> Result<TokenHash, ApiError> {
    let token = headers.get(SUBJECT_TOKEN_HEADER).filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| ApiError::parameter("X-Subject-Token", "is required"))?;
    Ok(token_hash(token.as_bytes()))
}

/// 404 for a subject token that is unknown, expired, or of another account: the three look alike from outside.
pub fn no_such_token() -> ApiError {
    ApiError::identity(StatusCode::NOT_FOUND, "The token is not valid or has expired.")
}

/// The query of the token operations.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TokenQuery {
    /// Any value leaves the catalogue out of the answer.
    #[param(example = "true", max_length = 32)]
    #[serde(default)]
    pub nocatalog: Option<String>,
}

impl TokenQuery {
    /// Whether the answer carries the catalogue.
    pub fn with_catalog(&self) -> bool {
        self.nocatalog.as_deref().unwrap_or_default().is_empty()
    }
}
