//! Refusals, in the three shapes the vendor's clients know.
//!
//! A handler returns an [`ApiError`]; the [`edge`](super::edge) writes its body, because the gateway's shape carries the
//! request id. The cause of an internal error is logged there, once, and never sent.

use crate::database::Trouble;
use crate::values::receiver::without_receivers;
use crate::values::text::MASK;
use axum::http::header::{HeaderName, HeaderValue};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;
use utoipa::ToSchema;

/// When clients are asked to come back while the database can do nothing, in seconds.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Which body an error has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// [`GatewayError`]: refused before the service.
    Gateway,
    /// [`BssError`]: refused by the service.
    Bss,
    /// [`IdentityError`]: refused by the identity service.
    Identity,
}

/// A refusal or a failure, ready to be answered.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// HTTP status.
    pub status: StatusCode,
    /// Body shape.
    pub shape: Shape,
    /// The vendor's code, for instance `CBC.0100`; empty in the identity shape.
    pub code: &'static str,
    /// What went wrong, for the client.
    pub message: Cow<'static, str>,
    /// What of an account's state forbids it, where the operation says so. Few errors have it, and all carry its size.
    pub failed_checks: Option<Box<Vec<&'static str>>>,
    /// Further response headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What went wrong inside, for the log.
    pub cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
    /// What the database has to do with it.
    pub trouble: Option<Trouble>,
}

impl ApiError {
    fn new(status: StatusCode, shape: Shape, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            shape,
            code,
            message: message.into(),
            failed_checks: None,
            headers: Vec::new(),
            cause: None,
            trouble: None,
        }
    }

    /// A refusal of the gateway.
    pub fn gateway(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(status, Shape::Gateway, code, message)
    }

    /// A refusal of the business service.
    pub fn bss(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(status, Shape::Bss, code, message)
    }

    /// A refusal of the identity service.
    pub fn identity(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(status, Shape::Identity, "", message)
    }

    /// 400 `CBC.0100`: a parameter breaks its rule.
    pub fn parameter(field: &str, rule: impl std::fmt::Display) -> Self {
        Self::bss(StatusCode::BAD_REQUEST, "CBC.0100", format!("Parameter error. {field}: {rule}."))
    }

    /// 401 `APIGW.0301`: who calls could not be told.
    pub fn unauthenticated(reason: impl std::fmt::Display) -> Self {
        let message = format!("Incorrect IAM authentication information: {reason}");
        Self::gateway(StatusCode::UNAUTHORIZED, "APIGW.0301", message)
    }

    /// The code of what somebody who is known may not do.
    pub const FORBIDDEN: &str = "CBC.0151";

    /// 403 `CBC.0151`: known, but not allowed.
    pub fn forbidden() -> Self {
        Self::bss(StatusCode::FORBIDDEN, Self::FORBIDDEN, "Access denied.")
    }

    /// 404 `APIGW.0101`: no such path, or no such method on it. The vendor tells the two no further apart.
    pub fn no_such_api() -> Self {
        let message = "The API does not exist or has not been published in the environment.";
        Self::gateway(StatusCode::NOT_FOUND, "APIGW.0101", message)
    }

    /// 413 `APIGW.0201`.
    pub fn too_large() -> Self {
        Self::gateway(StatusCode::PAYLOAD_TOO_LARGE, "APIGW.0201", "Request entity too large.")
    }

    /// 504 `APIGW.0201`: the request was not finished in time, by either side.
    pub fn timed_out() -> Self {
        Self::gateway(StatusCode::GATEWAY_TIMEOUT, "APIGW.0201", "Backend timeout.")
    }

    /// 503 `APIGW.0201`: what is needed can do nothing at this moment. As [maintenance](super::maintenance) is told.
    pub fn unavailable() -> Self {
        Self::gateway(StatusCode::SERVICE_UNAVAILABLE, "APIGW.0201", "Backend unavailable. Repeat the request.")
            .with_header(header::RETRY_AFTER, RETRY_AFTER_SECONDS)
    }

    /// What failed inside: 504 or 503 where the database caused it and it is no fault of ours, else 500 `CBC.0999`, which tells
    /// the client nothing.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let cause: Arc<dyn std::error::Error + Send + Sync> = Arc::from(cause.into());
        let trouble = Trouble::within(&*cause);
        let error = match trouble {
            Some(Trouble::TookTooLong) => Self::timed_out(),
            Some(Trouble::GivenUp | Trouble::Away(_)) => Self::unavailable(),
            None => Self::bss(StatusCode::INTERNAL_SERVER_ERROR, "CBC.0999", "Other errors."),
        };
        Self { cause: Some(cause), trouble, ..error }
    }

    /// Names what of an account's state forbids it.
    #[must_use]
    pub fn with_failed_checks(self, failed_checks: Vec<&'static str>) -> Self {
        Self { failed_checks: Some(Box::new(failed_checks)), ..self }
    }

    /// Adds a response header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: impl std::fmt::Display) -> Self {
        let value = HeaderValue::try_from(value.to_string()).expect("our own header values are plain ASCII");
        self.headers.push((name, value));
        self
    }

    /// The full answer.
    pub fn render(self, request_id: &str) -> Response {
        let body = self.body(request_id);
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        response.headers_mut().extend(self.headers);
        response
    }

    /// The answer's body.
    pub fn body(&self, request_id: &str) -> Vec<u8> {
        // A refusal may name what it is about, and that a person, by mistake or not.
        let masked = without_receivers(&self.message, MASK);
        let message = masked.as_deref().unwrap_or(&self.message);
        let body = match self.shape {
            Shape::Gateway => {
                serde_json::to_vec(&GatewayError { error_msg: message, error_code: self.code, request_id })
            }
            Shape::Bss => {
                let fail_check_items = self.failed_checks.as_ref().map_or(&[][..], |checks| checks);
                serde_json::to_vec(&BssError { error_code: self.code, error_msg: message, fail_check_items })
            }
            Shape::Identity => serde_json::to_vec(&IdentityError {
                error: IdentityErrorBody {
                    code: self.status.as_u16(),
                    message,
                    title: self.status.canonical_reason().unwrap_or_default(),
                },
            }),
        };
        body.expect("an error body is plain strings and numbers")
    }
}

