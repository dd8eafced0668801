//! `GET /v3.0/OS-CREDENTIAL/credentials/{access_key}`

use super::model::{AccessKeyText, token_time};
use crate::api::caller::AnyCaller;
use crate::api::error::{ApiError, IdentityError};
use crate::api::extract::{Json, Path};
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::id::{DomainId, TenantId, UserId};
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// The access key.
#[derive(Serialize, ToSchema)]
pub struct ShowPermanentAccessKeyResponse {
    credential: CredentialResult,
}

/// An access key without its secret.
#[derive(Serialize, ToSchema)]
pub struct CredentialResult {
    /// Whose it is.
    user_id: UserId,
    /// The access key.
    #[schema(example = "DEMO0123456789ABCDEF")]
    access: String,
    /// `active` or `inactive`.
    #[schema(example = "active")]
    status: &'static str,
    /// When it was made, UTC with microseconds.
    #[schema(example = "2026-01-01T03:04:05.678000Z")]
    create_time: String,
    /// When it was last used, to the minute; when it was made, if it never was.
    #[schema(example = "2026-01-01T03:04:05.678000Z")]
    last_use_time: String,
    /// Always empty.
    #[schema(example = "")]
    description: &'static str,
}

/// Shows an access key, without its secret.
///
/// A user may look at its own keys, an account's administrator at those of all its users. Other keys do not exist for them.
#[utoipa::path(
    get, path = "/v3.0/OS-CREDENTIAL/credentials/{access_key}",
    params(("access_key" = inline(AccessKeyText), Path, description = "The access key.")),
    responses(
        (status = 200, description = "The access key.", body = ShowPermanentAccessKeyResponse),
        (status = 404, description = "There is none for the caller.", body = IdentityError<'_>),
    ),
    extensions(("x-policy" = json!(Policy::any_caller().identity()))),
)]
pub async fn show_permanent_access_key(
    State(app): State<App>,
    caller: AnyCaller,
    Path(access_key): Path<AccessKeyText>,
) -> Result<Json<ShowPermanentAccessKeyResponse>, ApiError> {
    let own = (!caller.administrator).then_some(caller.user);
    let mut connection = app.database.control().await?;
    let found = credential(&mut connection, (caller.tenant, caller.domain), own, access_key.as_str()).await?;
    let no_such_key = || ApiError::identity(StatusCode::NOT_FOUND, "There is no such access key.");
    let found = found.ok_or_else(no_such_key)?;
    let shown = CredentialResult {
        user_id: found.user,
        access: access_key.as_str().to_owned(),
        status: if found.enabled { "active" } else { "inactive" },
        create_time: token_time(found.created_at),
        last_use_time: token_time(found.last_used_at.unwrap_or(found.created_at)),
        description: "",
    };
    Ok(Json(ShowPermanentAccessKeyResponse { credential: shown }))
}

/// An access key as its account sees it.
struct Credential {
    /// Whose it is.
    user: UserId,
    /// Whether it may be used.
    enabled: bool,
    /// When it was made.
    created_at: OffsetDateTime,
    /// When it was last used, to the minute.
    last_used_at: Option<OffsetDateTime>,
}

/// An access key of an account, or of one of its users.
async fn credential(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    user: Option<UserId>,
    access_key: &str,
) -> sqlx::Result<Option<Credential>> {
    sqlx::query_as!(
        Credential,
        r#"select user_id as "user: UserId", enabled, created_at, last_used_at from access_keys
           where access_key = $1 and tenant_id = $2 and domain_id = $3 and ($4::uuid is null or user_id = $4)"#,
        access_key,
        tenant.0,
        domain.0,
        user.map(|user| user.0)
    )
    .fetch_optional(connection)
    .await
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn an_account_sees_its_own_keys_and_no_others(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let (own, other) = (app.world.demo(), app.world.account("other-partner"));
        let client = app.client("demo-partner");
        let target = |key: &str| format!("/v3.0/OS-CREDENTIAL/credentials/{key}");
        let answer = client.get(&target(&own.access_key)).await.ok();
        assert_eq!(answer["credential"]["user_id"], own.user.to_string());
        assert_eq!(answer["credential"]["status"], "active");
        assert!(!answer.to_string().contains(&own.secret_key));
        for key in [other.access_key.as_str(), "unknown"] {
            assert_eq!(client.get(&target(key)).await.status.as_u16(), 404, "{key}");
        }
    }
}
