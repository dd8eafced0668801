//! `GET /v2/systems/configs/counties`

use super::model::CityCode;
use crate::api::extract::{Json, Query};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::language::Language;
use crate::values::site::Site;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Of which city, and which part of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListCountiesQuery {
    /// The city, as `ListCities` writes it.
    #[param(inline)]
    city_code: CityCode,
    /// How many counties to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset<false>,
    /// How many counties to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<1000, 10, false>,
}

/// Counties of a city.
#[derive(Serialize, ToSchema)]
pub struct ListCountiesResponse {
    /// How many there are in all.
    #[schema(example = 22)]
    count: usize,
    /// This part of them.
    counties: Vec<County>,
}

/// A county or district.
#[derive(Serialize, ToSchema)]
pub struct County {
    /// Its code.
    #[schema(example = "CN-13-001-01")]
    code: String,
    /// Its Chinese name.
    #[schema(example = "长安区")]
    name: String,
}

/// Lists the counties and districts of a city.
///
/// Names are Chinese whatever `X-Language` says. An unknown city has no counties.
#[utoipa::path(
    get, path = "/v2/systems/configs/counties",
    params(Language, ListCountiesQuery),
    responses((status = 200, description = "Counties, by code.", body = ListCountiesResponse)),
    extensions(("x-policy" = json!(Policy::any_caller().on(Site::Cn)))),
)]
pub async fn list_counties(
    State(app): State<App>,
    _: Language,
    Query(query): Query<ListCountiesQuery>,
) -> Json<ListCountiesResponse> {
    let catalogue = app.catalogue.load();
    let all = catalogue.reference.counties.get(query.city_code.as_str()).map_or(&[][..], Vec::as_slice);
    let page = all.iter().skip(query.offset.get()).take(query.limit.get());
    let counties = page.map(|row| County { code: row.code.clone(), name: row.name.clone() }).collect();
    Json(ListCountiesResponse { count: all.len(), counties })
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn the_counties_are_those_of_the_city(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let counties = client.get("/v2/systems/configs/counties?city_code=CN-13-001&limit=5").await.ok();
        assert_eq!(counties["count"], 22);
        assert_eq!(counties["counties"][0], serde_json::json!({"code": "CN-13-001-01", "name": "长安区"}));
        assert_eq!(counties["counties"].as_array().map(Vec::len), Some(5));
    }
}
