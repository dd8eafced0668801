//! `/admin/v1/accounts/{account}/organisation`, `…/members` and `…/features`

use super::named::{OfAccount, account_and_time, refused};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::operation::{Operations, operations};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::associations::members;
use crate::enterprises::administration::{
    self as enterprises, FeaturesView, Invitation, MemberView, UnitChange, UnitView,
};
use crate::enterprises::create_sub_enterprise_account::DisplayName;
use crate::enterprises::model::{Feature, FinancialCustody, PartyId, Permission};
use crate::enterprises::organisation::UnitName;
use crate::enterprises::store::Master;
use crate::identity::administration::find_account;
use crate::identity::model::LoginName;
use crate::operators::store::Role;
use crate::values::id::{DomainId, TenantId};
use crate::values::list::List;
use crate::values::truth;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The operations on enterprises.
pub fn register(operations: &mut Operations<App, OperatorPolicy>) {
    operations!(operations, "enterprises":
        list_units, create_unit, change_unit, list_members, invite_member, dismiss_member, list_features, open_feature);
}

fn master((tenant, id): (TenantId, DomainId)) -> Master {
    Master { tenant, id }
}

/// An organisation.
#[derive(Serialize, ToSchema)]
pub struct OrganisationView {
    /// Its units, oldest first, so the root first.
    units: Vec<UnitView>,
}

/// Show an organisation
///
/// All units of an enterprise master account, each with the one it hangs below.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/organisation",
    params(OfAccount),
    responses((status = 200, body = OrganisationView, description = "The organisation.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_units(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
) -> Result<Json<OrganisationView>, ApiError> {
    let mut connection = app.database.control().await?;
    let of = find_account(&mut connection, &account).await.map_err(refused)?;
    let units = enterprises::units(&mut connection, master(of)).await.map_err(refused)?;
    Ok(Json(OrganisationView { units }))
}

/// A unit to be added.
#[derive(Deserialize, ToSchema)]
pub struct CreateUnitBody {
    /// Its name.
    name: UnitName,
    /// The unit it hangs below; the root unless given.
    parent_id: Option<PartyId>,
}

/// Add a unit to an organisation
///
/// At most ten levels deep, the root's among them, and at most a thousand units.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/organisation",
    params(OfAccount),
    request_body = CreateUnitBody,
    responses((status = 200, body = UnitView, description = "The unit.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn create_unit(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<CreateUnitBody>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let unit = (&body.name, body.parent_id);
            let created = enterprises::create_unit(connection, master(of), unit, now).await.map_err(refused)?;
            Outcome::of(&created.party_id, &created)
        })
        .await
}

/// The unit in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfUnit {
    /// The enterprise master account's name.
    #[param(example = "demo-master")]
    pub account: String,
    /// The unit.
    #[param(inline)]
    pub unit: PartyId,
}

/// What becomes of a unit; what is left out stays.
#[derive(Deserialize, ToSchema)]
pub struct ChangeUnitBody {
    /// Its name.
    name: Option<UnitName>,
    /// The unit it hangs below from now on, with all that hangs below it.
    parent_id: Option<PartyId>,
}

