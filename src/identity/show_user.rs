//! `GET /v3.0/OS-USER/users/{user_id}`

use super::model::{Links, link};
use super::store;
use crate::api::caller::AnyCaller;
use crate::api::error::{ApiError, IdentityError};
use crate::api::extract::{Json, Path};
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::id::{DomainId, UserId};
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The user.
#[derive(Serialize, ToSchema)]
pub struct ShowUserResponse {
    user: UserResult,
}

/// A user of an account.
#[derive(Serialize, ToSchema)]
pub struct UserResult {
    /// Its id.
    id: UserId,
    /// Its name.
    #[schema(example = "demo-partner")]
    name: String,
    /// Its account.
    domain_id: DomainId,
    /// Whether it may log in.
    enabled: bool,
    /// Whether it is the account's own user.
    is_domain_owner: bool,
    /// Always empty.
    #[schema(example = "")]
    description: &'static str,
    links: Links,
}

/// Shows a user.
///
/// A user may look at itself, an account's administrator at all its users. Other users do not exist for them.
#[utoipa::path(
    get, path = "/v3.0/OS-USER/users/{user_id}",
    params(("user_id" = inline(UserId), Path, description = "The user.")),
    responses(
        (status = 200, description = "The user.", body = ShowUserResponse),
        (status = 404, description = "There is none for the caller.", body = IdentityError<'_>),
    ),
    extensions(("x-policy" = json!(Policy::any_caller().identity()))),
)]
pub async fn show_user(
    State(app): State<App>,
    caller: AnyCaller,
    Path(user): Path<String>,
) -> Result<Json<ShowUserResponse>, ApiError> {
    let no_such_user = || ApiError::identity(StatusCode::NOT_FOUND, "There is no such user.");
    let id = UserId(Uuid::try_parse(&user).map_err(|_| no_such_user())?);
    let mut connection = app.database.tenant(caller.tenant).await?;
    let found = store::user(&mut connection, caller.tenant, id).await?;
    let is_seen = |row: &store::UserRow| {
        row.caller.domain == caller.domain && (caller.administrator || row.caller.user == caller.user)
    };
    let row = found.filter(is_seen).ok_or_else(no_such_user)?;
    let links = link(&app.settings.server.public_address(), &format!("/v3.0/OS-USER/users/{id}"));
    let user = UserResult {
        id,
        name: row.caller.user_name,
        domain_id: row.caller.domain,
        enabled: row.enabled,
        is_domain_owner: row.caller.administrator,
        description: "",
        links,
    };
    Ok(Json(ShowUserResponse { user }))
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn an_account_sees_its_own_users_and_no_others(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let target = |user: &str| format!("/v3.0/OS-USER/users/{user}");
        let (own, other) = (app.world.demo().user.to_string(), app.world.account("other-partner").user.to_string());
        assert_eq!(client.get(&target(&own)).await.ok()["user"]["name"], "demo-partner");
        for user in [other.as_str(), "unknown"] {
            assert_eq!(client.get(&target(user)).await.status.as_u16(), 404, "{user}");
        }
    }
}
