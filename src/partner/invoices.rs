//! What the operations on invoices share.

use crate::api::caller::{Caller, CallerKind};
use crate::api::error::ApiError;
use crate::api::policy::Policy;
use crate::charges::invoiceable::{Item, Payer};
use crate::invoices::model::{Invoice, InvoiceKind, InvoiceMethod, Medium, Tax, TitleKind};
use crate::invoices::state::Status;
use crate::personal::Vault;
use crate::pricing::quote;
use crate::values::amount::Amount;
use crate::values::id::{DomainId, InvoiceId};
use crate::values::money::Currency;
use crate::values::site::Site;
use crate::values::time::{Day, Instant, Month};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};

/// What a partner's user needs who is not its account's own, and a customer's. Both are ours: the vendor has invoices in its
/// console alone.
const ITEM: &str = "GATEWAY_INVOICES";
const ACTION: &str = "billing:invoice:update";

/// Who is invoiced: partners for their resale customers, and customers who pay the vendor themselves.
pub fn policy() -> Policy {
    Policy::callers(&CallerKind::ALL).needs(ITEM).customer_action(ACTION)
}

/// Which invoice.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfInvoice {
    /// The invoice.
    #[param(inline)]
    pub invoice_id: InvoiceId,
}

/// Who is invoiced, in the currency that is named; unless one is, in the account's own.
pub async fn payer(
    connection: &mut PgConnection,
    site: Site,
    caller: &Caller,
    currency: Option<Currency>,
) -> Result<Payer, ApiError> {
    let account = (caller.tenant, caller.domain);
    let currency = match currency {
        Some(currency) => currency,
        None => quote::currency(connection, account, site).await?,
    };
    Ok(Payer { tenant: caller.tenant, account: caller.domain, currency })
}

/// An order, or a month's use, as far as it can be invoiced.
#[derive(Serialize, ToSchema)]
pub struct InvoiceItem {
    /// The customer.
    customer_id: DomainId,
    /// The month of UTC+8.
    #[schema(value_type = Month)]
    bill_cycle: Month,
    /// The order; null for use.
    #[schema(nullable, example = "CS2603281445NO7AB")]
    order_id: Option<String>,
    /// How much; below zero what was given back.
    amount: Amount,
}

impl From<Item> for InvoiceItem {
    fn from(item: Item) -> Self {
        Self {
            customer_id: item.customer,
            bill_cycle: Month::of_day(Day(item.cycle)),
            order_id: Some(item.order_id).filter(|id| !id.is_empty()),
            amount: item.amount.into(),
        }
    }
}

/// An invoice, or a request for one.
#[derive(Serialize, ToSchema)]
pub struct InvoiceView {
    /// Its id.
    invoice_id: InvoiceId,
    /// How it stands.
    status: Status,
    /// How much it is.
    amount: Amount,
    /// The currency.
    currency: Currency,
    /// What it is made by: 0 a month, 2 orders.
    invoice_method: InvoiceMethod,
    /// The month of UTC+8; null for orders.
    #[schema(value_type = Month, nullable)]
    bill_cycle: Option<Month>,
    /// Of one customer's month: whose.
    #[schema(nullable)]
    customer_id: Option<DomainId>,
    /// 0 a special VAT invoice, 1 an ordinary one.
    invoice_type: InvoiceKind,
    /// On what it is.
    medium: Medium,
    /// To whom it is made out: 0 a person, 1 a company.
    title_type: TitleKind,
    /// Who asked for it.
    #[schema(example = "demo-partner")]
    user_name: String,
    /// When it was asked for.
    request_time: Instant,
    /// When it came to stand as it does.
    update_time: Instant,
    /// Its number, once it is issued.
    #[schema(nullable, example = "26312000000012345678")]
    invoice_no: Option<String>,
    /// The number of the parcel with it.
    #[schema(nullable, example = "SF1234567890123")]
    parcel_no: Option<String>,
    /// Why it was refused or returned.
    #[schema(nullable, example = "The tax number is not that of the company.")]
    reason: Option<String>,
    /// The taxes on it.
    taxes: Vec<Tax>,
}

impl From<Invoice> for InvoiceView {
    fn from(invoice: Invoice) -> Self {
        Self {
            invoice_id: invoice.id,
            status: invoice.status,
            amount: invoice.amount.into(),
            currency: invoice.currency(),
            invoice_method: invoice.method(),
            bill_cycle: invoice.cycle,
            customer_id: invoice.customer,
            invoice_type: invoice.kind,
            medium: invoice.medium,
            title_type: invoice.title_kind,
            request_time: Instant(invoice.requested_at),
            update_time: Instant(invoice.updated_at),
            user_name: invoice.user_name,
            invoice_no: invoice.number,
            parcel_no: invoice.parcel,
            reason: invoice.reason,
            taxes: invoice.taxes,
        }
    }
}

/// An invoice with the name it is made out to. Writes do not answer the name: what they answer is kept.
#[derive(Serialize, ToSchema)]
pub struct NamedInvoice {
    #[serde(flatten)]
    invoice: InvoiceView,
    /// To whom it is made out.
    #[schema(example = "Example Trading Ltd.")]
    invoice_title: String,
}

impl NamedInvoice {
    /// With its title.
    pub fn of(invoice: Invoice, vault: &Vault) -> Result<Self, ApiError> {
        let invoice_title = invoice.open(vault)?.title.invoice_title.as_str().to_owned();
        Ok(Self { invoice: invoice.into(), invoice_title })
    }
}
