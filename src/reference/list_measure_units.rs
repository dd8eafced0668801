//! `GET /v2/bases/measurements`

use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::language::Language;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// Units of measurement.
#[derive(Serialize, ToSchema)]
pub struct ListMeasureUnitsResponse {
    /// By id.
    measure_units: Vec<MeasureUnitRest>,
}

/// A unit of measurement.
#[derive(Serialize, ToSchema)]
pub struct MeasureUnitRest {
    /// Its id.
    #[schema(example = 10)]
    measure_id: i32,
    /// Its name.
    #[schema(example = "GB")]
    measure_name: String,
    /// Its short English form.
    #[schema(example = "GB")]
    abbreviation: String,
    /// What it measures: 1 money, 2 time, 3 traffic, 4 quantity, 7 capacity, 10 period, 11 frequency, 12 count,
    /// 16 bandwidth, …
    #[schema(example = 3)]
    measure_type: i32,
}

/// Lists the units in which amounts, usage and sizes are given.
///
/// The list is answered whole.
#[utoipa::path(
    get, path = "/v2/bases/measurements",
    params(Language),
    responses((status = 200, description = "Units, by id.", body = ListMeasureUnitsResponse)),
    extensions(("x-policy" = json!(Policy::any_caller()))),
)]
pub async fn list_measure_units(State(app): State<App>, language: Language) -> Json<ListMeasureUnitsResponse> {
    let catalogue = app.catalogue.load();
    let units = catalogue.reference.units.iter().map(|unit| MeasureUnitRest {
        measure_id: unit.measure_id,
        measure_name: language.of(&unit.names).to_owned(),
        abbreviation: unit.abbreviation.clone(),
        measure_type: unit.measure_type,
    });
    Json(ListMeasureUnitsResponse { measure_units: units.collect() })
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn names_follow_the_language(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let name = async |language: &str| {
            let headers = [("x-language", language)];
            let answer = client.call(axum::http::Method::GET, "/v2/bases/measurements", &headers, "").await.ok();
            let units = answer["measure_units"].as_array().expect("a list").clone();
            units.into_iter().find(|unit| unit["measure_id"] == 4).expect("the hour")["measure_name"].clone()
        };
        assert_eq!(name("zh_CN").await, "小时");
        assert_eq!(name("en_US").await, "Hour");
    }
}
