//! `GET /v3/auth/domains`

use crate::api::caller::AnyCaller;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::values::id::DomainId;
use serde::Serialize;
use utoipa::ToSchema;

/// The accounts a caller may act for.
#[derive(Serialize, ToSchema)]
pub struct KeystoneListAuthDomainsResponse {
    /// One: the caller's own.
    domains: Vec<AuthDomain>,
}

/// An account.
#[derive(Serialize, ToSchema)]
pub struct AuthDomain {
    /// Its id.
    id: DomainId,
    /// Its name.
    #[schema(example = "demo-partner")]
    name: String,
    /// Always true: a disabled account cannot ask.
    enabled: bool,
    /// Always empty.
    #[schema(example = "")]
    description: &'static str,
}

/// Lists the accounts the caller belongs to.
///
/// The SDK calls it by itself when its credentials name no account.
#[utoipa::path(
    get, path = "/v3/auth/domains",
    responses((status = 200, description = "The caller's account.", body = KeystoneListAuthDomainsResponse)),
    extensions(("x-policy" = json!(Policy::any_caller().identity()))),
)]
pub async fn keystone_list_auth_domains(caller: AnyCaller) -> Json<KeystoneListAuthDomainsResponse> {
    let name = caller.domain_name.clone();
    let own = AuthDomain { id: caller.domain, name, enabled: true, description: "" };
    Json(KeystoneListAuthDomainsResponse { domains: vec![own] })
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn it_is_the_callers_own_account(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-partner");
        let answer = client.get("/v3/auth/domains").await.ok();
        assert_eq!(answer["domains"].as_array().map(Vec::len), Some(1));
        assert_eq!(answer["domains"][0]["id"], app.world.demo().domain.to_string());
        assert_eq!(answer["domains"][0]["name"], "demo-partner");
    }
}
