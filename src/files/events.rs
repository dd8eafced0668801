//! What accounts are told of the files they have subscribed to.

use crate::exports::model::ExportKind;
use crate::values::id::{ExportId, FileSubscriptionId};
use crate::values::time::Day;
use serde::Serialize;
use time::macros::date;
use utoipa::ToSchema;
use uuid::Uuid;

const SUBSCRIPTION: FileSubscriptionId = FileSubscriptionId(Uuid::from_u128(0x0197_8d6a_2b3c_7d4e_8f90_a1b2_c3d4_e5f6));
const EXPORT: ExportId = ExportId(Uuid::from_u128(0x0197_8d6a_2b3c_7d4e_8f90_a1b2_c3d4_e5f7));
const FIRST: Day = Day(date!(2026 - 03 - 23));
const LAST: Day = Day(date!(2026 - 03 - 29));

/// A file that an account has subscribed to is where it wants it, with its sum and its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExportDelivered {
    /// The subscription.
    pub subscription_id: FileSubscriptionId,
    /// The export that the file is.
    pub export_id: ExportId,
    /// Of what it is.
    pub kind: ExportKind,
    /// Of the days from this one on.
    pub time_begin: Day,
    /// The last of them.
    pub time_end: Day,
    /// What it is called in the bucket.
    #[schema(example = "bss/files/01978d6a2b3c7d4e8f90a1b2c3d4e5f6/orders_20260323-20260329.csv")]
    pub file: String,
    /// How many rows it has.
    #[schema(example = 1500)]
    pub rows: i64,
    /// How many bytes.
    #[schema(example = 480_000)]
    pub bytes: i64,
    /// Its SHA-256, in hexadecimal digits.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub sha256: String,
}

impl ExportDelivered {
    /// One for the document.
    pub fn example() -> Self {
        Self {
            subscription_id: SUBSCRIPTION,
            export_id: EXPORT,
            kind: ExportKind::Orders,
            time_begin: FIRST,
            time_end: LAST,
            file: format!("bss/files/{SUBSCRIPTION}/orders_20260323-20260329.csv"),
            rows: 1500,
            bytes: 480_000,
            sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
        }
    }
}

/// A file that an account has subscribed to was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExportDeliveryFailed {
    /// The subscription.
    pub subscription_id: FileSubscriptionId,
    /// The export that was to be brought, which can be fetched as long as it is kept; null where none could be begun.
    #[schema(nullable)]
    pub export_id: Option<ExportId>,
    /// Of what it is.
    pub kind: ExportKind,
    /// Of the days from this one on.
    pub time_begin: Day,
    /// The last of them.
    pub time_end: Day,
    /// Why.
    #[schema(example = "there is no such bucket")]
    pub cause: String,
}

impl ExportDeliveryFailed {
    /// One for the document.
    pub fn example() -> Self {
        Self {
            subscription_id: SUBSCRIPTION,
            export_id: Some(EXPORT),
            kind: ExportKind::Orders,
            time_begin: FIRST,
            time_end: LAST,
            cause: "there is no such bucket".to_owned(),
        }
    }
}
