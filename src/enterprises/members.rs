//! What becomes of an account that an enterprise opens as its member.

use super::model::FinancialCustody;
use super::refusal::{Check, Refusal};
use super::store::{self, Master, NewMember};
use crate::api::error::ApiError;
use crate::customers::kin::{self, Succession};
use crate::customers::membership::{self, Step};
use crate::customers::model::{Association, AssociationType, CustomerType};
use crate::customers::partners::{self, Standing};
use crate::customers::store::State;
use crate::personal::Vault;
use crate::real_name::review;
use crate::values::id::DomainId;
use crate::values::receiver::Receiver;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

/// How many members a master has at most. The vendor's limit, which it raises on request.
pub const MEMBERS_MAX: i64 = 32;

/// With whom a new member is associated, and how, by the vendor's rules: in custody with nobody, else as its master is, if that
/// is a partner's referral customer. A resale customer has no members with finances of their own.
fn association(
    partner: Option<(DomainId, AssociationType)>,
    custody: FinancialCustody,
) -> Result<Option<(DomainId, AssociationType)>, Refusal> {
    match (custody, partner) {
        (FinancialCustody::InCustody, _) => Ok(None),
        (FinancialCustody::Independent, Some((_, AssociationType::Resale))) => Err(Refusal::OnlyInCustody),
        (FinancialCustody::Independent, as_master) => Ok(as_master),
    }
}

/// Whether a master may have one member more, and with whom that is associated. The master is locked, so nobody else adds one
/// meanwhile.
pub async fn admit(
    connection: &mut PgConnection,
    master: Master,
    state: &State,
    custody: FinancialCustody,
) -> Result<Option<(DomainId, AssociationType)>, ApiError> {
    let partner = state.partner.zip(state.kind);
    let association = association(partner, custody)?;
    if let Some((partner, _)) = partner
        && partners::profile(connection, master.tenant, partner).await?.standing == Standing::Exited
    {
        return Err(Refusal::PartnerExits.into());
    }
    if store::count_members(connection, master).await? >= MEMBERS_MAX {
        return Err(Refusal::UnmetByMaster(vec![Check::MembersMax]).into());
    }
    Ok(association)
}

/// Why an account does not become a member.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unwelcome {
    /// One ledger has to hold what passes between the two.
    #[error("the account {0} and the enterprise are of different tenants")]
    OtherTenant(String),
    /// It sells, or has members itself.
    #[error("only a customer that is no enterprise master account can become a member")]
    Kind,
    /// Another enterprise has it, or this one.
    #[error("the account {0} is a member of an enterprise already")]
    Member(String),
    /// It is frozen.
    #[error("the account is frozen")]
    Frozen,
    /// They are not known to be one.
    #[error("the two are not of one legal entity: both have to be verified companies of one name")]
    OtherEntity,
    /// The enterprise is full.
    #[error("the enterprise has {MEMBERS_MAX} members, which is the most it can have")]
    TooMany,
    /// Its partner has to do with its finances.
    #[error("only an account that is no partner's customer, nor about to be, can be in custody")]
    HasPartner,
    /// Its partner has to do with its finances.
    #[error("of two accounts with finances of their own neither can be a partner's resale customer")]
    Resale,
}

/// An account that is to join, and what it is to join.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer {
    /// Whether it is a customer and no master.
    pub is_customer: bool,
    /// The account.
    pub state: State,
    /// Its master to be.
    pub masters_state: State,
    /// Whether they are verified companies of one name.
    pub is_of_one_entity: bool,
    /// How many members the master has.
    pub members: i64,
    /// Who will keep its finances.
    pub custody: FinancialCustody,
}

/// Whether an account may become a member, by the vendor's rules.
pub fn may_join(newcomer: &Newcomer) -> Result<(), Unwelcome> {
    let Newcomer { is_customer, state, masters_state, is_of_one_entity, members, custody } = newcomer;
    let is_resale = |state: &State| state.kind == Some(AssociationType::Resale);
    match custody {
        _ if !is_customer => Err(Unwelcome::Kind),
        _ if state.is_frozen() => Err(Unwelcome::Frozen),
        _ if !is_of_one_entity => Err(Unwelcome::OtherEntity),
        _ if *members >= MEMBERS_MAX => Err(Unwelcome::TooMany),
        FinancialCustody::InCustody if state.partner.is_some() || state.is_pending => Err(Unwelcome::HasPartner),
        FinancialCustody::Independent if is_resale(state) || is_resale(masters_state) => Err(Unwelcome::Resale),
        FinancialCustody::InCustody | FinancialCustody::Independent => Ok(()),
    }
}

/// Whether an account and its master to be are verified companies of one name.
pub async fn is_of_one_entity(
    connection: &mut PgConnection,
    vault: &Vault,
    master: Master,
    member: DomainId,
) -> sqlx::Result<bool> {
    let mut names = Vec::new();
    for id in [master.id, member] {
        let company = kin::verified_as(connection, master.tenant, id).await?;
        let company = company.filter(|(customer_type, _)| *customer_type == CustomerType::Company);
        names.push(company.and_then(|(_, sealed)| vault.open(&sealed, id)));
    }
    Ok(names[0].is_some() && names[0] == names[1])
}

