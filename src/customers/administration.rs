//! What the vendor's staff do to customers, at the command line and over the operators' API: look, associate, freeze.

use super::freezing::{self, Change, FreezeType, Reason};
use super::membership;
use super::model::{Association, AssociationType, CustomerType, Frozen, Sort, VerifiedStatus};
use super::store;
use crate::api::caller::CallerKind;
use crate::identity::administration as identity;
use crate::identity::model::LoginName;
use crate::identity::store::{self as accounts, NewDomain};
use crate::values::id::{DomainId, TenantId, UserId};
use crate::values::time::Instant;
use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The account has no customers and no platform.
    #[error("{0} is no partner, distributor or reseller")]
    NotAPartner(String),
    /// The account has no resellers.
    #[error("{0} is no distributor")]
    NotADistributor(String),
    /// Another partner has it, or this one.
    #[error("the platform {0} is assigned already")]
    PlatformTaken(String),
    /// It would stay frozen in part.
    #[error("it is frozen by another type")]
    FrozenOtherwise,
    /// There is no such account.
    #[error(transparent)]
    Account(#[from] identity::Refusal),
    /// It is no customer's account.
    #[error("the account is no customer's")]
    NotACustomer,
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// A customer, or an account that is nobody's.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CustomerView {
    /// Its account's name.
    #[schema(example = "demo-customer")]
    pub account: String,
    /// Its id.
    pub domain_id: DomainId,
    /// The account of the partner or reseller whose customer it is; left out when it is nobody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "demo-partner")]
    pub partner: Option<String>,
    /// How it is associated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub association_type: Option<AssociationType>,
    /// Since when, by the tenant's time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub associated_at: Option<Instant>,
    /// The account of the partner or reseller with which an association is still to be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "demo-partner")]
    pub pending_partner: Option<String>,
    /// What it is; left out when that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_type: Option<Sort>,
    /// How far its real-name authentication is.
    pub real_name: RealNameState,
    /// What of it is frozen; left out when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frozen: Option<FreezeType>,
    /// Its number among the partner's customers.
    #[serde(skip)]
    pub number: i64,
}

/// How far a customer's real-name authentication is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum RealNameState {
    /// It has not asked for it.
    None,
    /// Under review.
    Pending,
    /// Refused.
    Refused,
    /// Verified.
    Verified,
}

impl From<VerifiedStatus> for RealNameState {
    fn from(status: VerifiedStatus) -> Self {
        match status {
            VerifiedStatus::None => Self::None,
            VerifiedStatus::Pending => Self::Pending,
            VerifiedStatus::Refused => Self::Refused,
            VerifiedStatus::Verified => Self::Verified,
        }
    }
}

impl From<RealNameState> for VerifiedStatus {
    fn from(state: RealNameState) -> Self {
        match state {
            RealNameState::None => Self::None,
            RealNameState::Pending => Self::Pending,
            RealNameState::Refused => Self::Refused,
            RealNameState::Verified => Self::Verified,
        }
    }
}

struct Row {
    id: DomainId,
    name: String,
    partner: Option<String>,
    kind: Option<AssociationType>,
    associated_at: Option<OffsetDateTime>,
    number: Option<i64>,
    pending_partner: Option<String>,
    customer_type: CustomerType,
    verified: VerifiedStatus,
    frozen: Frozen,
}

impl From<Row> for CustomerView {
    fn from(row: Row) -> Self {
        Self {
            account: row.name,
            domain_id: row.id,
            partner: row.partner,
            association_type: row.kind,
            associated_at: row.associated_at.map(Instant),
            pending_partner: row.pending_partner,
            customer_type: Sort::of(row.customer_type),
            real_name: row.verified.into(),
            frozen: FreezeType::of(row.frozen),
            number: row.number.unwrap_or_default(),
        }
    }
}

/// Which of a partner's customers; what is `None` does not filter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// How they are associated.
    pub kind: Option<AssociationType>,
    /// Whether anything of them is frozen.
    pub frozen: Option<bool>,
    /// How far their real-name authentication is.
    pub real_name: Option<RealNameState>,
}

