//! Parts of a combined transaction, as lists and details show them. Nothing here is ordered in combination, so their lists are
//! always empty; their shape is a part of the document all the same.

use super::model::{OrderStatus, OrderType, SourceType};
use super::view::{AmountInfomationV2, EnterpriseProject};
use crate::values::amount::Amount;
use crate::values::id::DomainId;
use crate::values::money::Currency;
use crate::values::time::Instant;
use serde::Serialize;
use utoipa::ToSchema;

/// Declares the shape of a part: what both have in common, and what is its own.
macro_rules! sub_orders {
    ($($(#[$doc:meta])+ $name:ident { $($(#[$of_field:meta])+ $field:ident: $type:ty,)+ })+) => {$(
        $(#[$doc])+
        #[derive(Serialize, ToSchema)]
        pub struct $name {
            /// Its id.
            #[schema(example = "CS2603281445NO7AB")]
            order_id: String,
            /// The customer.
            customer_id: DomainId,
            /// The service type of its first line.
            #[schema(example = "hws.service.type.ec2")]
            service_type_code: String,
            /// That service type's name.
            #[schema(example = "Elastic Cloud Server")]
            service_type_name: String,
            /// Where it comes from.
            source_type: SourceType,
            /// How it stands.
            status: OrderStatus,
            /// What it is for.
            order_type: OrderType,
            /// What is paid by cash and credit.
            amount_after_discount: Amount,
            /// At list prices.
            official_amount: Amount,
            /// The unit of the amounts: 1, the currency's main unit.
            #[schema(example = 1)]
            measure_id: i32,
            /// When it was placed.
            create_time: Instant,
            /// When it was paid.
            #[schema(nullable)]
            payment_time: Option<Instant>,
            /// The currency.
            currency: Currency,
            /// A contract.
            #[schema(example = "")]
            contract_id: String,
            /// What was taken off, and paid otherwise.
            amount_info: AmountInfomationV2,
            $($(#[$of_field])+ $field: $type,)+
        }
    )+};
}

sub_orders! {
    /// A part of a combined transaction in a list.
    SubCustomerOrderV2 {
        /// The enterprise project it is for.
        enterprise_projects: Vec<EnterpriseProject>,
    }

    /// A part of a combined transaction in an order's details.
    SubCustomerOrderV3 {
        /// Who ordered.
        #[schema(example = "demo-customer")]
        user_name: String,
        /// Until when it can be paid.
        #[schema(nullable)]
        pending_payment_end_time: Option<Instant>,
    }
}
