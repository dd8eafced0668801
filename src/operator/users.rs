//! `/admin/v1/accounts/{account}/users`

use super::limits::check_items;
use super::named::{OfAccount, OfUser, refused};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::identity::administration as identity;
use crate::identity::model::LoginName;
use crate::identity::second_factor;
use crate::identity::store::{self, UserSummary};
use crate::operators::store::Role;
use crate::values::id::UserId;
use crate::values::time::Instant;
use crate::values::truth;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;

/// Users.
#[derive(Serialize, ToSchema)]
pub struct UserList {
    /// By name.
    users: Vec<UserView>,
}

/// A user.
#[derive(Serialize, ToSchema)]
pub struct UserView {
    /// Its name, unique in the account.
    #[schema(example = "clerk")]
    name: String,
    /// Its id.
    user_id: UserId,
    /// Whether it is the account's own user, to whom everything is open.
    administrator: bool,
    /// Whether it is let in.
    enabled: bool,
    /// Whether it has a password.
    has_password: bool,
    /// What it may do: a partner's user permission items, a customer's user actions.
    #[schema(example = json!(["BPC_ITEM_FINANCE_030100"]))]
    permission_items: Vec<String>,
    /// When it was created.
    created_at: Instant,
}

impl From<UserSummary> for UserView {
    fn from(user: UserSummary) -> Self {
        Self {
            name: user.name,
            user_id: user.id,
            administrator: user.administrator,
            enabled: user.enabled,
            has_password: user.has_password,
            permission_items: user.permission_items,
            created_at: Instant(user.created_at),
        }
    }
}

/// List an account's users
///
/// All of them, by name.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/users",
    params(OfAccount),
    responses((status = 200, body = UserList, description = "The users.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_users(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
) -> Result<Json<UserList>, ApiError> {
    let mut connection = app.database.control().await?;
    Ok(Json(UserList { users: users(&mut connection, &account).await.map_err(refused)? }))
}

/// The users of an account, by name.
pub async fn users(connection: &mut PgConnection, account: &str) -> Result<Vec<UserView>, identity::Refusal> {
    let (tenant, domain) = identity::find_account(connection, account).await?;
    let users = store::users_of(connection, tenant, domain).await?;
    Ok(users.into_iter().map(UserView::from).collect())
}

/// A user to be created.
#[derive(Deserialize, ToSchema)]
pub struct CreateUserBody {
    /// Its name, unique in the account.
    name: LoginName,
    /// What it may do.
    #[serde(default)]
    #[schema(example = json!(["BPC_ITEM_FINANCE_030100"]))]
    permission_items: Vec<String>,
}

/// A user that was created.
#[derive(Serialize, ToSchema)]
pub struct UserCreated {
    /// Its id.
    user_id: UserId,
}

/// Create a user
///
/// Without a password and without a key.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/users",
    params(OfAccount),
    request_body = CreateUserBody,
    responses((status = 200, body = UserCreated, description = "The user.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn create_user(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<CreateUserBody>,
) -> Result<Answer, ApiError> {
    let now = app.clock.now();
    write
        .once(async |connection| {
            let CreateUserBody { name, permission_items } = &body;
            check_items(permission_items).map_err(wrong_items)?;
            let created = identity::create_user(connection, &account, name, permission_items, now).await;
            let user_id = created.map_err(refused)?;
            Outcome::of(&user_id, &UserCreated { user_id })
        })
        .await
}

/// What to change of a user; what is left out stays.
#[derive(Deserialize, ToSchema)]
pub struct UpdateUserBody {
    /// Whether it is let in. Keeping it out ends its tokens.
    #[serde(default, deserialize_with = "truth::value_or_none")]
    enabled: Option<bool>,
    /// What it may do, these and no others.
    #[schema(example = json!(["BPC_ITEM_FINANCE_030100"]))]
    permission_items: Option<Vec<String>>,
    /// Its password. A new one ends its tokens.
    #[schema(example = "Correct-horse-7")]
    password: Option<String>,
}

/// Change a user
///
/// Lets it in or keeps it out, sets what it may do, sets its password. What it was given before ends at once.
#[utoipa::path(
    put,
    path = "/admin/v1/accounts/{account}/users/{user}",
    params(OfUser),
    request_body = UpdateUserBody,
    responses((status = 204, description = "It is changed.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn update_user(
    State(app): State<App>,
    write: Write,
    Path(OfUser { account, user }): Path<OfUser>,
    Json(body): Json<UpdateUserBody>,
) -> Result<Answer, ApiError> {
    let now = app.clock.now();
    write
        .once(async |connection| {
            if let Some(items) = &body.permission_items {
                check_items(items).map_err(wrong_items)?;
                identity::set_permission_items(connection, &account, &user, items).await.map_err(refused)?;
            }
            if let Some(password) = &body.password {
                identity::set_password(connection, &account, &user, password, now).await.map_err(refused)?;
            }
            if let Some(enabled) = body.enabled {
                identity::set_user_enabled(connection, &account, &user, enabled, now).await.map_err(refused)?;
            }
            Ok(Outcome::empty(&format!("{account}/{user}")))
        })
        .await
}

/// What an authenticator app reads.
#[derive(Serialize, ToSchema)]
pub struct SecondFactorEnrolment {
    /// The address to show as a QR code, shown this once; null where the answer is given again.
    otpauth: Option<String>,
}

/// Demand passcodes of a user
///
/// Beside its password. Its tokens end; the answer has what its authenticator app reads.
#[utoipa::path(
    put,
    path = "/admin/v1/accounts/{account}/users/{user}/second-factor",
    params(OfUser),
    responses((status = 200, body = SecondFactorEnrolment, description = "It is demanded.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn enable_second_factor(
    State(app): State<App>,
    write: Write,
    Path(OfUser { account, user }): Path<OfUser>,
) -> Result<Answer, ApiError> {
    let now = app.clock.now();
    write
        .once(async |connection| {
            let enrolment =
                second_factor::enable(connection, &account, &user, &app.sealer, now).await.map_err(refused)?;
            let answer = |otpauth| SecondFactorEnrolment { otpauth };
            Outcome::shown_once(&enrolment.user, &answer(Some(enrolment.uri)), &answer(None))
        })
        .await
}

/// Stop demanding passcodes of a user
///
/// Its password alone suffices again.
#[utoipa::path(
    delete,
    path = "/admin/v1/accounts/{account}/users/{user}/second-factor",
    params(OfUser),
    responses((status = 204, description = "It is demanded no more.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn disable_second_factor(
    write: Write,
    Path(OfUser { account, user }): Path<OfUser>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            second_factor::disable(connection, &account, &user).await.map_err(refused)?;
            Ok(Outcome::empty(&format!("{account}/{user}")))
        })
        .await
}

fn wrong_items(rule: String) -> ApiError {
    ApiError::parameter("permission_items", rule)
}
