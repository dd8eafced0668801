//! `/admin/v1/operators`

use super::named::refused;
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::identity::model::LoginName;
use crate::operators::administration::create;
use crate::operators::store::Role;
use crate::operators::store::{self, Operator};
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An operator.
#[derive(Serialize, ToSchema)]
pub struct OperatorView {
    /// Its name.
    #[schema(example = "alice")]
    name: String,
    /// What it may do.
    role: Role,
    /// When it was created.
    created_at: Instant,
    /// When its token ends; left out when it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Instant>,
}

impl From<Operator> for OperatorView {
    fn from(operator: Operator) -> Self {
        Self {
            name: operator.name,
            role: operator.role,
            created_at: Instant(operator.created_at),
            expires_at: operator.expires_at.map(Instant),
        }
    }
}

/// Every operator.
#[derive(Serialize, ToSchema)]
pub struct OperatorList {
    /// By name.
    operators: Vec<OperatorView>,
}

/// List the operators
///
/// All of them, by name; their tokens are kept nowhere.
#[utoipa::path(
    get,
    path = "/admin/v1/operators",
    responses((status = 200, body = OperatorList, description = "The operators.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_operators(State(app): State<App>) -> Result<Json<OperatorList>, ApiError> {
    let operators = store::all(&mut *app.database.control().await?).await?;
    Ok(Json(OperatorList { operators: operators.into_iter().map(OperatorView::from).collect() }))
}

/// Who is to be let in.
#[derive(Deserialize, ToSchema)]
pub struct CreateOperatorBody {
    /// Its name.
    name: LoginName,
    /// What it may do.
    role: Role,
    /// When its token ends; by default never.
    expires_at: Option<Instant>,
}

/// An operator's token.
#[derive(Serialize, ToSchema)]
pub struct OperatorToken {
    /// The operator's name.
    #[schema(example = "alice")]
    name: String,
    /// The token, shown this once; null where the answer is given again.
    token: Option<String>,
}

/// Create an operator
///
/// The answer has the operator's token, which is shown this once.
#[utoipa::path(
    post,
    path = "/admin/v1/operators",
    request_body = CreateOperatorBody,
    responses((status = 200, body = OperatorToken, description = "The token.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn create_operator(
    State(app): State<App>,
    write: Write,
    Json(body): Json<CreateOperatorBody>,
) -> Result<Answer, ApiError> {
    let now = app.clock.now();
    write
        .once(async |connection| {
            let CreateOperatorBody { name, role, expires_at } = &body;
            let token =
                create(connection, name, *role, expires_at.map(|instant| instant.0), now).await.map_err(refused)?;
            let answer = |token| OperatorToken { name: name.as_str().to_owned(), token };
            Outcome::shown_once(name.as_str(), &answer(Some(token)), &answer(None))
        })
        .await
}

/// Delete an operator
///
/// Its token ends at once.
#[utoipa::path(
    delete,
    path = "/admin/v1/operators/{name}",
    params(("name" = String, Path, description = "The operator's name.", example = "alice")),
    responses((status = 204, description = "The operator is gone.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn delete_operator(write: Write, Path(name): Path<String>) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            if !store::delete(connection, &name).await? {
                return Err(refused(anyhow::anyhow!("there is no operator {name}")));
            }
            Ok(Outcome::empty(&name))
        })
        .await
}
