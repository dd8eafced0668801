//! `GET /partner/v1/invoices/{invoice_id}/print`

use super::invoices::{OfInvoice, policy};
use crate::api::caller::AnyCaller;
use crate::api::error::ApiError;
use crate::api::extract::Path;
use crate::app::App;
use crate::invoices::print::{self, SECURITY_POLICY};
use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};

/// Shows an invoice as a page to print.
///
/// HTML that needs nothing else: to whom it is made out, what it is of, its taxes and how it stands. It is no invoice in law: those
/// are issued outside of this server.
#[utoipa::path(
    get, path = "/partner/v1/invoices/{invoice_id}/print",
    params(OfInvoice),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
    extensions(("x-policy" = json!(policy()))),
)]
pub async fn print_invoice(
    State(app): State<App>,
    caller: AnyCaller,
    Path(OfInvoice { invoice_id }): Path<OfInvoice>,
) -> Result<Response, ApiError> {
    let mut connection = app.database.tenant(caller.tenant).await?;
    let page = print::page(&mut connection, &app.vault, (caller.tenant, caller.domain), invoice_id).await?;
    Ok(answer(page))
}

/// A page as an answer.
pub fn answer(page: String) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(page)).into_response()
}