/// A partner's or reseller's customers, latest first, from behind a number on.
pub async fn customers(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    filter: Filter,
    (behind, limit): (Option<i64>, usize),
) -> sqlx::Result<Vec<CustomerView>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select c.domain_id as "id: DomainId",
                  (select d.name from domains d where d.tenant_id = $1 and d.domain_id = c.domain_id) as "name!",
                  (select d.name from domains d where d.tenant_id = $1 and d.domain_id = c.partner_id) as partner,
                  c.association_type as "kind: AssociationType", c.associated_at, c.number,
                  (select d.name from domains d
                   where d.tenant_id = $1 and d.domain_id = c.pending_partner_id) as pending_partner,
                  c.customer_type as "customer_type: CustomerType", c.verified_status as "verified: VerifiedStatus",
                  c.frozen as "frozen: Frozen"
           from customers c
           where c.tenant_id = $1 and c.partner_id = $2 and ($3::bigint is null or c.number < $3)
             and ($4::smallint is null or c.association_type = $4) and ($5::boolean is null or (c.frozen <> 0) = $5)
             and ($6::smallint is null or c.verified_status = $6)
           order by c.number desc limit $7"#,
        tenant.0,
        partner.0,
        behind,
        filter.kind.map(|kind| kind as i16),
        filter.frozen,
        filter.real_name.map(|state| VerifiedStatus::from(state).code()),
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(CustomerView::from).collect())
}

/// One customer's account.
pub async fn customer(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
) -> Result<CustomerView, Refusal> {
    let row = sqlx::query_as!(
        Row,
        r#"select c.domain_id as "id: DomainId",
                  (select d.name from domains d where d.tenant_id = $1 and d.domain_id = c.domain_id) as "name!",
                  (select d.name from domains d where d.tenant_id = $1 and d.domain_id = c.partner_id) as partner,
                  c.association_type as "kind: AssociationType", c.associated_at, c.number,
                  (select d.name from domains d
                   where d.tenant_id = $1 and d.domain_id = c.pending_partner_id) as pending_partner,
                  c.customer_type as "customer_type: CustomerType", c.verified_status as "verified: VerifiedStatus",
                  c.frozen as "frozen: Frozen"
           from customers c where c.tenant_id = $1 and c.domain_id = $2"#,
        tenant.0,
        customer.0
    );
    let row = row.fetch_optional(connection).await?.ok_or(Refusal::NotACustomer)?;
    Ok(row.into())
}

/// Freezes or unfreezes a customer of whatever kind, also one that is nobody's. Its partner can unfreeze a resale customer
/// again: the vendor's material tells no freezing by its staff from one by the partner.
pub async fn freeze(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    (change, reason): (Change, &Reason),
    user: Option<UserId>,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let state = store::lock(connection, tenant, customer).await?.ok_or(Refusal::NotACustomer)?;
    let wanted = freezing::after(state.frozen, change).ok_or(Refusal::FrozenOtherwise)?;
    if wanted != state.frozen {
        freezing::set(connection, (tenant, customer), wanted, (reason.as_str(), user), now).await?;
    }
    Ok(())
}

/// Creates an account with a project for each region and a user of the account's own name.
pub async fn create_account(
    connection: &mut PgConnection,
    name: &LoginName,
    kind: CallerKind,
    parent: Option<&str>,
    now: OffsetDateTime,
) -> Result<DomainId, identity::Refusal> {
    let mut transaction = connection.begin().await?;
    let above = match parent {
        Some(parent) => Some(identity::find_account(&mut transaction, parent).await?),
        None => None,
    };
    let parent_kind = match above {
        Some(above) => Some(accounts::domain_kind(&mut transaction, above.0, above.1).await?),
        None => None,
    };
    identity::check_parent(kind, parent_kind)?;
    let domain = DomainId::new(now);
    let tenant = above.map_or(TenantId(domain.0), |above| above.0);
    let new = NewDomain { tenant, id: domain, parent: above.map(|above| above.1), name: name.as_str(), kind };
    if !identity::open_account(&mut transaction, &new, None, now).await? {
        return Err(identity::Refusal::NameTaken(name.as_str().to_owned()));
    }
    if matches!(kind, CallerKind::Customer | CallerKind::Master) {
        // Below a partner a new customer is a resale one, as the vendor creates them.
        let association =
            above.map(|above| Association { partner: above.1, kind: AssociationType::Resale, since: now });
        membership::insert(&mut transaction, tenant, domain, association).await?;
    }
    transaction.commit().await?;
    Ok(domain)
}
