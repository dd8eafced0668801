//! `/admin/v1/accounts/{account}/invoices`

use super::cursor::{Cursor, PageQuery};
use super::named::{OfAccount, account_and_time, refused};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::operation::{Operations, operations};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::identity::administration::find_account;
use crate::invoices::model::{InvoiceNumber, InvoiceReason, ParcelNumber, Tax};
use crate::invoices::print;
use crate::invoices::steps::{self, Step};
use crate::invoices::store;
use crate::operators::store::Role;
use crate::partner::invoices::{InvoiceView, NamedInvoice};
use crate::partner::print_invoice::answer;
use crate::values::id::InvoiceId;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The operations on invoices.
pub fn register(operations: &mut Operations<App, OperatorPolicy>) {
    operations!(operations, "invoices": list_invoices, print_invoice, issue_invoice, send_invoice, refuse_invoice,
        return_invoice);
}

/// The invoice in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfInvoice {
    /// The account's name.
    #[param(example = "demo-partner")]
    pub account: String,
    /// The invoice.
    #[param(inline)]
    pub invoice: InvoiceId,
}

/// Invoices.
#[derive(Serialize, ToSchema)]
pub struct InvoicePage {
    /// What was asked for last first.
    invoices: Vec<NamedInvoice>,
    /// Where the list goes on; left out at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List the invoices of an account
///
/// Those that it has asked for, whatever became of them.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/invoices",
    params(OfAccount, PageQuery),
    responses((status = 200, body = InvoicePage, description = "The invoices.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_invoices(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
    Query(query): Query<PageQuery>,
) -> Result<Json<InvoicePage>, ApiError> {
    let behind = query.cursor.as_ref().map(Cursor::moment).transpose()?;
    let limit = query.limit.get();
    let mut connection = app.database.control().await?;
    let of = find_account(&mut connection, &account).await.map_err(refused)?;
    let mut invoices = store::behind(&mut connection, of, (behind, limit + 1)).await?;
    let next_cursor = Cursor::cut_at_moment(&mut invoices, limit, |invoice| (invoice.requested_at, invoice.id.0));
    let invoices = invoices.into_iter().map(|invoice| NamedInvoice::of(invoice, &app.vault));
    Ok(Json(InvoicePage { invoices: invoices.collect::<Result<_, _>>()?, next_cursor }))
}

/// Show an invoice as a page to print
///
/// HTML that needs nothing else.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/invoices/{invoice}/print",
    params(OfInvoice),
    responses((status = 200, body = String, content_type = "text/html", description = "The page.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn print_invoice(State(app): State<App>, Path(of): Path<OfInvoice>) -> Result<Response, ApiError> {
    let mut connection = app.database.control().await?;
    let account = find_account(&mut connection, &of.account).await.map_err(refused)?;
    Ok(answer(print::page(&mut connection, &app.vault, account, of.invoice).await?))
}

/// Under which number an invoice was issued.
#[derive(Deserialize, ToSchema)]
pub struct IssueInvoiceBody {
    /// Its number.
    invoice_no: InvoiceNumber,
    /// The taxes on it; none unless said otherwise.
    #[serde(default)]
    #[schema(max_items = 10)]
    taxes: Vec<Tax>,
}

/// Issue an invoice
///
/// It was issued outside of this server, under this number. A number is given once. A file is done with it; paper is to be sent.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/invoices/{invoice}/issue",
    params(OfInvoice),
    request_body = IssueInvoiceBody,
    responses((status = 200, body = InvoiceView, description = "The invoice afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn issue_invoice(
    State(app): State<App>,
    write: Write,
    Path(of): Path<OfInvoice>,
    Json(body): Json<IssueInvoiceBody>,
) -> Result<Answer, ApiError> {
    if body.taxes.len() > 10 {
        return Err(ApiError::parameter("taxes", "must have at most 10 entries"));
    }
    take(app, write, of, Step::Issue { number: body.invoice_no.as_str().to_owned(), taxes: body.taxes }).await
}

/// How an invoice was sent.
#[derive(Deserialize, ToSchema)]
pub struct SendInvoiceBody {
    /// The number of the parcel.
    parcel_no: ParcelNumber,
}

/// Send an invoice
///
/// One that is issued.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/invoices/{invoice}/send",
    params(OfInvoice),
    request_body = SendInvoiceBody,
    responses((status = 200, body = InvoiceView, description = "The invoice afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn send_invoice(
    State(app): State<App>,
    write: Write,
    Path(of): Path<OfInvoice>,
    Json(body): Json<SendInvoiceBody>,
) -> Result<Answer, ApiError> {
    take(app, write, of, Step::Send { parcel: body.parcel_no.as_str().to_owned() }).await
}

/// Why an invoice is refused or returned.
#[derive(Deserialize, ToSchema)]
pub struct InvoiceReasonBody {
    /// What who asked for it reads.
    reason: InvoiceReason,
}

/// Refuse an invoice
///
/// One that is in review. What it held can be invoiced again.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/invoices/{invoice}/refuse",
    params(OfInvoice),
    request_body = InvoiceReasonBody,
    responses((status = 200, body = InvoiceView, description = "The invoice afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn refuse_invoice(
    State(app): State<App>,
    write: Write,
    Path(of): Path<OfInvoice>,
    Json(body): Json<InvoiceReasonBody>,
) -> Result<Answer, ApiError> {
    take(app, write, of, Step::Refuse { reason: body.reason.as_str().to_owned() }).await
}

/// Take an invoice back
///
/// One that was issued, sent or not. It is void, and what it held can be invoiced again.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/invoices/{invoice}/return",
    params(OfInvoice),
    request_body = InvoiceReasonBody,
    responses((status = 200, body = InvoiceView, description = "The invoice afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn return_invoice(
    State(app): State<App>,
    write: Write,
    Path(of): Path<OfInvoice>,
    Json(body): Json<InvoiceReasonBody>,
) -> Result<Answer, ApiError> {
    take(app, write, of, Step::Return { reason: body.reason.as_str().to_owned() }).await
}

async fn take(app: App, write: Write, of: OfInvoice, step: Step) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (account, now) = account_and_time(connection, &app, &of.account).await?;
            let invoice = steps::take(connection, account, of.invoice, &step, now).await?;
            Outcome::of(&of.invoice, &InvoiceView::from(invoice))
        })
        .await
}