/// Rename or move a unit
///
/// The root can be renamed, not moved. A unit that is moved keeps its id, its members and what hangs below it; its
/// `relation_id` is another one.
#[utoipa::path(
    put,
    path = "/admin/v1/accounts/{account}/organisation/{unit}",
    params(OfUnit),
    request_body = ChangeUnitBody,
    responses((status = 200, body = UnitView, description = "The unit afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn change_unit(
    write: Write,
    Path(OfUnit { account, unit }): Path<OfUnit>,
    Json(body): Json<ChangeUnitBody>,
) -> Result<Answer, ApiError> {
    let change = UnitChange { name: body.name, parent: body.parent_id };
    write
        .once(async |connection| {
            let of = find_account(connection, &account).await.map_err(refused)?;
            let changed = enterprises::change_unit(connection, master(of), unit, &change).await.map_err(refused)?;
            Outcome::of(&unit, &changed)
        })
        .await
}

/// The members of an enterprise.
#[derive(Serialize, ToSchema)]
pub struct MembersView {
    /// The latest first. There are 32 at most.
    members: Vec<MemberView>,
}

/// List the members of an enterprise
///
/// With what the enterprise may do with each, and who keeps its finances.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/members",
    params(OfAccount),
    responses((status = 200, body = MembersView, description = "The members.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_members(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
) -> Result<Json<MembersView>, ApiError> {
    let mut connection = app.database.control().await?;
    let of = find_account(&mut connection, &account).await.map_err(refused)?;
    let members = enterprises::members(&mut connection, master(of)).await.map_err(refused)?;
    Ok(Json(MembersView { members }))
}

/// An account that is to join.
#[derive(Deserialize, ToSchema)]
pub struct InviteMemberBody {
    /// Its name.
    account: LoginName,
    /// The unit it will belong to; the root unless given.
    party_id: Option<PartyId>,
    /// Its name in the organisation; empty unless given.
    display_name: Option<DisplayName>,
    /// What the enterprise may do with it. In custody that is fixed.
    #[schema(value_type = Option<Vec<Permission>>, max_items = 20, example = json!(["READ_FINANCE_INFO"]))]
    permissions: Option<List<Permission, 20>>,
    /// Whether the enterprise keeps its finances, and pays for it.
    #[serde(default, deserialize_with = "truth::value")]
    #[schema(value_type = Option<bool>)]
    custody: bool,
}

/// Make an account a member of an enterprise
///
/// As the two have agreed: it is a member at once. It has to be a customer of the same tenant, verified as a company by the
/// enterprise's name, not frozen and no other enterprise's. In custody it is no partner's customer, and the enterprise pays for it,
/// also its orders that wait to be paid; otherwise neither of the two is a partner's resale customer.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/members",
    params(OfAccount),
    request_body = InviteMemberBody,
    responses((status = 200, body = MembersView, description = "The members afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn invite_member(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<InviteMemberBody>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let invitation = Invitation {
                account: body.account.as_str(),
                unit: body.party_id,
                display_name: body.display_name.as_ref().map(DisplayName::as_str).unwrap_or_default(),
                permissions: body.permissions.as_ref().map(List::as_slice).unwrap_or_default(),
                custody: FinancialCustody::of(body.custody),
            };
            members::join(connection, &app.vault, master(of), &invitation, now).await.map_err(refused)?;
            let members = enterprises::members(connection, master(of)).await.map_err(refused)?;
            Outcome::of(&of.1, &MembersView { members })
        })
        .await
}

/// The member in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfMember {
    /// The enterprise master account's name.
    #[param(example = "demo-master")]
    pub account: String,
    /// The member's account name.
    #[param(example = "demo-member-1")]
    pub member: String,
}

/// Let a member of an enterprise go
///
/// What is left of the money, the credit and the parts of coupons that the enterprise gave it goes back first. Orders that the
/// enterprise would have had to pay are the account's own to pay; what the enterprise owes for its use stays the enterprise's. With a
/// partner, if it has one, the account goes on as before.
#[utoipa::path(
    delete,
    path = "/admin/v1/accounts/{account}/members/{member}",
    params(OfMember),
    responses((status = 200, body = MembersView, description = "The members afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn dismiss_member(
    State(app): State<App>,
    write: Write,
    Path(OfMember { account, member }): Path<OfMember>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            members::leave(connection, master(of), &member, now).await.map_err(refused)?;
            let members = enterprises::members(connection, master(of)).await.map_err(refused)?;
            Outcome::of(&of.1, &MembersView { members })
        })
        .await
}

/// Show how an account divides its resources
///
/// By enterprise projects, which it opens itself, or in one of two older ways.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/features",
    params(OfAccount),
    responses((status = 200, body = FeaturesView, description = "What is open.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_features(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
) -> Result<Json<FeaturesView>, ApiError> {
    let mut connection = app.database.control().await?;
    let of = find_account(&mut connection, &account).await.map_err(refused)?;
    Ok(Json(enterprises::features(&mut connection, of).await.map_err(refused)?))
}

/// What to open.
#[derive(Deserialize, ToSchema)]
pub struct OpenFeatureBody {
    /// Which.
    feature: Feature,
}

/// Open a way of dividing an account's resources
///
/// For good. A customer with `project_groups` or `multi_project` cannot open enterprise projects itself; an operator can open
/// them for any customer.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/features",
    params(OfAccount),
    request_body = OpenFeatureBody,
    responses((status = 200, body = FeaturesView, description = "What is open afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn open_feature(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<OpenFeatureBody>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let opened = enterprises::open_feature(connection, of, body.feature, now).await.map_err(refused)?;
            Outcome::of(&of.1, &opened)
        })
        .await
}
