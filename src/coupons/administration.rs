//! What the vendor's staff do: grant quotas, take them back, set how they stand, issue coupons of the vendor's own.

use super::issue::{self, Making};
use super::limits::Limits;
use super::model::{CouponKind, Quota, QuotaKind, QuotaStatus, Terms, Validity, quota_purse};
use super::store::coupons::Issue;
use super::store::partners;
use super::store::quotas::{self, NewQuota, QuotaFilter};
use crate::api::caller::CallerKind;
use crate::customers::model::Related;
use crate::customers::store as customers;
use crate::identity::store as identity;
use crate::ledger::{self, PostError, Posting, Purse, TransferKind};
use crate::values::amount::PositiveAmount;
use crate::values::id::{CouponId, DomainId, QuotaId, TenantId};
use crate::values::money::Currency;
use rust_decimal::Decimal;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Only partners and distributors are granted quotas.
    #[error("quotas are granted to partners and distributors; a reseller gets its from its distributor")]
    NotAPartner,
    /// No such quota.
    #[error("there is no such quota")]
    NoSuchQuota,
    /// A distributor takes back what it split.
    #[error("the quota is a reseller's: its distributor takes it back")]
    Split,
    /// Customers issue nothing.
    #[error("coupons are issued by partners, distributors and resellers")]
    NotAnIssuer,
    /// The limits make no sense.
    #[error("limits: {0}")]
    Limits(String),
    /// It would never be valid.
    #[error("it would never be valid: it must expire after it takes effect")]
    NeverValid,
    /// A customer named is none of the partner's.
    #[error("{0} is no customer of the partner")]
    NotACustomer(String),
    /// The coupon would make no sense.
    #[error("{0}")]
    Kind(&'static str),
    /// The ledger refuses.
    #[error(transparent)]
    Ledger(#[from] PostError),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// A quota to be granted.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Its id.
    pub id: QuotaId,
    /// What coupons it is for.
    pub kind: QuotaKind,
    /// What it is worth.
    pub value: PositiveAmount,
    /// In which currency.
    pub currency: Currency,
    /// When coupons can be issued.
    pub validity: Validity,
    /// What its coupons may be used for.
    pub limits: Limits,
    /// To whom how much may be issued.
    pub terms: Terms,
    /// A remark for the ledger.
    pub memo: String,
}

/// What quotas and coupons of the vendor's own have in common.
fn check(validity: Validity, limits: &Limits) -> Result<(), Refusal> {
    if validity.from >= validity.until {
        return Err(Refusal::NeverValid);
    }
    limits.rules().map(drop).map_err(Refusal::Limits)
}

/// The customers of these names, which are accounts of the tenant.
pub async fn customers_named(
    connection: &mut PgConnection,
    tenant: TenantId,
    names: &[String],
) -> Result<Vec<DomainId>, Refusal> {
    let mut customers = Vec::new();
    for name in names {
        let found = identity::domain_by_name(connection, name).await?.filter(|(of, _)| *of == tenant);
        customers.push(found.ok_or_else(|| Refusal::NotACustomer(name.clone()))?.1);
    }
    Ok(customers)
}

/// That this account issues coupons from a quota of this id.
pub async fn check_owner(
    connection: &mut PgConnection,
    (tenant, owner): (TenantId, DomainId),
    quota: QuotaId,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let filter = QuotaFilter { owner: Some(owner), ids: Some(vec![quota]), ..QuotaFilter::default() };
    let (_, found) = quotas::page(connection, tenant, &filter, now, (0, 1)).await?;
    if found == 1 { Ok(()) } else { Err(Refusal::NoSuchQuota) }
}

/// Grants a partner or a distributor a quota.
pub async fn grant(
    connection: &mut PgConnection,
    (tenant, owner): (TenantId, DomainId),
    grant: &Grant,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    check(grant.validity, &grant.limits)?;
    let mut transaction = connection.begin().await?;
    let kind = identity::domain_kind(&mut transaction, tenant, owner).await?;
    if !CallerKind::PARTNERS.contains(&kind) {
        return Err(Refusal::NotAPartner);
    }
    check_customers(&mut transaction, (tenant, owner), &grant.terms).await?;
    let quota = Quota {
        id: grant.id,
        owner,
        parent: None,
        kind: grant.kind,
        value: grant.value.get().decimal(),
        currency: grant.currency,
        status: QuotaStatus::Normal,
        validity: grant.validity,
        limits: grant.limits.clone(),
        terms: grant.terms.clone(),
        used_told: false,
    };
    quotas::insert(&mut transaction, tenant, NewQuota { quota: &quota, issuer: None }, now).await?;
    let posting = Posting {
        kind: TransferKind::QuotaGrant,
        from: Purse::vendor(tenant, quota.currency),
        to: quota_purse(tenant, quota.id, quota.currency),
        amount: quota.value,
        customer: Some(owner),
        reference: String::new(),
        memo: grant.memo.clone(),
        user: None,
    };
    ledger::post(&mut transaction, tenant, &[posting], now).await?;
    transaction.commit().await?;
    Ok(())
}

async fn check_customers(
    connection: &mut PgConnection,
    (tenant, owner): (TenantId, DomainId),
    terms: &Terms,
) -> Result<(), Refusal> {
    for customer in terms.only_customers.iter().flatten() {
        match customers::related(connection, tenant, *customer).await? {
            Some(Related::Customer(customer)) if customer.association.partner == owner => {}
            _ => return Err(Refusal::NotACustomer(customer.to_string())),
        }
    }
    Ok(())
}

/// Takes back what is left of a quota that the vendor granted. It can be used no more.
pub async fn withdraw(
    connection: &mut PgConnection,
    (tenant, id): (TenantId, QuotaId),
    memo: &str,
    now: OffsetDateTime,
) -> Result<Decimal, Refusal> {
    let mut transaction = connection.begin().await?;
    let quota = quotas::lock(&mut transaction, tenant, &[id]).await?.pop().ok_or(Refusal::NoSuchQuota)?;
    if quota.parent.is_some() {
        return Err(Refusal::Split);
    }
    let amount = quotas::balance(&mut transaction, tenant, id).await?;
    quotas::set_status(&mut transaction, (tenant, id), QuotaStatus::Reclaimed, now).await?;
    if amount > Decimal::ZERO {
        let posting = Posting {
            kind: TransferKind::QuotaWithdraw,
            from: quota_purse(tenant, id, quota.currency),
            to: Purse::vendor(tenant, quota.currency),
            amount,
            customer: Some(quota.owner),
            reference: String::new(),
            memo: memo.to_owned(),
            user: None,
        };
        ledger::post(&mut transaction, tenant, &[posting], now).await?;
    }
    transaction.commit().await?;
    Ok(amount)
}

/// Freezes a quota, sets it invalid or normal again.
pub async fn set_status(
    connection: &mut PgConnection,
    quota: (TenantId, QuotaId),
    status: QuotaStatus,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    if quotas::set_status(connection, quota, status, now).await? { Ok(()) } else { Err(Refusal::NoSuchQuota) }
}

/// A coupon that the vendor issues itself.
#[derive(Clone, Debug)]
pub struct OwnCoupon {
    /// What it is.
    pub kind: CouponKind,
    /// What it is worth; of a discount coupon the share that is still to be paid.
    pub face_value: Decimal,
    /// In which currency.
    pub currency: Currency,
    /// When it can be used.
    pub validity: Validity,
    /// For what.
    pub limits: Limits,
    /// Which group it belongs to.
    pub group: i16,
    /// Its name.
    pub name: String,
    /// A remark.
    pub memo: String,
}

/// Issues a coupon of the vendor's own to a partner or a customer.
pub async fn issue_own(
    connection: &mut PgConnection,
    (tenant, holder): (TenantId, DomainId),
    coupon: &OwnCoupon,
    now: OffsetDateTime,
) -> Result<CouponId, Refusal> {
    check(coupon.validity, &coupon.limits)?;
    issue::check_kind(coupon.kind, coupon.face_value, &coupon.limits).map_err(Refusal::Kind)?;
    let mut transaction = connection.begin().await?;
    let issue = Issue {
        source: None,
        kind: coupon.kind,
        face_value: coupon.face_value,
        currency: coupon.currency,
        validity: coupon.validity,
        limits: &coupon.limits,
        group: coupon.group,
        name: &coupon.name,
        memo: &coupon.memo,
    };
    let making = Making { quota: None, issue, holders: &[holder], user: None };
    let made = issue::make(&mut transaction, tenant, &making, now).await?;
    transaction.commit().await?;
    Ok(made[0].0)
}

/// What is set of a partner as an issuer of coupons; `None` stays as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Issuing {
    /// Whether it issues coupons; otherwise it uses them itself.
    pub issues_coupons: Option<bool>,
    /// How many days before a coupon expires it is told.
    pub notice_days: Option<i16>,
}

/// Sets it.
pub async fn set_issuing(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    issuing: Issuing,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    if identity::domain_kind(connection, tenant, partner).await?.is_customer() {
        return Err(Refusal::NotAnIssuer);
    }
    let mut transaction = connection.begin().await?;
    if let Some(issues) = issuing.issues_coupons {
        partners::set_converted(&mut transaction, (tenant, partner), (!issues).then_some(now)).await?;
    }
    if let Some(days) = issuing.notice_days {
        partners::set_notice_days(&mut transaction, (tenant, partner), days).await?;
    }
    Ok(transaction.commit().await?)
}
