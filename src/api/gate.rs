//! The gate before each operation: quota of the source → who calls → quota of the account → kind of caller → permission.
//!
//! The signature is verified over the body as it came, before anything of it is parsed.

use super::caller::Caller;
use super::edge::{RequestId, Source};
use super::error::{ApiError, Shape};
use super::operation::{Authentication, Policy, Service};
use super::quota::OperationQuota;
use super::write::Write;
use crate::app::App;
use crate::audit::{self, Call, Event};
use crate::identity::authenticate;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use http_body_util::LengthLimitError;
use std::sync::Arc;

/// One operation's gate.
pub struct Gate {
    app: App,
    operation: &'static str,
    method: &'static str,
    policy: Policy,
    quota: OperationQuota,
}

impl Gate {
    /// A gate that enforces `policy`.
    pub fn new(app: App, operation: &'static str, method: &'static str, policy: Policy) -> Self {
        Self { app, operation, method, quota: OperationQuota::new(policy.quota), policy }
    }
}

/// The layer on the operation's route.
pub async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let call = gate.call(&request);
    let mut admitted = None;
    let mut response = match gate.admit(request, &call, &mut admitted).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    if gate.policy.writes
        && let Some(caller) = &admitted
        && let Some(error) = response.extensions().get::<ApiError>()
    {
        gate.record_refusal(caller, &call, error).await;
    }
    // For the edge's log line.
    response.extensions_mut().insert(admitted);
    if gate.policy.service == Service::Identity
        && let Some(error) = response.extensions_mut().get_mut::<ApiError>()
        && error.shape == Shape::Bss
    {
        // What operations share, parameter errors for instance, is refused in the service's own words.
        error.shape = Shape::Identity;
    }
    response
}

impl Gate {
    fn call(&self, request: &Request) -> Arc<Call> {
        let given = request.extensions();
        let source = given.get::<Source>().expect("the edge puts the source beside each request").0;
        let request_id = given.get::<RequestId>().expect("the edge gives each request an id").0.clone();
        Arc::new(Call { operation: self.operation, request_id, source })
    }

    /// Lets the request in, or not; says who calls as soon as that is known.
    async fn admit(
        &self,
        request: Request,
        call: &Arc<Call>,
        admitted: &mut Option<Arc<Caller>>,
    ) -> Result<Request, ApiError> {
        if request.method().as_str() != self.method {
            // The router would let HEAD in where GET is declared; the vendor knows only what is declared.
            return Err(ApiError::no_such_api());
        }
        self.quota.check_source(call.source)?;
        refuse_long_body(request.headers(), self.app.settings.server.max_body_bytes)?;
        if self.policy.authentication == Authentication::None {
            return Ok(request);
        }
        let (mut parts, body) = request.into_parts();
        let body = read(body, self.app.settings.server.max_body_bytes).await?;
        let caller = authenticate::caller(&self.app, &parts, &body, call.source).await?;
        self.quota.check_account(caller.domain.0)?;
        *admitted = Some(caller.clone());
        self.authorise(&caller)?;
        if self.policy.writes {
            parts.extensions.insert(Write::new(caller.clone(), call.clone(), &parts, &body)?);
        }
        parts.extensions.insert(caller);
        Ok(Request::from_parts(parts, Body::from(body)))
    }

    /// A write that was refused; that it cannot be recorded is no reason to answer otherwise.
    async fn record_refusal(&self, caller: &Caller, call: &Call, error: &ApiError) {
        let event = Event { caller, call, subject: "", status: error.status.as_u16(), error_code: error.code };
        let append = async {
            let mut connection = self.app.database.tenant(caller.tenant).await?;
            audit::append(&mut connection, &[event], self.app.clock.now()).await
        };
        if let Err(error) = append.await {
            tracing::warn!(%error, "a refused write could not be recorded");
        }
    }

    fn authorise(&self, caller: &Caller) -> Result<(), ApiError> {
        if !self.policy.admits(caller) {
            tracing::info!(operation = self.operation, kind = ?caller.kind, "the caller is not allowed");
            return Err(ApiError::forbidden());
        }
        Ok(())
    }
}

fn refuse_long_body(headers: &HeaderMap, max: usize) -> Result<(), ApiError> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    match length.and_then(|length| length.parse::<usize>().ok()) {
        Some(length) if length > max => Err(ApiError::too_large()),
        _ => Ok(()),
    }
}

async fn read(body: Body, max: usize) -> Result<Bytes, ApiError> {
    match http_body_util::Limited::new(body, max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::too_large()),
        Err(_) => Err(ApiError::parameter("body", "could not be read to its end")),
    }
}
