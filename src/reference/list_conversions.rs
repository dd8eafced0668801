//! `GET /v2/bases/conversions`

use crate::api::extract::{Json, Query};
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::language::Language;
use crate::values::number::Number;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which conversions.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListConversionsQuery {
    /// Only those of this type: 1 money, 2 time, 3 traffic, 4 quantity, 7 capacity, 10 period, 11 frequency, 12 count,
    /// 16 bandwidth, … All if absent; it must not be empty.
    #[param(inline)]
    measure_type: Option<Number<0, 65_535>>,
}

/// Conversions.
#[derive(Serialize, ToSchema)]
pub struct ListConversionsResponse {
    /// By unit.
    conversions: Vec<Conversion>,
}

/// One `measure_id` is `conversion_ratio` times one `ref_measure_id`.
#[derive(Serialize, ToSchema)]
pub struct Conversion {
    /// The larger unit.
    #[schema(example = 10)]
    measure_id: i32,
    /// The smaller unit.
    #[schema(example = 11)]
    ref_measure_id: i32,
    /// How many of the smaller make one of the larger.
    #[schema(example = 1024)]
    conversion_ratio: i64,
    /// What both measure.
    #[schema(example = 3)]
    measure_type: i32,
}

/// Lists how units of measurement convert.
///
/// Units are those of `ListMeasureUnits`. The list is answered whole.
#[utoipa::path(
    get, path = "/v2/bases/conversions",
    params(Language, ListConversionsQuery),
    responses((status = 200, description = "Conversions, by unit.", body = ListConversionsResponse)),
    extensions(("x-policy" = json!(Policy::any_caller()))),
)]
pub async fn list_conversions(
    State(app): State<App>,
    _: Language,
    Query(query): Query<ListConversionsQuery>,
) -> Json<ListConversionsResponse> {
    let catalogue = app.catalogue.load();
    let wanted = query.measure_type.map(|number| number.get().cast_signed());
    let rows = &catalogue.reference.conversions;
    let conversions = rows
        .iter()
        .filter(|row| wanted.is_none_or(|wanted| row.measure_type == wanted))
        .map(|row| Conversion {
            measure_id: row.measure_id,
            ref_measure_id: row.ref_measure_id,
            conversion_ratio: row.conversion_ratio,
            measure_type: row.measure_type,
        })
        .collect();
    Json(ListConversionsResponse { conversions })
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_type_filters_and_must_not_be_empty(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let traffic = client.get("/v2/bases/conversions?measure_type=3").await.ok();
        let conversions = traffic["conversions"].as_array().expect("a list");
        assert!(conversions.iter().all(|row| row["measure_type"] == 3));
        assert!(conversions.contains(&serde_json::json!(
            {"measure_id": 10, "ref_measure_id": 11, "conversion_ratio": 1024, "measure_type": 3}
        )));
        let all = client.get("/v2/bases/conversions").await.ok();
        assert!(all["conversions"].as_array().expect("a list").len() > conversions.len());
        let answer = client.get("/v2/bases/conversions?measure_type=").await;
        assert!(answer.refusal().2.starts_with("Parameter error. measure_type:"), "{}", answer.body);
    }
}
