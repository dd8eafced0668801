//! `GET /v2/systems/configs/provinces`

use crate::api::extract::{Json, Query};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::language::Language;
use crate::values::site::Site;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which part of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListProvincesQuery {
    /// How many provinces to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many provinces to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<1000>,
}

/// Provinces.
#[derive(Serialize, ToSchema)]
pub struct ListProvincesResponse {
    /// How many there are in all.
    #[schema(example = 34)]
    count: usize,
    /// This part of them.
    provinces: Vec<Province>,
}

/// A province, autonomous region, municipality or special administrative region.
#[derive(Serialize, ToSchema)]
pub struct Province {
    /// Its code.
    #[schema(example = "CN-13")]
    code: String,
    /// Its Chinese name.
    #[schema(example = "河北省")]
    name: String,
}

/// Lists the provinces of China.
///
/// Names are Chinese whatever `X-Language` says. A province's code is what `ListCities` asks for.
#[utoipa::path(
    get, path = "/v2/systems/configs/provinces",
    params(Language, ListProvincesQuery),
    responses((status = 200, description = "Provinces, by code.", body = ListProvincesResponse)),
    extensions(("x-policy" = json!(Policy::any_caller().on(Site::Cn)))),
)]
pub async fn list_provinces(
    State(app): State<App>,
    _: Language,
    Query(query): Query<ListProvincesQuery>,
) -> Json<ListProvincesResponse> {
    let catalogue = app.catalogue.load();
    let all = &catalogue.reference.provinces;
    let page = all.iter().skip(query.offset.get()).take(query.limit.get());
    let provinces = page.map(|row| Province { code: row.code.clone(), name: row.name.clone() }).collect();
    Json(ListProvincesResponse { count: all.len(), provinces })
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn pages_follow_each_other_and_names_are_chinese_in_every_language(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let first = client.get("/v2/systems/configs/provinces?limit=20").await.ok();
        let second = client.get("/v2/systems/configs/provinces?limit=20&offset=20").await.ok();
        assert_eq!(first["count"], 34);
        assert_eq!(first["provinces"][0], serde_json::json!({"code": "CN-11", "name": "北京市"}));
        assert_eq!(first["provinces"].as_array().map(Vec::len), Some(20));
        assert_eq!(second["provinces"].as_array().map(Vec::len), Some(14));
        let english = [("x-language", "en_us")];
        let english =
            client.call(axum::http::Method::GET, "/v2/systems/configs/provinces?limit=20", &english, "").await;
        assert_eq!(english.ok(), first);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_language_that_does_not_exist_is_refused_by_name(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let headers = [("x-language", "fr_FR")];
        let answer = client.call(axum::http::Method::GET, "/v2/systems/configs/provinces", &headers, "").await;
        assert_eq!(answer.refusal(), (400, "CBC.0100", "Parameter error. X-Language: must be zh_CN or en_US."));
    }
}
