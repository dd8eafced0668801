//! The sandbox's quotas and coupons: some of each kind, so that every list shows something.

use super::administration::{self, Grant, OwnCoupon};
use super::issue::{self, Making};
use super::limits::{Limits, SubscribeType};
use super::model::{CouponKind, QuotaKind, Terms, Validity};
use super::returns::{self, End};
use super::store::books::Operation;
use super::store::coupons::{self, Issue, Which};
use super::store::{partners, quotas};
use super::update_coupon_quotas::split_for;
use crate::values::amount::PositiveAmount;
use crate::values::id::{CouponId, DomainId, QuotaId, TenantId, UserId};
use crate::values::money::Currency;
use anyhow::Context;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

/// An account of the sandbox.
pub type Account = (TenantId, DomainId);

/// Products that coupons can be limited to. Ids and names are ours.
const PRODUCTS: [(&str, &[SubscribeType]); 3] = [
    ("sample-product-server", &SubscribeType::ALL),
    ("sample-product-disk", &SubscribeType::ALL),
    ("sample-product-support", &[SubscribeType::New]),
];

/// Makes them: for a partner with its customer, and for a distributor with its reseller and that one's customer. Times lie
/// on whole seconds, as the interfaces show them.
pub async fn make(
    connection: &mut PgConnection,
    (partner, customer): (Account, Account),
    (distributor, reseller, resellers_customer): (Account, Account, Account),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let now = now.replace_nanosecond(0)?;
    for (id, ways) in PRODUCTS {
        partners::set_product(connection, id, ways).await?;
    }
    let limited = limits(&["cloudServiceType=hws.service.type.ec2,hws.service.type.ebs", "maxDeductionRatio=0.5"])?;
    let open = grant(connection, partner, QuotaKind::Cash, "10000", Limits::default(), now).await?;
    grant(connection, partner, QuotaKind::Cash, "2000", limited, now).await?;
    let flexi = grant(connection, partner, QuotaKind::Flexi, "5000", Limits::default(), now).await?;
    issue(connection, partner, open, &[customer.1], "100", now).await?;
    issue(connection, partner, open, &[customer.1], "25.50", now).await?;
    issue(connection, partner, flexi, &[customer.1], "60", now).await?;

    let discount = OwnCoupon {
        kind: CouponKind::Discount,
        face_value: Decimal::new(85, 2),
        currency: Currency::Cny,
        validity: validity(now),
        limits: limits(&["subscribeType=new", "cycleType=0"])?,
        group: 0,
        name: "15 % off the first year".to_owned(),
        memo: String::new(),
    };
    administration::issue_own(connection, customer, &discount, now).await?;
    let product = OwnCoupon {
        kind: CouponKind::Product,
        face_value: Decimal::new(300, 0),
        limits: limits(&["productId=sample-product-server"])?,
        name: "A server for a month".to_owned(),
        ..discount
    };
    administration::issue_own(connection, customer, &product, now).await?;

    grant(connection, distributor, QuotaKind::Cash, "8000", Limits::default(), now).await?;
    let split = grant(connection, distributor, QuotaKind::Cash, "3000", Limits::default(), now).await?;
    let child = split_for(connection, distributor, (split, reseller.1), Decimal::new(1000, 0), now).await?;
    issue(connection, reseller, child, &[resellers_customer.1], "80", now).await
}

fn limits(texts: &[&str]) -> anyhow::Result<Limits> {
    let mut limits = Limits::default();
    texts.iter().try_for_each(|text| limits.add(text)).map_err(anyhow::Error::msg)?;
    Ok(limits)
}

fn validity(now: OffsetDateTime) -> Validity {
    Validity { from: now, until: now.saturating_add(Duration::days(365)) }
}

fn amount(text: &str) -> anyhow::Result<PositiveAmount> {
    PositiveAmount::try_from(text).map_err(anyhow::Error::msg)
}

