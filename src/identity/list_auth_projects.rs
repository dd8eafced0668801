//! `GET /v3/auth/projects`

use super::list_projects::ProjectResult;
use super::model::{Links, link};
use super::store;
use crate::api::caller::AnyCaller;
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::app::App;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// The projects.
#[derive(Serialize, ToSchema)]
pub struct KeystoneListAuthProjectsResponse {
    /// In the order of their names.
    projects: Vec<ProjectResult>,
    links: Links,
}

/// Lists the projects for which the caller can get a token.
///
/// These are all projects of its account: users are not let into single ones here.
#[utoipa::path(
    get, path = "/v3/auth/projects",
    responses((status = 200, description = "The projects.", body = KeystoneListAuthProjectsResponse)),
    extensions(("x-policy" = json!(Policy::any_caller().identity()))),
)]
pub async fn keystone_list_auth_projects(
    State(app): State<App>,
    caller: AnyCaller,
) -> Result<Json<KeystoneListAuthProjectsResponse>, ApiError> {
    let mut connection = app.database.tenant(caller.tenant).await?;
    let projects = store::projects(&mut connection, caller.tenant, caller.domain).await?;
    let projects = projects.into_iter().map(|project| ProjectResult::of(project, caller.domain)).collect();
    let links = link(&app.settings.server.public_address(), "/v3/auth/projects");
    Ok(Json(KeystoneListAuthProjectsResponse { projects, links }))
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn they_are_the_accounts_own_projects(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let (for_tokens, all) = (client.get("/v3/auth/projects").await.ok(), client.get("/v3/projects").await.ok());
        assert_eq!(for_tokens["projects"], all["projects"]);
        assert_eq!(app.anonymous().get("/v3/auth/projects").await.status.as_u16(), 401);
    }
}
