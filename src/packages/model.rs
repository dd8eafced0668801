//! Packages, what is in them, and what is taken out.

use crate::values::coded::coded;
use crate::values::decimal::WireDecimal;
use crate::values::id::{DomainId, PackageId, PackageItemId};
use crate::values::text::texts;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, de};
use time::OffsetDateTime;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use uuid::Uuid;

texts! {
    /// An item's id as a request names it. What is no id of ours is an item that does not exist.
    ItemIdText, 0..=64, "01978d6a2b3c7d4e8f90a1b2c3d4e5f6";
    /// The id of an order, a product or an enterprise project as a filter names it.
    IdFilter, 0..=64, "CS2603281445NO7";
    /// The name of a product as a filter names it.
    NameFilter, 0..=256, "Outbound traffic, 40 GB a month";
    /// The code of a region, a service type or a resource type as a filter names it.
    CodeFilter, 0..=64, "hws.service.type.obs";
}

impl ItemIdText {
    /// The id; that of no item where it cannot be one.
    pub fn id(&self) -> PackageItemId {
        PackageItemId(Uuid::try_parse(self.as_str()).unwrap_or(Uuid::nil()))
    }
}

coded! {
    /// How a package stands: 0 not yet effective, 1 effective, 2 used up, 3 expired, 4 unsubscribed.
    PackageStatus {
        /// Not yet effective.
        Future = 0,
        /// Effective.
        Effective = 1,
        /// Nothing is left of it, for now or for good.
        UsedUp = 2,
        /// Expired.
        Expired = 3,
        /// Unsubscribed.
        Unsubscribed = 4,
    }

    /// How often the quantities of a package come back: 1 hourly, 2 daily, 3 weekly, 4 monthly, 5 yearly.
    ResetCycle {
        /// Each hour.
        Hour = 1,
        /// Each day.
        Day = 2,
        /// Each week.
        Week = 3,
        /// Each month.
        Month = 4,
        /// Each year.
        Year = 5,
    }

    /// How cycles are counted: 1 by the calendar of UTC+8, 2 from when the package took effect.
    ResetBy {
        /// At the beginning of each hour, day, week (Monday), month or year of UTC+8.
        Calendar = 1,
        /// As often after the package took effect.
        Purchase = 2,
    }

    /// Whether a package was bought by itself (1) or as one of several (2).
    Bundle {
        /// By itself.
        Atomic = 1,
        /// One of several.
        Bundled = 2,
    }
}

/// That and how the quantities of a package come back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reset {
    /// How often.
    pub cycle: ResetCycle,
    /// Counted how.
    pub by: ResetBy,
}

/// From an instant on, before another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The first instant.
    pub from: OffsetDateTime,
    /// The first instant after it.
    pub until: OffsetDateTime,
}

/// What a package is good for: usage it is not limited to leaves it alone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scope {
    /// The region.
    pub region: String,
    /// The enterprise project that it was bought in.
    pub enterprise_project: Option<String>,
    /// Whether it serves that enterprise project alone.
    pub is_bound: bool,
    /// The scenario that it is limited to.
    pub scenario: Option<String>,
}

/// A package to be opened.
#[derive(Clone, Debug)]
pub struct NewPackage {
    /// Its id.
    pub id: PackageId,
    /// Whose it will be.
    pub owner: DomainId,
    /// The order that it comes from, and what that calls it; neither if it is given.
    pub order: Option<(String, Option<String>)>,
    /// The id of the product.
    pub product_id: String,
    /// What the product is called.
    pub product_name: String,
    /// The service type of the product.
    pub service_type: String,
    /// What it is good for.
    pub scope: Scope,
    /// Whether it is given to make usage attractive.
    pub is_promotional: bool,
    /// Whether it comes by itself.
    pub bundle: Bundle,
    /// How its quantities come back.
    pub reset: Option<Reset>,
    /// When it can be used.
    pub life: Span,
    /// What is in it.
    pub items: Vec<NewItem>,
}

/// What a new package has of one usage type.
#[derive(Clone, Debug)]
pub struct NewItem {
    /// Its id.
    pub id: PackageItemId,
    /// The resource type that is used.
    pub resource_type: String,
    /// What of it is measured.
    pub usage_type: String,
    /// How much there is, in each cycle.
    pub amount: Quantity,
    /// In which unit.
    pub measure_id: i32,
}

