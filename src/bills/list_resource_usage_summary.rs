//! `GET /v2/bills/customer-bills/resources/usage/summary`

use super::model::{PeakResourceType, PeakServiceType, PeakUsageType, actual_days, peak_is_known, peak_of};
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
use crate::values::time::Month;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Of which resources, and when.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListResourceUsageSummaryQuery {
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
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<1000>,
}

/// What resources used in a month.
#[derive(Serialize, ToSchema)]
pub struct ListResourceUsageSummaryResponse {
    /// How many resources there are.
    #[schema(example = 2)]
    total_count: usize,
    /// This part of them, by their ids.
    summary_usage_info_list: Vec<StatUsageSummaryInfo>,
}

/// What a resource used in a month.
#[derive(Serialize, ToSchema)]
pub struct StatUsageSummaryInfo {
    /// The resource.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    resource_id: String,
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
}

/// Lists the resources whose bandwidth is charged by a 95th percentile.
///
/// With the bandwidth of the month, once it is known.
#[utoipa::path(
    get, path = "/v2/bills/customer-bills/resources/usage/summary",
    params(ListResourceUsageSummaryQuery, Language),
    responses((status = 200, description = "The resources.", body = ListResourceUsageSummaryResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS)
            .on(Site::Cn)
            .customer_action("billing:bill:view")
            .customer_action("billing:billDetail:view")
    ))),
)]
pub async fn list_resource_usage_summary(
    State(app): State<App>,
    customer: Customer,
    Query(query): Query<ListResourceUsageSummaryQuery>,
) -> Result<Json<ListResourceUsageSummaryResponse>, ApiError> {
    let kind = peak_of(&query.service_type_code, &query.resource_type_code, &query.usage_type)?;
    let account = (customer.tenant, customer.domain);
    let mut connection = app.database.tenant(customer.tenant).await?;
    let found = peaks::of_month(&mut connection, account, (kind, query.bill_cycle), None).await?;
    let is_known = peak_is_known(query.bill_cycle, app.now(customer.tenant));
    let show = |points: &Points| StatUsageSummaryInfo {
        resource_id: points.resource_id.clone(),
        actual_days: actual_days(points.points),
        band_width: is_known.then(|| plain(points.bandwidth)),
        monthly_guaranteed_band_width: None,
        monthly_peak_band_width: None,
        band_width_measure_id: is_known.then_some(points.measure_id),
    };
    let summary_usage_info_list = found.iter().skip(query.offset.get()).take(query.limit.get()).map(show).collect();
    Ok(Json(ListResourceUsageSummaryResponse { total_count: found.len(), summary_usage_info_list }))
}
