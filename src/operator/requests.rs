//! `/admin/v1/requests`: the sandbox's request log.

use super::cursor::Cursor;
use super::named::refused;
use super::policy::OperatorPolicy;
use crate::api::caller::CallerKind;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::faults::FaultKind;
use crate::api::operation::{Operations, operations};
use crate::api::page::Limit;
use crate::api::quota::Dimension;
use crate::api::recorder::mask::MaskedBody;
use crate::api::recorder::{Entry, Filter, RequestLog};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::identity::kind::Kind;
use crate::identity::model::token_time;
use crate::operator::replay::{Api, replay};
use crate::operator::{curl, sdk};
use crate::operators::store::Role;
use crate::values::number;
use anyhow::anyhow;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// The operations on the log.
pub fn register(operations: &mut Operations<App, OperatorPolicy>) {
    operations!(operations, "requests":
        list_requests,
        delete_requests,
        show_request,
        show_request_as_curl,
        show_request_as_sdk_code,
        replay_request,
    );
}

/// Which calls.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListRequestsQuery {
    /// Name of the account that called.
    #[param(example = "demo-partner", max_length = 64)]
    account: Option<String>,
    /// The operation's id.
    #[param(example = "ListCities", max_length = 64)]
    operation: Option<String>,
    /// The answer's status.
    #[param(example = 429, minimum = 100, maximum = 599)]
    #[serde(default, deserialize_with = "number::any_or_none")]
    status: Option<u16>,
    /// The code of the refusal.
    #[param(example = "APIGW.0301", max_length = 64)]
    error_code: Option<String>,
    /// The request's id.
    #[param(max_length = 64)]
    request_id: Option<String>,
    /// How many calls to answer.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<1000, 100>,
    /// Where to go on.
    #[param(inline)]
    cursor: Option<Cursor>,
}

/// The call in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfRequest {
    /// The call's number.
    #[param(example = 4711)]
    #[serde(deserialize_with = "number::any")]
    request: u64,
}

