//! Issuing coupons: the rules, purely, and the change they allow.

use super::events::CouponQuotaUsed;
use super::limits::{LimitKey, Limits, SubscribeType};
use super::model::{CouponKind, Quota, QuotaStatus, Validity, coupon_purse, quota_purse};
use super::refusal::{ErrorDetail, Refusal};
use super::store::books::{self, Book, NewRecord, Operation};
use super::store::coupons::{self, Issue};
use super::store::{partners, quotas};
use crate::customers::model::{AccountIdText, AssociationType};
use crate::customers::refusal::Unrelated;
use crate::customers::store::Recipient;
use crate::ledger::books::Transfer;
use crate::ledger::{self, PostError, Posting, Purse, TransferKind};
use crate::outbox::{self, Event};
use crate::values::amount::AmountText;
use crate::values::id::{CouponId, DomainId, QuotaId, TenantId, UserId};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// From which used share of a quota on its owner is told, once.
const TOLD_FROM: Decimal = Decimal::from_parts(8, 0, 0, false, 1);

/// What is to be issued.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Who issues.
    pub partner: DomainId,
    /// To whom.
    pub customers: &'a [AccountIdText],
    /// What each coupon is worth.
    pub face_value: Decimal,
    /// Cloud services it may be used for; none: as the quota says.
    pub services: Vec<String>,
    /// Products it may be used for; none: as the quota says.
    pub products: Vec<String>,
}

/// What has to be known to decide.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Whether the partner uses coupons itself.
    pub is_converted: bool,
    /// The quota, if there is one of that id.
    pub quota: Option<Quota>,
    /// What is left of it.
    pub balance: Decimal,
    /// The customers that there are.
    pub recipients: BTreeMap<DomainId, Recipient>,
    /// What they have been given from this quota: how many coupons, of which sum.
    pub given: BTreeMap<DomainId, (i64, Decimal)>,
    /// Whether a cloud service named does not exist.
    pub has_unknown_service: bool,
    /// The products named that exist, with the ways they can be ordered.
    pub products: BTreeMap<String, Vec<SubscribeType>>,
}

/// Who gets a coupon and who does not.
#[derive(Clone, PartialEq, Debug)]
pub struct Decision {
    /// They get one.
    pub customers: Vec<DomainId>,
    /// They do not.
    pub errors: Vec<ErrorDetail>,
    /// What the coupons may be used for.
    pub limits: Limits,
}

/// Decides, without a change: the whole is refused, or each customer gets a coupon or an error, in the order named, as long
/// as the quota lasts.
pub fn decide(wanted: &Wanted<'_>, facts: &Facts, now: OffsetDateTime) -> Result<Decision, Refusal> {
    if facts.is_converted {
        return Err(Refusal::Converted);
    }
    let quota = facts.quota.as_ref().filter(|quota| quota.owner == wanted.partner);
    let quota = quota.filter(|quota| quota.status == QuotaStatus::Normal).ok_or(Refusal::NoSuchQuota)?;
    if !quota.validity.contains(now) {
        return Err(Refusal::QuotaNotValid);
    }
    decide_face(wanted.face_value, quota)?;
    let limits = decide_limits(wanted, facts, quota)?;
    let ids: Vec<Option<DomainId>> = wanted.customers.iter().map(AccountIdText::id).collect();
    decide_customers(wanted.partner, &ids, facts, quota)?;
    let mut left = facts.balance;
    let mut decision = Decision { customers: Vec::new(), errors: Vec::new(), limits };
    for (text, id) in wanted.customers.iter().zip(ids) {
        match decide_one(id, wanted, facts, quota, left) {
            Ok(customer) => {
                left -= wanted.face_value;
                decision.customers.push(customer);
            }
            Err(refusal) => decision.errors.push(refusal.detail(text.as_str())),
        }
    }
    Ok(decision)
}

fn decide_face(face_value: Decimal, quota: &Quota) -> Result<(), Refusal> {
    if quota.terms.face_min.is_some_and(|min| face_value < min) {
        return Err(Refusal::FaceTooSmall);
    }
    if quota.terms.face_max.is_some_and(|max| face_value > max) {
        return Err(Refusal::FaceTooLarge);
    }
    Ok(())
}

