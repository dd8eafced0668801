//! `POST /v2/partners/coupon-quotas/query`

use super::model::{
    QuotaIdText, QuotaKind, QuotaLimitInfo, QuotaStatus, Validity, YUAN, between, quota_limits, shown_quota_status,
};
use super::store::quotas::{self, QuotaFilter, QuotaRow};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::filter::{Filter, Ignored, Refused};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::values::amount::Amount;
use crate::values::id::{DomainId, QuotaId};
use crate::values::list::List;
use crate::values::money::Currency;
use crate::values::site::Site;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// An instant of this operation: null is no filter, the empty text is refused.
type Time = Filter<Instant, Refused, Ignored>;

/// Which quotas.
#[derive(Deserialize, ToSchema)]
pub struct QueryCouponQuotasReqExt {
    /// Only these. All if absent, null or empty.
    #[schema(inline, value_type = Vec<QuotaIdText>, max_items = 50)]
    #[serde(default)]
    quota_ids: Filter<List<QuotaIdText, 50>>,
    /// Only those with this status: 0 normal, 3 invalid, 4 being adjusted, 5 frozen. All if absent, null or empty.
    #[schema(inline, value_type = Vec<QuotaStatus>, max_items = 5)]
    #[serde(default)]
    quota_status_list: Filter<List<QuotaStatus, 5>>,
    /// 0 for cash coupons, which is the default, 1 for flexi-purchase coupons.
    #[schema(value_type = Option<QuotaKind>)]
    #[serde(default)]
    quota_type: Filter<QuotaKind>,
    /// Only those made after this instant.
    #[schema(value_type = Option<Instant>)]
    #[serde(default)]
    create_time_begin: Time,
    /// Only those made before this instant.
    #[schema(value_type = Option<Instant>)]
    #[serde(default)]
    create_time_end: Time,
    /// Only those that take effect after this instant.
    #[schema(value_type = Option<Instant>)]
    #[serde(default)]
    effective_time_begin: Time,
    /// Only those that take effect before this instant.
    #[schema(value_type = Option<Instant>)]
    #[serde(default)]
    effective_time_end: Time,
    /// Only those that expire after this instant.
    #[schema(value_type = Option<Instant>)]
    #[serde(default)]
    expire_time_begin: Time,
    /// Only those that expire before this instant.
    #[schema(value_type = Option<Instant>)]
    #[serde(default)]
    expire_time_end: Time,
    /// How many to skip.
    #[schema(inline)]
    offset: Option<Offset>,
    /// How many to answer at most.
    #[schema(inline)]
    limit: Option<Limit<100>>,
    /// For a distributor: the reseller whose quotas to answer. Ignored for other callers.
    indirect_partner_id: Option<AccountIdText>,
}

/// Quotas.
#[derive(Serialize, ToSchema)]
pub struct ListQuotaCouponsResponse {
    /// How many there are in all.
    #[schema(example = 2)]
    total_count: i64,
    /// This part of them, the latest first.
    quotas: Vec<CouponQuotaV2>,
}

/// A quota that coupons can be issued from.
#[derive(Serialize, ToSchema)]
pub struct CouponQuotaV2 {
    /// Its id.
    quota_id: QuotaId,
    /// 0 for cash coupons, 1 for flexi-purchase coupons.
    quota_type: QuotaKind,
    /// When it was made.
    create_time: Instant,
    /// When it, or what is left of it, was changed last.
    last_update_time: Instant,
    /// What it was worth, in the unit of its currency.
    quota_value: Amount,
    /// 0 normal, 3 invalid, 4 being adjusted (shown, but not used), 5 frozen, 6 reclaimed.
    quota_status: QuotaStatus,
    /// What is left of it.
    balance: Amount,
    /// The unit of the amounts: 1, the currency's own.
    #[schema(example = 1)]
    measure_id: i32,
    /// The currency.
    currency: Currency,
    /// From when on coupons can be issued.
    effective_time: Instant,
    /// Until when.
    expire_time: Instant,
    /// What its coupons may be used for.
    limit_infos: Vec<QuotaLimitInfo>,
}

/// Lists a partner's coupon quotas.
///
/// The vendor grants them. Quotas that a distributor has taken back from a reseller are left out. The latest first.
#[utoipa::path(
    post, path = "/v2/partners/coupon-quotas/query",
    responses((status = 200, description = "The quotas.", body = ListQuotaCouponsResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS).on(Site::Cn).needs("BPC_ITEM_SUBCUSTSERV_030100")
    ))),
)]
pub async fn list_quota_coupons(
    State(app): State<App>,
    partner: Partner,
    Json(request): Json<QueryCouponQuotasReqExt>,
) -> Result<Json<ListQuotaCouponsResponse>, ApiError> {
    let owner = app.customers.acting_partner(&partner, request.indirect_partner_id.as_ref()).await?;
    let now = app.now(partner.tenant);
    let mut connection = app.database.tenant(partner.tenant).await?;
    let part = (request.offset.unwrap_or_default().get(), request.limit.unwrap_or_default().get());
    let (rows, total_count) =
        quotas::page(&mut connection, partner.tenant, &filter(owner, &request), now, part).await?;
    let quotas = rows.iter().map(|row| show(row, now)).collect();
    Ok(Json(ListQuotaCouponsResponse { total_count, quotas }))
}

fn filter(owner: DomainId, request: &QueryCouponQuotasReqExt) -> QuotaFilter {
    let ids = request.quota_ids.wanted().map(|ids| ids.as_slice().iter().filter_map(QuotaIdText::id).collect());
    QuotaFilter {
        owner: Some(owner),
        ids,
        kind: Some(request.quota_type.wanted().copied().unwrap_or(QuotaKind::Cash)),
        statuses: request.quota_status_list.wanted().map(|statuses| statuses.as_slice().to_vec()),
        without_reclaimed: true,
        created: between(request.create_time_begin.wanted(), request.create_time_end.wanted()),
        effective: between(request.effective_time_begin.wanted(), request.effective_time_end.wanted()),
        expires: between(request.expire_time_begin.wanted(), request.expire_time_end.wanted()),
        ..QuotaFilter::default()
    }
}

fn show(row: &QuotaRow, now: OffsetDateTime) -> CouponQuotaV2 {
    let validity = Validity { from: row.effective_at, until: row.expires_at };
    CouponQuotaV2 {
        quota_id: row.id,
        quota_type: row.kind,
        create_time: Instant(row.created_at),
        last_update_time: Instant(row.updated_at),
        quota_value: row.value.into(),
        quota_status: shown_quota_status(row.status, validity, now),
        balance: row.balance.into(),
        measure_id: YUAN,
        currency: row.currency,
        effective_time: Instant(row.effective_at),
        expire_time: Instant(row.expires_at),
        limit_infos: quota_limits(&row.limits),
    }
}