/// Calls.
#[derive(Serialize, ToSchema)]
pub struct RequestPage {
    /// The newest first.
    requests: Vec<RequestView>,
    /// Where the list goes on; left out at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A call.
#[derive(Serialize, ToSchema)]
pub struct RequestView {
    /// Its number.
    #[schema(example = 4711)]
    request: u64,
    /// When it was answered, by the system's time.
    #[schema(example = "2026-01-31T16:00:00.123456Z")]
    at: String,
    /// The request's id.
    request_id: String,
    /// The method.
    #[schema(example = "GET")]
    method: String,
    /// The path.
    #[schema(example = "/v2/systems/configs/cities")]
    path: String,
    /// The query, masked.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(example = "province_code=CN-13")]
    query: String,
    /// The operation's id; left out where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ListCities")]
    operation: Option<&'static str>,
    /// The address it came from.
    #[schema(example = "192.0.2.7")]
    source: String,
    /// Name of the account that called; left out where that could not be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "demo-partner")]
    account: Option<String>,
    /// What the account is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Kind>)]
    kind: Option<CallerKind>,
    /// The access key it named, known or not; `token` for a token that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "AKEXAMPLE7K2M9Q4R6T8")]
    credential: Option<String>,
    /// How long it took, in microseconds.
    #[schema(example = 1250)]
    duration_us: u64,
    /// The answer's status; left out where the connection was closed instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 200)]
    status: Option<u16>,
    /// The code of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "APIGW.0308")]
    error_code: Option<String>,
    /// The fault that it met.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<FaultKind>,
    /// Number of the call that it repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    replay_of: Option<u64>,
}

/// A call with all that is known of it.
#[derive(Serialize, ToSchema)]
pub struct RequestDetail {
    #[serde(flatten)]
    request: RequestView,
    /// The request's headers, masked.
    headers: Vec<HeaderView>,
    /// The request's body, masked, as far as the server read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<BodyView>,
    /// What the server takes for signed, line by line; masked, so that its hash is not the one that was signed where it says
    /// `***`. Left out where nothing was signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    canonical_request: Option<String>,
    /// The quotas it was counted for.
    quotas: Vec<RequestQuotaView>,
    /// The answer's headers, masked.
    answer_headers: Vec<HeaderView>,
    /// The answer's body, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_body: Option<BodyView>,
}

/// A header.
#[derive(Serialize, ToSchema)]
pub struct HeaderView {
    /// Its name.
    #[schema(example = "x-language")]
    name: String,
    /// Its value.
    #[schema(example = "en_US")]
    value: String,
}

/// A body.
#[derive(Serialize, ToSchema)]
pub struct BodyView {
    /// Its text; `(no JSON)` where it is none.
    #[schema(example = "{\"limit\":10}")]
    text: String,
    /// How long it was.
    #[schema(example = 12)]
    bytes: usize,
    /// Whether the text is only its beginning.
    cut: bool,
}

/// A quota that a call was counted for.
#[derive(Serialize, ToSchema)]
pub struct RequestQuotaView {
    /// `ip` for the source address, `user` for the account.
    #[schema(example = "ip")]
    dimension: &'static str,
    /// Calls in a window.
    #[schema(example = 10)]
    limit: u32,
    /// The window's length.
    #[schema(example = 1)]
    window_seconds: u32,
    /// How many calls were left at that moment.
    #[schema(example = 9)]
    left: u32,
}

impl From<&Entry> for RequestView {
    fn from(entry: &Entry) -> Self {
        Self {
            request: entry.number,
            at: token_time(entry.at),
            request_id: entry.request_id.clone(),
            method: entry.method.to_string(),
            path: entry.path.clone(),
            query: entry.query.clone(),
            operation: entry.operation,
            source: entry.source.to_string(),
            account: entry.caller.as_ref().map(|caller| caller.domain_name.clone()),
            kind: entry.caller.as_ref().map(|caller| caller.kind),
            credential: entry.credential.clone(),
            duration_us: u64::try_from(entry.duration.as_micros()).unwrap_or(u64::MAX),
            status: entry.status.map(|status| status.as_u16()),
            error_code: entry.error_code.clone(),
            fault: entry.fault,
            replay_of: entry.replay_of,
        }
    }
}

impl From<&Entry> for RequestDetail {
    fn from(entry: &Entry) -> Self {
        let quotas = entry.quotas.iter().map(|(dimension, checked)| RequestQuotaView {
            dimension: Dimension::name(*dimension),
            limit: checked.rate.limit.get(),
            window_seconds: checked.rate.window_seconds.get(),
            left: checked.left,
        });
        Self {
            request: entry.into(),
            headers: headers(&entry.headers),
            body: entry.body.clone().map(BodyView::from),
            canonical_request: entry.canonical_request.clone(),
            quotas: quotas.collect(),
            answer_headers: headers(&entry.answer_headers),
            answer_body: entry.answer_body.clone().map(BodyView::from),
        }
    }
}

impl From<MaskedBody> for BodyView {
    fn from(MaskedBody { text, bytes, cut }: MaskedBody) -> Self {
        Self { text, bytes, cut }
    }
}

fn headers(headers: &HeaderMap) -> Vec<HeaderView> {
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| HeaderView { name: name.to_string(), value: text(value) }).collect()
}

