//! `GET /v2/products/usage-types`

use crate::api::extract::{Json, Query};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::language::Language;
use crate::values::text::texts;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

texts! {
    /// The code of a resource type, or nothing.
    ResourceTypeFilter, 0..=64, "hws.resource.type.vm";
}

/// Which usage types.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListUsageTypesQuery {
    /// Only those of this resource type; all if absent. An empty text is a resource type that does not exist.
    #[param(inline)]
    resource_type_code: Option<ResourceTypeFilter>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100>,
}

/// Usage types.
#[derive(Serialize, ToSchema)]
pub struct ListUsageTypesResponse {
    /// How many there are in all.
    #[schema(example = 131)]
    total_count: usize,
    /// This part of them.
    usage_types: Vec<UsageType>,
}

/// What of a resource is measured and paid for.
#[derive(Serialize, ToSchema)]
pub struct UsageType {
    /// Its code.
    #[schema(example = "Duration")]
    code: String,
    /// Its name.
    #[schema(example = "Duration")]
    name: String,
    /// The resource type it is measured on.
    #[schema(example = "hws.resource.type.vm")]
    resource_type_code: String,
    /// The cloud service type of that resource type.
    #[schema(example = "hws.service.type.ec2")]
    service_type_code: String,
    /// The resource type's name.
    #[schema(example = "Cloud host")]
    resource_type_name: String,
    /// The cloud service type's name.
    #[schema(example = "Elastic Cloud Server")]
    service_type_name: String,
}

/// Lists what of resources is measured.
///
/// A usage type's code is the `usage_factor` of price queries and the `usage_type` of bills.
#[utoipa::path(
    get, path = "/v2/products/usage-types",
    params(Language, ListUsageTypesQuery),
    responses((status = 200, description = "Usage types, by code and resource type.", body = ListUsageTypesResponse)),
    extensions(("x-policy" = json!(Policy::any_caller()))),
)]
pub async fn list_usage_types(
    State(app): State<App>,
    language: Language,
    Query(query): Query<ListUsageTypesQuery>,
) -> Json<ListUsageTypesResponse> {
    let catalogue = app.catalogue.load();
    let products = &catalogue.products;
    let all = match &query.resource_type_code {
        None => products.usages.as_slice(),
        Some(resource_type) => products.usages_of(resource_type.as_str()),
    };
    let page = all.iter().skip(query.offset.get()).take(query.limit.get());
    let usage_types = page
        .map(|usage| {
            let resource = products.resource(&usage.resource_type_code);
            let service = products.service(&resource.service_type_code);
            UsageType {
                code: usage.code.clone(),
                name: language.of(&usage.names).to_owned(),
                resource_type_code: usage.resource_type_code.clone(),
                service_type_code: resource.service_type_code.clone(),
                resource_type_name: language.of(&resource.names).to_owned(),
                service_type_name: language.of(&service.names).to_owned(),
            }
        })
        .collect();
    Json(ListUsageTypesResponse { total_count: all.len(), usage_types })
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_resource_type_filters_and_an_empty_one_matches_nothing(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let target = "/v2/products/usage-types?limit=100";
        let all = client.get(target).await.ok();
        let of_server = client.get(&format!("{target}&resource_type_code=hws.resource.type.vm")).await.ok();
        let usages = of_server["usage_types"].as_array().expect("a list");
        assert!(usages.iter().all(|usage| usage["service_type_code"] == "hws.service.type.ec2"));
        assert!(
            usages.iter().any(|usage| usage["code"].as_str().is_some_and(|code| code.eq_ignore_ascii_case("duration")))
        );
        assert!(all["total_count"].as_u64() > of_server["total_count"].as_u64());
        let none = client.get(&format!("{target}&resource_type_code=")).await.ok();
        assert_eq!(none, serde_json::json!({"total_count": 0, "usage_types": []}));
    }
}
