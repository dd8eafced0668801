//! What the imports and exports of sheets share.

use super::named::refused;
use crate::api::error::ApiError;
use crate::sheet::{Format, ImportError};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

/// How many problems of a sheet are named.
const PROBLEMS_NAMED_MAX: usize = 20;

/// How a sheet is exported.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExportQuery {
    /// As CSV or as JSON.
    #[serde(default)]
    #[param(inline)]
    pub format: Format,
}

/// A sheet as an answer.
pub fn exported(format: Format, sheet: String) -> Response {
    let content_type = match format {
        Format::Csv => "text/csv; charset=utf-8",
        Format::Json => "application/json",
    };
    ([(header::CONTENT_TYPE, content_type)], sheet).into_response()
}

/// A sheet as a request.
pub fn given(body: &[u8]) -> Result<&str, ApiError> {
    std::str::from_utf8(body).map_err(|_| ApiError::parameter("body", "must be UTF-8"))
}

/// The refusal of an import, which names what is wrong.
pub fn not_imported(error: ImportError) -> ApiError {
    match error {
        ImportError::Problems(problems) => {
            let named: Vec<String> = problems.iter().take(PROBLEMS_NAMED_MAX).map(ToString::to_string).collect();
            let message = format!("Nothing was imported, {} problems. {}.", problems.len(), named.join("; "));
            ApiError::bss(StatusCode::BAD_REQUEST, "CBC.0100", message)
        }
        ImportError::Database(error) => refused(error),
    }
}
