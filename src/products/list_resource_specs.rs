//! `POST /v2/products/resource-specs-query`

use super::model::{ChargeMode, RegionCode, ResourceSpecCode, ResourceTypeCode, ServiceTypeCode};
use super::store::{Products, Specification};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::operation::Policy;
use crate::api::page::Limit;
use crate::app::App;
use crate::values::language::Language;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which specifications.
#[derive(Deserialize, ToSchema)]
pub struct ResourceSpecsQueryReq {
    /// The cloud service type.
    cloud_service_type: ServiceTypeCode,
    /// The resource type.
    resource_type: ResourceTypeCode,
    /// Where it is sold.
    region_code: RegionCode,
    /// `1` yearly/monthly, `3` pay-per-use.
    charge_mode: ChargeMode,
    /// At most one condition; none if absent, null or empty.
    #[serde(default)]
    #[schema(nullable, max_items = 1)]
    filters: Option<Vec<ResourceSpecsFilter>>,
    /// `next_marker` of the page before; absent for the first page.
    #[serde(default)]
    #[schema(nullable, max_length = 256)]
    marker: Option<String>,
    /// How many to answer at most.
    #[serde(default)]
    #[schema(inline, nullable)]
    limit: Limit<100, 100>,
}

/// A condition.
#[derive(Deserialize, ToSchema)]
pub struct ResourceSpecsFilter {
    /// What must match.
    key: ResourceSpecsFilterKey,
    /// What it must be.
    value: ResourceSpecCode,
}

/// What a condition can be about.
#[derive(Deserialize, ToSchema)]
pub enum ResourceSpecsFilterKey {
    /// The specification's code.
    #[serde(rename = "RESOURCE_SPEC")]
    ResourceSpec,
}

/// Specifications.
#[derive(Serialize, ToSchema)]
pub struct ListResourceSpecsResponse {
    /// How to go on.
    page_info: PageInfo,
    /// This part of them.
    cloud_service_basics: Vec<CloudServiceBasic>,
}

/// How to go on.
#[derive(Serialize, ToSchema)]
pub struct PageInfo {
    /// The `marker` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "s6.large.2.linux")]
    next_marker: Option<String>,
}

/// A specification of a resource type, sold in a region.
#[derive(Serialize, ToSchema)]
pub struct CloudServiceBasic {
    /// The cloud service type.
    #[schema(example = "hws.service.type.ec2")]
    cloud_service_type: String,
    /// Its name.
    #[schema(example = "Elastic Cloud Server")]
    cloud_service_type_name: String,
    /// The resource type.
    #[schema(example = "hws.resource.type.vm")]
    resource_type: String,
    /// Its name.
    #[schema(example = "Cloud host")]
    resource_type_name: String,
    /// The specification.
    #[schema(example = "s6.large.2.linux")]
    resource_spec: String,
    /// Its name.
    #[schema(example = "General computing s6.large.2 | 2 vCPUs | 4 GB | linux")]
    resource_spec_name: String,
    /// As asked.
    charge_mode: ChargeMode,
    /// As asked.
    #[schema(example = "cn-north-4")]
    region_code: String,
}

/// Lists the specifications of a resource type that are sold in a region.
///
/// Pages follow each other by `marker`. A combination that is not sold has no specifications.
#[utoipa::path(
    post, path = "/v2/products/resource-specs-query",
    params(Language),
    responses((status = 200, description = "Specifications, by code.", body = ListResourceSpecsResponse)),
    extensions(("x-policy" = json!(Policy::any_caller()))),
)]
pub async fn list_resource_specs(
    State(app): State<App>,
    language: Language,
    Json(request): Json<ResourceSpecsQueryReq>,
) -> Result<Json<ListResourceSpecsResponse>, ApiError> {
    let filters = request.filters.as_deref().unwrap_or_default();
    if filters.len() > 1 {
        return Err(ApiError::parameter("filters", "must have at most one condition"));
    }
    let catalogue = app.catalogue.load();
    let products = &catalogue.products;
    let limit = request.limit.get();
    // One more than asked tells whether there is a next page.
    let mut found: Vec<&Specification> = matching(products, &request, filters).take(limit + 1).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next_marker = found.last().filter(|_| more).map(|last| last.code.clone());
    let cloud_service_basics = found.iter().map(|specification| row(products, &request, specification, language));
    Ok(Json(ListResourceSpecsResponse {
        page_info: PageInfo { next_marker },
        cloud_service_basics: cloud_service_basics.collect(),
    }))
}

fn matching<'a>(
    products: &'a Products,
    request: &'a ResourceSpecsQueryReq,
    filters: &'a [ResourceSpecsFilter],
) -> impl Iterator<Item = &'a Specification> {
    let marker = request.marker.as_deref().unwrap_or_default();
    let of_service =
        |resource: &&super::store::ResourceType| resource.service_type_code == request.cloud_service_type.as_str();
    let resource = products.find_resource(request.resource_type.as_str()).filter(of_service);
    let all = resource.map_or(&[][..], |resource| products.specifications_of(&resource.code));
    let after_marker = all.partition_point(|specification| specification.code.as_str() <= marker);
    all[after_marker..].iter().filter(move |specification| {
        specification.region_codes.iter().any(|region| region == request.region_code.as_str())
            && specification.charge_modes.contains(&request.charge_mode.number())
            && filters.iter().all(|filter| match filter.key {
                ResourceSpecsFilterKey::ResourceSpec => specification.code == filter.value.as_str(),
            })
    })
}

fn row(
    products: &Products,
    request: &ResourceSpecsQueryReq,
    specification: &Specification,
    language: Language,
) -> CloudServiceBasic {
    let resource = products.resource(request.resource_type.as_str());
    CloudServiceBasic {
        cloud_service_type: resource.service_type_code.clone(),
        cloud_service_type_name: language.of(&products.service(&resource.service_type_code).names).to_owned(),
        resource_type: resource.code.clone(),
        resource_type_name: language.of(&resource.names).to_owned(),
        resource_spec: specification.code.clone(),
        resource_spec_name: language.of(&specification.names).to_owned(),
        charge_mode: request.charge_mode,
        region_code: request.region_code.as_str().to_owned(),
    }
}
