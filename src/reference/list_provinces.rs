//! `GET /v2/systems/configs/provinces`

use crate::api::extract::{Json, Query};
use crate::api::operation::Policy;
use crate::api::page::{Limit, Offset};
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
