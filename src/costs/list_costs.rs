//! `POST /v4/costs/cost-analysed-bills/query`

use super::amortisation::MONTHS;
use super::analysis::{Analysis, Condition, Cost as Sum, Group, Kind, Measure};
use super::dimension::Dimension;
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::filter::Filter;
use crate::api::page::Limit;
use crate::api::policy::Policy;
use crate::app::App;
use crate::pricing::quote;
use crate::values::amount::{Amount, AmountText};
use crate::values::coded::coded;
use crate::values::language::Language;
use crate::values::list::List;
use crate::values::money::Currency;
use crate::values::number::Number;
use crate::values::text::texts;
use crate::values::time::{Day, Month};
use axum::extract::State;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use time::{Date, Duration};
use utoipa::ToSchema;

/// How many days, and how many months, are answered at most: a year, and what bills reach back.
const MOST_DAYS: usize = 366;
const MOST_MONTHS: usize = 36;

texts! {
    /// A day `yyyy-MM-dd`, or a month `yyyy-MM`.
    CostTime, 7..=10, "2026-03-28";
    /// The key of a tag or of a cost unit, or the name of a dimension.
    CostKey, 1..=128, "CLOUD_SERVICE_TYPE";
    /// A value of a dimension.
    CostValue, 0..=256, "hws.service.type.ec2";
}

coded! {
    /// In which steps: 1 days, 2 months.
    TimeMeasure {
        /// Days.
        Day = 1,
        /// Months.
        Month = 2,
    }

    /// Whether 0 only these count, or 1 these do not.
    FilterOperator {
        /// Only these.
        Include = 0,
        /// All others.
        Exclude = 1,
    }
}

/// Which costs.
#[derive(Deserialize, ToSchema)]
pub struct ListCostsReq {
    /// When.
    time_condition: TimeCondition,
    /// What they are told apart by: at most two, of which at most one is a tag and at most one a cost unit. Empty: nothing, one sum.
    #[schema(value_type = Vec<GroupBy>, max_items = 2)]
    groupby: List<GroupBy, 2>,
    /// What counts.
    cost_type: CostType,
    /// Which amount.
    amount_type: AmountType,
    /// How many groups to skip.
    #[schema(inline, nullable, default = 0)]
    offset: Option<Number<0, 200_000>>,
    /// How many groups to answer at most.
    #[schema(inline, value_type = Option<Limit<1000>>)]
    #[serde(default)]
    limit: Limit<1000>,
    /// Which are left out: up to 100 conditions, all of which hold.
    #[schema(value_type = Vec<FilterV2>, max_items = 100)]
    #[serde(default)]
    filters: Filter<List<FilterV2, 100>>,
}

/// When.
#[derive(Deserialize, ToSchema)]
pub struct TimeCondition {
    /// In which steps: 1, unless said otherwise, days, 2 months.
    #[schema(value_type = TimeMeasure, required = true)]
    #[serde(default)]
    time_measure_id: Filter<TimeMeasure>,
    /// The first day or month of UTC+8. Amortised costs reach back 17 months before this one.
    begin_time: CostTime,
    /// The last one, included: at most 366 days, or 36 months.
    end_time: CostTime,
}

/// What costs are told apart by.
#[derive(Deserialize, ToSchema)]
pub struct GroupBy {
    /// What `key` is: unless said otherwise the name of a dimension.
    #[schema(value_type = GroupKind, required = true)]
    #[serde(default, rename = "type")]
    kind: Filter<GroupKind>,
    /// The name of the dimension, or the key of the tag or cost unit.
    key: CostKey,
}

/// What a group is made by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// A tag. Resources have none, so there is one group, with an empty value.
    Tag,
    /// A cost unit. There are none; likewise.
    CostUnit,
    /// A dimension.
    Dimension,
}

/// What counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CostType {
    /// What was charged, when it was.
    OriginalCost,
    /// What was paid for a period counts day by day of it.
    AmortizedCost,
}

/// Which amount.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AmountType {
    /// What is to be paid.
    PaymentAmount,
    /// The same less what cash coupons paid.
    NetAmount,
}

