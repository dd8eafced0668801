//! `POST /v1.0/{partner_id}/partner/customer-mgr/customer-resource/query-resources`

use super::form::{DoneV1, PageNumber, check_own, skipped};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::filter::Filter;
use crate::api::page::Limit;
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::pricing::model::{ItemRegion, ItemResourceType, ItemServiceType, ResourceId};
use crate::resources::on_demand::{self, OnDemandFilter, OnDemandResource, OnDemandStatus};
use crate::values::id::DomainId;
use crate::values::list::List;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The partner in the path: the caller's own account.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfPartnerV1 {
    /// The caller's own account.
    #[param(inline)]
    partner_id: AccountIdText,
}

/// Which resources, in the old form.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListOnDemandResourcesV1Req {
    /// The customer, a resale customer.
    customer_id: AccountIdText,
    /// Only those in this region.
    #[serde(default)]
    #[schema(value_type = Option<ItemRegion>)]
    region_code: Filter<ItemRegion>,
    /// Only those of this service type, in any case.
    #[serde(default)]
    #[schema(value_type = Option<ItemServiceType>)]
    cloud_service_type_code: Filter<ItemServiceType>,
    /// Only those of this type, in any case.
    #[serde(default)]
    #[schema(value_type = Option<ItemResourceType>)]
    resource_type_code: Filter<ItemResourceType>,
    /// Only these, up to 50.
    #[serde(default)]
    #[schema(inline, value_type = Vec<ResourceId>, max_items = 50)]
    resource_ids: Filter<List<ResourceId, 50>>,
    /// Only those opened at this instant or later.
    #[serde(default)]
    #[schema(value_type = Option<Instant>)]
    start_time_begin: Filter<Instant>,
    /// Only those opened at this instant or earlier.
    #[serde(default)]
    #[schema(value_type = Option<Instant>)]
    start_time_end: Filter<Instant>,
    /// Which page, from 1; the first unless said otherwise.
    #[schema(inline, nullable)]
    page_no: Option<PageNumber>,
    /// How many resources a page has.
    #[schema(inline)]
    page_size: Option<Limit<100>>,
}

/// Resources, in the old form.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListOnDemandResourcesV1Response {
    #[serde(flatten)]
    done: DoneV1,
    /// How many there are in all.
    #[schema(example = 25)]
    total_count: i64,
    /// This page of them, the latest first.
    customer_resources: Vec<OnDemandResourceV1>,
}

/// A resource that is paid by use, in the old form.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnDemandResourceV1 {
    /// The record's id: the resource's.
    #[schema(example = "01978d6a-2b3c-7d4e-8f90-a1b2c3d4e5f6")]
    customer_resource_id: String,
    /// The customer.
    customer_id: DomainId,
    /// Its region.
    #[schema(example = "cn-north-4")]
    region_code: String,
    /// Its availability zone; null if it is in none.
    #[schema(nullable, example = "cn-north-4a")]
    az_code: Option<String>,
    /// Its service type.
    #[schema(example = "hws.service.type.ec2")]
    cloud_service_type_code: String,
    /// Its type.
    #[schema(example = "hws.resource.type.vm")]
    resource_type_code: String,
    /// Its id.
    #[schema(example = "01978d6a-2b3c-7d4e-8f90-a1b2c3d4e5f6")]
    resource_id: String,
    /// Its name.
    #[schema(example = "web-1")]
    resource_name: String,
    /// From when on it is there.
    start_time: Instant,
    /// When it was closed; null while it runs.
    #[schema(nullable)]
    end_time: Option<Instant>,
    /// How it stands.
    status: OnDemandStatus,
    /// Its specification.
    #[schema(example = "s6.large.2.linux")]
    resource_spec_code: String,
    /// Its size, as JSON in a text; empty if it has none.
    #[schema(example = "{\"specSize\":40.0}")]
    resource_info: String,
}

/// Lists a resale customer's resources that are paid by use, in the old form.
///
/// As `ListCustomerOnDemandResources` does today.
#[utoipa::path(
    post, path = "/v1.0/{partner_id}/partner/customer-mgr/customer-resource/query-resources",
    params(OfPartnerV1),
    responses((status = 200, description = "The resources.", body = ListOnDemandResourcesV1Response)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::PARTNERS)))),
)]
pub async fn list_on_demand_resources_v1(
    State(app): State<App>,
    partner: Partner,
    Path(OfPartnerV1 { partner_id }): Path<OfPartnerV1>,
    Json(request): Json<ListOnDemandResourcesV1Req>,
) -> Result<Json<ListOnDemandResourcesV1Response>, ApiError> {
    check_own(&partner, &partner_id)?;
    let customer = app.customers.of_partner(partner.tenant, partner.domain, &request.customer_id).await?;
    customer.require_resale()?;
    let size = request.page_size.unwrap_or_default().get();
    let part = (request.page_no.map_or(0, |page| skipped(page, size)), size);
    let mut connection = app.database.tenant(partner.tenant).await?;
    let account = (partner.tenant, customer.id);
    let (rows, total_count) = on_demand::page(&mut connection, account, &request.filter(), part).await?;
    let customer_resources = rows.into_iter().map(|row| show(customer.id, row)).collect();
    Ok(Json(ListOnDemandResourcesV1Response { done: DoneV1::default(), total_count, customer_resources }))
}

impl ListOnDemandResourcesV1Req {
    fn filter(&self) -> OnDemandFilter {
        let ids = |list: &List<ResourceId, 50>| list.as_slice().iter().map(|id| id.as_str().to_owned()).collect();
        OnDemandFilter {
            region: self.region_code.wanted().map(|region| region.as_str().to_owned()),
            service_type: self.cloud_service_type_code.wanted().map(|code| code.as_str().to_ascii_lowercase()),
            resource_type: self.resource_type_code.wanted().map(|code| code.as_str().to_ascii_lowercase()),
            ids: self.resource_ids.wanted().map(ids),
            from: self.start_time_begin.wanted().map(|begin| begin.0),
            to: self.start_time_end.wanted().map(|end| end.0),
            status: None,
        }
    }
}

fn show(customer_id: DomainId, resource: OnDemandResource) -> OnDemandResourceV1 {
    OnDemandResourceV1 {
        customer_resource_id: resource.resource_id.clone(),
        customer_id,
        region_code: resource.region_code,
        az_code: Some(resource.zone_code).filter(|zone| !zone.is_empty()),
        cloud_service_type_code: resource.service_type_code,
        resource_type_code: resource.resource_type_code,
        resource_info: on_demand::info(resource.resource_size),
        resource_id: resource.resource_id,
        resource_name: resource.resource_name,
        start_time: Instant(resource.effective_at),
        end_time: resource.expires_at.map(Instant),
        status: resource.status,
        resource_spec_code: resource.resource_spec,
    }
}
