//! `GET /v3/regions`

use super::model::{Links, link};
use crate::api::caller::AnyCaller;
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::app::App;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// The regions.
#[derive(Serialize, ToSchema)]
pub struct KeystoneListRegionsResponse {
    /// In the order of their ids.
    regions: Vec<RegionResult>,
    links: Links,
}

/// A region.
#[derive(Serialize, ToSchema)]
pub struct RegionResult {
    /// Its code.
    #[schema(example = "cn-north-4")]
    id: String,
    /// Always empty.
    #[schema(example = "")]
    description: &'static str,
    /// Always null: no region lies in another.
    #[schema(nullable, example = json!(null))]
    parent_region_id: Option<String>,
    /// Always `public`.
    #[serde(rename = "type")]
    #[schema(example = "public")]
    kind: &'static str,
    locales: RegionNames,
    links: Links,
}

/// A region's names.
#[derive(Serialize, ToSchema)]
pub struct RegionNames {
    /// In Chinese.
    #[serde(rename = "zh-cn")]
    #[schema(example = "华北-北京四")]
    chinese: String,
    /// In English.
    #[serde(rename = "en-us")]
    #[schema(example = "CN North-Beijing4")]
    english: String,
}

/// Lists the regions.
///
/// Cloud managers ask for them before anything else.
#[utoipa::path(
    get, path = "/v3/regions",
    responses((status = 200, description = "The regions.", body = KeystoneListRegionsResponse)),
    extensions(("x-policy" = json!(Policy::any_caller().identity()))),
)]
pub async fn keystone_list_regions(
    State(app): State<App>,
    _: AnyCaller,
) -> Result<Json<KeystoneListRegionsResponse>, ApiError> {
    let address = app.settings.server.public_address();
    let catalogue = app.catalogue.load();
    let region = |region: &crate::products::store::Region| RegionResult {
        id: region.code.clone(),
        description: "",
        parent_region_id: None,
        kind: "public",
        locales: RegionNames { chinese: region.names.zh.clone(), english: region.names.en.clone() },
        links: link(&address, &format!("/v3/regions/{}", region.code)),
    };
    let regions = catalogue.products.regions.iter().map(region).collect();
    Ok(Json(KeystoneListRegionsResponse { regions, links: link(&address, "/v3/regions") }))
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn each_region_has_both_names_and_strangers_are_told_none(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let answer = app.client("demo-partner").get("/v3/regions").await.ok();
        let regions = answer["regions"].as_array().expect("a list");
        assert!(regions.len() > 20);
        let beijing = regions.iter().find(|region| region["id"] == "cn-north-4").expect("it is there");
        assert!(beijing["locales"]["zh-cn"].as_str().is_some_and(|name| name.contains("北京")), "{beijing}");
        assert!(beijing["links"]["self"].as_str().is_some_and(|link| link.ends_with("/v3/regions/cn-north-4")));
        assert_eq!(app.anonymous().get("/v3/regions").await.status.as_u16(), 401);
    }
}
