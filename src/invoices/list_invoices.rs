//! `GET /v1.0/{domain_id}/payments/intl-invoices`

use super::model::{Invoice, InvoiceKind, InvoiceMethod, Medium, Tax, TaxClass, TitleKind};
use super::state::Status;
use super::store::{self, Wanted};
use crate::api::caller::{AnyCaller, CallerKind};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::page::Limit;
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::personal::Vault;
use crate::values::amount::Amount;
use crate::values::coded::coded;
use crate::values::id::InvoiceId;
use crate::values::number::Number;
use crate::values::site::Site;
use crate::values::time::{Instant, Month};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::Duration;
use utoipa::{IntoParams, ToSchema};

coded! {
    /// How an invoice stands: 0 a draft, as what was withdrawn or refused is; 1 in review; 6 waiting to be sent; 8 done; 9 returned.
    InvoiceState {
        /// Withdrawn or refused.
        Draft = 0,
        /// In review.
        InReview = 1,
        /// It is issued on paper, and not sent yet.
        ToBeSent = 6,
        /// It is sent, or a file.
        Done = 8,
        /// It is returned.
        Returned = 9,
    }
}

/// The account in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct InvoicesOf {
    /// The caller's own account.
    #[param(inline)]
    domain_id: AccountIdText,
}

/// Which invoices.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListInvoicesQuery {
    /// Only those asked for at this instant or later.
    #[param(inline)]
    start_time: Instant,
    /// Only those asked for at this instant or earlier.
    #[param(inline)]
    end_time: Instant,
    /// Which page, from 1. The name is the vendor's: it does not count invoices.
    #[param(inline)]
    offset: Number<1, 1_000_000>,
    /// How many a page has.
    #[param(inline)]
    limit: Limit<1000>,
}

/// Invoices.
#[derive(Serialize, ToSchema)]
pub struct ListInvoicesResponse {
    /// How many there are in all.
    #[schema(example = 25)]
    count: i64,
    /// This page of them, what was asked for last first.
    invoices: Vec<InvoiceRequestInfoIntl>,
}

/// An invoice, or a request for one.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceRequestInfoIntl {
    /// The request's id.
    #[schema(value_type = InvoiceId)]
    request_id: InvoiceId,
    /// Why it was refused or returned.
    #[schema(nullable, example = "The tax number is not that of the company.")]
    cancel_reason: Option<String>,
    /// To whom it is made out: 0 a person, 1 a company.
    title_type: TitleKind,
    /// The channel: 0, the vendor.
    #[schema(example = 0)]
    channel_type: i32,
    /// 0 a special VAT invoice, 1 an ordinary one.
    invoice_type: InvoiceKind,
    /// To whom it is made out.
    #[schema(example = "Example Trading Ltd.")]
    invoice_title: String,
    /// How much it is.
    invoice_amount: Amount,
    /// What it is made by: 0 a month, 2 orders.
    invoice_method: InvoiceMethod,
    /// 0: it shows taxes; 1: it shows none.
    #[schema(example = 1)]
    invoice_class: i32,
    /// How it stands.
    invoice_state: InvoiceState,
    /// Who asked for it.
    #[schema(example = "demo-partner")]
    apply_opera: String,
    /// Where paper goes.
    #[schema(nullable)]
    address_info: Option<PostAddressInfoIntl>,
    /// When it was asked for.
    apply_time: Instant,
    /// On what it is: 0 paper, 1 a file. The vendor writes the number as a text.
    #[schema(example = "0")]
    invoice_mode: &'static str,
    /// Where files go.
    #[schema(nullable, example = "invoices@example.com")]
    email: Option<String>,
    /// What was asked for: 0 an invoice; 2 an invoice that was returned.
    #[schema(example = "0")]
    request_mode: &'static str,
    /// Of a request to return an invoice: which. There are no such requests.
    #[schema(nullable)]
    src_request_id: Option<InvoiceId>,
    /// The entity that the contract is with: this server knows none.
    #[schema(example = "")]
    sales_id: &'static str,
    /// Its number, once it is issued.
    #[schema(nullable, example = "26312000000012345678")]
    invoice_no: Option<String>,
    /// What is invoiced: 6 a month, 8 orders.
    #[schema(example = 6)]
    trade_type: i32,
    /// The month of UTC+8; null for orders.
    #[schema(value_type = Month, nullable)]
    bill_cycle: Option<Month>,
    /// The taxes on it.
    tax_list: Vec<TaxInfo>,
}

/// Where paper goes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostAddressInfoIntl {
    /// The address.
    #[schema(example = "1 Long Street, Guiyang")]
    address: String,
    /// Who receives it.
    #[schema(example = "Li Lei")]
    recipients: String,
    /// The postal code.
    #[schema(example = "550000")]
    zip_code: String,
    /// The phone of who receives it.
    #[schema(example = "13800000000")]
    mobile_phone: String,
}

