//! What costs are told apart by.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What costs are told apart by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Dimension {
    /// The service type.
    CloudServiceType,
    /// The resource type.
    ResourceType,
    /// The customer whose costs they are.
    AssociatedAccount,
    /// The region.
    RegionCode,
    /// The availability zone: costs know none.
    AzCode,
    /// The enterprise project: `0` the default one, `null` none.
    EnterpriseProjectId,
    /// The specification.
    ResSpecCode,
    /// 1 yearly/monthly, 3 pay-per-use, 10 reserved instance, 11 savings plan.
    ChargingMode,
    /// What was measured; empty for an order.
    UsageType,
    /// What it is for, by the numbers of bills.
    BillType,
    /// The vendor's entity that runs the site: costs know none.
    BeId,
    /// The customer who pays.
    PayerAccountId,
    /// The resource.
    ResourceId,
    /// What a shared cost is split into: there is no such.
    SplitItemName,
    /// A tag: resources have none.
    ResourceTag,
    /// A cost unit: there are none.
    CostUnit,
}

impl Dimension {
    /// What it is of a row `c` of the totals of charges; nothing where they know no such.
    pub fn column(self) -> &'static str {
        match self {
            Self::CloudServiceType => "c.service_type_code",
            Self::ResourceType => "c.resource_type_code",
            Self::AssociatedAccount => "replace(c.domain_id::text, '-', '')",
            Self::PayerAccountId => "replace(coalesce(c.payer_id, c.domain_id)::text, '-', '')",
            Self::RegionCode => "c.region_code",
            Self::EnterpriseProjectId => "coalesce(nullif(c.enterprise_project_id, ''), 'null')",
            Self::ResSpecCode => "c.resource_spec",
            Self::ChargingMode => "c.charging_mode::text",
            Self::UsageType => "c.usage_type_code",
            Self::BillType => "c.bill_type::text",
            Self::ResourceId => "c.resource_id",
            Self::AzCode | Self::BeId | Self::SplitItemName | Self::ResourceTag | Self::CostUnit => "''::text",
        }
    }
}
