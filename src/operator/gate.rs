//! The gate before each operator's operation: token → role → the write's frame.

use super::policy::OperatorPolicy;
use crate::api::again;
use crate::api::audit::OPERATORS;
use crate::api::audit::{self, Call};
use crate::api::caller::{Caller, CallerKind};
use crate::api::error::ApiError;
use crate::api::operation::Enforced;
use crate::api::write::Write;
use crate::app::App;
use crate::identity::model::token_hash;
use crate::operators::store;
use crate::values::id::{DomainId, UserId};
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
    policy: OperatorPolicy,
}

impl Gate {
    /// A gate that enforces `policy`.
    pub fn new(app: App, operation: &'static str, method: &'static str, policy: OperatorPolicy) -> Self {
        Self { app, operation, method, policy }
    }

    async fn admit(
        &self,
        request: Request,
        call: &Arc<Call>,
        admitted: &mut Option<Arc<Caller>>,
    ) -> Result<Request, ApiError> {
        if request.method().as_str() != self.method {
            return Err(ApiError::no_such_api());
        }
        let (mut parts, body) = request.into_parts();
        let operator = self.operator(&parts.headers).await?;
        let caller = Arc::new(Caller {
            tenant: OPERATORS,
            domain: DomainId(operator.id),
            domain_name: operator.name.clone(),
            kind: CallerKind::Operator,
            user: UserId(operator.id),
            user_name: operator.name,
            administrator: false,
            credential: "operator".to_owned(),
            permission_items: Vec::new(),
            acting_from: None,
        });
        *admitted = Some(caller.clone());
        if operator.role < self.policy.role {
            return Err(ApiError::forbidden());
        }
        if !self.policy.writes {
            return Ok(Request::from_parts(parts, body));
        }
        let (body, held) = self.app.bodies.read(&parts.headers, body, usize::MAX).await?.split();
        parts.extensions.insert(held);
        let write = Write::new(
            (caller, call.clone()),
            (&parts, &body),
            &self.app.vault,
            (&self.app.database, &self.app.clock),
        )?;
        parts.extensions.insert(write);
        Ok(Request::from_parts(parts, Body::from(body)))
    }

    /// Whose token it is. Asked of the database each time, so that a token that is withdrawn ends at once.
    async fn operator(&self, headers: &HeaderMap) -> Result<store::Operator, ApiError> {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
        let given = given.ok_or_else(|| unauthenticated("the header Authorization: Bearer is not there"))?;
        let mut connection = self.app.database.control().await?;
        let now = self.app.clock.now();
        let operator = store::by_token(&mut connection, &token_hash(given), now).await?;
        operator.ok_or_else(|| unauthenticated("the token is unknown or has expired"))
    }
}

/// What follows the word, whose case says nothing.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (word, token) = value.split_at_checked(b"Bearer ".len())?;
    word.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

fn unauthenticated(reason: &'static str) -> ApiError {
    let message = format!("Not authenticated: {reason}.");
    ApiError::bss(StatusCode::UNAUTHORIZED, "CBC.0150", message).with_header(header::WWW_AUTHENTICATE, "Bearer")
}

impl Enforced<App> for OperatorPolicy {
    fn guard(self, app: &App, id: &'static str, method: &'static str, handler: MethodRouter<App>) -> MethodRouter<App> {
        let gate = Arc::new(Gate::new(app.clone(), id, method, self));
        handler.route_layer(axum::middleware::from_fn_with_state(gate, pass))
    }
}

/// The layer on the operation's route.
pub async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let call = Arc::new(Call::new(gate.operation, &request));
    let mut admitted = None;
    let mut response = match gate.admit(request, &call, &mut admitted).await {
        Ok(request) if gate.policy.writes => again::run(request, next).await,
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    if gate.policy.writes
        && let Some(caller) = &admitted
        && let Some(error) = response.extensions().get::<ApiError>()
    {
        audit::record_refusal(&gate.app.database, (caller, &call), error, gate.app.clock.now()).await;
    }
    response.extensions_mut().insert(admitted);
    response
}
