//! What the operations on customers' orders share.

use crate::api::caller::CallerKind;
use crate::api::policy::Policy;
use crate::orders::model::{Order, OrderNumber, OrderStatus, OrderType};
use crate::orders::store::search::OrderRow;
use crate::values::amount::Amount;
use crate::values::id::DomainId;
use crate::values::money::Currency;
use crate::values::time::Instant;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What a partner's user needs who is not its account's own. The item is ours: in the vendor's console it is a role.
const ITEM: &str = "GATEWAY_ORDERS";

/// Who may order and pay for customers.
pub fn policy() -> Policy {
    Policy::callers(&CallerKind::SELLERS).needs(ITEM)
}

/// Which order.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfOrder {
    /// The order, in any case.
    #[param(inline)]
    pub order_id: OrderNumber,
}

/// An order of a customer, as its partner sees it.
#[derive(Serialize, ToSchema)]
pub struct OrderOfCustomer {
    /// Its id.
    #[schema(example = "CS2603281445NO7AB")]
    order_id: String,
    /// The customer.
    customer_id: DomainId,
    /// The service type of its first line.
    #[schema(example = "hws.service.type.ec2")]
    service_type_code: String,
    /// What it is for.
    order_type: OrderType,
    /// How it stands.
    status: OrderStatus,
    /// At list prices.
    official_amount: Amount,
    /// What is, or is at most to be, paid by cash and credit: when it is paid the best discount is taken off.
    amount_after_discount: Amount,
    /// The currency.
    currency: Currency,
    /// Who ordered.
    #[schema(example = "demo-partner")]
    user_name: String,
    /// When it was placed.
    create_time: Instant,
    /// Until when it can be paid.
    #[schema(nullable)]
    pending_payment_end_time: Option<Instant>,
    /// Since when the partner is asked to pay it; null if it is not.
    #[schema(nullable)]
    ask_time: Option<Instant>,
    /// Who paid, if it was not the customer.
    #[schema(nullable)]
    paying_agent_id: Option<DomainId>,
    /// Why it waits to be paid although it was to be paid at once: the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "CBC.99005003")]
    pub unpaid: Option<String>,
}

impl OrderOfCustomer {
    /// Of an order.
    pub fn of(order: &Order) -> Self {
        let amounts = order.amounts();
        Self {
            order_id: order.id.clone(),
            customer_id: order.customer,
            service_type_code: order.lines.first().map(|line| line.product.service_type.clone()).unwrap_or_default(),
            order_type: order.kind,
            status: order.status,
            official_amount: amounts.official.into(),
            amount_after_discount: amounts.after_discount.into(),
            currency: order.currency,
            user_name: order.user_name.clone(),
            create_time: Instant(order.created_at),
            pending_payment_end_time: order.payable_until.map(Instant),
            ask_time: order.asked.map(|asked| Instant(asked.at)),
            paying_agent_id: order.paying_agent,
            unpaid: None,
        }
    }
}

impl From<OrderRow> for OrderOfCustomer {
    fn from(row: OrderRow) -> Self {
        Self {
            order_id: row.order_id,
            customer_id: row.domain_id,
            service_type_code: row.service_type_code,
            order_type: row.order_type,
            status: row.status,
            official_amount: row.official_amount.into(),
            amount_after_discount: row.amount_after_discount.into(),
            currency: row.currency,
            user_name: row.user_name,
            create_time: Instant(row.created_at),
            pending_payment_end_time: row.payable_until.map(Instant),
            ask_time: row.asked_at.map(Instant),
            paying_agent_id: row.paying_agent_id,
            unpaid: None,
        }
    }
}