/// Grants a quota for a year.
pub async fn grant(
    connection: &mut PgConnection,
    account: Account,
    kind: QuotaKind,
    value: &str,
    limits: Limits,
    now: OffsetDateTime,
) -> anyhow::Result<QuotaId> {
    let grant = Grant {
        id: QuotaId::new(now),
        kind,
        value: amount(value)?,
        currency: Currency::Cny,
        validity: validity(now),
        limits,
        terms: Terms::default(),
        memo: String::new(),
    };
    administration::grant(connection, account, &grant, now).await?;
    Ok(grant.id)
}

async fn issue(
    connection: &mut PgConnection,
    seller: Account,
    quota: QuotaId,
    holders: &[DomainId],
    face_value: &str,
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let batch = Batch { quota, face_value: amount(face_value)?.get().decimal(), validity: None, user: None };
    hand_out(connection, seller, holders, &batch, now).await?;
    Ok(())
}

/// Coupons that are issued together.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// Out of which quota.
    pub quota: QuotaId,
    /// What each is worth.
    pub face_value: Decimal,
    /// When they can be used; `None` is as long as coupons can be issued.
    pub validity: Option<Validity>,
    /// Who issues them.
    pub user: Option<UserId>,
}

/// Issues coupons to customers of a seller.
pub async fn hand_out(
    connection: &mut PgConnection,
    (tenant, seller): Account,
    holders: &[DomainId],
    batch: &Batch,
    now: OffsetDateTime,
) -> anyhow::Result<Vec<CouponId>> {
    let quota =
        quotas::lock(connection, tenant, &[batch.quota]).await?.pop().context("the quota was granted before")?;
    let issue = Issue {
        source: Some((seller, quota.id)),
        kind: quota.kind.coupon(),
        face_value: batch.face_value,
        currency: quota.currency,
        validity: batch.validity.unwrap_or(quota.validity),
        limits: &quota.limits,
        group: 0,
        name: "",
        memo: "A sample",
    };
    let making = Making { quota: Some(&quota), issue, holders, user: batch.user };
    let made = issue::make(connection, tenant, &making, now).await?;
    Ok(made.into_iter().map(|(coupon, _)| coupon).collect())
}

/// Issues a cash coupon of the vendor's own for a year.
pub async fn reward(
    connection: &mut PgConnection,
    customer: Account,
    yuan: u32,
    now: OffsetDateTime,
) -> anyhow::Result<CouponId> {
    let coupon = OwnCoupon {
        kind: CouponKind::Cash,
        face_value: Decimal::from(yuan),
        currency: Currency::Cny,
        validity: validity(now),
        limits: Limits::default(),
        group: 0,
        name: "Thank you".to_owned(),
        memo: "A sample".to_owned(),
    };
    Ok(administration::issue_own(connection, customer, &coupon, now).await?)
}

/// Takes coupons back.
pub async fn take_back(
    connection: &mut PgConnection,
    tenant: TenantId,
    ids: &[CouponId],
    user: UserId,
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let taken = coupons::lock(connection, tenant, Which::Ids(ids)).await?;
    let end = End { operation: Operation::Reclaim, memo: "", user: Some(user) };
    returns::end(connection, tenant, taken, end, now).await?;
    Ok(())
}

/// A quota of 1000 yuan of which 11 coupons of 90 are issued, by turns to these customers.
pub async fn almost_used(
    connection: &mut PgConnection,
    partner: Account,
    customers: &[DomainId],
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let quota = grant(connection, partner, QuotaKind::Cash, "1000", Limits::default(), now).await?;
    let holders: Vec<DomainId> = customers.iter().copied().cycle().take(11).collect();
    issue(connection, partner, quota, &holders, "90", now).await
}

/// A customer with a coupon of 50 yuan that expires after a while.
pub async fn expiring(
    connection: &mut PgConnection,
    partner: Account,
    customer: DomainId,
    after: Duration,
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let quota = grant(connection, partner, QuotaKind::Cash, "1000", Limits::default(), now).await?;
    let validity = Some(Validity { from: now, until: now.saturating_add(after) });
    let batch = Batch { quota, face_value: Decimal::new(50, 0), validity, user: None };
    hand_out(connection, partner, &[customer], &batch, now).await?;
    Ok(())
}
