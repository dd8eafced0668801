//! What partners are told of bills.

use crate::values::id::DomainId;
use crate::values::time::Month;
use serde::Serialize;
use time::macros::datetime;
use utoipa::ToSchema;
use uuid::Uuid;

/// A month's bills are closed: their figures never change from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BillClosed {
    /// The partner, or the reseller, of whose customers they are.
    pub partner_id: DomainId,
    /// The month, in UTC+8.
    pub bill_cycle: Month,
    /// How many of its customers have bills in it.
    #[schema(example = 42)]
    pub customers: i64,
}

impl BillClosed {
    /// One for the document.
    pub fn example() -> Self {
        Self {
            partner_id: DomainId(Uuid::from_u128(0x0197_8d6a_2b3c_7d4e_8f90_a1b2_c3d4_e5f7)),
            bill_cycle: Month::of(datetime!(2026-03-21 14:45:38 UTC)),
            customers: 42,
        }
    }
}
