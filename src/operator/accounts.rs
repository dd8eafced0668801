//! `/admin/v1/accounts`

use super::cursor::Cursor;
use super::named::refused;
use super::policy::OperatorPolicy;
use crate::api::caller::CallerKind;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::page::Limit;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::enterprises::administration as enterprises;
use crate::identity::administration as identity;
use crate::identity::kind::Kind;
use crate::identity::model::LoginName;
use crate::operators::store::Role;
use crate::values::id::{DomainId, TenantId};
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which accounts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListAccountsQuery {
    /// Name of any account of a tree, to list the tree. Left out: the accounts at the top of all trees.
    #[param(example = "demo-partner", max_length = 64)]
    tree_of: Option<String>,
    /// How many accounts to answer.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<1000, 100>,
    /// Where to go on.
    #[param(inline)]
    cursor: Option<Cursor>,
}

/// Accounts.
#[derive(Serialize, ToSchema)]
pub struct AccountPage {
    /// The oldest first.
    accounts: Vec<AccountView>,
    /// Where the list goes on; left out at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// An account.
#[derive(Serialize, ToSchema)]
pub struct AccountView {
    /// Its name.
    #[schema(example = "demo-partner")]
    name: String,
    /// Its id.
    domain_id: DomainId,
    /// The account at the top of its tree.
    tenant_id: TenantId,
    /// The account it hangs below; left out at the top.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<DomainId>,
    /// What it is.
    #[schema(value_type = Kind)]
    kind: CallerKind,
    /// When it was created.
    created_at: Instant,
}

/// List the accounts
///
/// The accounts at the top of all trees, or those of one tree.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts",
    params(ListAccountsQuery),
    responses((status = 200, body = AccountPage, description = "The accounts.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_accounts(
    State(app): State<App>,
    Query(query): Query<ListAccountsQuery>,
) -> Result<Json<AccountPage>, ApiError> {
    let behind: Option<Uuid> = query.cursor.as_ref().map(Cursor::key).transpose()?;
    let behind = behind.unwrap_or_default();
    let mut connection = app.database.control().await?;
    let limit = query.limit.get();
    let accounts = accounts(&mut connection, query.tree_of.as_deref(), (behind, limit + 1)).await;
    let mut accounts = accounts.map_err(refused)?;
    let next_cursor = Cursor::cut(&mut accounts, limit, |account| account.domain_id.0);
    Ok(Json(AccountPage { accounts, next_cursor }))
}

/// The accounts of the tree of one, or those at the top of all trees, the oldest first, from behind one on.
pub async fn accounts(
    connection: &mut PgConnection,
    tree_of: Option<&str>,
    (behind, limit): (Uuid, usize),
) -> Result<Vec<AccountView>, identity::Refusal> {
    match tree_of {
        Some(name) => {
            let (tenant, _) = identity::find_account(connection, name).await?;
            Ok(tree(connection, tenant, behind, limit).await?)
        }
        None => Ok(tops(connection, behind, limit).await?),
    }
}

/// An account, by name.
pub async fn account(connection: &mut PgConnection, name: &str) -> Result<AccountView, identity::Refusal> {
    let (tenant, domain) = identity::find_account(connection, name).await?;
    let found = sqlx::query_as!(
        AccountView,
        r#"select name, domain_id as "domain_id: DomainId", tenant_id as "tenant_id: TenantId",
                  parent_id as "parent_id: DomainId", kind as "kind: CallerKind", created_at as "created_at: Instant"
           from domains where tenant_id = $1 and domain_id = $2"#,
        tenant.0,
        domain.0
    );
    Ok(found.fetch_one(connection).await?)
}

async fn tree(
    connection: &mut PgConnection,
    tenant: TenantId,
    behind: Uuid,
    limit: usize,
) -> sqlx::Result<Vec<AccountView>> {
    sqlx::query_as!(
        AccountView,
        r#"select name, domain_id as "domain_id: DomainId", tenant_id as "tenant_id: TenantId",
                  parent_id as "parent_id: DomainId", kind as "kind: CallerKind", created_at as "created_at: Instant"
           from domains where tenant_id = $1 and domain_id > $2
           order by domain_id limit $3"#,
        tenant.0,
        behind,
        i64::try_from(limit).unwrap_or(i64::MAX)
    )
    .fetch_all(connection)
    .await
}

/// A tenant's id is that of the account at its top.
async fn tops(connection: &mut PgConnection, behind: Uuid, limit: usize) -> sqlx::Result<Vec<AccountView>> {
    sqlx::query_as!(
        AccountView,
        r#"select d.name, d.domain_id as "domain_id: DomainId", d.tenant_id as "tenant_id: TenantId",
                  d.parent_id as "parent_id: DomainId", d.kind as "kind: CallerKind",
                  d.created_at as "created_at: Instant"
           from tenants t join domains d on d.tenant_id = t.tenant_id and d.domain_id = t.tenant_id
           where t.tenant_id > $1
           order by t.tenant_id limit $2"#,
        behind,
        i64::try_from(limit).unwrap_or(i64::MAX)
    )
    .fetch_all(connection)
    .await
}

/// An account to be created.
#[derive(Deserialize, ToSchema)]
pub struct CreateAccountBody {
    /// Its name, unique over all accounts.
    name: LoginName,
    /// What it is.
    kind: Kind,
    /// Name of the account it hangs below: a reseller's distributor, a customer's partner.
    #[schema(example = "demo-distributor", max_length = 64)]
    parent: Option<String>,
}

/// An account that was created.
#[derive(Serialize, ToSchema)]
pub struct AccountCreated {
    /// Its id.
    pub domain_id: DomainId,
}

/// Create an account
///
/// With a user of its own name, who may do everything and has no password and no key yet.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts",
    request_body = CreateAccountBody,
    responses((status = 200, body = AccountCreated, description = "The account.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn create_account(
    State(app): State<App>,
    write: Write,
    Json(body): Json<CreateAccountBody>,
) -> Result<Answer, ApiError> {
    let now = app.clock.now();
    write
        .once(async |connection| {
            let CreateAccountBody { name, kind, parent } = &body;
            let created = enterprises::create_account(connection, name, (*kind).into(), parent.as_deref(), now).await;
            let domain_id = created.map_err(refused)?;
            Outcome::of(&domain_id, &AccountCreated { domain_id })
        })
        .await
}
