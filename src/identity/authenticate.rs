//! From a request to its [`Caller`], by signature or by token.

use super::directory::{AccessKey, Session, Temporary};
use super::model;
use super::store::Principal;
use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::api::source::is_within;
use crate::app::App;
use crate::signature::{self, Refusal, Rules};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use std::net::IpAddr;
use std::sync::Arc;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// The header of a token.
pub const TOKEN_HEADER: &str = "x-auth-token";
/// The header in which the SDK's global credentials name the account they are for.
const ACCOUNT_HEADER: &str = "x-domain-id";
/// The header that comes with the signature of a temporary key.
pub const SECURITY_TOKEN_HEADER: &str = "x-security-token";

/// Who signed a request, as it is stored.
#[derive(Clone, Copy, Debug)]
pub struct Signer(pub Principal);

/// Who sends a request, and what it holds.
pub struct Admitted<B> {
    /// Who.
    pub caller: Arc<Caller>,
    /// Who signed it; nobody where a token was sent.
    pub signer: Option<Signer>,
    /// Its body.
    pub body: B,
}

/// Who sends this request. What its head tells is judged before `body` is read: a stranger's body takes no memory.
pub async fn caller<B: AsRef<[u8]>>(
    app: &App,
    parts: &Parts,
    body: impl Future<Output = Result<B, ApiError>>,
    source: IpAddr,
) -> Result<Admitted<B>, ApiError> {
    if signature::is_signed(&parts.headers) {
        return by_signature(app, parts, body, source).await;
    }
    let caller = session(app, &parts.headers).await?.caller.clone();
    Ok(Admitted { caller, signer: None, body: body.await? })
}

async fn by_signature<B: AsRef<[u8]>>(
    app: &App,
    parts: &Parts,
    body: impl Future<Output = Result<B, ApiError>>,
    source: IpAddr,
) -> Result<Admitted<B>, ApiError> {
    let accepted = &app.settings.identity.algorithms;
    let authorization = signature::parse(&parts.headers, accepted).map_err(|refusal| refused(&refusal))?;
    let access_key = authorization.access_key;
    // Behind a proxy that does not say for whom it asks, a lock would be everybody's.
    let lockable = (!is_within(&app.settings.server.trusted_proxies, source)).then_some(source);
    if let Some(left) = lockable.and_then(|source| app.lockout.locked_for(access_key, source)) {
        tracing::info!(access_key, ?left, "the key is locked");
        return Err(locked(access_key, left, app.settings.identity.explain_refusals));
    }
    let key = app.directory.access_key(access_key).await?;
    let Some(key) = key.filter(|key| key.enabled) else {
        return Err(refuse("unknown_key", format_args!("Get secretKey failed,ak:{access_key},err:ak not exist")));
    };
    let skew = Duration::seconds(i64::from(app.settings.identity.clock_skew_seconds));
    let now = app.clock.now();
    let explains = app.settings.identity.explain_refusals;
    if !explains {
        signature::check_date(&parts.headers, now, skew).map_err(|refusal| refused(&refusal))?;
    }
    let body = body.await?;
    let request = signature::Request {
        method: &parts.method,
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: body.as_ref(),
    };
    match signature::verify(&authorization, request, &key.key, rules(app, &key), now, skew) {
        Ok(()) => {
            lockable.inspect(|source| app.lockout.succeeded(access_key, *source));
            match &key.temporary {
                Some(temporary) => check_security_token(app, &parts.headers, temporary)?,
                None => app.key_uses.note(access_key, now),
            }
            check_account(&parts.headers, &key.caller)?;
            Ok(Admitted { caller: key.caller.clone(), signer: Some(Signer(key.principal)), body })
        }
        Err(refusal) => {
            tracing::info!(access_key, "the signature is refused");
            if matches!(refusal, Refusal::Mismatch { .. }) {
                lockable.inspect(|source| app.lockout.failed(access_key, *source));
            }
            if explains {
                let findings = signature::diagnose(&authorization, request, &key.key, rules(app, &key), now, skew);
                return Err(refuse(refusal.cause(), format_args!("{refusal} {}", signature::in_words(&findings))));
            }
            Err(refused(&refusal))
        }
    }
}

fn rules(app: &App, key: &AccessKey) -> Rules {
    let identity = &app.settings.identity;
    let deployment =
        Rules { require_signed_host: identity.require_signed_host, require_bound_body: identity.require_bound_body };
    deployment.or(key.rules)
}

