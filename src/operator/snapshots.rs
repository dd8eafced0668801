//! `/admin/v1/accounts/{account}/snapshots` and `…/forks`

use super::named::{OfAccount, refused};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::identity::administration::find_account;
use crate::operators::store::Role;
use crate::sandbox::snapshots::{self, Fork, ForkedKey};
use crate::values::id::{DomainId, TenantId};
use crate::values::text::texts;
use crate::values::time::Instant;
use anyhow::anyhow;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

texts! {
    /// The name of a snapshot or of a copy.
    SnapshotName, 1..=32, "before-the-test";
}

/// The snapshot in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfSnapshot {
    /// Name of any account of the tenant.
    #[param(example = "demo-partner")]
    account: String,
    /// The snapshot's name.
    #[param(inline)]
    name: SnapshotName,
}

/// Snapshots.
#[derive(Serialize, ToSchema)]
pub struct SnapshotList {
    /// By name.
    snapshots: Vec<SnapshotView>,
}

/// A snapshot.
#[derive(Serialize, ToSchema)]
pub struct SnapshotView {
    /// Its name.
    #[schema(example = "before-the-test")]
    name: String,
    /// When it was taken, by the system's time.
    taken_at: Instant,
}

/// List a tenant's snapshots
///
/// By name. In the sandbox only.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/snapshots",
    params(OfAccount),
    responses((status = 200, body = SnapshotList, description = "The snapshots.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_snapshots(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
) -> Result<Json<SnapshotList>, ApiError> {
    let mut connection = app.database.control().await?;
    let (tenant, _) = find_account(&mut connection, &account).await.map_err(refused)?;
    let snapshots = snapshots::list(&mut connection, tenant).await.map_err(refused)?.into_iter();
    let snapshots = snapshots.map(|one| SnapshotView { name: one.name, taken_at: Instant(one.taken_at) });
    Ok(Json(SnapshotList { snapshots: snapshots.collect() }))
}

/// What was saved or brought back.
#[derive(Serialize, ToSchema)]
pub struct SnapshotDone {
    /// The tenant.
    tenant_id: TenantId,
    /// How many rows.
    rows: i64,
}

/// Save a tenant's state
///
/// All that it has, under a name; what was saved under that name before is forgotten. In the sandbox only.
#[utoipa::path(
    put,
    path = "/admin/v1/accounts/{account}/snapshots/{name}",
    params(OfSnapshot),
    responses((status = 200, body = SnapshotDone, description = "It is saved.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn save_snapshot(
    State(app): State<App>,
    write: Write,
    Path(OfSnapshot { account, name }): Path<OfSnapshot>,
) -> Result<Answer, ApiError> {
    let now = app.clock.now();
    write
        .at_one_moment()
        .once(async |connection| {
            let (tenant, _) = find_account(connection, &account).await.map_err(refused)?;
            let rows = snapshots::save(connection, tenant, name.as_str(), now).await.map_err(refused)?;
            Outcome::of(&tenant, &SnapshotDone { tenant_id: tenant, rows })
        })
        .await
}

/// Bring a tenant's state back
///
/// Everything is as it was saved, row by row; what came since is gone. Only the audit trail goes on. Who writes to the tenant
/// at that moment waits until it is done. In the sandbox only.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/snapshots/{name}/restore",
    params(OfSnapshot),
    responses((status = 200, body = SnapshotDone, description = "It is as it was.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn restore_snapshot(
    State(app): State<App>,
    write: Write,
    Path(OfSnapshot { account, name }): Path<OfSnapshot>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (tenant, _) = find_account(connection, &account).await.map_err(refused)?;
            let rows = snapshots::restore(connection, tenant, name.as_str(), &app.vault).await.map_err(refused)?;
            Outcome::of(&tenant, &SnapshotDone { tenant_id: tenant, rows })
        })
        .await
}

/// Forget a snapshot
///
/// In the sandbox only.
#[utoipa::path(
    delete,
    path = "/admin/v1/accounts/{account}/snapshots/{name}",
    params(OfSnapshot),
    responses((status = 204, description = "It is forgotten.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn delete_snapshot(
    write: Write,
    Path(OfSnapshot { account, name }): Path<OfSnapshot>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (tenant, _) = find_account(connection, &account).await.map_err(refused)?;
            if !snapshots::delete(connection, tenant, name.as_str()).await.map_err(refused)? {
                return Err(refused(anyhow!("there is no snapshot {}", name.as_str())));
            }
            Ok(Outcome::empty(&tenant))
        })
        .await
}

/// A copy to be made.
#[derive(Deserialize, ToSchema)]
pub struct CreateForkBody {
    /// The copy's name: the accounts' names are the original's with a dot and this behind.
    name: SnapshotName,
}

/// A copy.
#[derive(Serialize, ToSchema)]
pub struct ForkCreated {
    /// The copy's tenant.
    tenant_id: TenantId,
    /// How many rows it has.
    rows: i64,
    /// A key of each user that has one in the original.
    keys: Vec<ForkKey>,
}

/// A key of a copy.
#[derive(Serialize, ToSchema)]
pub struct ForkKey {
    /// The account's name.
    #[schema(example = "demo-partner.suite-1")]
    account: String,
    /// The account.
    domain_id: DomainId,
    /// The user, whose password is the original's.
    #[schema(example = "demo-partner")]
    user: String,
    /// The access key.
    #[schema(example = "AKEXAMPLE7K2M9Q4R6T8")]
    access_key: String,
    /// Its secret, shown this once; null where the answer is given again.
    secret_key: Option<String>,
}

impl ForkCreated {
    pub(super) fn of(fork: &Fork, with_secrets: bool) -> Self {
        let key = |key: &ForkedKey| ForkKey {
            account: key.account.clone(),
            domain_id: key.domain,
            user: key.user.clone(),
            access_key: key.access_key.clone(),
            secret_key: with_secrets.then(|| key.secret_key.clone()),
        };
        Self { tenant_id: fork.tenant, rows: fork.rows, keys: fork.keys.iter().map(key).collect() }
    }
}

/// Copy a tenant
///
/// With all that it has, for a test-suite of its own: the copy is a tenant like any other, with ids and keys of its own.
/// Tokens, audit trail and what is about to be delivered are not copied. In the sandbox only.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/forks",
    params(OfAccount),
    request_body = CreateForkBody,
    responses((status = 200, body = ForkCreated, description = "The copy.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn create_fork(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<CreateForkBody>,
) -> Result<Answer, ApiError> {
    let now = app.clock.now();
    write
        .at_one_moment()
        .once(async |connection| {
            let (tenant, _) = find_account(connection, &account).await.map_err(refused)?;
            let name = body.name.as_str();
            let sealers = (&app.sealer, &app.vault);
            let fork = snapshots::fork(connection, tenant, name, sealers, now).await.map_err(refused)?;
            Outcome::shown_once(&fork.tenant, &ForkCreated::of(&fork, true), &ForkCreated::of(&fork, false))
        })
        .await
}

/// Delete a copy
///
/// Only what was made as a copy can be deleted. In the sandbox only.
#[utoipa::path(
    delete,
    path = "/admin/v1/forks/{account}",
    params(("account" = String, Path, description = "Name of any account of the copy.", example = "demo-partner.suite-1")),
    responses((status = 204, description = "It is gone.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn delete_fork(write: Write, Path(account): Path<String>) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (tenant, _) = find_account(connection, &account).await.map_err(refused)?;
            if !snapshots::delete_fork(connection, tenant).await.map_err(refused)? {
                return Err(refused(anyhow!("{account} is no copy")));
            }
            Ok(Outcome::empty(&tenant))
        })
        .await
}
