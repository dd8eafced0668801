//! What accounts are told of their invoices.

use super::model::Invoice;
use super::state::Status;
use crate::outbox::{self, Event};
use crate::values::amount::{Amount, AmountText};
use crate::values::id::InvoiceId;
use crate::values::money::Currency;
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

/// Declares what an invoice can tell: all tell the same.
macro_rules! invoice_events {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
        pub struct $name {
            /// The invoice.
            pub invoice_id: InvoiceId,
            /// How it stands.
            pub status: Status,
            /// How much it is.
            pub amount: AmountText,
            /// The currency.
            pub currency: Currency,
            /// Its number, once it is issued.
            #[schema(nullable, example = "26312000000012345678")]
            pub invoice_no: Option<String>,
        }

        impl $name {
            fn of(invoice: &Invoice) -> Self {
                Self {
                    invoice_id: invoice.id,
                    status: invoice.status,
                    amount: AmountText(invoice.amount.into()),
                    currency: invoice.currency(),
                    invoice_no: invoice.number.clone(),
                }
            }

            /// One for the document.
            pub fn example() -> Self {
                Self {
                    invoice_id: InvoiceId(Uuid::from_u128(0x0197_8d6a_2b3c_7d4e_8f90_a1b2_c3d4_e5f6)),
                    status: Status::Issued,
                    amount: AmountText(Amount::from(Decimal::new(15_360, 2))),
                    currency: Currency::Cny,
                    invoice_no: Some("26312000000012345678".to_owned()),
                }
            }
        }
    )+};
}

invoice_events! {
    /// An invoice was asked for.
    InvoiceRequested;
    /// A request for one was taken back.
    InvoiceWithdrawn;
    /// A request for one was refused.
    InvoiceRefused;
    /// An invoice was issued.
    InvoiceIssued;
    /// One on paper was sent.
    InvoiceSent;
    /// An invoice was returned, and is void.
    InvoiceReturned;
}

/// Tells who asked for it how it stands now, in the transaction of the change.
pub async fn tell(connection: &mut PgConnection, invoice: &Invoice) -> sqlx::Result<()> {
    let account = invoice.payer.account;
    let event = match invoice.status {
        Status::InReview => Event::new(account, &InvoiceRequested::of(invoice)),
        Status::Withdrawn => Event::new(account, &InvoiceWithdrawn::of(invoice)),
        Status::Refused => Event::new(account, &InvoiceRefused::of(invoice)),
        Status::Issued => Event::new(account, &InvoiceIssued::of(invoice)),
        Status::Sent => Event::new(account, &InvoiceSent::of(invoice)),
        Status::Returned => Event::new(account, &InvoiceReturned::of(invoice)),
    };
    outbox::append(connection, invoice.payer.tenant, &[event], invoice.updated_at).await
}