/// A condition.
#[derive(Deserialize, ToSchema)]
pub struct FilterV2 {
    /// 0: only costs of these values; 1: only others. Null: it is no condition.
    #[schema(value_type = FilterOperator, required = true)]
    #[serde(default)]
    operator: Filter<FilterOperator>,
    /// The values.
    filter_factor: FilterFactor,
}

/// Values of a dimension.
#[derive(Deserialize, ToSchema)]
pub struct FilterFactor {
    /// The dimension.
    key: Dimension,
    /// The values; empty: it is no condition.
    #[schema(value_type = Vec<CostValue>, max_items = 1000)]
    value: List<CostValue, 1000>,
}

/// Costs.
#[derive(Serialize, ToSchema)]
pub struct ListCostsResponse {
    /// The currency.
    currency: Currency,
    /// How many groups there are in all.
    #[schema(example = 4)]
    total_count: i64,
    /// This part of them, those that cost most first.
    cost_data: Vec<CostDataByDimension>,
}

/// The costs of a group.
#[derive(Serialize, ToSchema)]
pub struct CostDataByDimension {
    /// What they have in common.
    dimensions: Vec<DimensionGroup>,
    /// Those of each day or month; what has none is 0.
    costs: Vec<Cost>,
    /// All of them.
    amount_by_costs: AmountText,
    /// All of them at list prices.
    official_amount_by_costs: AmountText,
}

/// What the costs of a group have in common.
#[derive(Serialize, ToSchema)]
pub struct DimensionGroup {
    /// The dimension.
    key: Dimension,
    /// Its value; empty where costs know none.
    #[schema(example = "hws.service.type.ec2")]
    value: String,
}

/// The cost of a day or month.
#[derive(Serialize, ToSchema)]
pub struct Cost {
    /// The day `yyyy-MM-dd`, or the month `yyyy-MM`.
    #[schema(example = "2026-03-28")]
    time_dimension_value: String,
    /// 1 a day, 2 a month.
    time_measure_id: TimeMeasure,
    /// The amount; below zero where more was given back than paid.
    amount: AmountText,
    /// At list prices.
    official_amount: AmountText,
}

/// Analyses costs.
///
/// By day or month of UTC+8, told apart by up to two dimensions. Original costs are those of bills; amortised ones count what was
/// paid for a period on its days, also on those to come, so that over all of them they are what was paid. Both are current: nothing
/// is renewed later.
#[utoipa::path(
    post, path = "/v4/costs/cost-analysed-bills/query",
    params(Language),
    responses((status = 200, description = "The costs.", body = ListCostsResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS).customer_action("costCenter:costAnalysis:listCosts")
    ))),
)]
pub async fn list_costs(
    State(app): State<App>,
    customer: Customer,
    _: Language,
    Json(request): Json<ListCostsReq>,
) -> Result<Json<ListCostsResponse>, ApiError> {
    let time = &request.time_condition;
    let measure = time.time_measure_id.wanted().copied().unwrap_or(TimeMeasure::Day);
    let spans = spans(measure, (&time.begin_time, &time.end_time))?;
    let first_of_all = Month::of(app.now(customer.tenant)).before(MONTHS - 1).first_day();
    if request.cost_type == CostType::AmortizedCost && spans[0].1 < first_of_all {
        let rule = format_args!("must lie in this month or one of the {} before it", MONTHS - 1);
        return Err(ApiError::parameter("time_condition.begin_time", rule));
    }
    let account = (customer.tenant, customer.domain);
    let mut connection = app.database.tenant(customer.tenant).await?;
    let currency = quote::currency(&mut connection, account, app.settings.api.site).await?;
    let analysis = Analysis {
        account,
        currency,
        kind: match request.cost_type {
            CostType::OriginalCost => Kind::Original,
            CostType::AmortizedCost => Kind::Amortised,
        },
        measure: match request.amount_type {
            AmountType::PaymentAmount => Measure::Due,
            AmountType::NetAmount => Measure::Net,
        },
        spans,
        by_months: measure == TimeMeasure::Month,
        dimensions: dimensions(request.groupby.as_slice())?,
        conditions: request.filters.wanted().map_or(&[][..], List::as_slice).iter().filter_map(condition).collect(),
    };
    let offset = request.offset.map_or(0, |offset| offset.get() as usize);
    let (groups, total_count) = analysis.page(&mut connection, (offset, request.limit.get())).await?;
    let cost_data = groups.into_iter().map(|group| show(group, &analysis, measure)).collect();
    Ok(Json(ListCostsResponse { currency, total_count, cost_data }))
}

