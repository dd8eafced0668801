//! `GET /v2/products/resource-types`

use crate::api::extract::{Json, Query};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::language::Language;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which part of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListResourceTypesQuery {
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<1000>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
}

/// Resource types.
#[derive(Serialize, ToSchema)]
pub struct ListResourceTypesResponse<'a> {
    /// How many there are in all.
    #[schema(example = 238)]
    total_count: usize,
    /// This part of them.
    resource_types: Vec<ResourceTypes<'a>>,
}

/// A resource type.
#[derive(Serialize, ToSchema)]
pub struct ResourceTypes<'a> {
    /// Its code.
    #[schema(example = "hws.resource.type.vm")]
    resource_type_code: &'a str,
    /// Its name.
    #[schema(example = "Cloud host")]
    resource_type_name: &'a str,
    /// What it is.
    #[schema(example = "A virtual machine of Elastic Cloud Server.")]
    resource_type_desc: &'a str,
    /// The cloud service type it belongs to.
    #[schema(example = "hws.service.type.ec2")]
    service_type_code: &'a str,
}

/// Lists the types of resources that cloud services consist of.
///
/// A resource type's code is what usage type, price and bill queries ask for.
#[utoipa::path(
    get, path = "/v2/products/resource-types",
    params(Language, ListResourceTypesQuery),
    responses((status = 200, description = "Resource types, by code.", body = ListResourceTypesResponse<'_>)),
    extensions(("x-policy" = json!(Policy::any_caller()))),
)]
pub async fn list_resource_types(
    State(app): State<App>,
    language: Language,
    Query(query): Query<ListResourceTypesQuery>,
) -> Response {
    let catalogue = app.catalogue.load();
    let all = &catalogue.products.resources;
    let page = all.iter().skip(query.offset.get()).take(query.limit.get()).map(|resource| ResourceTypes {
        resource_type_code: &resource.code,
        resource_type_name: language.of(&resource.names),
        resource_type_desc: language.of(&resource.descriptions),
        service_type_code: &resource.service_type_code,
    });
    Json(ListResourceTypesResponse { total_count: all.len(), resource_types: page.collect() }).into_response()
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn pages_do_not_overlap_and_the_total_counts_all(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let mut seen = std::collections::HashSet::new();
        let mut total = 1;
        while seen.len() < total {
            let target = format!("/v2/products/resource-types?limit=50&offset={}", seen.len());
            let page = client.get(&target).await.ok();
            total = usize::try_from(page["total_count"].as_u64().expect("a number")).expect("a small one");
            for resource in page["resource_types"].as_array().expect("a list") {
                assert!(seen.insert(resource["resource_type_code"].as_str().expect("a text").to_owned()));
            }
        }
        assert!(total > 80);
        assert!(seen.contains("hws.resource.type.vm"));
        let beyond = client.get(&format!("/v2/products/resource-types?offset={total}")).await.ok();
        assert_eq!(beyond["resource_types"], serde_json::json!([]));
    }
}
