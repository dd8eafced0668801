//! What several operations share, and the domain's refusals with the vendor's codes.

use crate::api::error::ApiError;
use crate::values::coded::coded;
pub use crate::values::money::Currency;
use crate::values::text::texts;
use axum::http::StatusCode;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use utoipa::ToSchema;

texts! {
    /// The id that a request gives one of its items.
    ItemId, 1..=64, "1";
    /// The id of a project.
    ProjectCode, 1..=64, "01978d6a2b3c7d4e8f90a1b2c3d4e5f6";
    /// An availability zone, or nothing. Prices are those of a region, so it makes no difference.
    ZoneFilter, 0..=64, "cn-north-4a";
    /// A cloud service type of an item.
    ItemServiceType, 1..=400, "hws.service.type.ec2";
    /// A resource type of an item.
    ItemResourceType, 1..=400, "hws.resource.type.vm";
    /// A specification of an item.
    ItemSpec, 1..=400, "s6.large.2.linux";
    /// The region of an item.
    ItemRegion, 1..=64, "cn-north-4";
    /// What of an item is measured; the case says nothing.
    ItemUsageFactor, 1..=64, "Duration";
    /// The name of a discount.
    DiscountName, 1..=128, "Framework agreement 2026";
    /// The code of a framework agreement.
    AgreementCode, 1..=64, "FA-2026-001";
    /// The id of a resource.
    ResourceId, 1..=64, "01978d6a2b3c7d4e8f90a1b2c3d4e5f6";
}

/// The vendor's id of the unit of money, whatever the currency: yuan or dollars, not cents.
pub const MONEY: i32 = 1;

/// The largest amount that is quoted.
pub const AMOUNT_MAX: Decimal = Decimal::from_parts(0x107a_3fff, 0x5af3, 0, false, 2);

coded! {
    /// What a service counts for: 0 not a specific product, 1 specific, 2 no performance and no rebate, 13 performance and no
    /// rebate.
    IncentiveCode {
        /// Not a specific product.
        General = 0,
        /// Specific.
        Specific = 1,
        /// No performance and no rebate.
        Neither = 2,
        /// Performance and no rebate.
        Performance = 13,
    }
}

/// For which time something is bought.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PeriodType {
    /// Days.
    Day,
    /// Months.
    Month,
    /// Years.
    Year,
    /// Hours: the vendor's documents name them, nothing in the price book is sold by them.
    Hour,
}

impl PeriodType {
    /// By the vendor's number.
    pub fn from_number(number: i32) -> Option<Self> {
        match number {
            0 => Some(Self::Day),
            2 => Some(Self::Month),
            3 => Some(Self::Year),
            4 => Some(Self::Hour),
            _ => None,
        }
    }

    /// The vendor's number.
    pub fn number(self) -> i32 {
        match self {
            Self::Day => 0,
            Self::Month => 2,
            Self::Year => 3,
            Self::Hour => 4,
        }
    }
}

/// A number of periods.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Period {
    /// Of which length.
    pub kind: PeriodType,
    /// How many.
    pub num: u32,
}

/// How something is charged, as agreements name it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
pub enum ChargingMode {
    /// By use.
    #[serde(rename = "ONDEMAND")]
    OnDemand,
    /// Once.
    #[serde(rename = "ONETIME")]
    OneTime,
    /// By the day.
    #[serde(rename = "DAILY")]
    Daily,
    /// By the month.
    #[serde(rename = "MONTHLY")]
    Monthly,
    /// For a year.
    #[serde(rename = "1_YEARLY")]
    OneYear,
    /// For two years.
    #[serde(rename = "2_YEARLY")]
    TwoYears,
    /// For three years.
    #[serde(rename = "3_YEARLY")]
    ThreeYears,
    /// For four years.
    #[serde(rename = "4_YEARLY")]
    FourYears,
    /// For five years.
    #[serde(rename = "5_YEARLY")]
    FiveYears,
    /// An instance reserved for a year.
    #[serde(rename = "1_YEARLY_RI")]
    OneYearReserved,
    /// An instance reserved for three years.
    #[serde(rename = "3_YEARLY_RI")]
    ThreeYearsReserved,
}

impl ChargingMode {
    /// By the vendor's word, read without regard to case.
    pub fn parse(word: &str) -> Option<Self> {
        serde_json::from_value(word.to_ascii_uppercase().into()).ok()
    }

    /// The vendor's word.
    pub fn word(self) -> String {
        serde_json::to_value(self).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// How a resource that is bought for this time is charged; `None` where agreements have no word for it.
    pub fn of(period: Period) -> Option<Self> {
        match (period.kind, period.num) {
            (PeriodType::Day, _) => Some(Self::Daily),
            (PeriodType::Month, _) => Some(Self::Monthly),
            (PeriodType::Year, 1) => Some(Self::OneYear),
            (PeriodType::Year, 2) => Some(Self::TwoYears),
            (PeriodType::Year, 3) => Some(Self::ThreeYears),
            (PeriodType::Year, 4) => Some(Self::FourYears),
            (PeriodType::Year, 5) => Some(Self::FiveYears),
            (PeriodType::Year | PeriodType::Hour, _) => None,
        }
    }
}

/// A product, by the four codes that must all match.
#[derive(Clone, Copy, Debug)]
pub struct ProductCodes<'a> {
    /// The cloud service type.
    pub service_type: &'a str,
    /// The resource type.
    pub resource_type: &'a str,
    /// The specification.
    pub spec: &'a str,
    /// The region.
    pub region: &'a str,
}

