//! `POST /v3.0/OS-CREDENTIAL/securitytokens`

use super::authenticate::Signer;
use super::directory::TEMPORARY_KEY_PREFIX;
use super::proof::{self, Asking, Identity, Method};
use super::{model, store};
use crate::api::caller::Caller;
use crate::api::edge::Source;
use crate::api::error::{ApiError, IdentityError};
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::app::App;
use crate::secrets;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use time::Duration;
use utoipa::ToSchema;

/// Validity unless asked otherwise, and its bounds.
const DURATION_DEFAULT: u32 = 900;
const DURATION_MAX: u32 = 86_400;

/// The request.
#[derive(Deserialize, ToSchema)]
pub struct TemporaryAccessKeyRequest {
    auth: TemporaryAccessKeyAuth,
}

/// Who asks.
#[derive(Deserialize, ToSchema)]
pub struct TemporaryAccessKeyAuth {
    identity: Identity,
}

/// The answer.
#[derive(Serialize, ToSchema)]
pub struct TemporaryAccessKeyResult {
    credential: TemporaryAccessKeyCredential,
}

/// A key and the token that must come with its signatures.
#[derive(Serialize, ToSchema)]
pub struct TemporaryAccessKeyCredential {
    /// The access key.
    #[schema(example = "HST0123456789ABCDEFG")]
    access: String,
    /// The secret key.
    #[schema(example = "0123456789abcdef0123456789abcdef01234567")]
    secret: String,
    /// To be sent as `X-Security-Token`.
    #[schema(example = "c2VjdXJpdHktdG9rZW4")]
    securitytoken: String,
    /// Until when all three are valid, UTC with microseconds.
    #[schema(example = "2026-01-01T03:19:05.678000Z")]
    expires_at: String,
}

/// Gives an access key that is valid for a while.
///
/// For the caller's token (method `token`, in the body or in `X-Auth-Token`), or for an agency (method `assume_role`, with the
/// caller's token in `X-Auth-Token`). Signatures made with the key count only with its security token in `X-Security-Token`,
/// and never for longer than the token it was given for.
#[utoipa::path(
    post, path = "/v3.0/OS-CREDENTIAL/securitytokens",
    params(("X-Auth-Token" = Option<String>, Header, description = "The caller's token.")),
    request_body(content = TemporaryAccessKeyRequest, example = json!({"auth": {
        "identity": {"methods": ["token"], "token": {"duration_seconds": 900}}}})),
    responses(
        (status = 201, description = "The key.", body = TemporaryAccessKeyResult),
        (status = 403, description = "No such agency, or the user may not use agencies.", body = IdentityError<'_>),
        (status = 404, description = "The token in the body is not valid.", body = IdentityError<'_>),
    ),
    extensions(("x-policy" = json!(Policy::open_or_signed().identity()))),
)]
pub async fn create_temporary_access_key(
    State(app): State<App>,
    Extension(Source(source)): Extension<Source>,
    signer: Option<Extension<Option<Signer>>>,
    caller: Option<Extension<Arc<Caller>>>,
    headers: HeaderMap,
    Json(request): Json<TemporaryAccessKeyRequest>,
) -> Result<(StatusCode, Json<TemporaryAccessKeyResult>), ApiError> {
    let proof = proof::prove(&app, request.auth.identity, &Asking::new(&headers, caller, signer, source)).await?;
    if proof.methods.contains(&Method::Password) {
        return Err(ApiError::parameter("auth.identity.methods", "must be token or assume_role"));
    }
    let seconds = proof.duration_seconds.unwrap_or(DURATION_DEFAULT);
    if !(DURATION_DEFAULT..=DURATION_MAX).contains(&seconds) {
        let rule = format!("must be an integer from {DURATION_DEFAULT} to {DURATION_MAX}");
        return Err(ApiError::parameter("auth.identity.duration_seconds", rule));
    }
    let issued_at = app.clock.now();
    let wanted = issued_at + Duration::seconds(i64::from(seconds));
    let expires_at = proof.not_after.map_or(wanted, |end| end.min(wanted));

    let access = format!("{TEMPORARY_KEY_PREFIX}{}", hex::encode_upper(secrets::random::<9>()))[..20].to_owned();
    let secret = hex::encode(secrets::random::<20>());
    let securitytoken = model::new_token();
    let row = store::TemporaryKeyRow {
        principal: proof.principal,
        sealed_secret: app.sealer.seal(secret.as_bytes(), &access),
        security_token_hash: model::token_hash(securitytoken.as_bytes()).to_vec(),
        issued_at,
        expires_at,
    };
    store::insert_temporary_key(&mut *app.database.control().await?, &access, &proof.caller, &row).await?;
    let expires_at = model::token_time(expires_at);
    let credential = TemporaryAccessKeyCredential { access, secret, securitytoken, expires_at };
    Ok((StatusCode::CREATED, Json(TemporaryAccessKeyResult { credential })))
}

