//! `GET /v2/products/service-types`

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
    /// Part of a service's name.
    ServiceTypeName, 0..=128, "Elastic";
}

/// Which service types.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListServiceTypesQuery {
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<1000>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// Only those with this text somewhere in their name in the asked language, without regard to case. All if absent or
    /// empty.
    #[param(inline)]
    service_type_name: Option<ServiceTypeName>,
}

/// Cloud service types.
#[derive(Serialize, ToSchema)]
pub struct ListServiceTypesResponse {
    /// How many there are in all.
    #[schema(example = 103)]
    total_count: usize,
    /// This part of them.
    service_types: Vec<ServiceTypes>,
}

/// A cloud service type.
#[derive(Serialize, ToSchema)]
pub struct ServiceTypes {
    /// Its name.
    #[schema(example = "Elastic Cloud Server")]
    service_type_name: String,
    /// Its code.
    #[schema(example = "hws.service.type.ec2")]
    service_type_code: String,
    /// Its short name.
    #[schema(example = "ECS")]
    abbreviation: String,
}

/// Lists the types of cloud services.
///
/// A service's code is what `ListServiceResources`, price and bill queries ask for.
#[utoipa::path(
    get, path = "/v2/products/service-types",
    params(Language, ListServiceTypesQuery),
    responses((status = 200, description = "Service types, by code.", body = ListServiceTypesResponse)),
    extensions(("x-policy" = json!(Policy::any_caller()))),
)]
pub async fn list_service_types(
    State(app): State<App>,
    language: Language,
    Query(query): Query<ListServiceTypesQuery>,
) -> Json<ListServiceTypesResponse> {
    let catalogue = app.catalogue.load();
    let wanted = query.service_type_name.map(|name| name.as_str().to_lowercase()).unwrap_or_default();
    let found: Vec<_> = catalogue
        .products
        .services
        .iter()
        .filter(|service| wanted.is_empty() || language.of(&service.names).to_lowercase().contains(&wanted))
        .collect();
    let service_types = found
        .iter()
        .skip(query.offset.get())
        .take(query.limit.get())
        .map(|service| ServiceTypes {
            service_type_name: language.of(&service.names).to_owned(),
            service_type_code: service.code.clone(),
            abbreviation: service.abbreviation.clone(),
        })
        .collect();
    Json(ListServiceTypesResponse { total_count: found.len(), service_types })
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_name_is_searched_for_in_the_asked_language_without_regard_to_case(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let codes = async |target: &str, language: &str| {
            let headers = [("x-language", language)];
            let answer = client.call(axum::http::Method::GET, target, &headers, "").await.ok();
            let services = answer["service_types"].as_array().expect("a list").clone();
            assert_eq!(answer["total_count"], services.len());
            services.into_iter().map(|service| service["service_type_code"].clone()).collect::<Vec<_>>()
        };
        let search = "/v2/products/service-types?limit=1000&service_type_name=";
        let english = codes(&format!("{search}elastic%20cloud%20SERVER"), "en_US").await;
        assert_eq!(english, ["hws.service.type.ec2"]);
        let chinese = codes(&format!("{search}%E5%BC%B9%E6%80%A7%E4%BA%91%E6%9C%8D%E5%8A%A1%E5%99%A8"), "zh_CN").await;
        assert_eq!(chinese, ["hws.service.type.ec2"]);
        assert!(codes(&format!("{search}elastic%20cloud"), "zh_CN").await.is_empty());
        assert!(codes(search, "zh_CN").await.len() > 40, "an empty name is no filter");
    }
}
