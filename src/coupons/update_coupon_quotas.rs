//! `POST /v2/partners/coupon-quotas/indirect-partner-adjust`

use super::create_partner_coupons::{each_once, refused};
use super::issue;
use super::model::{Quota, QuotaIdText, QuotaKind, QuotaStatus, Terms, quota_purse};
use super::refusal::{ErrorDetail, Refusal};
use super::store::books::{self, Book, NewRecord, Operation};
use super::store::quotas::{self, NewQuota};
use crate::api::caller::{CallerKind, Distributor};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Begun, Write};
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::customers::refusal::LookUpError;
use crate::ledger::books::Transfer;
use crate::ledger::{self, PostError, Posting, TransferKind};
use crate::values::amount::PositiveAmount;
use crate::values::id::{DomainId, QuotaId, TenantId, UserId};
use crate::values::list::List;
use crate::values::site::Site;
use axum::extract::State;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// What to give, and to whom.
#[derive(Deserialize, ToSchema)]
pub struct AdjustCouponQuotasReq {
    /// The distributor's quota.
    quota_id: QuotaIdText,
    /// The resellers: 1 to 100, each once.
    #[schema(inline, value_type = Vec<AccountIdText>, max_items = 100)]
    indirect_partner_ids: List<AccountIdText, 100>,
    /// How much each gets, in the unit of the quota's currency: above 0, at most 2 decimals. A number or a text.
    quota_amount: PositiveAmount,
}

/// What came of it, reseller by reseller.
#[derive(Serialize, ToSchema)]
pub struct UpdateCouponQuotasResponse {
    /// Resellers who got none, and why.
    error_details: Vec<ErrorDetail>,
    /// The quotas of the others.
    simple_quota_infos: Vec<QuotaSimpleInfo>,
}

/// A quota that was given.
#[derive(Serialize, ToSchema)]
pub struct QuotaSimpleInfo {
    /// The reseller.
    id: DomainId,
    /// Its new quota.
    quota_id: QuotaId,
}

/// Gives resellers coupon quotas out of the distributor's own.
///
/// Each gets a quota of its own with the limits and the validity of this one, as long as this one lasts. Cash coupons only.
#[utoipa::path(
    post, path = "/v2/partners/coupon-quotas/indirect-partner-adjust",
    responses((status = 200, description = "What came of it.", body = UpdateCouponQuotasResponse)),
    extensions(("x-policy" = json!(Policy::callers(&[CallerKind::Distributor]).on(Site::Cn).writes()))),
)]
pub async fn update_coupon_quotas(
    State(app): State<App>,
    distributor: Distributor,
    write: Write,
    Json(request): Json<AdjustCouponQuotasReq>,
) -> Result<Answer, ApiError> {
    each_once("indirect_partner_ids", request.indirect_partner_ids.as_slice())?;
    let tenant = distributor.tenant;
    let mut resellers = Vec::new();
    let mut error_details = Vec::new();
    for named in request.indirect_partner_ids.as_slice() {
        match app.customers.reseller(&distributor, named).await {
            Ok((reseller, _)) => resellers.push(reseller),
            Err(LookUpError::Unrelated(unrelated)) => {
                error_details.push(Refusal::Unrelated(unrelated).detail(named.as_str()));
            }
            Err(LookUpError::Failed(error)) => return Err(error),
        }
    }
    let mut transaction = match write.begin().await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(transaction) => transaction,
    };
    let (connection, now) = (transaction.connection(), app.now(tenant));
    let parent = quotas::lock(connection, tenant, &[issue::quota_id(&request.quota_id)?]).await?.pop();
    let parent = usable(parent, distributor.domain, now)?;
    let amount = request.quota_amount.get().decimal();
    let balance = quotas::balance(connection, tenant, parent.id).await?;
    let (given, left_out) = share(resellers, balance, amount);
    error_details.extend(left_out.iter().map(|reseller| Refusal::InsufficientQuota.detail(&reseller.to_string())));
    let children: Vec<Quota> = given.iter().map(|reseller| child(&parent, *reseller, amount, now)).collect();
    split(connection, (tenant, distributor.domain), &parent, &children, Some(distributor.user), now)
        .await
        .map_err(refused)?;
    let simple_quota_infos =
        children.iter().map(|child| QuotaSimpleInfo { id: child.owner, quota_id: child.id }).collect();
    let body = UpdateCouponQuotasResponse { error_details, simple_quota_infos };
    transaction.finish(&parent.id.to_string(), &body).await
}

