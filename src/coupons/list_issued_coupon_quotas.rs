//! `GET /v2/partners/issued-coupon-quotas`

use super::model::{
    QuotaIdText, QuotaKind, QuotaLimitInfo, QuotaStatus, Validity, YUAN, quota_limits, shown_quota_status,
};
use super::store::quotas::{self, QuotaFilter, QuotaRow};
use crate::api::caller::{CallerKind, Distributor};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter, Ignored, Taken};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::values::amount::Amount;
use crate::values::id::{DomainId, QuotaId};
use crate::values::money::Currency;
use crate::values::site::Site;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which quotas.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListIssuedCouponQuotasQuery {
    /// Only this one, a reseller's.
    #[param(inline, value_type = QuotaIdText)]
    #[serde(default)]
    quota_id: Filter<QuotaIdText>,
    /// Only this reseller's.
    #[param(inline)]
    indirect_partner_id: Option<AccountIdText>,
    /// Only those split from this quota of the distributor. Given without a value it matches none, since each was split
    /// from one.
    #[param(inline, value_type = QuotaIdText)]
    #[serde(default)]
    parent_quota_id: Filter<QuotaIdText, Taken, Ignored>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100>,
}

/// Quotas of resellers.
#[derive(Serialize, ToSchema)]
pub struct ListIssuedCouponQuotasResponse {
    /// How many there are in all.
    #[schema(example = 2)]
    total_count: i64,
    /// This part of them, the latest first.
    quotas: Vec<IssuedCouponQuota>,
}

/// A quota that a distributor gave a reseller.
#[derive(Serialize, ToSchema)]
pub struct IssuedCouponQuota {
    /// Its id.
    quota_id: QuotaId,
    /// 0 for cash coupons.
    quota_type: QuotaKind,
    /// When it was given.
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
    /// The reseller.
    indirect_partner_id: DomainId,
    /// The reseller's account name.
    #[schema(example = "demo-reseller")]
    indirect_partner_account_name: String,
    /// The reseller's name; its account's, since no other is known.
    #[schema(example = "demo-reseller")]
    indirect_partner_name: String,
    /// The distributor's quota it was split from.
    parent_quota_id: Option<QuotaId>,
}

/// Lists the coupon quotas that a distributor gave its resellers.
///
/// Those that were taken back are among them. The latest first.
#[utoipa::path(
    get, path = "/v2/partners/issued-coupon-quotas",
    params(ListIssuedCouponQuotasQuery),
    responses((status = 200, description = "The quotas.", body = ListIssuedCouponQuotasResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&[CallerKind::Distributor]).on(Site::Cn).needs("BPC_ITEM_SUBCUSTSERV_030600")
    ))),
)]
pub async fn list_issued_coupon_quotas(
    State(app): State<App>,
    distributor: Distributor,
    Query(query): Query<ListIssuedCouponQuotasQuery>,
) -> Result<Json<ListIssuedCouponQuotasResponse>, ApiError> {
    let owner = match AccountIdText::given(query.indirect_partner_id.as_ref()) {
        Some(named) => Some(app.customers.reseller(&distributor, named).await?.0),
        None => None,
    };
    // A quota of an id that cannot be one does not exist.
    let id = |text: &QuotaIdText| text.id().unwrap_or(QuotaId(Uuid::nil()));
    let filter = QuotaFilter {
        owner,
        issuer: Some(distributor.domain),
        ids: query.quota_id.wanted().map(|text| vec![id(text)]),
        parent: query.parent_quota_id.wanted().map(id),
        ..QuotaFilter::default()
    };
    let now = app.now(distributor.tenant);
    let mut connection = app.database.tenant(distributor.tenant).await?;
    let part = (query.offset.get(), query.limit.get());
    let (rows, total_count) = quotas::page(&mut connection, distributor.tenant, &filter, now, part).await?;
    let quotas = rows.into_iter().map(|row| show(row, now)).collect();
    Ok(Json(ListIssuedCouponQuotasResponse { total_count, quotas }))
}

fn show(row: QuotaRow, now: OffsetDateTime) -> IssuedCouponQuota {
    let validity = Validity { from: row.effective_at, until: row.expires_at };
    IssuedCouponQuota {
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
        indirect_partner_id: row.owner,
        indirect_partner_account_name: row.owner_name.clone(),
        indirect_partner_name: row.owner_name,
        parent_quota_id: row.parent,
    }
}
