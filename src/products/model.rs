//! What several operations share.

use crate::values::text::texts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

texts! {
    /// The code of a cloud service type.
    ServiceTypeCode, 1..=64, "hws.service.type.ec2";
    /// The code of a resource type.
    ResourceTypeCode, 1..=64, "hws.resource.type.vm";
    /// The code of a region.
    RegionCode, 1..=64, "cn-north-4";
    /// The code of a specification.
    ResourceSpecCode, 1..=256, "s6.large.2.linux";
}

/// How a resource is paid for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub enum ChargeMode {
    /// Yearly/monthly.
    #[serde(rename = "1")]
    YearlyMonthly,
    /// Pay-per-use.
    #[serde(rename = "3")]
    PayPerUse,
}

impl ChargeMode {
    /// The number in the database.
    pub fn number(self) -> i16 {
        match self {
            Self::YearlyMonthly => 1,
            Self::PayPerUse => 3,
        }
    }
}
