//! `POST /partner/v1/invoices/{invoice_id}/withdraw`

use super::invoices::{InvoiceView, OfInvoice, policy};
use crate::api::caller::AnyCaller;
use crate::api::error::ApiError;
use crate::api::extract::Path;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::invoices::steps::{self, Step};
use axum::extract::State;

/// Takes a request for an invoice back.
///
/// As long as it is in review. What it held can be invoiced again.
#[utoipa::path(
    post, path = "/partner/v1/invoices/{invoice_id}/withdraw",
    params(OfInvoice),
    responses((status = 200, description = "The request.", body = InvoiceView)),
    extensions(("x-policy" = json!(policy().writes()))),
)]
pub async fn withdraw_invoice(
    State(app): State<App>,
    caller: AnyCaller,
    write: Write,
    Path(OfInvoice { invoice_id }): Path<OfInvoice>,
) -> Result<Answer, ApiError> {
    let (account, now) = ((caller.tenant, caller.domain), app.now(caller.tenant));
    write
        .once(async |connection| {
            let invoice = steps::take(connection, account, invoice_id, &Step::Withdraw, now).await?;
            Outcome::of(&invoice_id, &InvoiceView::from(invoice))
        })
        .await
}
