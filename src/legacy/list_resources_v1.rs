//! `GET /v1.0/{domain_id}/common/order-mgr/resources/detail`

use super::form::{DoneV1, OfCaller, PageNumber, check_own, skipped};
use crate::api::caller::{AnyCaller, CallerKind};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Lists, Path, QueryWithLists};
use crate::api::filter::Filter;
use crate::api::page::Limit;
use crate::api::policy::Policy;
use crate::app::App;
use crate::orders::model::OrderNumber;
use crate::pricing::model::ResourceId;
use crate::subscriptions::lifecycle::ResourceStatus;
use crate::subscriptions::model::Subscription;
use crate::subscriptions::search::{SubscriptionFilter, page};
use crate::values::list::List;
use crate::values::number::Number;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which resources, in the old form.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListResourcesV1Query {
    /// Only these, divided by commas; of a primary also its secondaries, unless only primaries are wanted.
    #[serde(default)]
    #[param(inline, value_type = Vec<ResourceId>, max_items = 120)]
    resource_ids: Filter<List<ResourceId, 120>>,
    /// Only those that this order bought.
    #[serde(default)]
    #[param(inline, value_type = OrderNumber)]
    order_id: Filter<OrderNumber>,
    /// `1` primaries only, `0`, also if absent, their secondaries too.
    #[serde(default)]
    #[param(inline, value_type = Number<0, 1>)]
    only_main_resource: Filter<Number<0, 1>>,
    /// Only those that stand so, divided by commas: 2 in use, 3 closed, 4 frozen, 5 expired.
    #[serde(default)]
    #[param(inline, value_type = Vec<ResourceStatus>, max_items = 10)]
    status_list: Filter<List<ResourceStatus, 10>>,
    /// Which page, from 1; the first unless said otherwise.
    #[param(inline)]
    page_no: Option<PageNumber>,
    /// How many resources a page has.
    #[param(inline)]
    #[serde(default)]
    page_size: Limit<500>,
}

impl Lists for ListResourcesV1Query {
    const NAMES: &'static [&'static str] = &["resource_ids", "status_list"];
}

/// Resources, in the old form.
#[derive(Serialize, ToSchema)]
pub struct ListResourcesV1Response {
    #[serde(flatten)]
    done: DoneV1,
    /// This page of them: primaries first.
    data: Vec<ResourceV1>,
    /// How many there are in all.
    #[schema(example = 25)]
    total_count: i64,
}

/// A resource that was bought for a time, in the old form.
#[derive(Serialize, ToSchema)]
pub struct ResourceV1 {
    /// Its internal id.
    #[schema(example = "01154-21800069-0")]
    id: String,
    /// Its id.
    #[schema(example = "01978d6a-2b3c-7d4e-8f90-a1b2c3d4e5f6")]
    resource_id: String,
    /// Its name.
    #[schema(example = "web-1")]
    resource_name: String,
    /// Its region.
    #[schema(example = "cn-north-4")]
    region_code: String,
    /// Its service type.
    #[schema(example = "hws.service.type.ec2")]
    cloud_service_type_code: String,
    /// Its type.
    #[schema(example = "hws.resource.type.vm")]
    resource_type_code: String,
    /// Its specification.
    #[schema(example = "s6.large.2.linux")]
    resource_spec_code: String,
    /// Its project.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    project_code: String,
    /// The product.
    #[schema(example = "00301-110060-0--0")]
    product_id: String,
    /// Of a secondary its primary, of a primary itself.
    #[schema(example = "01978d6a-2b3c-7d4e-8f90-a1b2c3d4e5f6")]
    main_resource_id: String,
    /// `1` a primary, `0` a secondary.
    #[schema(example = 1)]
    is_main_resource: i32,
    /// 2 in use, 3 closed, 4 frozen, 5 expired.
    status: ResourceStatus,
    /// From when on it is there.
    valid_time: Instant,
    /// Until when it is paid for.
    expire_time: Instant,
    /// What happens then, as a text: 0 grace, 1 to pay-per-use, 2 deletion, 3 automatic renewal, 4 freezing, 5 deletion after
    /// retention.
    #[schema(example = "3")]
    next_operation_policy: String,
}

/// Lists resources that a customer has bought for a time, in the old form.
///
/// As `ListPayPerUseCustomerResources` does today. A partner is answered without an error, and without any.
#[utoipa::path(
    get, path = "/v1.0/{domain_id}/common/order-mgr/resources/detail",
    params(OfCaller, ListResourcesV1Query),
    responses((status = 200, description = "The resources.", body = ListResourcesV1Response)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS_AND_CUSTOMERS).customer_action("billing:subscription:view")
    ))),
)]
pub async fn list_resources_v1(
    State(app): State<App>,
    caller: AnyCaller,
    Path(OfCaller { domain_id }): Path<OfCaller>,
    QueryWithLists(query): QueryWithLists<ListResourcesV1Query>,
) -> Result<Json<ListResourcesV1Response>, ApiError> {
    check_own(&caller, &domain_id)?;
    let size = query.page_size.get();
    let part = (query.page_no.map_or(0, |page| skipped(page, size)), size);
    let mut connection = app.database.tenant(caller.tenant).await?;
    let (rows, total_count) = page(&mut connection, (caller.tenant, caller.domain), &query.filter(), part).await?;
    let data = rows.into_iter().map(show).collect();
    Ok(Json(ListResourcesV1Response { done: DoneV1::default(), data, total_count }))
}

impl ListResourcesV1Query {
    fn filter(&self) -> SubscriptionFilter {
        let ids = |list: &List<ResourceId, 120>| list.as_slice().iter().map(|id| id.as_str().to_owned()).collect();
        SubscriptionFilter {
            ids: self.resource_ids.wanted().map(ids),
            order: self.order_id.wanted().map(OrderNumber::id),
            only_main: self.only_main_resource.wanted().is_some_and(|only| only.get() == 1),
            statuses: self.status_list.wanted().map(|list| list.as_slice().to_vec()),
            ..SubscriptionFilter::default()
        }
    }
}

fn show(resource: Subscription) -> ResourceV1 {
    let parent = if resource.is_main { None } else { resource.parent_id };
    ResourceV1 {
        id: resource.instance_id,
        main_resource_id: parent.unwrap_or_else(|| resource.resource_id.clone()),
        resource_id: resource.resource_id,
        resource_name: resource.name,
        region_code: resource.region,
        cloud_service_type_code: resource.service_type,
        resource_type_code: resource.resource_type,
        resource_spec_code: resource.resource_spec,
        project_code: resource.project_id.simple().to_string(),
        product_id: resource.product_id,
        is_main_resource: i32::from(resource.is_main),
        status: resource.status,
        valid_time: Instant(resource.effective_at),
        expire_time: Instant(resource.expires_at),
        next_operation_policy: resource.policy.code().to_string(),
    }
}