/// What an account takes on as a member.
pub struct Joining<'a> {
    /// The member.
    pub new: NewMember<'a>,
    /// Its phone.
    pub phone: &'a Receiver,
    /// Who keeps its finances.
    pub custody: FinancialCustody,
    /// With whom it is associated, and how.
    pub association: Option<(DomainId, AssociationType)>,
}

/// Makes an account that was just opened a member: a customer with its master's level and verified name.
pub async fn settle(
    connection: &mut PgConnection,
    vault: &Vault,
    master: Master,
    joining: &Joining<'_>,
    now: OffsetDateTime,
) -> Result<(), ApiError> {
    let (tenant, id) = (master.tenant, joining.new.id);
    membership::record(connection, tenant, id, joining.association, Step::Registered, now).await?;
    // A moment later, so that the two steps are told in their order.
    let since = now + Duration::MICROSECOND;
    let association = joining.association.map(|(partner, kind)| Association { partner, kind, since });
    membership::insert(connection, tenant, id, association).await?;
    let of = Succession { tenant, from: master.id, to: id };
    let in_custody = joining.custody == FinancialCustody::InCustody;
    kin::set_member(connection, of, &vault.seal(joining.phone.as_str(), id), in_custody).await?;
    review::inherit(connection, vault, of, now).await.map_err(ApiError::internal)?;
    store::insert_member(connection, master, &joining.new, now).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customers::model::{Frozen, VerifiedStatus};
    use crate::subscriptions::lifecycle::CustomerLevel;
    use crate::values::id::new_uuid;
    use time::macros::datetime;

    #[test]
    fn a_member_is_associated_as_its_master_is_unless_that_pays_for_it() {
        let partner = DomainId(new_uuid(datetime!(2026-03-28 00:00 UTC)));
        let (referral, resale) = ((partner, AssociationType::Referral), (partner, AssociationType::Resale));
        for (master, custody, expected) in [
            (None, FinancialCustody::Independent, Ok(None)),
            (Some(referral), FinancialCustody::Independent, Ok(Some(referral))),
            (Some(resale), FinancialCustody::Independent, Err(Refusal::OnlyInCustody)),
            (None, FinancialCustody::InCustody, Ok(None)),
            (Some(referral), FinancialCustody::InCustody, Ok(None)),
            (Some(resale), FinancialCustody::InCustody, Ok(None)),
        ] {
            assert_eq!(association(master, custody), expected, "{master:?} {custody:?}");
        }
    }

    #[test]
    fn who_joins_is_a_free_company_of_the_same_name() {
        let partner = DomainId(new_uuid(datetime!(2026-03-28 00:00 UTC)));
        let alone = State {
            partner: None,
            kind: None,
            number: None,
            is_pending: false,
            customer_type: CustomerType::Company,
            verified: VerifiedStatus::Verified,
            frozen: Frozen::No,
            level: CustomerLevel::default(),
            custodian: None,
        };
        let of = |kind| State { partner: Some(partner), kind: Some(kind), ..alone };
        let custody = FinancialCustody::Independent;
        let free = Newcomer {
            is_customer: true,
            state: alone,
            masters_state: alone,
            is_of_one_entity: true,
            members: MEMBERS_MAX - 1,
            custody,
        };
        let in_custody = Newcomer { custody: FinancialCustody::InCustody, ..free };
        let (referral, resale) = (of(AssociationType::Referral), of(AssociationType::Resale));
        for (newcomer, expected) in [
            (free, Ok(())),
            (in_custody, Ok(())),
            (Newcomer { is_customer: false, ..free }, Err(Unwelcome::Kind)),
            (Newcomer { state: State { frozen: Frozen::Account, ..alone }, ..free }, Err(Unwelcome::Frozen)),
            (Newcomer { is_of_one_entity: false, ..free }, Err(Unwelcome::OtherEntity)),
            (Newcomer { members: MEMBERS_MAX, ..in_custody }, Err(Unwelcome::TooMany)),
            (Newcomer { state: referral, masters_state: referral, ..free }, Ok(())),
            (Newcomer { state: resale, ..free }, Err(Unwelcome::Resale)),
            (Newcomer { masters_state: resale, ..free }, Err(Unwelcome::Resale)),
            (Newcomer { masters_state: resale, ..in_custody }, Ok(())),
            (Newcomer { state: referral, ..in_custody }, Err(Unwelcome::HasPartner)),
            (Newcomer { state: State { is_pending: true, ..alone }, ..in_custody }, Err(Unwelcome::HasPartner)),
        ] {
            assert_eq!(may_join(&newcomer), expected, "{newcomer:?}");
        }
    }
}
