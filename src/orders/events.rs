//! What partners are told of their customers' orders.

use super::model::{Order, OrderStatus, OrderType};
use crate::outbox::{Event, Payload};
use crate::values::amount::{Amount, AmountText};
use crate::values::id::DomainId;
use crate::values::money::Currency;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Declares what an order can tell: all tell the same.
macro_rules! order_events {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
        pub struct $name {
            /// The order.
            #[schema(example = "CS2603281445NO7AB")]
            pub order_id: String,
            /// The customer.
            pub customer_id: DomainId,
            /// What the order is for.
            pub order_type: OrderType,
            /// How it stands.
            pub status: OrderStatus,
            /// At list prices.
            pub official_amount: AmountText,
            /// What is, or is to be, paid by cash and credit.
            pub amount_after_discount: AmountText,
            /// The currency.
            pub currency: Currency,
        }

        impl $name {
            fn of(order: &Order) -> Self {
                let amounts = order.amounts();
                Self {
                    order_id: order.id.clone(),
                    customer_id: order.customer,
                    order_type: order.kind,
                    status: order.status,
                    official_amount: AmountText(amounts.official.into()),
                    amount_after_discount: AmountText(amounts.after_discount.into()),
                    currency: order.currency,
                }
            }

            /// One for the document.
            pub fn example() -> Self {
                Self {
                    order_id: "CS2603281445NO7AB".to_owned(),
                    customer_id: DomainId(Uuid::from_u128(0x0197_8d6a_2b3c_7d4e_8f90_a1b2_c3d4_e5f6)),
                    order_type: OrderType::New,
                    status: OrderStatus::Processing,
                    official_amount: AmountText(Amount::from(Decimal::new(11_900, 2))),
                    amount_after_discount: AmountText(Amount::from(Decimal::new(10_115, 2))),
                    currency: Currency::Cny,
                }
            }
        }
    )+};
}

order_events! {
    /// An order was placed.
    OrderCreated;
    /// An order was paid.
    OrderPaid;
    /// Everything that was ordered is provided, or given back.
    OrderCompleted;
    /// An order was cancelled, by somebody or because nobody paid it in time.
    OrderCancelled;
    /// A customer asks its partner to pay an order.
    OrderPaymentAsked;
    /// A partner does not pay an order that it was asked to pay: its customer can.
    OrderPaymentRefused;
}

/// That it was placed: for its partner, if it has one.
pub fn created(order: &Order) -> Vec<Event> {
    told(order, &OrderCreated::of(order))
}

/// That it was paid.
pub fn paid(order: &Order) -> Vec<Event> {
    told(order, &OrderPaid::of(order))
}

/// That it is done.
pub fn completed(order: &Order) -> Vec<Event> {
    told(order, &OrderCompleted::of(order))
}

/// That it was cancelled.
pub fn cancelled(order: &Order) -> Vec<Event> {
    told(order, &OrderCancelled::of(order))
}

/// That a partner is asked to pay it: for this partner, who need not be the one it was ordered under.
pub fn payment_asked(order: &Order, partner: DomainId) -> Vec<Event> {
    vec![Event::new(partner, &OrderPaymentAsked::of(order))]
}

/// That this partner does not pay it.
pub fn payment_refused(order: &Order, partner: DomainId) -> Vec<Event> {
    vec![Event::new(partner, &OrderPaymentRefused::of(order))]
}

fn told<P: Payload>(order: &Order, payload: &P) -> Vec<Event> {
    order.partner.map(|partner| Event::new(partner, payload)).into_iter().collect()
}
