//! `/admin/v1/real-name-reviews`, `/admin/v1/accounts/{account}/real-name` and `/admin/v1/banned-documents`

use super::cursor::{Cursor, PageQuery};
use super::named::{OfAccount, account_and_time, refused};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::customers::administration::{self as customers, CustomerView};
use crate::identity::administration::find_account;
use crate::operators::store::Role;
use crate::real_name::model::DocumentNumber;
use crate::real_name::review::{self, ApplicationView, Opinion};
use crate::real_name::store::{self, Waiting};
use crate::values::truth;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Applications under review.
#[derive(Serialize, ToSchema)]
pub struct RealNameReviewPage {
    /// The oldest first.
    reviews: Vec<Waiting>,
    /// Where the list goes on; left out at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List the applications under review
///
/// Of all partners' customers; the one that has waited longest comes first.
#[utoipa::path(
    get,
    path = "/admin/v1/real-name-reviews",
    params(PageQuery),
    responses((status = 200, body = RealNameReviewPage, description = "The applications.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_real_name_reviews(
    State(app): State<App>,
    Query(query): Query<PageQuery>,
) -> Result<Json<RealNameReviewPage>, ApiError> {
    let behind = query.cursor.as_ref().map(Cursor::moment).transpose()?;
    let limit = query.limit.get();
    let mut reviews = store::all_pending(&mut *app.database.control().await?, (behind, limit + 1)).await?;
    let next_cursor = Cursor::cut_at_moment(&mut reviews, limit, |row| (row.since.0, row.id));
    Ok(Json(RealNameReviewPage { reviews, next_cursor }))
}

/// Show an application under review
///
/// Everything that was sent, in the clear, for the operator who decides.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/real-name",
    params(OfAccount),
    responses((status = 200, body = ApplicationView, description = "The application.")),
    extensions(("x-policy" = json!(OperatorPolicy { role: Role::Operate, writes: false })))
)]
pub async fn show_real_name_review(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
) -> Result<Json<ApplicationView>, ApiError> {
    let mut connection = app.database.control().await?;
    let of = find_account(&mut connection, &account).await.map_err(refused)?;
    Ok(Json(review::application(&mut connection, &app.vault, of).await.map_err(refused)?))
}

/// Pass an application
///
/// The customer is verified under the name that was sent.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/real-name/approve",
    params(OfAccount),
    responses((status = 200, body = CustomerView, description = "The customer afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn approve_real_name(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let settings = &app.settings.real_name;
            review::pass(connection, &app.vault, of, settings, now).await.map_err(refused)?;
            Outcome::of(&of.1, &customers::customer(connection, of).await.map_err(refused)?)
        })
        .await
}

/// Why an application is refused.
#[derive(Deserialize, ToSchema)]
pub struct RefuseRealNameBody {
    /// What the partner reads.
    opinion: Opinion,
}

/// Refuse an application
///
/// The partner reads why, and can apply again.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/real-name/refuse",
    params(OfAccount),
    request_body = RefuseRealNameBody,
    responses((status = 200, body = CustomerView, description = "The customer afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn refuse_real_name(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<RefuseRealNameBody>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            review::refuse(connection, of, body.opinion.as_str(), now).await.map_err(refused)?;
            Outcome::of(&of.1, &customers::customer(connection, of).await.map_err(refused)?)
        })
        .await
}

/// A document, and whether it is banned.
#[derive(Deserialize, ToSchema)]
pub struct BanDocumentBody {
    /// Its number. It is kept as a keyed hash only.
    number: DocumentNumber,
    /// Whether nobody can be verified with it.
    #[serde(deserialize_with = "truth::required")]
    banned: bool,
}

/// Ban a document, or end its ban
///
/// Nobody is verified with a document of a number that is banned.
#[utoipa::path(
    put,
    path = "/admin/v1/banned-documents",
    request_body = BanDocumentBody,
    responses((status = 204, description = "It is so.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn ban_document(
    State(app): State<App>,
    write: Write,
    Json(body): Json<BanDocumentBody>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            review::set_ban(connection, &app.vault, body.number.as_str(), body.banned).await?;
            // The number is personal, so the trace does not have it.
            Ok(Outcome::empty(if body.banned { "banned" } else { "given free" }))
        })
        .await
}