/// Usage of a resource that packages may cover.
#[derive(Clone, Debug)]
pub struct Usage {
    /// The resource.
    pub resource_id: String,
    /// Its tags.
    pub resource_tag: String,
    /// Its type.
    pub resource_type: String,
    /// What of it was measured.
    pub usage_type: String,
    /// How much.
    pub quantity: Quantity,
    /// In which unit. An item in another unit does not cover it.
    pub measure_id: i32,
    /// The region it was used in.
    pub region: String,
    /// The enterprise project it was used in.
    pub enterprise_project: Option<String>,
    /// What for.
    pub scenario: Option<String>,
    /// When it was used.
    pub span: Span,
}

/// What an item gave for usage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// The package.
    pub package: PackageId,
    /// The item.
    pub item: PackageItemId,
    /// What it had before.
    pub available: Decimal,
    /// What it gave.
    pub used: Decimal,
}

/// How usage was covered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deduction {
    /// Which item gave how much, in the order in which they were asked.
    pub shares: Vec<Share>,
    /// What none of them covers: it is to be charged.
    pub rest: Decimal,
}

/// How much of something: above 0, at most 8 decimals. A JSON number or a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quantity(Decimal);

/// Far above any real one, and still exact in the database.
const QUANTITY_MAX: Decimal = Decimal::from_parts(2_764_472_320, 232_830, 0, false, 0);
const DECIMALS_MAX: u32 = 8;

impl Quantity {
    /// The number.
    pub fn get(self) -> Decimal {
        self.0
    }
}

impl TryFrom<Decimal> for Quantity {
    type Error = String;

    fn try_from(number: Decimal) -> Result<Self, String> {
        let number = number.normalize();
        if number <= Decimal::ZERO || number > QUANTITY_MAX {
            return Err(format!("must be greater than 0 and at most {QUANTITY_MAX}"));
        }
        if number.scale() > DECIMALS_MAX {
            return Err(format!("must have at most {DECIMALS_MAX} decimals"));
        }
        Ok(Self(number))
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        WireDecimal::deserialize(deserializer).and_then(|number| Self::try_from(number.0).map_err(de::Error::custom))
    }
}

impl utoipa::PartialSchema for Quantity {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Number))
            .exclusive_minimum(Some(0))
            .examples([serde_json::json!(2.5)])
            .into()
    }
}

impl utoipa::ToSchema for Quantity {}

/// A quantity as a JSON text, without zeros at its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuantityText(pub Decimal);

impl Serialize for QuantityText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.normalize())
    }
}

impl utoipa::PartialSchema for QuantityText {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).examples(["37.5"]).into()
    }
}

impl utoipa::ToSchema for QuantityText {}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Packages are customers'.
    #[error("the account is not a customer's")]
    NotACustomer,
    /// The catalogue does not have it.
    #[error("{0}: is unknown")]
    Unknown(String),
    /// It is over before it begins.
    #[error("expires_at: must be later than now and than effective_at")]
    EndsTooEarly,
    /// One item of a usage type is enough.
    #[error("items: there are two of {0}")]
    TwiceInIt(String),
    /// The customer has none that could be ended.
    #[error("the customer has no package {0} that has not ended yet")]
    NoSuchPackage(PackageId),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::extract::parse_json;

    #[derive(Deserialize, Debug)]
    struct Body {
        quantity: Quantity,
    }

    #[test]
    fn a_quantity_is_above_nothing_and_as_exact_as_the_database() {
        let read = |json: &str| parse_json::<Body>(format!(r#"{{"quantity": {json}}}"#).as_bytes());
        for (json, number) in [("2.50", "2.5"), ("\"1e3\"", "1000"), ("1000000000000000", "1000000000000000")] {
            assert_eq!(QuantityText(read(json).expect(json).quantity.get()).0.to_string(), number);
        }
        for json in ["0", "-1", "0.000000001", "1000000000000001", "null", "\"\""] {
            let refusal = read(json).expect_err(json);
            assert!(refusal.message.starts_with("Parameter error. quantity: must "), "{}", refusal.message);
        }
    }
}
