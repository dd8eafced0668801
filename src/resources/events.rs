//! What partners are told of their customers' resources.

use crate::values::id::DomainId;
use crate::values::time::Instant;
use serde::Serialize;
use time::macros::datetime;
use utoipa::ToSchema;
use uuid::Uuid;

/// How resources stand that are paid by use, while somebody owes for the customer's use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ArrearsStage {
    /// They still run.
    Grace,
    /// They are frozen, and their data is kept.
    Retention,
    /// They are closed.
    Closed,
    /// Everything is paid: those that were not closed run again.
    Settled,
}

/// A customer's resources that are paid by use stand otherwise than before, since what was used could not be paid, or is paid now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CustomerArrears {
    /// The customer.
    pub customer_id: DomainId,
    /// How they stand now.
    pub stage: ArrearsStage,
    /// When something could not be paid first.
    pub since: Instant,
    /// When they change next if nobody pays; `null`: they do not.
    pub next_at: Option<Instant>,
}

impl CustomerArrears {
    /// One for the document.
    pub fn example() -> Self {
        Self {
            customer_id: DomainId(Uuid::from_u128(0x0197_8d6a_2b3c_7d4e_8f90_a1b2_c3d4_e5f6)),
            stage: ArrearsStage::Grace,
            since: Instant(datetime!(2026-03-21 14:20:00 UTC)),
            next_at: Some(Instant(datetime!(2026-03-28 14:20:00 UTC))),
        }
    }
}