/// The quota, if it is the distributor's and something can be split from it.
fn usable(quota: Option<Quota>, owner: DomainId, now: OffsetDateTime) -> Result<Quota, Refusal> {
    let is_usable = |quota: &Quota| {
        quota.owner == owner
            && quota.kind == QuotaKind::Cash
            && quota.status == QuotaStatus::Normal
            && now < quota.validity.until
    };
    quota.filter(is_usable).ok_or(Refusal::NoSuchQuota)
}

/// Who gets a share, in the order named, and who does not any more.
fn share(resellers: Vec<DomainId>, mut balance: Decimal, amount: Decimal) -> (Vec<DomainId>, Vec<DomainId>) {
    resellers.into_iter().partition(|_| {
        let is_enough = balance >= amount;
        balance -= if is_enough { amount } else { Decimal::ZERO };
        is_enough
    })
}

/// A reseller's quota. Limits that name the distributor's customers mean nothing for a reseller's.
fn child(parent: &Quota, reseller: DomainId, amount: Decimal, now: OffsetDateTime) -> Quota {
    Quota {
        id: QuotaId::new(now),
        owner: reseller,
        parent: Some(parent.id),
        value: amount,
        terms: Terms { only_customers: None, ..parent.terms.clone() },
        used_told: false,
        ..parent.clone()
    }
}

/// Splits quotas off a parent that is locked.
async fn split(
    connection: &mut PgConnection,
    (tenant, distributor): (TenantId, DomainId),
    parent: &Quota,
    children: &[Quota],
    user: Option<UserId>,
    now: OffsetDateTime,
) -> Result<(), PostError> {
    if children.is_empty() {
        return Ok(());
    }
    for child in children {
        quotas::insert(connection, tenant, NewQuota { quota: child, issuer: Some(distributor) }, now).await?;
    }
    let posting = |child: &Quota| Posting {
        kind: TransferKind::QuotaSplit,
        from: quota_purse(tenant, parent.id, parent.currency),
        to: quota_purse(tenant, child.id, child.currency),
        amount: child.value,
        customer: Some(child.owner),
        reference: String::new(),
        memo: String::new(),
        user,
    };
    let postings: Vec<Posting> = children.iter().map(posting).collect();
    let transfers = ledger::post(connection, tenant, &postings, now).await?;
    let record = |(child, transfer): (&Quota, &Transfer)| NewRecord {
        owner: distributor,
        book: Book::Split,
        operation: Operation::Issue,
        quota: Some((child.id, child.kind)),
        parent: Some(parent.id),
        coupon: None,
        customer: child.owner,
        amount: child.value,
        balance_after: transfer.to.after,
        reference: String::new(),
        paid_for: Default::default(),
        memo: String::new(),
        user,
        refused: None,
        happened_at: transfer.happened_at,
    };
    let records: Vec<NewRecord> = children.iter().zip(&transfers).map(record).collect();
    books::append(connection, tenant, &records).await?;
    let left = transfers.last().map_or(parent.value, |last| last.from.after);
    issue::tell_if_mostly_used(connection, tenant, parent, left, now).await?;
    Ok(())
}

/// Gives one reseller a quota, for the sandbox.
pub async fn split_for(
    connection: &mut PgConnection,
    (tenant, distributor): (TenantId, DomainId),
    (parent, reseller): (QuotaId, DomainId),
    amount: Decimal,
    now: OffsetDateTime,
) -> Result<QuotaId, PostError> {
    let parent = quotas::lock(connection, tenant, &[parent]).await?.pop().ok_or(sqlx::Error::RowNotFound)?;
    let child = child(&parent, reseller, amount, now);
    split(connection, (tenant, distributor), &parent, std::slice::from_ref(&child), None, now).await?;
    Ok(child.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_quota_is_shared_as_long_as_it_lasts() {
        let resellers: Vec<DomainId> = (1..=3).map(|id| DomainId(Uuid::from_u128(id))).collect();
        let (given, left_out) = share(resellers.clone(), Decimal::new(2099, 2), Decimal::TEN);
        assert_eq!((given, left_out), (resellers[..2].to_vec(), resellers[2..].to_vec()));
        assert_eq!(share(resellers.clone(), Decimal::new(30, 0), Decimal::TEN), (resellers, vec![]));
    }
}