#[cfg(test)]
mod tests {
    use crate::sandbox::world::AGENCY;
    use crate::testing::{Answer, TestApp, assume};
    use axum::http::Method;
    use serde_json::{Value, json};
    use sqlx::PgPool;
    use time::Duration;

    const TARGET: &str = "/v3.0/OS-CREDENTIAL/securitytokens";

    async fn ask(app: &TestApp, account: &str, request: &Value) -> Answer {
        let token = app.log_in(account).await;
        app.anonymous().call(Method::POST, TARGET, &[("x-auth-token", &token)], &request.to_string()).await
    }

    fn by_token(duration: u32) -> Value {
        json!({"auth": {"identity": {"methods": ["token"], "token": {"duration_seconds": duration}}}})
    }

    fn text<'a>(credential: &'a Value, name: &str) -> &'a str {
        credential[name].as_str().expect("a text")
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_temporary_key_counts_only_with_its_security_token_and_for_its_time(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let answer = ask(&app, "demo-partner", &by_token(900)).await.ok();
        let other = ask(&app, "demo-partner", &by_token(900)).await.ok();
        let credential = &answer["credential"];
        let client = app.client_with_key(text(credential, "access"), text(credential, "secret"));
        let call = async |headers: &[(&str, &str)]| client.call(Method::GET, "/v5/caller-identity", headers, "").await;

        let right = [("x-security-token", text(credential, "securitytoken"))];
        let whoami = call(&right).await.ok();
        assert_eq!(whoami["account_id"], app.world.demo().domain.to_string());
        let wrong = [("x-security-token", text(&other["credential"], "securitytoken"))];
        for headers in [&wrong[..], &[]] {
            let refused = call(headers).await;
            assert!(refused.refusal().2.contains("security token"), "{}", refused.body);
        }
        app.app.clock.set(app.app.clock.now() + Duration::seconds(901));
        let expired = call(&right).await;
        assert!(expired.refusal().2.contains("token expires"), "{}", expired.body);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn under_an_agency_the_key_acts_for_the_granting_account(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let answer = ask(&app, "demo-partner", &assume("demo-customer", AGENCY)).await.ok();
        let credential = &answer["credential"];
        let client = app.client_with_key(text(credential, "access"), text(credential, "secret"));
        let headers = [("x-security-token", text(credential, "securitytoken"))];
        let whoami = client.call(Method::GET, "/v5/caller-identity", &headers, "").await.ok();
        assert_eq!(whoami["account_id"], app.world.account("demo-customer").domain.to_string());
        assert_eq!(ask(&app, "other-partner", &assume("demo-customer", AGENCY)).await.status.as_u16(), 403);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn the_duration_has_bounds_and_the_token_is_one(pool: PgPool) {
        let app = TestApp::new(pool).await;
        for duration in [899, 86_401] {
            assert_eq!(ask(&app, "demo-partner", &by_token(duration)).await.status.as_u16(), 400, "{duration}");
        }
        let missing = app.anonymous().post(TARGET, &by_token(900)).await;
        assert_eq!(missing.body["error"]["code"], 401);
    }
}
