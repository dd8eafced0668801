//! `/admin/v1/accounts/{account}/profile`, `…/platforms` and `…/resellers`

use super::accounts::AccountCreated;
use super::cursor::{Cursor, PageQuery};
use super::named::{OfAccount, refused};
use super::policy::OperatorPolicy;
use crate::api::caller::CallerKind;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::customers::administration as customers;
use crate::customers::model::XaccountType;
use crate::customers::partner_administration::{self as partners, PartnerView, ResellerView, find_partner};
use crate::customers::partners::{ProfileChange, change_profile};
use crate::identity::model::LoginName;
use crate::operators::store::Role;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Show a partner
///
/// Or a distributor or a reseller: its standing, who looks after it, who is told of bindings, its sales platforms.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/profile",
    params(OfAccount),
    responses((status = 200, body = PartnerView, description = "The partner.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn show_profile(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
) -> Result<Json<PartnerView>, ApiError> {
    let mut connection = app.database.control().await?;
    Ok(Json(partners::partner(&mut connection, &account, &app.vault).await.map_err(refused)?))
}

/// Change a partner
///
/// A partner that leaves gets the standing `exited`: it registers no customers any more.
#[utoipa::path(
    put,
    path = "/admin/v1/accounts/{account}/profile",
    params(OfAccount),
    request_body = ProfileChange,
    responses((status = 200, body = PartnerView, description = "The partner afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn update_profile(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(change): Json<ProfileChange>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (tenant, domain, _) = find_partner(connection, &account).await.map_err(refused)?;
            change_profile(connection, (tenant, domain), change, &app.vault).await?;
            Outcome::of(&domain, &partners::partner(connection, &account, &app.vault).await.map_err(refused)?)
        })
        .await
}

/// The platform in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfPlatform {
    /// The account's name.
    #[param(example = "demo-partner")]
    account: String,
    /// The platform: what requests call `xaccount_type`.
    #[param(inline)]
    platform: XaccountType,
}

/// Assign a sales platform to a partner
///
/// From then on its customers can come from it. A platform belongs to one partner, and to it for good.
#[utoipa::path(
    put,
    path = "/admin/v1/accounts/{account}/platforms/{platform}",
    params(OfPlatform),
    responses((status = 204, description = "It is assigned.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn assign_platform(
    write: Write,
    Path(OfPlatform { account, platform }): Path<OfPlatform>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let assigned = partners::assign_platform(connection, &account, platform.as_str()).await;
            Ok(Outcome::empty(&assigned.map_err(refused)?))
        })
        .await
}

/// Resellers.
#[derive(Serialize, ToSchema)]
pub struct ResellerPage {
    /// The latest first.
    resellers: Vec<ResellerView>,
    /// Where the list goes on; left out at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List the resellers of a distributor
///
/// With how many customers each has.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/resellers",
    params(OfAccount, PageQuery),
    responses((status = 200, body = ResellerPage, description = "The resellers.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_resellers(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
    Query(query): Query<PageQuery>,
) -> Result<Json<ResellerPage>, ApiError> {
    let behind = query.cursor.as_ref().map(Cursor::moment).transpose()?;
    let limit = query.limit.get();
    let mut connection = app.database.control().await?;
    let resellers = partners::resellers(&mut connection, &account, (behind, limit + 1)).await;
    let mut resellers = resellers.map_err(refused)?;
    let next_cursor = Cursor::cut_at_moment(&mut resellers, limit, |row| (row.admitted_at.0, row.domain_id.0));
    Ok(Json(ResellerPage { resellers, next_cursor }))
}

/// A reseller to be admitted.
#[derive(Deserialize, ToSchema)]
pub struct AdmitResellerBody {
    /// Its account's name, unique over all accounts.
    name: LoginName,
}

/// Admit a reseller
///
/// An account below the distributor's, with a user of its own name, who has no password and no key yet.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/resellers",
    params(OfAccount),
    request_body = AdmitResellerBody,
    responses((status = 200, body = AccountCreated, description = "The account.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn admit_reseller(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<AdmitResellerBody>,
) -> Result<Answer, ApiError> {
    let now = app.clock.now();
    write
        .once(async |connection| {
            let reseller = CallerKind::Reseller;
            let created = customers::create_account(connection, &body.name, reseller, Some(&account), now).await;
            let domain_id = created.map_err(refused)?;
            Outcome::of(&domain_id, &AccountCreated { domain_id })
        })
        .await
}
