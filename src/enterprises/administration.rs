//! What the vendor's staff do to enterprises, at the command line and over the operators' API: keep organisations, let accounts
//! join, open ways of dividing resources.

use super::funds;
use super::members::{self, Newcomer};
use super::model::{
    Feature, FinancialCustody, MemberAssociation, MemberStatus, PartyId, Permission, Unit, permissions,
};
use super::money_store;
use super::organisation::{self, Unfit, UnitName};
use super::store::{self, ListedMember, Master, MemberFilter, NewMember};
use crate::api::caller::CallerKind;
use crate::customers::administration as customers;
use crate::customers::kin;
use crate::customers::store::{self as customer_store, State};
use crate::identity::administration::{self as identity, find_account};
use crate::identity::model::LoginName;
use crate::ledger::PostError;
use crate::personal::Vault;
use crate::values::id::{DomainId, TenantId};
use crate::values::time::Instant;
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The account has no organisation.
    #[error("the account is no enterprise master account")]
    NotAMaster,
    /// It cannot be done to an organisation.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The account is none of its members.
    #[error("the account is no member of the enterprise")]
    NotAMember,
    /// Its master moves something at the moment.
    #[error("a transfer between the enterprise and a member is in progress; try again")]
    Busy,
    /// What was given cannot go back.
    #[error(transparent)]
    Ledger(#[from] PostError),
    /// The account cannot become a member.
    #[error(transparent)]
    Unwelcome(#[from] members::Unwelcome),
    /// It is no customer's account.
    #[error("the account is no customer's")]
    NotACustomer,
    /// There is no such account.
    #[error(transparent)]
    Account(#[from] identity::Refusal),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Creates an account, as [`customers::create_account`] does; a master's begins with the root of its organisation.
pub async fn create_account(
    connection: &mut PgConnection,
    name: &LoginName,
    kind: CallerKind,
    parent: Option<&str>,
    now: OffsetDateTime,
) -> Result<DomainId, identity::Refusal> {
    let mut transaction = connection.begin().await?;
    let id = customers::create_account(&mut transaction, name, kind, parent, now).await?;
    if kind == CallerKind::Master {
        let (tenant, id) = find_account(&mut transaction, name.as_str()).await?;
        store::insert_root(&mut transaction, Master { tenant, id }, now).await?;
    }
    transaction.commit().await?;
    Ok(id)
}

/// A unit of an organisation.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = OrganisationUnit)]
pub struct UnitView {
    /// Its id.
    pub party_id: PartyId,
    /// The unit it hangs below; left out of the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<PartyId>,
    /// How deep it is; the root's level is 1.
    #[schema(example = 2, minimum = 1, maximum = 10)]
    pub level: i16,
    /// Its name; empty where the root was given none.
    #[schema(example = "Sales")]
    pub name: String,
}

impl From<Unit> for UnitView {
    fn from(unit: Unit) -> Self {
        Self { party_id: unit.id, parent_id: unit.parent, level: unit.level, name: unit.name }
    }
}

/// All units of a master's organisation, the root first.
pub async fn units(connection: &mut PgConnection, master: Master) -> Result<Vec<UnitView>, Refusal> {
    let units = store::units(connection, master).await?;
    if units.is_empty() {
        return Err(Refusal::NotAMaster);
    }
    Ok(units.into_iter().map(UnitView::from).collect())
}

/// The units of an organisation, which nobody else changes until the transaction ends.
async fn locked(connection: &mut PgConnection, master: Master) -> Result<Vec<Unit>, Refusal> {
    if !store::lock_organisation(connection, master).await? {
        return Err(Refusal::NotAMaster);
    }
    Ok(store::units(connection, master).await?)
}

/// Adds a unit below another one, or below the root.
pub async fn create_unit(
    connection: &mut PgConnection,
    master: Master,
    (name, parent): (&UnitName, Option<PartyId>),
    now: OffsetDateTime,
) -> Result<UnitView, Refusal> {
    let units = locked(connection, master).await?;
    let parent = organisation::place(&units, parent)?;
    let id = store::insert_unit(connection, master, parent, name.as_str(), now).await?;
    let unit = store::unit(connection, master, id).await?;
    Ok(unit.ok_or(Unfit::NoSuchUnit(id))?.into())
}

/// What becomes of a unit; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct UnitChange {
    /// Its name.
    pub name: Option<UnitName>,
    /// The unit it hangs below, with all that hangs below it.
    pub parent: Option<PartyId>,
}

/// Renames a unit, or moves it.
pub async fn change_unit(
    connection: &mut PgConnection,
    master: Master,
    id: PartyId,
    change: &UnitChange,
) -> Result<UnitView, Refusal> {
    let units = locked(connection, master).await?;
    let unit = organisation::find(&units, id)?;
    if let Some(name) = &change.name {
        store::rename_unit(connection, master, id, name.as_str()).await?;
    }
    if let Some(parent) = change.parent.filter(|parent| unit.parent != Some(*parent)) {
        let levels = organisation::levels_after(&units, id, parent)?;
        store::move_unit(connection, master, (id, parent), &levels).await?;
    }
    let unit = store::unit(connection, master, id).await?;
    Ok(unit.ok_or(Unfit::NoSuchUnit(id))?.into())
}

/// A member of an enterprise.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = EnterpriseMember)]
pub struct MemberView {
    /// Its account's name.
    #[schema(example = "demo-member-1")]
    pub account: String,
    /// Its id.
    pub domain_id: DomainId,
    /// The unit it belongs to.
    pub party_id: PartyId,
    /// Its name in the organisation; empty where it has none.
    #[schema(example = "Sales, north")]
    pub display_name: String,
    /// How far it is: 1 normal.
    pub status: MemberStatus,
    /// Whether the enterprise keeps its finances.
    pub in_custody: bool,
    /// What the enterprise may do with it.
    #[schema(example = json!(["READ_FINANCE_INFO"]))]
    pub permissions: Vec<String>,
    /// Since when, by the tenant's time.
    pub joined_at: Instant,
}

impl From<ListedMember> for MemberView {
    fn from(member: ListedMember) -> Self {
        Self {
            account: member.name,
            domain_id: member.id,
            party_id: member.unit,
            display_name: member.display_name,
            status: member.status,
            in_custody: member.in_custody,
            permissions: member.permissions,
            joined_at: Instant(member.joined_at),
        }
    }
}

/// A master's members, the latest first.
pub async fn members(connection: &mut PgConnection, master: Master) -> Result<Vec<MemberView>, Refusal> {
    if store::units(connection, master).await?.is_empty() {
        return Err(Refusal::NotAMaster);
    }
    let members = store::members(connection, master, MemberFilter::default()).await?;
    Ok(members.into_iter().map(MemberView::from).collect())
}

/// An account that is to join.
#[derive(Clone, Debug)]
pub struct Invitation<'a> {
    /// Its name.
    pub account: &'a str,
    /// The unit it will belong to; the root unless given.
    pub unit: Option<PartyId>,
    /// Its name in the organisation.
    pub display_name: &'a str,
    /// What the enterprise may do with it.
    pub permissions: &'a [Permission],
    /// Who keeps its finances.
    pub custody: FinancialCustody,
}

/// Makes an account of the enterprise's own tenant its member, as both have agreed; which account.
///
/// An account of another tenant would first have to be moved, since one ledger has to hold what passes between the two; until
/// that can be done it is refused.
pub async fn invite(
    connection: &mut PgConnection,
    vault: &Vault,
    master: Master,
    invitation: &Invitation<'_>,
    now: OffsetDateTime,
) -> Result<DomainId, Refusal> {
    let Invitation { account, unit, display_name, custody, .. } = *invitation;
    let (tenant, id) = find_account(connection, account).await?;
    if tenant != master.tenant {
        return Err(members::Unwelcome::OtherTenant(account.to_owned()).into());
    }
    let (masters_state, state) = lock_both(connection, master, id).await?;
    let units = locked(connection, master).await?;
    let unit = match unit {
        Some(unit) => organisation::find(&units, unit)?,
        None => units.iter().find(|unit| unit.parent.is_none()).ok_or(Refusal::NotAMaster)?,
    };
    let newcomer = Newcomer {
        is_customer: customer_store::kind(connection, tenant, id).await? == CallerKind::Customer,
        state,
        masters_state,
        is_of_one_entity: members::is_of_one_entity(connection, vault, master, id).await?,
        members: store::count_members(connection, master).await?,
        custody,
    };
    members::may_join(&newcomer)?;
    let permissions = permissions(custody, invitation.permissions);
    let new = NewMember {
        id,
        unit: unit.id,
        status: MemberStatus::Normal,
        association: MemberAssociation::SameLegalEntity,
        display_name,
        permissions: &permissions,
    };
    if !store::insert_member(connection, master, &new, now).await? {
        return Err(members::Unwelcome::Member(account.to_owned()).into());
    }
    let custodian = (custody == FinancialCustody::InCustody).then_some(master.id);
    kin::set_custodian(connection, tenant, id, custodian).await?;
    Ok(id)
}

/// Lets a member go: what is left of what its master gave it goes back first, and it keeps its
/// finances itself from then on. With a partner, if it has one, it goes on as before.
pub async fn dismiss(
    connection: &mut PgConnection,
    master: Master,
    member: DomainId,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    if !money_store::take_turn(connection, master).await? {
        return Err(Refusal::Busy);
    }
    lock_both(connection, master, member).await?;
    store::member_of(connection, master, member).await?.ok_or(Refusal::NotAMember)?;
    funds::take_all_back(connection, master, member, now).await?;
    store::delete_member(connection, master, member).await?;
    kin::set_custodian(connection, master.tenant, member, None).await?;
    Ok(())
}

/// Both customers, locked in the order of their ids as everybody does.
async fn lock_both(connection: &mut PgConnection, master: Master, member: DomainId) -> Result<(State, State), Refusal> {
    let locked = customer_store::lock_all(connection, master.tenant, &[master.id, member]).await?;
    let of = |id| locked.get(&id).copied();
    of(master.id).zip(of(member)).ok_or(Refusal::NotACustomer)
}

/// How an account divides its resources.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AccountFeatures)]
pub struct FeaturesView {
    /// What is open, oldest first.
    pub opened: Vec<Feature>,
}

/// How an account divides its resources.
pub async fn features(connection: &mut PgConnection, account: (TenantId, DomainId)) -> Result<FeaturesView, Refusal> {
    Ok(FeaturesView { opened: store::opened(connection, account).await? })
}

/// Opens one of them for a customer.
pub async fn open_feature(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    feature: Feature,
    now: OffsetDateTime,
) -> Result<FeaturesView, Refusal> {
    customer_store::lock(connection, tenant, customer).await?.ok_or(Refusal::NotACustomer)?;
    store::open(connection, (tenant, customer), feature, now).await?;
    features(connection, (tenant, customer)).await
}
