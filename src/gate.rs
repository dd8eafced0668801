//! The gate before each operation: maintenance → quota of the source → who calls → quota of the account → kind of caller → permission.
//!
//! The signature is verified over the body as it came, before anything of it is parsed.

use crate::api::again;
use crate::api::audit::{self, Call};
use crate::api::bodies;
use crate::api::caller::Caller;
use crate::api::error::{ApiError, Shape};
use crate::api::extract::UnknownFields;
use crate::api::faults::{self, Fault};
use crate::api::operation::Enforced;
use crate::api::policy::{Authentication, Policy, Service};
use crate::api::quota::{Checked, Dimension, OperationQuota};
use crate::api::recorder::Trace;
use crate::api::write::Write;
use crate::app::App;
use crate::identity::authenticate::{self, Admitted};
use crate::signature;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
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

impl Enforced<App> for Policy {
    fn guard(self, app: &App, id: &'static str, method: &'static str, handler: MethodRouter<App>) -> MethodRouter<App> {
        let gate = Arc::new(Gate::new(app.clone(), id, method, self));
        handler.route_layer(axum::middleware::from_fn_with_state(gate, pass))
    }
}

/// The layer on the operation's route.
pub async fn pass(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let call = Arc::new(Call::new(gate.operation, &request));
    let trace = Trace::of(&request);
    let unknown = (gate.policy.writes && gate.app.settings.sandbox.enabled).then(UnknownFields::default);
    if let Some(unknown) = unknown.clone() {
        request.extensions_mut().insert(unknown);
    }
    let mut admitted = None;
    let mut response = match gate.admit(request, &call, &mut admitted, &trace).await {
        Ok((request, None)) => again::run(request, next).await,
        Ok((request, Some(fault))) => {
            trace.meets(fault.kind);
            fault.strike(gate.policy.quota, again::run(request, next)).await
        }
        Err(refusal) => refusal.into_response(),
    };
    if gate.policy.writes
        && let Some(caller) = &admitted
        && let Some(error) = response.extensions().get::<ApiError>()
    {
        audit::record_refusal(&gate.app.database, (caller, &call), error, gate.app.clock.now()).await;
    }
    if let Some(warning) = unknown.and_then(|unknown| unknown.warning()) {
        match response.extensions_mut().get_mut::<ApiError>() {
            Some(error) => error.headers.push((header::WARNING, warning)),
            None => drop(response.headers_mut().insert(header::WARNING, warning)),
        }
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
    /// Lets the request in, perhaps to a fault, or not; says who calls as soon as that is known.
    async fn admit(
        &self,
        request: Request,
        call: &Arc<Call>,
        admitted: &mut Option<Arc<Caller>>,
        trace: &Trace,
    ) -> Result<(Request, Option<Fault>), ApiError> {
        if request.method().as_str() != self.method {
            // The router would let HEAD in where GET is declared; the vendor knows only what is declared.
            return Err(ApiError::no_such_api());
        }
        self.app.maintenance.check(self.policy.writes, || self.app.clock.now())?;
        self.count(Dimension::Source, self.quota.check_source(call.source), trace)?;
        refuse_long_body(request.headers(), self.app.settings.server.max_body_bytes)?;
        refuse_encoded_body(request.headers())?;
        let (mut parts, body) = request.into_parts();
        let is_open = match self.policy.authentication {
            Authentication::Required => false,
            Authentication::Optional => !signature::is_signed(&parts.headers),
            Authentication::None => true,
        };
        let longest = if is_open { bodies::OF_STRANGERS } else { usize::MAX };
        let read = self.app.bodies.read(&parts.headers, body, longest);
        let body = async {
            let held = read.await?;
            trace.read(held.bytes());
            Ok(held)
        };
        if is_open {
            let fault = self.fault(&parts.headers, "")?;
            let (body, held) = body.await?.split();
            parts.extensions.insert(held);
            return Ok((Request::from_parts(parts, Body::from(body)), fault));
        }
        let admission = authenticate::caller(&self.app, &parts, body, call.source).await?;
        let Admitted { caller, signer, body } = admission;
        let (body, held) = body.split();
        parts.extensions.insert(held);
        parts.extensions.insert(signer);
        trace.called_by(&caller);
        self.count(Dimension::Account, self.quota.check_account(caller.domain.0), trace)?;
        *admitted = Some(caller.clone());
        self.authorise(&caller)?;
        if self.policy.writes {
            let write = Write::new(
                (caller.clone(), call.clone()),
                (&parts, &body),
                &self.app.vault,
                (&self.app.database, &self.app.clock),
            )?;
            parts.extensions.insert(write);
        }
        let fault = self.fault(&parts.headers, &caller.credential)?;
        parts.extensions.insert(caller);
        Ok((Request::from_parts(parts, Body::from(body)), fault))
    }

    fn count(&self, of: Dimension, checked: Result<Checked, ApiError>, trace: &Trace) -> Result<(), ApiError> {
        let rate = self.policy.quota;
        trace.counted(of, checked.as_ref().copied().unwrap_or(Checked { rate, left: 0 }));
        checked.map(|_| ())
    }

    fn fault(&self, headers: &HeaderMap, access_key: &str) -> Result<Option<Fault>, ApiError> {
        match &self.app.faults {
            Some(faults) => faults.meet(headers, self.operation, access_key),
            None => faults::refuse(headers).map(|()| None),
        }
    }

    fn authorise(&self, caller: &Caller) -> Result<(), ApiError> {
        if !self.policy.admits(caller) {
            let denial = self.policy.denial(caller);
            tracing::info!(operation = self.operation, denial, "the caller is not allowed");
            let mut error = ApiError::forbidden();
            if self.app.settings.identity.explain_refusals {
                error.message = format!("Access denied. {} is refused: {denial}.", self.operation).into();
            }
            return Err(error);
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

/// A body is read as it is sent; one that is compressed would not be what was signed.
fn refuse_encoded_body(headers: &HeaderMap) -> Result<(), ApiError> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            let message = "API request error: Content-Encoding is not supported, send the body as it is.";
            Err(ApiError::gateway(StatusCode::UNSUPPORTED_MEDIA_TYPE, "APIGW.0201", message))
        }
        _ => Ok(()),
    }
}
