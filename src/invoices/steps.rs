//! What happens to an invoice that was asked for.

use super::events;
use super::model::{Invoice, Tax};
use super::refusal::{NotDone, Refusal};
use super::state::{self, Event};
use super::store;
use crate::charges::invoiceable;
use crate::values::id::{DomainId, InvoiceId, TenantId};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// What is done to an invoice.
#[derive(Clone, Debug)]
pub enum Step {
    /// Who asked for it takes that back.
    Withdraw,
    /// Staff refuse it.
    Refuse {
        /// Why.
        reason: String,
    },
    /// Staff have issued it.
    Issue {
        /// Under which number.
        number: String,
        /// With which taxes.
        taxes: Vec<Tax>,
    },
    /// Staff have sent it.
    Send {
        /// The parcel's number.
        parcel: String,
    },
    /// It has come back.
    Return {
        /// Why.
        reason: String,
    },
}

impl Step {
    fn event(&self) -> Event {
        match self {
            Self::Withdraw => Event::Withdrawn,
            Self::Refuse { .. } => Event::Refused,
            Self::Issue { .. } => Event::Issued,
            Self::Send { .. } => Event::Sent,
            Self::Return { .. } => Event::Returned,
        }
    }
}

/// Does it, in the transaction of who calls. What is void then may be invoiced again.
pub async fn take(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
    id: InvoiceId,
    step: &Step,
    now: OffsetDateTime,
) -> Result<Invoice, NotDone> {
    let mut invoice = store::lock(connection, (tenant, account), id).await?.ok_or(Refusal::NoSuchInvoice)?;
    invoice.status = state::next(Some(invoice.status), step.event()).ok_or(Refusal::NotNow)?;
    invoice.updated_at = now;
    match step {
        Step::Withdraw => {}
        Step::Refuse { reason } | Step::Return { reason } => invoice.reason = Some(reason.clone()),
        Step::Issue { number, taxes } => {
            (invoice.number, invoice.taxes) = (Some(number.clone()), taxes.clone());
        }
        Step::Send { parcel } => invoice.parcel = Some(parcel.clone()),
    }
    store::update(connection, &invoice).await?;
    events::tell(connection, &invoice).await?;
    if invoice.status.is_void() {
        let items = store::items(connection, tenant, id).await?;
        invoiceable::release(connection, invoice.payer, &items).await?;
    }
    Ok(invoice)
}
