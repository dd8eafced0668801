//! `/admin/v1/accounts/{account}/association`

use super::named::{OfAccount, account_and_time, refused};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::associations::{administration, lifecycle};
use crate::customers::administration::{self as customers, CustomerView};
use crate::customers::membership::{self, StepMade};
use crate::customers::model::AssociationType;
use crate::identity::administration::find_account;
use crate::identity::model::LoginName;
use crate::operators::store::Role;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How an account came to be whose customer it is.
#[derive(Serialize, ToSchema)]
pub struct AssociationHistory {
    /// What it is now.
    customer: CustomerView,
    /// Each step, oldest first.
    steps: Vec<StepMade>,
}

/// Show the association of a customer
///
/// With all the steps that led to it, those with other partners too.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/association",
    params(OfAccount),
    responses((status = 200, body = AssociationHistory, description = "The association.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn show_association(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
) -> Result<Json<AssociationHistory>, ApiError> {
    let mut connection = app.database.control().await?;
    let of = find_account(&mut connection, &account).await.map_err(refused)?;
    let customer = customers::customer(&mut connection, of).await.map_err(refused)?;
    let steps = membership::history(&mut connection, of.0, of.1).await?;
    Ok(Json(AssociationHistory { customer, steps }))
}

/// With whom, and how.
#[derive(Deserialize, ToSchema)]
pub struct AssociateBody {
    /// The account of a partner or reseller of the same tenant.
    partner: LoginName,
    /// How.
    association_type: AssociationType,
}

/// Associate an account with a partner
///
/// An account that is nobody's customer is asked to become the partner's, as the partner would ask it; the association is made
/// a moment later, and the partner is told. Until then the answer's `pending_partner` names it.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/association",
    params(OfAccount),
    request_body = AssociateBody,
    responses((status = 200, body = CustomerView, description = "The customer afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn create_association(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<AssociateBody>,
) -> Result<Answer, ApiError> {
    let answer = write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let with = (body.partner.as_str(), body.association_type);
            administration::invite(connection, of, with, now).await.map_err(refused)?;
            Outcome::of(&of.1, &customers::customer(connection, of).await.map_err(refused)?)
        })
        .await?;
    app.registered.notify_one();
    Ok(answer)
}

/// How a customer is to be associated.
#[derive(Deserialize, ToSchema)]
pub struct AssociationTypeBody {
    /// How; if it is so already, nothing happens.
    association_type: AssociationType,
}

/// Change the type of an association
///
/// The partner's coupons go back to it; of a resale customer also the funds that were allocated, and its budget ends.
#[utoipa::path(
    put,
    path = "/admin/v1/accounts/{account}/association",
    params(OfAccount),
    request_body = AssociationTypeBody,
    responses((status = 200, body = CustomerView, description = "The customer afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn update_association(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<AssociationTypeBody>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            lifecycle::set_type(connection, of, body.association_type, now).await.map_err(refused)?;
            Outcome::of(&of.1, &customers::customer(connection, of).await.map_err(refused)?)
        })
        .await
}

/// End an association
///
/// What the partner has allocated and its coupons go back to it, the budget ends, and the partner is told. Not while the
/// customer's real-name authentication is under review.
#[utoipa::path(
    delete,
    path = "/admin/v1/accounts/{account}/association",
    params(OfAccount),
    responses((status = 200, body = CustomerView, description = "The customer afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn delete_association(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
) -> Result<Answer, ApiError> {
    let answer = write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            lifecycle::unbind(connection, of, now).await.map_err(refused)?;
            Outcome::of(&of.1, &customers::customer(connection, of).await.map_err(refused)?)
        })
        .await?;
    app.notified.notify_one();
    Ok(answer)
}
