//! `GET /v3/projects`

use super::model::ProjectName;
use super::store;
use crate::api::caller::AnyCaller;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::id::{DomainId, ProjectId};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which projects.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct KeystoneListProjectsQuery {
    /// Only the project of this name; all if absent or empty.
    #[param(inline)]
    name: Option<ProjectName>,
}

/// The projects.
#[derive(Serialize, ToSchema)]
pub struct KeystoneListProjectsResponse {
    /// In the order of their names.
    projects: Vec<ProjectResult>,
}

/// A project.
#[derive(Serialize, ToSchema)]
pub struct ProjectResult {
    /// Its id.
    id: ProjectId,
    /// Its name, a region code.
    #[schema(example = "cn-north-4")]
    name: String,
    /// Its account.
    domain_id: DomainId,
    /// What it hangs below: its account.
    parent_id: DomainId,
    /// Always true.
    enabled: bool,
    /// Always false.
    is_domain: bool,
}

impl ProjectResult {
    /// A project of this account.
    pub fn of(project: store::Project, domain: DomainId) -> Self {
        let store::Project { id, name } = project;
        Self { id, name, domain_id: domain, parent_id: domain, enabled: true, is_domain: false }
    }
}

/// Lists the projects of the caller's account.
///
/// There is one for each region. The SDK asks for a region's project by name when its credentials name none.
#[utoipa::path(
    get, path = "/v3/projects",
    params(KeystoneListProjectsQuery),
    responses((status = 200, description = "The projects.", body = KeystoneListProjectsResponse)),
    extensions(("x-policy" = json!(Policy::any_caller().identity()))),
)]
pub async fn keystone_list_projects(
    State(app): State<App>,
    caller: AnyCaller,
    Query(query): Query<KeystoneListProjectsQuery>,
) -> Result<Json<KeystoneListProjectsResponse>, ApiError> {
    let mut connection = app.database.tenant(caller.tenant).await?;
    let projects = store::projects(&mut connection, caller.tenant, caller.domain).await?;
    let wanted = query.name.as_ref().map(ProjectName::as_str).filter(|name| !name.is_empty());
    let projects = projects.into_iter().filter(|project| wanted.is_none_or(|wanted| project.name == wanted));
    let projects = projects.map(|project| ProjectResult::of(project, caller.domain)).collect();
    Ok(Json(KeystoneListProjectsResponse { projects }))
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_name_picks_one_of_the_callers_own_projects(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let all = client.get("/v3/projects").await.ok();
        assert!(all["projects"].as_array().expect("a list").len() > 20);
        let one = client.get("/v3/projects?name=cn-north-4").await.ok();
        assert_eq!(one["projects"].as_array().map(Vec::len), Some(1));
        assert_eq!(one["projects"][0]["domain_id"], app.world.demo().domain.to_string());
        let other = app.client("other-partner").get("/v3/projects?name=cn-north-4").await.ok();
        assert_ne!(one["projects"][0]["id"], other["projects"][0]["id"]);
        assert_eq!(client.get("/v3/projects?name=unknown").await.ok()["projects"], serde_json::json!([]));
    }
}