/// The coupons' limits: the quota's, narrowed by what the request names.
fn decide_limits(wanted: &Wanted<'_>, facts: &Facts, quota: &Quota) -> Result<Limits, Refusal> {
    if facts.has_unknown_service {
        return Err(Refusal::NoSuchServiceType);
    }
    if wanted.products.iter().any(|product| !facts.products.contains_key(product)) {
        return Err(Refusal::NoSuchProduct);
    }
    let is_within = |key: LimitKey, named: &[String]| {
        let allowed = quota.limits.values(key);
        allowed.is_empty() || named.iter().all(|value| allowed.contains(value))
    };
    let is_excluded = |product: &String| quota.limits.values(LimitKey::ExcludedProductId).contains(product);
    if !is_within(LimitKey::CloudServiceType, &wanted.services)
        || !is_within(LimitKey::ProductId, &wanted.products)
        || wanted.products.iter().any(is_excluded)
    {
        return Err(Refusal::BeyondProducts);
    }
    // A request names no ways of ordering, but its products can be ordered in some only.
    let rules = quota.limits.rules().ok();
    let allowed = rules.and_then(|rules| rules.subscribe_types);
    let can_be_ordered = |product: &String| {
        let ways = &facts.products[product];
        allowed.as_ref().is_none_or(|allowed| ways.iter().any(|way| allowed.contains(way)))
    };
    if !wanted.products.iter().all(can_be_ordered) {
        return Err(Refusal::BeyondOrderTypes);
    }
    let mut limits = quota.limits.clone();
    for (key, named) in [(LimitKey::CloudServiceType, &wanted.services), (LimitKey::ProductId, &wanted.products)] {
        if !named.is_empty() {
            limits.set(key, named.clone());
        }
    }
    Ok(limits)
}

/// What refuses the whole request because of one customer.
fn decide_customers(partner: DomainId, ids: &[Option<DomainId>], facts: &Facts, quota: &Quota) -> Result<(), Refusal> {
    if ids.contains(&Some(partner)) {
        return Err(Refusal::ToItself);
    }
    let ours = ids.iter().flatten().filter_map(|id| facts.recipients.get(id));
    for recipient in ours.filter(|recipient| recipient.partner == Some(partner)) {
        if quota.terms.only_customers.as_ref().is_some_and(|only| !only.contains(&recipient.id)) {
            return Err(Refusal::NotASpecifiedCustomer);
        }
        if quota.terms.only_first_association && !recipient.first_association {
            return Err(Refusal::NotFirstAssociation);
        }
    }
    Ok(())
}

fn decide_one(
    id: Option<DomainId>,
    wanted: &Wanted<'_>,
    facts: &Facts,
    quota: &Quota,
    left: Decimal,
) -> Result<DomainId, Refusal> {
    let recipient = id.and_then(|id| facts.recipients.get(&id)).ok_or(Refusal::Unrelated(Unrelated::NotACustomer))?;
    match recipient.partner {
        Some(partner) if partner == wanted.partner => {}
        Some(_) => return Err(Refusal::Unrelated(Unrelated::NoPermissionOnCustomer)),
        None => return Err(Refusal::Unrelated(Unrelated::NotACustomer)),
    }
    if recipient.association != Some(AssociationType::Resale) {
        return Err(Refusal::WrongCooperationType);
    }
    if recipient.in_custody {
        return Err(Refusal::InCustody);
    }
    let (count, sum) = facts.given.get(&recipient.id).copied().unwrap_or_default();
    if quota.terms.customer_coupons_max.is_some_and(|max| count >= i64::from(max)) {
        return Err(Refusal::TooManyCoupons);
    }
    if quota.terms.customer_face_max.is_some_and(|max| sum + wanted.face_value > max) {
        return Err(Refusal::TooMuchFace);
    }
    if left < wanted.face_value {
        return Err(Refusal::InsufficientQuota);
    }
    Ok(recipient.id)
}

/// Coupons to be made, for certain.
#[derive(Clone, Debug)]
pub struct Making<'a> {
    /// Who issues them, out of which quota.
    pub quota: Option<&'a Quota>,
    /// What they have in common.
    pub issue: Issue<'a>,
    /// For whom.
    pub holders: &'a [DomainId],
    /// Who caused it.
    pub user: Option<UserId>,
}

/// Makes coupons: the rows, the transfers out of the quota, the records, and the news for its owner.
pub async fn make(
    connection: &mut PgConnection,
    tenant: TenantId,
    making: &Making<'_>,
    now: OffsetDateTime,
) -> Result<Vec<(CouponId, DomainId)>, PostError> {
    let issue = &making.issue;
    let made: Vec<(CouponId, DomainId)> = making.holders.iter().map(|holder| (CouponId::new(now), *holder)).collect();
    if made.is_empty() {
        return Ok(made);
    }
    coupons::insert(connection, tenant, issue, &made, now).await?;
    if issue.kind.holds_money() {
        let transfers = pay_in(connection, tenant, making, &made, now).await?;
        books::append(connection, tenant, &records(making, &made, &transfers)).await?;
        if let (Some(quota), Some(last)) = (making.quota, transfers.last()) {
            tell_if_mostly_used(connection, tenant, quota, last.from.after, now).await?;
        }
    }
    if let Some((partner, _)) = issue.source {
        let more = i64::try_from(made.len()).unwrap_or(i64::MAX);
        partners::count_listed(connection, tenant, partner, more).await?;
    }
    Ok(made)
}

async fn pay_in(
    connection: &mut PgConnection,
    tenant: TenantId,
    making: &Making<'_>,
    made: &[(CouponId, DomainId)],
    now: OffsetDateTime,
) -> Result<Vec<Transfer>, PostError> {
    let issue = &making.issue;
    let from = match issue.source {
        Some((_, quota)) => quota_purse(tenant, quota, issue.currency),
        None => Purse::vendor(tenant, issue.currency),
    };
    let posting = |(coupon, holder): &(CouponId, DomainId)| Posting {
        kind: TransferKind::CouponIssue,
        from,
        to: coupon_purse(tenant, *coupon, issue.currency),
        amount: issue.face_value,
        customer: Some(*holder),
        reference: String::new(),
        memo: issue.memo.to_owned(),
        user: making.user,
    };
    ledger::post(connection, tenant, &made.iter().map(posting).collect::<Vec<_>>(), now).await
}

