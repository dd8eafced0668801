//! A logged call once more, as it was, through the API's own routes.

use crate::api::edge::{Peer, REQUEST_ID};
use crate::api::recorder::{Entry, Logged, ReplayOf};
use crate::api::write::DRY_RUN;
use crate::app::App;
use crate::signature;
use anyhow::{Context, bail};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use std::sync::Arc;
use tower::ServiceExt;

/// The API's routes, as they are served.
#[derive(Clone)]
pub struct Api(pub Router);

const DATE: HeaderName = HeaderName::from_static("x-sdk-date");
/// Of the old signature.
const REPLACED: [HeaderName; 4] = [
    header::AUTHORIZATION,
    DATE,
    HeaderName::from_static("x-sdk-content-sha256"),
    HeaderName::from_static("x-sdk-content-sm3"),
];

/// Sends a call again; the new one's entry. A call that was let in by its signature is signed anew, any other is sent as it
/// came: who was not let in then is not let in now. With `dry_run` a write is only tried.
pub async fn replay(app: &App, api: &Api, entry: &Entry, dry_run: bool) -> anyhow::Result<Arc<Entry>> {
    let sent = &entry.sent;
    let body = sent.body.clone().context("its body was too long to be kept, or was not read to its end")?;
    let (mut parts, ()) = axum::http::Request::new(()).into_parts();
    parts.method.clone_from(&entry.method);
    parts.uri.clone_from(&sent.uri);
    parts.headers.clone_from(&sent.headers);
    if dry_run {
        parts.headers.insert(DRY_RUN, HeaderValue::from_static("true"));
    }
    parts.extensions.insert(Peer(entry.source));
    parts.extensions.insert(ReplayOf(entry.number));
    if entry.caller.is_some() && signature::is_signed(&sent.headers) {
        let access_key = entry.credential.as_deref().unwrap_or_default();
        sign(app, &mut parts, &body, access_key).await?;
    }
    parts.headers.remove(REQUEST_ID);
    let response = api.0.clone().oneshot(Request::from_parts(parts, Body::from(body))).await?;
    match response.extensions().get::<Logged>() {
        Some(logged) => Ok(logged.0.clone()),
        None => bail!("the replayed call was not logged"),
    }
}

async fn sign(app: &App, parts: &mut Parts, body: &[u8], access_key: &str) -> anyhow::Result<()> {
    for name in REPLACED {
        parts.headers.remove(name);
    }
    let date = HeaderValue::try_from(signature::write_date(app.clock.now()))?;
    parts.headers.insert(DATE, date);
    let known = app.directory.access_key(access_key).await.ok().flatten();
    let known = known.with_context(|| format!("the access key {access_key} exists no more"))?;
    let request = signature::Request {
        method: &parts.method,
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body,
    };
    let authorization = HeaderValue::try_from(signature::sign(request, access_key, &known.key)?)?;
    parts.headers.insert(header::AUTHORIZATION, authorization);
    Ok(())
}