impl<'a> ProductCodes<'a> {
    /// All four: service type, resource type, specification, region.
    pub fn all(&self) -> [&'a str; 4] {
        [self.service_type, self.resource_type, self.spec, self.region]
    }
}

/// Why there is no price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A field of the item breaks its rule.
    #[error("{0}: {1}")]
    Parameter(&'static str, String),
    /// No product has these codes, or none that is sold this way.
    #[error("The product for which you request a price was not found.")]
    ProductNotFound,
    /// The catalogue has the product, but the price book does not.
    #[error("Failed to query product information.")]
    ProductInformation,
    /// The usage is measured in a unit that does not convert into the price's.
    #[error("Incorrect usage unit.")]
    UsageUnit,
    /// The product's use is not measured this way.
    #[error("The billing factor does not exist.")]
    UnknownFactor,
    /// More than [`AMOUNT_MAX`].
    #[error("The rating result exceeds the maximum amount.")]
    TooLarge,
}

impl Fault {
    /// The refusal of a request, for the item (or resource) of this id.
    pub fn of(self, item: &str) -> ApiError {
        match self {
            Self::Parameter(field, rule) => {
                ApiError::parameter(&format!("product_infos.{field}"), format_args!("{rule} (id {item})"))
            }
            _ => ApiError::bss(StatusCode::BAD_REQUEST, self.code(), format!("{self} (id {item})")),
        }
    }

    /// The refusal of a request whose items have prices, but not together.
    pub fn of_all(self) -> ApiError {
        ApiError::bss(StatusCode::BAD_REQUEST, self.code(), self.to_string())
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Parameter(..) => "CBC.0100",
            Self::ProductNotFound => "CBC.99006006",
            Self::ProductInformation => "CBC.99006024",
            Self::UsageUnit => "CBC.99006050",
            Self::UnknownFactor => "CBC.99006074",
            Self::TooLarge => "CBC.99006055",
        }
    }
}

/// How many items a request may have.
const ITEMS_MAX: usize = 100;

/// The rules for the items of a request: from 1 to 100, no id twice.
pub fn check_items<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> Result<(), ApiError> {
    if !(1..=ITEMS_MAX).contains(&ids.len()) {
        return Err(ApiError::parameter("product_infos", format_args!("must have 1 to {ITEMS_MAX} items")));
    }
    let mut seen = HashSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(ApiError::parameter("product_infos.id", format_args!("must not be given twice (id {id})")));
        }
    }
    Ok(())
}

/// The size of an item, which has a number and one of the three units that the vendor names, or neither.
pub fn check_size(size: Option<i32>, measure_id: Option<i32>) -> Result<Option<Size>, Fault> {
    match (size, measure_id) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(Fault::Parameter("size_measure_id", "must be given with resource_size".to_owned())),
        (None, Some(_)) => Err(Fault::Parameter("resource_size", "must be given with size_measure_id".to_owned())),
        (Some(size), Some(measure_id @ (14 | 15 | 17))) => Ok(Some(Size { size, measure_id })),
        (Some(_), Some(_)) => Err(Fault::Parameter("size_measure_id", "must be 14, 15 or 17".to_owned())),
    }
}

/// What is missing around the items: the vendor's codes are 400s, though the fault is on the server's side.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// The customer's account is gone, or could not be read.
    #[error("Failed to query customer information.")]
    Customer(#[source] Option<sqlx::Error>),
    /// The customer's discounts could not be read.
    #[error("Failed to query coupon information.")]
    Discounts(#[source] sqlx::Error),
}

impl From<Unavailable> for ApiError {
    fn from(unavailable: Unavailable) -> Self {
        let code = match unavailable {
            Unavailable::Customer(_) => "CBC.99006017",
            Unavailable::Discounts(_) => "CBC.99006016",
        };
        let mut error = Self::bss(StatusCode::BAD_REQUEST, code, unavailable.to_string());
        if !matches!(unavailable, Unavailable::Customer(None)) {
            error.cause = Some(std::sync::Arc::new(unavailable));
        }
        error
    }
}

/// The size of a resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size {
    /// How many.
    pub size: i32,
    /// Of which unit.
    pub measure_id: i32,
}

/// What a product is in words: the specification, and the size of linear products.
pub fn description(spec: &str, size: Option<i32>) -> String {
    match size {
        Some(size) => format!("{spec}|{size}"),
        None => spec.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_amount_is_a_trillion_less_a_cent() {
        assert_eq!(AMOUNT_MAX.to_string(), "999999999999.99");
    }

    #[test]
    fn charging_modes_are_read_without_regard_to_case_and_written_as_the_vendor_does() {
        assert_eq!(ChargingMode::parse("2_yearly"), Some(ChargingMode::TwoYears));
        assert_eq!(ChargingMode::TwoYears.word(), "2_YEARLY");
        assert_eq!(ChargingMode::parse("WEEKLY"), None);
    }
}
