//! The catalogue of events: what there is to tell, and whom. A kind that is not in it cannot be written, and its line here is
//! all that a new one takes besides its payload.

use super::model::EventView;
use crate::api::document::collect_schema;
use crate::coupons::events::{CouponExpiring, CouponQuotaUsed};
use crate::customers::events::{CustomerBound, CustomerUnbound};
use crate::exports::events::ExportCompleted;
use crate::files::events::{ExportDelivered, ExportDeliveryFailed};
use crate::invoices::events::{
    InvoiceIssued, InvoiceRefused, InvoiceRequested, InvoiceReturned, InvoiceSent, InvoiceWithdrawn,
};
use crate::metering::events::BillClosed;
use crate::orders::events::{
    OrderCancelled, OrderCompleted, OrderCreated, OrderPaid, OrderPaymentAsked, OrderPaymentRefused,
};
use crate::outbox::Payload;
use crate::resources::events::CustomerArrears;
use crate::values::id::{DomainId, EventId};
use crate::values::time::Instant;
use serde_json::{Value, json};
use time::macros::datetime;
use utoipa::ToSchema;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn, PathItem, Paths, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, HttpMethod, Ref, RefOr, Required, ResponseBuilder, Schema};
use uuid::Uuid;

/// Schemas by their names.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// A kind of event.
pub struct Kind {
    /// What it is called.
    pub name: &'static str,
    /// What has happened.
    pub summary: &'static str,
    /// Who is told.
    pub told: &'static str,
    /// What such an event says, for instance.
    pub example: fn() -> Value,
    /// The schema of what it says: its name, and all that it takes.
    schemas: fn() -> (String, Schemas),
}

/// Declares the kinds: payload, name, the field it is about, what has happened, who is told.
macro_rules! events {
    ($($payload:ident: $name:literal, about $subject:ident, $summary:literal, told $told:literal;)+) => {
        $(impl Payload for $payload {
            const KIND: &'static str = $name;

            fn subject(&self) -> Uuid {
                self.$subject.0
            }
        })+

        /// Every kind.
        pub const KINDS: &[Kind] = &[$(Kind {
            name: $name,
            summary: $summary,
            told: $told,
            example: || json!($payload::example()),
            schemas: schemas::<$payload>,
        }),+];
    };
}

events! {
    CouponExpiring: "coupon.expiring", about customer_id, "A coupon expires soon", told "who issued it";
    CouponQuotaUsed: "coupon_quota.used", about quota_id, "Most of a coupon quota is used", told "whose it is";
    CustomerBound: "customer.bound", about customer_id, "A customer was associated", told "its partner or reseller";
    CustomerUnbound: "customer.unbound", about customer_id, "An association ended", told "who was the partner or reseller";
    OrderCreated: "order.created", about customer_id, "An order was placed", told "the customer's partner or reseller";
    OrderPaid: "order.paid", about customer_id, "An order was paid", told "the customer's partner or reseller";
    OrderCompleted: "order.completed", about customer_id, "An order is done", told "the customer's partner or reseller";
    OrderCancelled: "order.cancelled", about customer_id, "An order was cancelled", told "the customer's partner or reseller";
    OrderPaymentAsked: "order.payment_asked", about customer_id, "A customer asks for an order to be paid", told "who is asked to pay";
    OrderPaymentRefused: "order.payment_refused", about customer_id, "An order was not paid for a customer", told "who was asked to pay";
    CustomerArrears: "customer.arrears", about customer_id, "A customer in arrears: what becomes of its resources", told "its partner or reseller";
    BillClosed: "bill.closed", about partner_id, "A month's bills are closed", told "the partner or reseller of whose customers they are";
    ExportCompleted: "export.completed", about export_id, "An export has ended, well or not", told "who asked for it";
    ExportDelivered: "export.delivered", about subscription_id, "A file is where its account wants it", told "who subscribed to it";
    ExportDeliveryFailed: "export.delivery_failed", about subscription_id, "A file could not be delivered", told "who subscribed to it";
    InvoiceRequested: "invoice.requested", about invoice_id, "An invoice was asked for", told "who asked for it";
    InvoiceWithdrawn: "invoice.withdrawn", about invoice_id, "A request for an invoice was taken back", told "who asked for it";
    InvoiceRefused: "invoice.refused", about invoice_id, "A request for an invoice was refused", told "who asked for it";
    InvoiceIssued: "invoice.issued", about invoice_id, "An invoice was issued", told "who asked for it";
    InvoiceSent: "invoice.sent", about invoice_id, "An invoice was sent", told "who asked for it";
    InvoiceReturned: "invoice.returned", about invoice_id, "An invoice was returned", told "who asked for it";
}

fn schemas<P: ToSchema>() -> (String, Schemas) {
    let mut schemas = Vec::new();
    collect_schema::<P>(&mut schemas);
    (P::name().into_owned(), schemas)
}

/// The kind of this name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// The section `webhooks` of the document: what is sent, kind by kind. With the schemas that it takes.
pub fn webhooks() -> (Paths, Schemas) {
    let mut all = Vec::new();
    collect_schema::<EventView>(&mut all);
    let mut paths = PathsBuilder::new();
    for kind in KINDS {
        let (name, schemas) = (kind.schemas)();
        all.extend(schemas);
        paths = paths.path(kind.name, kind.webhook(&name));
    }
    (paths.build(), all)
}

impl Kind {
    /// The request that a receiver gets.
    fn webhook(&self, payload: &str) -> PathItem {
        let own = ObjectBuilder::new()
            .property(
                "type",
                ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).enum_values(Some([self.name])),
            )
            .property("data", Ref::from_schema_name(payload));
        let schema = AllOfBuilder::new().item(Ref::from_schema_name(EventView::name().as_ref())).item(own);
        let content = ContentBuilder::new().schema(Some(schema)).example(Some(json!(self.event()))).build();
        let body =
            RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True)).build();
        let taken = ResponseBuilder::new()
            .description("Any answer of this class, within the time that the server has for it: the event was taken.")
            .build();
        let operation = OperationBuilder::new()
            .operation_id(Some(self.name))
            .tag("partner")
            .summary(Some(self.summary))
            .description(Some(format!("Told: {}; of a reseller also its distributor.", self.told)))
            .parameter(header("webhook-id", "The event's id, the same at each attempt."))
            .parameter(header("webhook-timestamp", "When it was sent, in seconds since 1970."))
            .parameter(header(
                "webhook-signature",
                "`v1,` and the HMAC-SHA256, in base64, of id, timestamp and body with dots between them.",
            ))
            .request_body(Some(body))
            .response("2XX", taken)
            .build();
        PathItem::new(HttpMethod::Post, operation)
    }

    /// An event of this kind.
    fn event(&self) -> EventView {
        EventView {
            id: EventId(Uuid::from_u128(0x0197_8d6a_2b3c_7d4e_8f90_a1b2_c3d4_e5f8)),
            position: 4711,
            kind: self.name.to_owned(),
            timestamp: Instant(datetime!(2026-03-21 14:45:38 UTC)),
            account_id: DomainId(Uuid::from_u128(0x0197_8d6a_2b3c_7d4e_8f90_a1b2_c3d4_e5f7)),
            data: (self.example)(),
        }
    }
}

fn header(name: &str, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))))
}
