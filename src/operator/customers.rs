//! `/admin/v1/accounts/{account}/customers`, `…/customer`, `…/freeze` and `…/unfreeze`

use super::cursor::Cursor;
use super::named::{OfAccount, account_and_time, refused};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::page::Limit;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::customers::administration::{self as customers, CustomerView, Filter, RealNameState};
use crate::customers::freezing::{Change, FreezeType, Reason};
use crate::customers::model::AssociationType;
use crate::customers::partner_administration::find_partner;
use crate::identity::administration::find_account;
use crate::operators::store::Role;
use crate::values::truth;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which customers.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListCustomersQuery {
    /// Only those that are associated in this way.
    #[param(inline)]
    association_type: Option<AssociationType>,
    /// `true`: only those of which something is frozen; `false`: only those of which nothing is.
    #[serde(default, deserialize_with = "truth::value_or_none")]
    frozen: Option<bool>,
    /// Only those whose real-name authentication has this status.
    #[param(inline)]
    real_name: Option<RealNameState>,
    /// How many customers to answer.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<1000, 100>,
    /// Where to go on.
    #[param(inline)]
    cursor: Option<Cursor>,
}

/// Customers.
#[derive(Serialize, ToSchema)]
pub struct CustomerPage {
    /// The latest association first.
    customers: Vec<CustomerView>,
    /// Where the list goes on; left out at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List the customers of a partner
///
/// Or of a reseller: those that are associated with it.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/customers",
    params(OfAccount, ListCustomersQuery),
    responses((status = 200, body = CustomerPage, description = "The customers.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_customers(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
    Query(query): Query<ListCustomersQuery>,
) -> Result<Json<CustomerPage>, ApiError> {
    let behind = query.cursor.as_ref().map(Cursor::key).transpose()?;
    let mut connection = app.database.control().await?;
    let (tenant, partner, _) = find_partner(&mut connection, &account).await.map_err(refused)?;
    let filter = Filter { kind: query.association_type, frozen: query.frozen, real_name: query.real_name };
    let limit = query.limit.get();
    let mut customers = customers::customers(&mut connection, (tenant, partner), filter, (behind, limit + 1)).await?;
    let next_cursor = Cursor::cut(&mut customers, limit, |customer| customer.number);
    Ok(Json(CustomerPage { customers, next_cursor }))
}

/// Show a customer
///
/// With whom it is associated, how far its real-name authentication is, what of it is frozen.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/customer",
    params(OfAccount),
    responses((status = 200, body = CustomerView, description = "The customer.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn show_customer(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
) -> Result<Json<CustomerView>, ApiError> {
    let mut connection = app.database.control().await?;
    let of = find_account(&mut connection, &account).await.map_err(refused)?;
    Ok(Json(customers::customer(&mut connection, of).await.map_err(refused)?))
}

/// What to freeze, and why.
#[derive(Deserialize, ToSchema)]
pub struct FreezeBody {
    /// What; the account alone unless given.
    #[serde(default)]
    freeze_type: FreezeType,
    /// Why.
    reason: Reason,
}

/// Freeze a customer
///
/// It can no longer buy, renew or change anything. Any customer can be frozen, also one without a partner.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/freeze",
    params(OfAccount),
    request_body = FreezeBody,
    responses((status = 200, body = CustomerView, description = "The customer afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn freeze_customer(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<FreezeBody>,
) -> Result<Answer, ApiError> {
    change(&app, write, &account, (Change::Freeze(body.freeze_type), &body.reason)).await
}

/// What to unfreeze, and why.
#[derive(Deserialize, ToSchema)]
pub struct UnfreezeBody {
    /// The type by which it is frozen; the account alone unless given.
    #[serde(default)]
    unfreeze_type: FreezeType,
    /// Why.
    reason: Reason,
}

/// Unfreeze a customer
///
/// By the type by which it was frozen.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/unfreeze",
    params(OfAccount),
    request_body = UnfreezeBody,
    responses((status = 200, body = CustomerView, description = "The customer afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn unfreeze_customer(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<UnfreezeBody>,
) -> Result<Answer, ApiError> {
    change(&app, write, &account, (Change::Unfreeze(body.unfreeze_type), &body.reason)).await
}

async fn change(app: &App, write: Write, account: &str, change: (Change, &Reason)) -> Result<Answer, ApiError> {
    let user = write.caller.user;
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, app, account).await?;
            customers::freeze(connection, of, change, Some(user), now).await.map_err(refused)?;
            Outcome::of(&of.1, &customers::customer(connection, of).await.map_err(refused)?)
        })
        .await
}
