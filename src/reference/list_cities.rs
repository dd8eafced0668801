//! `GET /v2/systems/configs/cities`

use super::model::ProvinceCode;
use crate::api::extract::{Json, Query};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::language::Language;
use crate::values::site::Site;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Of which province, and which part of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListCitiesQuery {
    /// The province, as `ListProvinces` writes it.
    #[param(inline)]
    province_code: ProvinceCode,
    /// How many cities to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many cities to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<1000>,
}

/// Cities of a province.
#[derive(Serialize, ToSchema)]
pub struct ListCitiesResponse {
    /// How many there are in all.
    #[schema(example = 11)]
    count: usize,
    /// This part of them.
    cities: Vec<City>,
}

/// A city or prefecture.
#[derive(Serialize, ToSchema)]
pub struct City {
    /// Its code.
    #[schema(example = "CN-13-006")]
    code: String,
    /// Its Chinese name.
    #[schema(example = "保定市")]
    name: String,
}

/// Lists the cities of a province.
///
/// Names are Chinese whatever `X-Language` says. An unknown province has no cities. A city's code is what `ListCounties`
/// asks for.
#[utoipa::path(
    get, path = "/v2/systems/configs/cities",
    params(Language, ListCitiesQuery),
    responses((status = 200, description = "Cities, by code.", body = ListCitiesResponse)),
    extensions(("x-policy" = json!(Policy::any_caller().on(Site::Cn)))),
)]
pub async fn list_cities(
    State(app): State<App>,
    _: Language,
    Query(query): Query<ListCitiesQuery>,
) -> Json<ListCitiesResponse> {
    let catalogue = app.catalogue.load();
    let all = catalogue.reference.cities.get(query.province_code.as_str()).map_or(&[][..], Vec::as_slice);
    let page = all.iter().skip(query.offset.get()).take(query.limit.get());
    let cities = page.map(|row| City { code: row.code.clone(), name: row.name.clone() }).collect();
    Json(ListCitiesResponse { count: all.len(), cities })
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn the_cities_are_those_of_the_province(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let cities = client.get("/v2/systems/configs/cities?province_code=CN-13&limit=1000").await.ok();
        assert_eq!(cities["count"], 11);
        assert!(
            cities["cities"]
                .as_array()
                .expect("a list")
                .iter()
                .all(|city| { city["code"].as_str().is_some_and(|code| code.starts_with("CN-13-")) })
        );
        let unknown = client.get("/v2/systems/configs/cities?province_code=CN-99").await.ok();
        assert_eq!(unknown, serde_json::json!({"count": 0, "cities": []}));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn the_province_is_required(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        for target in ["/v2/systems/configs/cities", "/v2/systems/configs/cities?province_code="] {
            let answer = client.get(target).await;
            let (status, code, message) = answer.refusal();
            assert_eq!((status, code), (400, "CBC.0100"));
            assert!(message.contains("province_code"), "{message}");
        }
    }
}