fn records(making: &Making<'_>, made: &[(CouponId, DomainId)], transfers: &[Transfer]) -> Vec<NewRecord> {
    let mut records = Vec::with_capacity(made.len() * 2);
    for ((coupon, holder), transfer) in made.iter().zip(transfers) {
        let held = NewRecord {
            owner: *holder,
            book: Book::Held,
            operation: Operation::Issue,
            quota: making.quota.map(|quota| (quota.id, quota.kind)),
            parent: None,
            coupon: Some(*coupon),
            customer: *holder,
            amount: transfer.posting.amount,
            balance_after: transfer.to.after,
            reference: String::new(),
            paid_for: Default::default(),
            memo: making.issue.memo.to_owned(),
            user: making.user,
            refused: None,
            happened_at: transfer.happened_at,
        };
        if let Some((partner, _)) = making.issue.source {
            records.push(NewRecord { owner: partner, book: Book::Issued, ..held.clone() });
        }
        records.push(held);
    }
    records
}

/// What the partner's book says of coupons that were not issued, if the quota is its own. Who can be no account is left out.
pub fn refusals(
    wanted: &Wanted<'_>,
    facts: &Facts,
    errors: &[ErrorDetail],
    (memo, user): (&str, UserId),
    now: OffsetDateTime,
) -> Vec<NewRecord> {
    let Some(quota) = facts.quota.as_ref().filter(|quota| quota.owner == wanted.partner) else { return Vec::new() };
    let record = |error: &ErrorDetail| {
        Some(NewRecord {
            owner: wanted.partner,
            book: Book::Issued,
            operation: Operation::Issue,
            quota: Some((quota.id, quota.kind)),
            parent: None,
            coupon: None,
            customer: DomainId(Uuid::try_parse(&error.id).ok()?),
            amount: wanted.face_value,
            balance_after: Decimal::ZERO,
            reference: String::new(),
            paid_for: Default::default(),
            memo: memo.to_owned(),
            user: Some(user),
            refused: Some(error.error_code),
            happened_at: now,
        })
    };
    errors.iter().filter_map(record).collect()
}

/// Tells the owner, once, that most of a quota is used.
pub async fn tell_if_mostly_used(
    connection: &mut PgConnection,
    tenant: TenantId,
    quota: &Quota,
    balance: Decimal,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let used = quota.value - balance;
    if quota.used_told || used < quota.value * TOLD_FROM {
        return Ok(());
    }
    quotas::set_used_told(connection, tenant, quota.id).await?;
    let used = CouponQuotaUsed {
        quota_id: quota.id,
        quota_value: AmountText(quota.value.into()),
        balance: AmountText(balance.into()),
        currency: quota.currency,
    };
    outbox::append(connection, tenant, &[Event::new(quota.owner, &used)], now).await
}

/// When coupons are valid: as the request says, else as the quota does, and never longer than that.
pub fn validity(
    asked: (Option<OffsetDateTime>, Option<OffsetDateTime>),
    quota: Validity,
    now: OffsetDateTime,
) -> Result<Validity, (&'static str, &'static str)> {
    // The wire has whole seconds, so the quota's own instant may come back without its fraction.
    let seconds = |instant: OffsetDateTime| instant.replace_nanosecond(0).unwrap_or(instant);
    let from = asked.0.filter(|from| seconds(quota.from) != *from).unwrap_or(quota.from);
    let until = asked.1.filter(|until| seconds(quota.until) != *until).unwrap_or(quota.until);
    if from < quota.from || from >= quota.until {
        return Err(("valid_time", "must lie within the validity of the quota"));
    }
    if until > quota.until {
        return Err(("expire_time", "must lie within the validity of the quota"));
    }
    if until <= from || until <= now {
        return Err(("expire_time", "must be later than valid_time and than now"));
    }
    Ok(Validity { from, until })
}

/// What the vendor's coupons of a kind must be limited to: a product coupon is one for certain products.
pub fn check_kind(kind: CouponKind, face_value: Decimal, limits: &Limits) -> Result<(), &'static str> {
    match kind {
        CouponKind::Product if limits.values(LimitKey::ProductId).is_empty() => {
            Err("a product coupon is limited to products: --limit productId=…")
        }
        CouponKind::Discount if face_value >= Decimal::ONE => {
            Err("the value of a discount coupon is the share that is still to be paid, below 1: 0.85 is 15 % off")
        }
        _ => Ok(()),
    }
}

/// The quota of an id that a request names.
pub fn quota_id(text: &super::model::QuotaIdText) -> Result<QuotaId, Refusal> {
    text.id().ok_or(Refusal::NoSuchQuota)
}