/// The first and the last day of each day or month that is asked for.
fn spans(measure: TimeMeasure, (begin, end): (&CostTime, &CostTime)) -> Result<Vec<(Date, Date)>, ApiError> {
    let (first_name, last_name) = ("time_condition.begin_time", "time_condition.end_time");
    let (spans, most, unit) = match measure {
        TimeMeasure::Day => {
            let (Day(first), Day(last)) = (read(first_name, begin)?, read(last_name, end)?);
            let days = (0..).map_while(|day| first.checked_add(Duration::days(day)).filter(|day| *day <= last));
            (days.map(|day| (day, day)).take(MOST_DAYS + 1).collect::<Vec<_>>(), MOST_DAYS, "days")
        }
        TimeMeasure::Month => {
            let (first, last): (Month, Month) = (read(first_name, begin)?, read(last_name, end)?);
            let months =
                std::iter::successors(Some(first), |month| Some(month.next())).take_while(|month| *month <= last);
            let months = months.map(|month| (month.first_day(), month.last_day()));
            (months.take(MOST_MONTHS + 1).collect(), MOST_MONTHS, "months")
        }
    };
    if spans.is_empty() {
        return Err(ApiError::parameter(last_name, "must not be before the beginning"));
    }
    if spans.len() > most {
        return Err(ApiError::parameter(
            last_name,
            format_args!("must be at most {most} {unit} from the beginning on"),
        ));
    }
    Ok(spans)
}

/// A day or a month, as `time_measure_id` says.
fn read<T: DeserializeOwned>(field: &str, text: &CostTime) -> Result<T, ApiError> {
    serde_json::from_value(text.as_str().into()).map_err(|error| ApiError::parameter(field, error))
}

/// What is told apart by what is asked for.
fn dimensions(groups: &[GroupBy]) -> Result<Vec<Dimension>, ApiError> {
    let dimension = |group: &GroupBy| match group.kind.wanted() {
        Some(GroupKind::Tag) => Ok(Dimension::ResourceTag),
        Some(GroupKind::CostUnit) => Ok(Dimension::CostUnit),
        Some(GroupKind::Dimension) | None => serde_json::from_value(group.key.as_str().into())
            .map_err(|_| ApiError::parameter("groupby.key", "is no dimension")),
    };
    let dimensions: Vec<Dimension> = groups.iter().map(dimension).collect::<Result<_, ApiError>>()?;
    match dimensions.as_slice() {
        [Dimension::ResourceTag, Dimension::ResourceTag] | [Dimension::CostUnit, Dimension::CostUnit] => {
            Err(ApiError::parameter("groupby", "must not name two tags or two cost units"))
        }
        _ => Ok(dimensions),
    }
}

fn condition(filter: &FilterV2) -> Option<Condition> {
    let operator = filter.operator.wanted()?;
    let values: Vec<String> =
        filter.filter_factor.value.as_slice().iter().map(|value| value.as_str().to_owned()).collect();
    let condition =
        Condition { dimension: filter.filter_factor.key, excludes: *operator == FilterOperator::Exclude, values };
    Some(condition).filter(|condition| !condition.values.is_empty())
}

fn show(group: Group, analysis: &Analysis, measure: TimeMeasure) -> CostDataByDimension {
    let text = |amount| AmountText(Amount::from(amount));
    let cost = |(span, cost): (&(Date, Date), &Sum)| Cost {
        time_dimension_value: match measure {
            TimeMeasure::Day => Day(span.0).to_string(),
            TimeMeasure::Month => Month::of_day(Day(span.0)).to_string(),
        },
        time_measure_id: measure,
        amount: text(cost.amount),
        official_amount: text(cost.official),
    };
    CostDataByDimension {
        costs: analysis.spans.iter().zip(&group.costs).map(cost).collect(),
        dimensions: analysis
            .dimensions
            .iter()
            .zip(group.values)
            .map(|(key, value)| DimensionGroup { key: *key, value })
            .collect(),
        amount_by_costs: text(group.total.amount),
        official_amount_by_costs: text(group.total.official),
    }
}
