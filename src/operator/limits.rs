//! `GET /admin/v1/limits`

use super::named::refused;
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::policy::{Authentication, Policy};
use crate::app::App;
use crate::config::Settings;
use crate::identity::administration::find_account;
use crate::identity::proof::AGENCY_OPERATOR;
use crate::identity::store::domain_kind;
use crate::partner::exports::UNMASKED;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use std::sync::LazyLock;
use utoipa::{IntoParams, ToSchema};

/// Whose limits.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListLimitsQuery {
    /// Name of the account. Left out: of any account.
    #[param(example = "demo-partner", max_length = 64)]
    account: Option<String>,
}

/// Limits.
#[derive(Serialize, ToSchema)]
pub struct LimitList {
    /// By operation.
    limits: Vec<LimitView>,
}

/// How often an operation may be called.
#[derive(Serialize, ToSchema)]
pub struct LimitView {
    /// The operation's id.
    #[schema(example = "ListCities")]
    operation: &'static str,
    /// Calls in a window, for each source address and for each account.
    #[schema(example = 10)]
    limit: u32,
    /// The window's length.
    #[schema(example = 1)]
    window_seconds: u32,
}

/// List what may be called, and how often
///
/// The operations that this server serves and that the account's kind may call, with the limits in force: the declared ones
/// and what the settings make of them.
#[utoipa::path(
    get,
    path = "/admin/v1/limits",
    params(ListLimitsQuery),
    responses((status = 200, body = LimitList, description = "The limits.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_limits(
    State(app): State<App>,
    Query(query): Query<ListLimitsQuery>,
) -> Result<Json<LimitList>, ApiError> {
    let mut connection = app.database.control().await?;
    let limits = limits(&mut connection, &app.settings, query.account.as_deref()).await.map_err(refused)?;
    Ok(Json(LimitList { limits }))
}

/// Declared once: to do so builds the whole document.
static DECLARED: LazyLock<Vec<(&str, Policy)>> =
    LazyLock::new(|| crate::operations().policies().map(|(id, policy)| (id, policy.clone())).collect());

/// Refuses what is neither a permission item nor an action of any operation, nor what lets a user use agencies or have personal data in
/// the clear.
pub fn check_items(items: &[String]) -> Result<(), String> {
    let needed = |item: &String| {
        DECLARED
            .iter()
            .any(|(_, policy)| policy.permission_items.contains(item) || policy.customer_actions.contains(item))
    };
    let beside = [AGENCY_OPERATOR, UNMASKED];
    match items.iter().find(|item| !beside.contains(&item.as_str()) && !needed(item)) {
        None => Ok(()),
        Some(item) => Err(format!("`{item}` is no permission item or action of any operation")),
    }
}

/// The limits in force, by operation: those of what the account may call or, without one, of everything.
pub async fn limits(
    connection: &mut PgConnection,
    settings: &Settings,
    account: Option<&str>,
) -> anyhow::Result<Vec<LimitView>> {
    let kind = match account {
        Some(name) => {
            let (tenant, domain) = find_account(connection, name).await?;
            Some(domain_kind(connection, tenant, domain).await?)
        }
        None => None,
    };
    let is_open = |policy: &Policy| policy.authentication != Authentication::Required;
    let in_force = DECLARED.iter().filter_map(|(operation, policy)| {
        Some((*operation, policy.configured(operation, settings.api.site, &settings.quotas)?))
    });
    let admitted =
        in_force.filter(|(_, policy)| is_open(policy) || kind.is_none_or(|kind| policy.callers.contains(&kind)));
    let mut limits: Vec<LimitView> = admitted
        .map(|(operation, policy)| LimitView {
            operation,
            limit: policy.quota.limit.get(),
            window_seconds: policy.quota.window_seconds.get(),
        })
        .collect();
    limits.sort_by_key(|limit| limit.operation);
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn the_operations_are_not_declared_anew_for_each_answer(pool: PgPool) {
        let mut connection = pool.acquire().await.expect("a connection");
        let settings = Settings::defaults();
        let mut first = async || limits(&mut connection, &settings, None).await.expect("they are found");
        // Each declaration makes its ids once more, for the life of the process.
        let ids = |limits: Vec<LimitView>| limits.iter().map(|limit| limit.operation.as_ptr()).collect::<Vec<_>>();
        let (one, other) = (ids(first().await), ids(first().await));
        assert!(!one.is_empty() && one == other);
    }
}
