//! `POST /partner/v1/invoices`

use super::invoices::{InvoiceItem, InvoiceView, payer, policy};
use crate::api::caller::AnyCaller;
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::charges::invoiceable::Selection;
use crate::customers::model::AccountIdText;
use crate::invoices::model::{Address, InvoiceEmail, InvoiceKind, Medium};
use crate::invoices::requesting::{self, Request};
use crate::orders::model::OrderNumber;
use crate::values::id::{DomainId, InvoiceTitleId};
use crate::values::list::List;
use crate::values::money::Currency;
use crate::values::time::Month;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What is to be invoiced: a month, a customer's month, or orders.
#[derive(Deserialize, ToSchema)]
pub struct RequestInvoiceReq {
    /// The month of UTC+8, once it is closed; not together with orders.
    #[schema(value_type = Option<Month>, nullable)]
    bill_cycle: Option<Month>,
    /// Only what this customer paid, or was paid for, in the month.
    #[schema(value_type = Option<AccountIdText>, nullable)]
    customer_id: Option<AccountIdText>,
    /// Up to 100 orders, in any case. They need not be of a closed month.
    #[schema(value_type = Option<Vec<OrderNumber>>, max_items = 100, nullable)]
    order_ids: Option<List<OrderNumber, 100>>,
    /// To whom it is made out: one of the account's titles.
    title_id: InvoiceTitleId,
    /// 0 a special VAT invoice, which companies alone get; 1 an ordinary one.
    invoice_type: InvoiceKind,
    /// On what.
    medium: Medium,
    /// Where paper goes; must be given for it.
    #[schema(nullable)]
    address_info: Option<Address>,
    /// Where a file goes; must be given for one.
    #[schema(value_type = Option<InvoiceEmail>, nullable)]
    email: Option<InvoiceEmail>,
    /// The currency of what is invoiced; the account's own unless said otherwise.
    #[schema(nullable)]
    currency: Option<Currency>,
}

impl RequestInvoiceReq {
    fn selection(&self) -> Result<Selection, ApiError> {
        match (self.bill_cycle, &self.order_ids) {
            (Some(month), None) => {
                // What cannot be an id is nobody's.
                let customer = self.customer_id.as_ref().map(|text| text.id().unwrap_or(DomainId(Uuid::nil())));
                Ok(Selection::Month(month, customer))
            }
            (None, Some(_)) if self.customer_id.is_some() => {
                Err(ApiError::parameter("customer_id", "must not be given together with order_ids"))
            }
            (None, Some(orders)) => Ok(Selection::Orders(orders.as_slice().iter().map(OrderNumber::id).collect())),
            (Some(_), Some(_)) => Err(ApiError::parameter("order_ids", "must not be given together with bill_cycle")),
            (None, None) => Err(ApiError::parameter("bill_cycle", "must be given where order_ids is not")),
        }
    }
}

/// An invoice that was asked for.
#[derive(Serialize, ToSchema)]
pub struct RequestInvoiceResponse {
    /// The invoice.
    #[serde(flatten)]
    invoice: InvoiceView,
    /// What it is of. What was given back since the last invoice is below zero.
    items: Vec<InvoiceItem>,
}

/// Asks for an invoice.
///
/// Of what cash, credit, flexi-purchase coupons and stored-value cards paid; of a resale customer its partner is invoiced. It takes
/// all that is still open of the month or the orders, and whatever refunds have given back since the last invoice lowers it.
/// Nothing is invoiced twice: the same request again is refused, unless it repeats its `Idempotency-Key`.
#[utoipa::path(
    post, path = "/partner/v1/invoices",
    responses((status = 200, description = "The request.", body = RequestInvoiceResponse)),
    extensions(("x-policy" = json!(policy().writes()))),
)]
pub async fn request_invoice(
    State(app): State<App>,
    caller: AnyCaller,
    write: Write,
    Json(body): Json<RequestInvoiceReq>,
) -> Result<Answer, ApiError> {
    let selection = body.selection()?;
    let now = app.now(caller.tenant);
    write
        .once(async |connection| {
            let request = Request {
                payer: payer(connection, app.settings.api.site, &caller, body.currency).await?,
                selection: selection.clone(),
                title: body.title_id,
                kind: body.invoice_type,
                medium: body.medium,
                address: body.address_info.clone(),
                email: body.email.clone(),
                user_name: caller.user_name.clone(),
            };
            let (invoice, items) = requesting::request(connection, &app.vault, &request, now).await?;
            let id = invoice.id;
            let items = items.into_iter().map(InvoiceItem::from).collect();
            Outcome::of(&id, &RequestInvoiceResponse { invoice: invoice.into(), items })
        })
        .await
}