/// A tax.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaxInfo {
    /// The tax.
    tax_class: TaxClass,
    /// Its rate.
    #[schema(example = "6%")]
    tax_rate: String,
    /// The sort of the tax: the tax itself, as there is no finer one.
    sub_tax_class: TaxClass,
    /// How much it is.
    tax_amount: Amount,
    /// `Y`: it is shown.
    #[schema(example = "Y")]
    tax_visible_flag: &'static str,
    /// `Y`: it is booked.
    #[schema(example = "Y")]
    tax_accounting_flag: &'static str,
}

/// Lists invoices.
///
/// Those that the account has asked for, by the time of asking, in pages that are counted from 1. A page beyond the last one is
/// empty.
#[utoipa::path(
    get, path = "/v1.0/{domain_id}/payments/intl-invoices",
    params(InvoicesOf, ListInvoicesQuery),
    responses((status = 200, description = "The invoices.", body = ListInvoicesResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::PARTNERS_AND_CUSTOMERS).on(Site::Intl)))),
)]
pub async fn list_invoices(
    State(app): State<App>,
    caller: AnyCaller,
    Path(InvoicesOf { domain_id }): Path<InvoicesOf>,
    Query(query): Query<ListInvoicesQuery>,
) -> Result<Json<ListInvoicesResponse>, ApiError> {
    if domain_id.id() != Some(caller.domain) {
        return Err(ApiError::forbidden());
    }
    if query.end_time < query.start_time {
        return Err(ApiError::parameter("end_time", "must not be before start_time"));
    }
    let wanted = Wanted {
        from: Some(query.start_time.0),
        until: Some(query.end_time.0.saturating_add(Duration::SECOND)),
        status: None,
    };
    let limit = query.limit.get();
    let skipped = (query.offset.get() as usize - 1).saturating_mul(limit);
    let mut connection = app.database.tenant(caller.tenant).await?;
    let account = (caller.tenant, caller.domain);
    let (invoices, count) = store::page(&mut connection, account, wanted, (skipped, limit)).await?;
    let invoices = invoices.into_iter().map(|invoice| show(invoice, &app.vault)).collect::<Result<_, ApiError>>()?;
    Ok(Json(ListInvoicesResponse { count, invoices }))
}

fn state(invoice: &Invoice) -> InvoiceState {
    match (invoice.status, invoice.medium) {
        (Status::Withdrawn | Status::Refused, _) => InvoiceState::Draft,
        (Status::InReview, _) => InvoiceState::InReview,
        (Status::Issued, Medium::Paper) => InvoiceState::ToBeSent,
        (Status::Issued, Medium::Digital) | (Status::Sent, _) => InvoiceState::Done,
        (Status::Returned, _) => InvoiceState::Returned,
    }
}

fn show(invoice: Invoice, vault: &Vault) -> Result<InvoiceRequestInfoIntl, ApiError> {
    let details = invoice.open(vault)?;
    let tax = |tax: &Tax| TaxInfo {
        tax_class: tax.tax_class,
        tax_rate: tax.tax_rate.as_str().to_owned(),
        sub_tax_class: tax.tax_class,
        tax_amount: tax.tax_amount.0.into(),
        tax_visible_flag: "Y",
        tax_accounting_flag: "Y",
    };
    let address = details.address.map(|address| PostAddressInfoIntl {
        address: address.address.as_str().to_owned(),
        recipients: address.recipients.as_str().to_owned(),
        zip_code: address.zip_code.as_str().to_owned(),
        mobile_phone: address.mobile_phone.as_str().to_owned(),
    });
    Ok(InvoiceRequestInfoIntl {
        request_id: invoice.id,
        title_type: invoice.title_kind,
        channel_type: 0,
        invoice_type: invoice.kind,
        invoice_title: details.title.invoice_title.as_str().to_owned(),
        invoice_amount: invoice.amount.into(),
        invoice_method: invoice.method(),
        invoice_class: i32::from(invoice.taxes.is_empty()),
        invoice_state: state(&invoice),
        address_info: address,
        apply_time: Instant(invoice.requested_at),
        invoice_mode: if invoice.medium == Medium::Paper { "0" } else { "1" },
        email: details.email.map(|email| email.as_str().to_owned()),
        request_mode: if invoice.status == Status::Returned { "2" } else { "0" },
        src_request_id: None,
        sales_id: "",
        trade_type: if invoice.cycle.is_some() { 6 } else { 8 },
        bill_cycle: invoice.cycle,
        tax_list: invoice.taxes.iter().map(tax).collect(),
        cancel_reason: invoice.reason,
        apply_opera: invoice.user_name,
        invoice_no: invoice.number,
    })
}
