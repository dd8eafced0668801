//! What requests for bills are made of.

use crate::api::error::ApiError;
use crate::charges::model::{BillType, BillingMode};
use crate::metering::peaks::{self, Kind};
use crate::pricing::model::PeriodType;
use crate::products::store::Products;
use crate::values::coded::coded;
use crate::values::decimal::plain;
use crate::values::language::Language;
use crate::values::text::texts;
use crate::values::time::{Day, Month};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;
use std::ops::RangeInclusive;
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;

texts! {
    /// The code of a service type, a resource type or a region as a filter names it.
    CodeFilter, 0..=64, "hws.service.type.ec2";
    /// The id of a resource as a filter names it.
    ResourceFilter, 0..=128, "01978d6a2b3c7d4e8f90a1b2c3d4e5f6";
    /// The name of a resource as a filter names it.
    ResourceNameFilter, 0..=256, "web";
    /// An order's id, or a settlement's.
    TradeFilter, 0..=64, "CS2603281445NO7AB";
    /// The id of an enterprise project: `0` is the default one, `null` is none.
    ProjectFilter, 0..=64, "0";
    /// A service type that is charged by 95th percentiles: CDN, OBS, VPC or IEC.
    PeakServiceType, 1..=64, "hws.service.type.cdn";
    /// A resource type of these.
    PeakResourceType, 1..=64, "hws.resource.type.cdn";
    /// A usage type of these, in whatever case: `95Peak`, `95peak_1000`, `bandwidth95peak`, `95peak_plus`.
    PeakUsageType, 1..=64, "95Peak";
    /// How something is paid for, in digits: 1 yearly/monthly, 3 pay-per-use, 11 savings plan.
    ModeDigits, 1..=64, "1";
    /// The id of a member of the enterprise, or of an account manager.
    MemberFilter, 0..=64, "01978d6a2b3c7d4e8f90a1b2c3d4e5f6";
}

coded! {
    /// How a charge stands: 1 paid, 2 not all of it is paid, 3 not settled yet.
    PaymentStatus {
        /// Paid.
        Paid = 1,
        /// Something is owed.
        Owed = 2,
        /// Not settled.
        Unsettled = 3,
    }

    /// Whose product it is: 1 the vendor's, 2 the marketplace's.
    ProviderType {
        /// The vendor's.
        Vendor = 1,
        /// The marketplace's.
        Marketplace = 2,
    }

    /// How rows are added up: 1 by the cycle, 2 by the day, 3 not at all.
    StatisticType {
        /// By the cycle.
        Cycle = 1,
        /// By the day.
        Day = 2,
        /// Each charge by itself.
        Single = 3,
    }

    /// What a partner's monthly bill is of: 0 consumption, 1 what was unsubscribed, 2 what the vendor has written off.
    MonthlyBillType {
        /// Consumption.
        Consumption = 0,
        /// What was given back.
        Unsubscribed = 1,
        /// What the vendor has written off.
        WrittenOff = 2,
    }

    /// As what a customer consumed: 1 a referral, 2 a resale customer.
    Association {
        /// It paid the vendor itself.
        Referral = 1,
        /// Its partner paid.
        Resale = 2,
    }
}

/// Whose bills a customer asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
pub enum Method {
    /// Its own.
    #[serde(rename = "oneself")]
    Oneself,
    /// Those of a member of its enterprise.
    #[serde(rename = "sub_customer")]
    SubCustomer,
    /// All of these.
    #[serde(rename = "all")]
    All,
}

/// The days from one to another, if both are given and lie in the cycle. One alone is none.
pub fn days(
    cycle: Month,
    (begin_name, begin): (&str, Option<Day>),
    (end_name, end): (&str, Option<Day>),
) -> Result<Option<RangeInclusive<Day>>, ApiError> {
    for (name, day) in [(begin_name, begin), (end_name, end)] {
        if day.is_some_and(|day| Month::of_day(day) != cycle) {
            return Err(ApiError::parameter(name, "must lie in the month that is asked for"));
        }
    }
    match begin.zip(end) {
        Some((begin, end)) if end < begin => Err(ApiError::parameter(end_name, "must not be before the first day")),
        days => Ok(days.map(|(begin, end)| begin..=end)),
    }
}

/// An enterprise project as rows keep it: empty for none.
pub fn project(filter: &ProjectFilter) -> String {
    match filter.as_str() {
        "null" => String::new(),
        id => id.to_owned(),
    }
}

/// An enterprise project as bills show it: its id, and its name, which is the enterprise service's; only the default one has one
/// here.
pub fn shown_project(id: &str) -> (String, String) {
    match id {
        "" => ("null".to_owned(), String::new()),
        "0" => ("0".to_owned(), "default".to_owned()),
        id => (id.to_owned(), String::new()),
    }
}

/// A month's total: on the international site amounts keep their decimals, and only this is rounded, a half up.
pub fn in_cents(total: Decimal) -> Decimal {
    total.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

/// A region's name; empty if the catalogue does not have it.
pub fn region_name(products: &Products, code: &str, language: Language) -> String {
    let region = products.regions.iter().find(|region| region.code == code);
    region.map(|region| language.of(&region.names).to_owned()).unwrap_or_default()
}

/// The vendor's numbers for the length of what is paid for, as bills have them: 19 a year, 20 a month, 24 a day, 25 an hour, 5 once.
pub fn shown_period(period_type: Option<i16>, mode: BillingMode, bill_type: BillType) -> Option<i32> {
    let period = period_type.and_then(|number| PeriodType::from_number(number.into()));
    match (period, mode, bill_type) {
        (Some(PeriodType::Year), ..) => Some(19),
        (Some(PeriodType::Month), ..) => Some(20),
        (Some(PeriodType::Day), ..) => Some(24),
        (Some(PeriodType::Hour), ..) | (None, BillingMode::OnDemand, BillType::Use) => Some(25),
        _ => None,
    }
}

/// The vendor's usage types that are charged by a 95th percentile.
const PEAKS: [&str; 4] = ["95peak", "95peak_1000", "bandwidth95peak", "95peak_plus"];

/// What is asked for, its usage type in lower case; refused where that is no 95th percentile.
pub fn peak_of<'a>(
    service_type: &'a PeakServiceType,
    resource_type: &'a PeakResourceType,
    usage_type: &PeakUsageType,
) -> Result<Kind<'a>, ApiError> {
    let found = PEAKS.into_iter().find(|peak| peak.eq_ignore_ascii_case(usage_type.as_str()));
    let refused = || ApiError::parameter("usage_type", format_args!("must be one of {}", PEAKS.join(", ")));
    let usage_type = found.ok_or_else(refused)?;
    Ok(Kind { service_type: service_type.as_str(), resource_type: resource_type.as_str(), usage_type })
}

/// Whether the bandwidth of a month is known: from 20:00 of the second day of the month after on.
pub fn peak_is_known(month: Month, now: OffsetDateTime) -> bool {
    now >= month.next().start() + Duration::days(1) + Duration::hours(20)
}

/// For how many days there are so many points, as the vendor writes it.
pub fn actual_days(points: i64) -> String {
    plain(peaks::days(points))
}
