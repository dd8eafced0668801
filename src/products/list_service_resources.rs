//! `GET /v2/products/service-resources`

use super::model::ServiceTypeCode;
use crate::api::extract::{Json, Query};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::language::Language;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Of which service, and which part of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListServiceResourcesQuery {
    /// The cloud service type.
    #[param(inline)]
    service_type_code: ServiceTypeCode,
    /// How many to answer at most. It must not be empty.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<1000, 10, false>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
}

/// Resource types of a service.
#[derive(Serialize, ToSchema)]
pub struct ListServiceResourcesResponse {
    /// How many there are in all.
    #[schema(example = 2)]
    total_count: usize,
    /// This part of them.
    infos: Vec<ServiceResourceInfo>,
}

/// A resource type of a service.
#[derive(Serialize, ToSchema)]
pub struct ServiceResourceInfo {
    /// What it is.
    basic_info: ResourceBasicInfo,
}

/// A resource type.
#[derive(Serialize, ToSchema)]
pub struct ResourceBasicInfo {
    /// Its code.
    #[schema(example = "hws.resource.type.vm")]
    resource_type_code: String,
    /// The cloud service type it belongs to.
    #[schema(example = "hws.service.type.ec2")]
    product_owner_service: String,
    /// Its name.
    #[schema(example = "Cloud host")]
    name: String,
    /// What it is.
    #[schema(example = "A virtual machine of Elastic Cloud Server.")]
    description: String,
}

/// Lists the resource types of a cloud service.
///
/// An unknown service has none.
#[utoipa::path(
    get, path = "/v2/products/service-resources",
    params(Language, ListServiceResourcesQuery),
    responses((status = 200, description = "Resource types, by code.", body = ListServiceResourcesResponse)),
    extensions(("x-policy" = json!(Policy::any_caller()))),
)]
pub async fn list_service_resources(
    State(app): State<App>,
    language: Language,
    Query(query): Query<ListServiceResourcesQuery>,
) -> Json<ListServiceResourcesResponse> {
    let catalogue = app.catalogue.load();
    let all = catalogue.products.resources_of(query.service_type_code.as_str());
    let page = all.iter().skip(query.offset.get()).take(query.limit.get());
    let infos = page
        .map(|resource| ServiceResourceInfo {
            basic_info: ResourceBasicInfo {
                resource_type_code: resource.code.clone(),
                product_owner_service: resource.service_type_code.clone(),
                name: language.of(&resource.names).to_owned(),
                description: language.of(&resource.descriptions).to_owned(),
            },
        })
        .collect();
    Json(ListServiceResourcesResponse { total_count: all.len(), infos })
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn the_resource_types_are_those_of_the_service(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let target = "/v2/products/service-resources?service_type_code=hws.service.type.ebs";
        let answer = client.get(target).await.ok();
        let infos = answer["infos"].as_array().expect("a list");
        assert!(infos.iter().any(|info| info["basic_info"]["resource_type_code"] == "hws.resource.type.volume"));
        assert!(infos.iter().all(|info| info["basic_info"]["product_owner_service"] == "hws.service.type.ebs"));
        let unknown = client.get("/v2/products/service-resources?service_type_code=unknown").await.ok();
        assert_eq!(unknown, serde_json::json!({"total_count": 0, "infos": []}));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_limit_without_a_value_is_refused_here(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let target = "/v2/products/service-resources?service_type_code=hws.service.type.ebs&limit=";
        assert_eq!(client.get(target).await.refusal().2, "Parameter error. limit: must not be empty.");
    }
}
