//! `GET /v2/bills/customer-bills/resources/usage/details`

use super::model::{
    PeakResourceType, PeakServiceType, PeakUsageType, ResourceFilter, actual_days, peak_is_known, peak_of,
};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::metering::peaks::{self, Points};
use crate::values::decimal::plain;
use crate::values::language::Language;
use crate::values::site::Site;
use crate::values::time::{Instant, Month};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Of which resource, and when.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListResourceUsageQuery {
    /// The month of UTC+8.
    #[param(inline)]
    bill_cycle: Month,
    /// The service type.
    #[param(inline)]
    service_type_code: PeakServiceType,
    /// The resource type.
    #[param(inline)]
    resource_type_code: PeakResourceType,
    /// What was measured: a 95th percentile.
    #[param(inline)]
    usage_type: PeakUsageType,
    /// The resource.
    #[param(inline)]
    resource_id: ResourceFilter,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<1000>,
}

/// What a resource used, point by point.
#[derive(Serialize, ToSchema)]
pub struct ListResourceUsageResponse {
    /// For how many days there are points: 288 make a day.
    #[schema(example = "30")]
    actual_days: String,
    /// The bandwidth that is charged; null until 20:00 of the second day of the month after.
    #[schema(nullable, example = "8208")]
    band_width: Option<String>,
    /// The guaranteed bandwidth of enhanced 95th percentiles: none are sold.
    #[schema(nullable)]
    monthly_guaranteed_band_width: Option<String>,
    /// The peak of enhanced 95th percentiles: none are sold.
    #[schema(nullable)]
    monthly_peak_band_width: Option<String>,
    /// The unit of the bandwidth; null where there is none.
    #[schema(nullable, example = 15)]
    band_width_measure_id: Option<i32>,
    /// How many points there are.
    #[schema(example = 8640)]
    total_count: i64,
    /// This part of them, the first one first.
    usage_info_list: Vec<StatUsageInfo>,
}

/// What was used in five minutes.
#[derive(Serialize, ToSchema)]
pub struct StatUsageInfo {
    /// When they began.
    stat_time: Instant,
    /// The guaranteed bandwidth: none is sold.
    #[schema(nullable)]
    guaranteed_band_width: Option<String>,
    /// How much.
    #[schema(example = "7.5")]
    usage: String,
    /// In which unit.
    #[schema(example = 15)]
    measure_id: i32,
}

/// Lists the points of which a month's bandwidth is charged.
///
/// The highest twentieth of them is left out; the next one is what is charged.
#[utoipa::path(
    get, path = "/v2/bills/customer-bills/resources/usage/details",
    params(ListResourceUsageQuery, Language),
    responses((status = 200, description = "The points.", body = ListResourceUsageResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS)
            .on(Site::Cn)
            .customer_action("billing:bill:view")
            .customer_action("billing:billDetail:view")
    ))),
)]
pub async fn list_resource_usage(
    State(app): State<App>,
    customer: Customer,
    Query(query): Query<ListResourceUsageQuery>,
) -> Result<Json<ListResourceUsageResponse>, ApiError> {
    let kind = peak_of(&query.service_type_code, &query.resource_type_code, &query.usage_type)?;
    let usage_type = kind.usage_type;
    let account = (customer.tenant, customer.domain);
    let resource = Some(query.resource_id.as_str());
    let mut connection = app.database.tenant(customer.tenant).await?;
    let found = peaks::of_month(&mut connection, account, (kind, query.bill_cycle), resource).await?;
    let Some(Points { points, bandwidth, measure_id, .. }) = found.into_iter().next() else {
        return Ok(Json(ListResourceUsageResponse {
            actual_days: "0".to_owned(),
            band_width: None,
            monthly_guaranteed_band_width: None,
            monthly_peak_band_width: None,
            band_width_measure_id: None,
            total_count: 0,
            usage_info_list: Vec::new(),
        }));
    };
    let page = (query.offset.get(), query.limit.get());
    let rows =
        peaks::page(&mut connection, account, (query.resource_id.as_str(), usage_type, query.bill_cycle), page).await?;
    let is_known = peak_is_known(query.bill_cycle, app.now(customer.tenant));
    let show = |(at, usage)| StatUsageInfo {
        stat_time: Instant(at),
        guaranteed_band_width: None,
        usage: plain(usage),
        measure_id,
    };
    Ok(Json(ListResourceUsageResponse {
        actual_days: actual_days(points),
        band_width: is_known.then(|| plain(bandwidth)),
        monthly_guaranteed_band_width: None,
        monthly_peak_band_width: None,
        band_width_measure_id: is_known.then_some(measure_id),
        total_count: points,
        usage_info_list: rows.into_iter().map(show).collect(),
    }))
}
