//! `GET /v5/caller-identity`

use crate::api::caller::AnyCaller;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::values::id::{DomainId, UserId};
use serde::Serialize;
use utoipa::ToSchema;

/// Who calls.
#[derive(Serialize, ToSchema)]
pub struct GetCallerIdentityResponse {
    /// The account.
    account_id: DomainId,
    /// The user; under an agency, the user of the trusted account.
    principal_id: UserId,
    /// Both, as a name.
    #[schema(example = "iam::01978d6a2b3c7d4e8f90a1b2c3d4e5f6:user:demo-partner")]
    principal_urn: String,
}

/// Tells who calls.
///
/// The SDK asks it by itself when the list of accounts is empty.
#[utoipa::path(
    get, path = "/v5/caller-identity",
    responses((status = 200, description = "The caller.", body = GetCallerIdentityResponse)),
    extensions(("x-policy" = json!(Policy::any_caller().identity()))),
)]
pub async fn get_caller_identity(caller: AnyCaller) -> Json<GetCallerIdentityResponse> {
    Json(GetCallerIdentityResponse {
        account_id: caller.domain,
        principal_id: caller.user,
        principal_urn: format!("iam::{}:user:{}", caller.domain, caller.user_name),
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn it_names_the_account_and_the_user(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let account = app.world.demo();
        let answer = app.client(account.name).get("/v5/caller-identity").await.ok();
        assert_eq!(answer["account_id"], account.domain.to_string());
        assert_eq!(answer["principal_id"], account.user.to_string());
    }
}