/// Carries the error to the edge, which renders it.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What failed in several steps. Handed on as it is, `anyhow` would leave out the last of them; several requests may share it.
#[derive(Debug)]
struct Failed(Arc<anyhow::Error>);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&**self.0)
    }
}

impl From<Arc<anyhow::Error>> for ApiError {
    fn from(error: Arc<anyhow::Error>) -> Self {
        Self::internal(Failed(error))
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        Arc::new(error).into()
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        Self::internal(error)
    }
}

/// Refused before the service: no or wrong credentials, over the quota, no such API.
#[derive(Serialize, ToSchema)]
pub struct GatewayError<'a> {
    /// What went wrong.
    #[schema(example = "Incorrect IAM authentication information: x-auth-token not found")]
    error_msg: &'a str,
    /// The gateway's code.
    #[schema(example = "APIGW.0301")]
    error_code: &'a str,
    /// The id under which the server logged the request; also in the header `X-Request-Id`.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    request_id: &'a str,
}

/// Refused by the business service.
#[derive(Serialize, ToSchema)]
pub struct BssError<'a> {
    /// The service's code.
    #[schema(example = "CBC.0100")]
    error_code: &'a str,
    /// What went wrong; a parameter error names the field.
    #[schema(example = "Parameter error. limit: must be an integer from 1 to 1000.")]
    error_msg: &'a str,
    /// What of an account's state forbids it, with the operations that name it; left out otherwise.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false, example = json!(["SELF_OPEN_ONLY_FOR_ENT_AND_INTR_CUST"]))]
    fail_check_items: &'a [&'a str],
}

/// Refused by the identity service.
#[derive(Serialize, ToSchema)]
pub struct IdentityError<'a> {
    /// The refusal.
    error: IdentityErrorBody<'a>,
}

/// The refusal inside an [`IdentityError`].
#[derive(Serialize, ToSchema)]
pub struct IdentityErrorBody<'a> {
    /// The HTTP status once more.
    #[schema(example = 401)]
    code: u16,
    /// What went wrong.
    #[schema(example = "The username or password is wrong.")]
    message: &'a str,
    /// The HTTP status in words.
    #[schema(example = "Unauthorized")]
    title: &'a str,
}
