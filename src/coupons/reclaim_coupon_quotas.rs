//! `POST /v2/partners/coupon-quotas/indirect-partner-reclaim`

use super::create_partner_coupons::refused;
use super::model::{Quota, QuotaIdText, QuotaStatus, Remark, quota_purse};
use super::refusal::{ErrorDetail, Refusal};
use super::store::books::{self, Book, NewRecord, Operation};
use super::store::quotas;
use crate::api::caller::{CallerKind, Distributor};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Begun, Write};
use crate::app::App;
use crate::ledger::books::Transfer;
use crate::ledger::{self, Posting, TransferKind};
use crate::values::amount::Amount;
use crate::values::id::{DomainId, QuotaId, TenantId};
use crate::values::list::List;
use crate::values::site::Site;
use axum::extract::State;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// Which quotas to take back.
#[derive(Deserialize, ToSchema)]
pub struct ReclaimCouponQuotasReq {
    /// The resellers' quotas: 1 to 10.
    #[schema(inline, value_type = Vec<QuotaIdText>, max_items = 10)]
    quota_ids: List<QuotaIdText, 10>,
    /// A remark for the records.
    remark: Option<Remark>,
}

/// What came of it, quota by quota.
#[derive(Serialize, ToSchema)]
pub struct ReclaimCouponQuotasResponse {
    /// Quotas that were not taken back, and why.
    error_details: Vec<ErrorDetail>,
    /// The others.
    simple_quota_infos: Vec<QuotaReclaim>,
}

/// A quota that was taken back.
#[derive(Serialize, ToSchema)]
pub struct QuotaReclaim {
    /// The quota.
    quota_id: QuotaId,
    /// What is left of it now: nothing.
    quota_balance: Amount,
}

/// Takes coupon quotas back from resellers.
///
/// What is left of each goes back to the quota it was split from. Coupons that were issued stay good; what is left of them
/// in the end goes there too.
#[utoipa::path(
    post, path = "/v2/partners/coupon-quotas/indirect-partner-reclaim",
    responses((status = 200, description = "What came of it.", body = ReclaimCouponQuotasResponse)),
    extensions(("x-policy" = json!(Policy::callers(&[CallerKind::Distributor]).on(Site::Cn).writes()))),
)]
pub async fn reclaim_coupon_quotas(
    State(app): State<App>,
    distributor: Distributor,
    write: Write,
    Json(request): Json<ReclaimCouponQuotasReq>,
) -> Result<Answer, ApiError> {
    let named = request.quota_ids.as_slice();
    if named.is_empty() {
        return Err(ApiError::parameter("quota_ids", "must not be empty"));
    }
    let tenant = distributor.tenant;
    let mut transaction = match write.begin().await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(transaction) => transaction,
    };
    let (connection, now) = (transaction.connection(), app.now(tenant));
    let ids: Vec<QuotaId> = named.iter().filter_map(QuotaIdText::id).collect();
    let mut found: BTreeMap<QuotaId, Quota> =
        quotas::lock(connection, tenant, &ids).await?.into_iter().map(|quota| (quota.id, quota)).collect();
    let (mut taken, mut error_details) = (Vec::new(), Vec::new());
    for text in named {
        // One named twice is gone the second time.
        let quota = text.id().and_then(|id| found.remove(&id));
        match quota.and_then(|quota| reclaimable(quota, distributor.domain)) {
            Some(quota) => taken.push(quota),
            None => error_details.push(Refusal::NoSuchQuota.detail(text.as_str())),
        }
    }
    let memo = request.remark.as_ref().map_or("", Remark::as_str);
    reclaim(connection, tenant, &taken, &distributor, (memo, now)).await?;
    let gone = |(quota, _): &(Quota, QuotaId)| QuotaReclaim { quota_id: quota.id, quota_balance: Amount::ZERO };
    let simple_quota_infos = taken.iter().map(gone).collect();
    let subject: Vec<String> = taken.iter().map(|(quota, _)| quota.id.to_string()).collect();
    let body = ReclaimCouponQuotasResponse { error_details, simple_quota_infos };
    transaction.finish(&subject.join(" "), &body).await
}

/// The quota and its parent, if it was split off by this distributor and has not been taken back. An expired one can be; one
/// that the vendor has frozen, set invalid or is adjusting cannot.
fn reclaimable(quota: Quota, distributor: DomainId) -> Option<(Quota, QuotaId)> {
    // Whoever is not the owner of a quota with a parent is above its owner: a tenant has one distributor.
    let parent = quota.parent.filter(|_| quota.owner != distributor && quota.status == QuotaStatus::Normal)?;
    Some((quota, parent))
}

async fn reclaim(
    connection: &mut PgConnection,
    tenant: TenantId,
    taken: &[(Quota, QuotaId)],
    distributor: &Distributor,
    (memo, now): (&str, OffsetDateTime),
) -> Result<(), ApiError> {
    let mut postings = Vec::new();
    for (quota, parent) in taken {
        let amount = quotas::balance(connection, tenant, quota.id).await?;
        quotas::set_status(connection, (tenant, quota.id), QuotaStatus::Reclaimed, now).await?;
        if amount > Decimal::ZERO {
            postings.push(Posting {
                kind: TransferKind::QuotaReclaim,
                from: quota_purse(tenant, quota.id, quota.currency),
                to: quota_purse(tenant, *parent, quota.currency),
                amount,
                customer: Some(quota.owner),
                reference: String::new(),
                memo: memo.to_owned(),
                user: Some(distributor.user),
            });
        }
    }
    if postings.is_empty() {
        return Ok(());
    }
    let transfers = ledger::post(connection, tenant, &postings, now).await.map_err(refused)?;
    // What moved nothing leaves no record: the vendor's records have amounts above zero.
    let record = |transfer: &Transfer| {
        let (quota, parent) = taken.iter().find(|(quota, _)| quota.id.0 == transfer.posting.from.owner())?;
        Some(NewRecord {
            owner: distributor.domain,
            book: Book::Split,
            operation: Operation::Reclaim,
            quota: Some((quota.id, quota.kind)),
            parent: Some(*parent),
            coupon: None,
            customer: quota.owner,
            amount: transfer.posting.amount,
            balance_after: transfer.from.after,
            reference: String::new(),
            paid_for: Default::default(),
            memo: memo.to_owned(),
            user: Some(distributor.user),
            refused: None,
            happened_at: transfer.happened_at,
        })
    };
    let records: Vec<NewRecord> = transfers.iter().filter_map(record).collect();
    books::append(connection, tenant, &records).await?;
    Ok(())
}