/// List the last calls
///
/// The calls that this process's API answered, the newest first; as many as `sandbox.request_log_length` says. In the sandbox
/// only.
#[utoipa::path(
    get,
    path = "/admin/v1/requests",
    params(ListRequestsQuery),
    responses((status = 200, body = RequestPage, description = "The calls.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_requests(
    State(app): State<App>,
    Query(query): Query<ListRequestsQuery>,
) -> Result<Json<RequestPage>, ApiError> {
    let log = sandbox(&app)?;
    let before = query.cursor.as_ref().map(Cursor::key).transpose()?;
    let limit = query.limit.get();
    let ListRequestsQuery { account, operation, status, error_code, request_id, .. } = query;
    let filter = Filter { account, operation, status, error_code, request_id };
    let mut entries = log.list(&filter, before, limit + 1);
    let next_cursor = Cursor::cut(&mut entries, limit, |entry| entry.number);
    let requests = entries.iter().map(|entry| RequestView::from(&**entry)).collect();
    Ok(Json(RequestPage { requests, next_cursor }))
}

/// Forget the calls
///
/// All that are logged; the numbers go on. In the sandbox only.
#[utoipa::path(
    delete,
    path = "/admin/v1/requests",
    responses((status = 204, description = "They are gone.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn delete_requests(State(app): State<App>, write: Write) -> Result<Answer, ApiError> {
    let log = sandbox(&app)?;
    let is_tried = write.dry_run;
    write
        .once(async |_| {
            if !is_tried {
                log.clear();
            }
            Ok(Outcome::empty("requests"))
        })
        .await
}

/// Show a call
///
/// With headers, bodies, the canonical request and the state of its quotas; secrets and personal data are masked. In the
/// sandbox only.
#[utoipa::path(
    get,
    path = "/admin/v1/requests/{request}",
    params(OfRequest),
    responses((status = 200, body = RequestDetail, description = "The call.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn show_request(
    State(app): State<App>,
    Path(OfRequest { request }): Path<OfRequest>,
) -> Result<Json<RequestDetail>, ApiError> {
    Ok(Json(RequestDetail::from(&*find(&app, request)?)))
}

/// Show a call as a curl command
///
/// For a shell. It asks for a token first, since curl cannot sign, and takes the password from the variable `PASSWORD`; what
/// is hidden in the call stays `***`. In the sandbox only.
#[utoipa::path(
    get,
    path = "/admin/v1/requests/{request}/curl",
    params(OfRequest),
    responses((status = 200, body = String, content_type = "text/plain", description = "The command.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn show_request_as_curl(
    State(app): State<App>,
    Path(OfRequest { request }): Path<OfRequest>,
) -> Result<Response, ApiError> {
    let entry = find(&app, request)?;
    Ok(plain_text(curl::command(&entry, app.settings.server.listen)))
}

/// Show a call as code with the SDK
///
/// Python code with the vendor's SDK that makes the same call. It takes the secret key from the environment's `SECRET_KEY`, and
/// the access key of a call that had a token from `ACCESS_KEY`; what is hidden in the call stays `***`. In the sandbox only.
#[utoipa::path(
    get,
    path = "/admin/v1/requests/{request}/sdk",
    params(OfRequest),
    responses((status = 200, body = String, content_type = "text/plain", description = "The code.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn show_request_as_sdk_code(
    State(app): State<App>,
    Path(OfRequest { request }): Path<OfRequest>,
) -> Result<Response, ApiError> {
    let entry = find(&app, request)?;
    Ok(plain_text(sdk::code(&entry, app.settings.server.listen).map_err(refused)?))
}

/// A call that was repeated.
#[derive(Serialize, ToSchema)]
pub struct RequestReplayed {
    /// Number of the new call.
    #[schema(example = 4712)]
    request: u64,
    /// The answer's status; left out where the connection was closed instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 200)]
    status: Option<u16>,
    /// The answer's body, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_body: Option<BodyView>,
}

/// Make a call again
///
/// The same request, headers and body, from the same address. A call that was let in by its signature is signed anew with its
/// key; one with a token is made with that token, and one that was not let in is sent as it came. Its `Idempotency-Key` stays,
/// so that a write with one is not done twice; without one it is. With `X-Dry-Run` a write is only tried. In the sandbox only.
#[utoipa::path(
    post,
    path = "/admin/v1/requests/{request}/replay",
    params(OfRequest),
    responses((status = 200, body = RequestReplayed, description = "It was made.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn replay_request(
    State(app): State<App>,
    Extension(api): Extension<Api>,
    write: Write,
    Path(OfRequest { request }): Path<OfRequest>,
) -> Result<Answer, ApiError> {
    let is_tried = write.dry_run;
    write
        .once(async |_| {
            let entry = find(&app, request)?;
            let again = replay(&app, &api, &entry, is_tried).await.map_err(refused)?;
            let replayed = RequestReplayed {
                request: again.number,
                status: again.status.map(|status| status.as_u16()),
                answer_body: again.answer_body.clone().map(BodyView::from),
            };
            Outcome::of(&request, &replayed)
        })
        .await
}

fn plain_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

fn find(app: &App, number: u64) -> Result<Arc<Entry>, ApiError> {
    let found = sandbox(app)?.find(number);
    found.ok_or_else(|| refused(anyhow!("there is no request {number} in the log")))
}

fn sandbox(app: &App) -> Result<&RequestLog, ApiError> {
    app.requests.as_deref().ok_or_else(|| refused(anyhow!("requests are logged in the sandbox only")))
}