/// The session of the token in `X-Auth-Token`.
pub async fn session(app: &App, headers: &HeaderMap) -> Result<Arc<Session>, ApiError> {
    let Some(token) = headers.get(TOKEN_HEADER).filter(|token| !token.is_empty()) else {
        return Err(refuse("missing", "x-auth-token not found"));
    };
    let Some(session) = app.directory.session(model::token_hash(token.as_bytes())).await? else {
        return Err(refuse("unknown_token", "decrypt token fail"));
    };
    refuse_expired(app, session.expires_at)?;
    Ok(session)
}

fn refuse_expired(app: &App, expires_at: OffsetDateTime) -> Result<(), ApiError> {
    if expires_at <= app.clock.now() {
        let expires_at = model::token_time(expires_at);
        return Err(refuse("expired_token", format_args!("token expires, expires_at: {expires_at}")));
    }
    Ok(())
}

/// A temporary key counts only together with its security token, and only for a while.
fn check_security_token(app: &App, headers: &HeaderMap, temporary: &Temporary) -> Result<(), ApiError> {
    let token = headers.get(SECURITY_TOKEN_HEADER).map(|token| model::token_hash(token.as_bytes()));
    if token.is_none_or(|hash| hash[..] != temporary.security_token_hash) {
        return Err(refuse("security_token", "the security token of the temporary access key is missing or wrong"));
    }
    refuse_expired(app, temporary.expires_at)
}

/// A request that is meant for another account than the key's must not act on this one. That the vendor refuses it is
/// inferred from the header's purpose; status and code are those of the gateway's other refusals, the words are our own.
fn check_account(headers: &HeaderMap, caller: &Caller) -> Result<(), ApiError> {
    let names_another = |value: &HeaderValue| {
        let id = value.to_str().ok().and_then(|text| Uuid::try_parse(text.trim()).ok());
        !value.is_empty() && id != Some(caller.domain.0)
    };
    if headers.get_all(ACCOUNT_HEADER).iter().any(names_another) {
        return Err(refuse("other_account", "X-Domain-Id is not the account of the access key"));
    }
    Ok(())
}

fn refused(refusal: &Refusal) -> ApiError {
    refuse(refusal.cause(), refusal)
}

/// The vendor's words, with the time that is left; where refusals are explained, also the way not to wait for it.
fn locked(access_key: &str, left: std::time::Duration, explains: bool) -> ApiError {
    let seconds = left.as_secs().max(1);
    let mut reason = "AK access failed to reach the limit,forbidden.".to_owned();
    if explains {
        reason = format!("{reason} For {seconds} s more, or until `bss-gateway admin key unlock {access_key}`.");
    }
    let mut error = refuse("locked", reason);
    error.headers.push((header::RETRY_AFTER, seconds.into()));
    error
}

fn refuse(cause: &'static str, reason: impl std::fmt::Display) -> ApiError {
    metrics::counter!("bss_authentication_failures_total", "cause" => cause).increment(1);
    tracing::info!(cause, "authentication failed");
    ApiError::unauthenticated(reason)
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use axum::http::Method;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_request_that_names_another_account_than_the_keys_is_refused(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let call = async |headers: &[(&str, &str)]| client.call(Method::GET, "/v5/caller-identity", headers, "").await;
        let (own, other) = (app.world.demo().domain.to_string(), app.world.account("demo-customer").domain.to_string());
        for account in [own.as_str(), &own.to_uppercase(), ""] {
            assert!(call(&[("x-domain-id", account)]).await.status.is_success(), "{account}");
        }
        for account in [other.as_str(), "any", "demo-partner", &own[1..]] {
            let refused = call(&[("x-domain-id", account)]).await;
            let words = "Incorrect IAM authentication information: X-Domain-Id is not the account of the access key";
            assert_eq!(refused.refusal(), (401, "APIGW.0301", words), "{account}");
        }
        let both = call(&[("x-domain-id", &own), ("x-domain-id", &other)]).await;
        assert_eq!(both.status.as_u16(), 401, "one of two is another");

        let token = app.log_in("demo-partner").await;
        let holder = app.anonymous().with_token(&token);
        let answer = holder.call(Method::GET, "/v5/caller-identity", &[("x-domain-id", &other)], "").await;
        assert!(answer.status.is_success(), "a token says itself whose it is");
    }
}
