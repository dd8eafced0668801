//! What is ordered, as requests say it: a service's to the operators' API, a partner's for its customer.

use super::administration::{LINES_MAX, Wanted};
use crate::api::error::ApiError;
use crate::pricing::model::{ItemRegion, ItemResourceType, ItemSpec, Period, PeriodType, check_size};
use crate::values::amount::PositiveAmount;
use crate::values::number::{self as numbers, Number};
use crate::values::text::texts;
use serde::Deserialize;
use utoipa::ToSchema;

texts! {
    /// An enterprise project; 0 is the default one.
    OrderedProject, 1..=64, "0";
    /// What a resource is called.
    ResourceName, 0..=128, "web-1";
}

/// Something that is ordered.
#[derive(Deserialize, ToSchema)]
pub struct OrderedLine {
    /// The resource type.
    resource_type: ItemResourceType,
    /// The specification.
    resource_spec: ItemSpec,
    /// The region.
    region: ItemRegion,
    /// How large it is: of linear products, where it must be given.
    #[schema(nullable, example = 40)]
    #[serde(default, deserialize_with = "numbers::any_or_none")]
    resource_size: Option<i32>,
    /// The unit of the size: `14` pieces, `15` Mbps, `17` GB.
    #[schema(nullable, example = 17)]
    #[serde(default, deserialize_with = "numbers::any_or_none")]
    size_measure_id: Option<i32>,
    /// `0` days, `2` months, `3` years.
    #[schema(example = 2)]
    #[serde(deserialize_with = "numbers::any")]
    period_type: i32,
    /// How many of them.
    #[schema(value_type = i32, minimum = 1, maximum = 120, example = 1)]
    period_num: Number<1, 120>,
    /// How many such resources; each is a line of its own.
    #[schema(inline)]
    count: Option<Number<1, 100>>,
    /// What they are called.
    name: Option<ResourceName>,
    /// Of secondary resources, a server's disks: their primary, by its place among these lines, from 1.
    #[schema(inline)]
    main_line: Option<Number<1, 100>>,
    /// What staff ask for each instead of the list price; nobody else may give it.
    adjusted_amount: Option<PositiveAmount>,
}

impl OrderedLine {
    fn wanted(&self) -> Result<Wanted, ApiError> {
        let kind = PeriodType::from_number(self.period_type).filter(|kind| *kind != PeriodType::Hour);
        let kind = kind.ok_or_else(|| ApiError::parameter("lines.period_type", "must be 0, 2 or 3"))?;
        let size = check_size(self.resource_size, self.size_measure_id)
            .map_err(|fault| fault.of(self.resource_spec.as_str()))?;
        Ok(Wanted {
            resource_type: self.resource_type.as_str().to_owned(),
            resource_spec: self.resource_spec.as_str().to_owned(),
            region: self.region.as_str().to_owned(),
            size,
            period: Period { kind, num: self.period_num.get() },
            count: self.count.map_or(1, Number::get),
            name: self.name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default(),
            main: self.main_line.map(|main| main.get() as usize - 1),
            adjusted: self.adjusted_amount.map(|amount| amount.get().decimal()),
        })
    }
}

/// What a request wants: one line at least, and not too many.
pub fn wanted(lines: &[OrderedLine]) -> Result<Vec<Wanted>, ApiError> {
    if !(1..=LINES_MAX).contains(&lines.len()) {
        return Err(ApiError::parameter("lines", format_args!("must have 1 to {LINES_MAX} entries")));
    }
    lines.iter().map(OrderedLine::wanted).collect()
}

/// What a partner wants for its customer: at list prices.
pub fn wanted_at_list_prices(lines: &[OrderedLine]) -> Result<Vec<Wanted>, ApiError> {
    if lines.iter().any(|line| line.adjusted_amount.is_some()) {
        return Err(ApiError::parameter("lines.adjusted_amount", "must not be given: only staff adjust prices"));
    }
    wanted(lines)
}
