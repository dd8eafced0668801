//! `POST /v2/products/resource-specs-query`

use super::model::{ChargeMode, RegionCode, ResourceSpecCode, ResourceTypeCode, ServiceTypeCode};
use super::store::{Products, Specification};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::page::Limit;
use crate::api::policy::Policy;
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

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use serde_json::{Value, json};
    use sqlx::PgPool;

    const TARGET: &str = "/v2/products/resource-specs-query";

    /// A request for servers, changed.
    fn servers(change: Value) -> Value {
        let mut request = json!({"cloud_service_type": "hws.service.type.ec2", "resource_type": "hws.resource.type.vm",
            "region_code": "cn-north-4", "charge_mode": "3"});
        let (Value::Object(request_fields), Value::Object(change)) = (&mut request, change) else {
            panic!("both are objects")
        };
        request_fields.extend(change);
        request
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn pages_follow_the_marker_to_the_end_without_repeats(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let mut request = servers(json!({"limit": 100}));
        let mut codes: Vec<String> = Vec::new();
        loop {
            let page = client.post(TARGET, &request).await.ok();
            let rows = page["cloud_service_basics"].as_array().expect("a list");
            codes.extend(rows.iter().map(|row| row["resource_spec"].as_str().expect("a text").to_owned()));
            match page["page_info"].get("next_marker") {
                Some(marker) => request["marker"] = marker.clone(),
                None => break,
            }
        }
        assert!(codes.len() > 200, "{} specifications", codes.len());
        assert!(codes.is_sorted_by(|one, next| one < next));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_filter_picks_one_specification_and_there_can_be_only_one_filter(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let filter = json!({"key": "RESOURCE_SPEC", "value": "s6.large.2.linux"});
        let found = client.post(TARGET, &servers(json!({"filters": [filter]}))).await.ok();
        assert_eq!(found["cloud_service_basics"].as_array().map(Vec::len), Some(1));
        assert_eq!(found["cloud_service_basics"][0]["charge_mode"], "3");
        let two = client.post(TARGET, &servers(json!({"filters": [filter, filter]}))).await;
        assert_eq!(two.refusal().2, "Parameter error. filters: must have at most one condition.");
        let other = client.post(TARGET, &servers(json!({"filters": [{"key": "NAME", "value": "x"}]}))).await;
        assert!(other.refusal().2.contains("filters[0].key"), "{}", other.body);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn what_is_not_sold_has_no_specifications(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        for change in [
            json!({"cloud_service_type": "hws.service.type.ebs"}),
            json!({"resource_type": "unknown"}),
            json!({"region_code": "unknown"}),
        ] {
            let none = client.post(TARGET, &servers(change)).await.ok();
            assert_eq!(none, json!({"page_info": {}, "cloud_service_basics": []}));
        }
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn missing_and_wrong_fields_are_named(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        for (change, field) in [
            (json!({"charge_mode": "2"}), "charge_mode"),
            (json!({"charge_mode": null}), "charge_mode"),
            (json!({"limit": 101}), "limit"),
            (json!({"region_code": ""}), "region_code"),
            (json!({"resource_type": "x".repeat(65)}), "resource_type"),
            (json!({"cloud_service_type": 5}), "cloud_service_type"),
        ] {
            let answer = client.post(TARGET, &servers(change)).await;
            assert!(answer.refusal().2.starts_with(&format!("Parameter error. {field}:")), "{}", answer.body);
        }
        let missing = client.post(TARGET, &json!({})).await;
        assert!(missing.refusal().2.contains("cloud_service_type"), "{}", missing.body);
    }
}
