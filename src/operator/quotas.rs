//! `/admin/v1/accounts/{account}/coupon-quotas`

use super::cursor::{Cursor, PageQuery};
use super::named::{OfAccount, account_and_time, refused};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::coupons::administration::{self as coupons, Grant};
use crate::coupons::command::{Status, word};
use crate::coupons::limits::Limits;
use crate::coupons::model::{QuotaKind, Remark, Terms, Validity, shown_quota_status};
use crate::coupons::store::quotas::{self, QuotaFilter, QuotaRow};
use crate::operators::store::Role;
use crate::values::amount::{Amount, PositiveAmount};
use crate::values::id::{DomainId, QuotaId};
use crate::values::money::Currency;
use crate::values::number::Number;
use crate::values::time::Instant;
use crate::values::truth;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

/// The quota in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfQuota {
    /// Name of the account that issues coupons from it.
    #[param(example = "demo-partner")]
    account: String,
    /// The quota.
    #[param(inline)]
    quota: QuotaId,
}

/// Quotas.
#[derive(Serialize, ToSchema)]
pub struct QuotaPage {
    /// The newest first.
    quotas: Vec<QuotaView>,
    /// Where the list goes on; left out at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A quota.
#[derive(Serialize, ToSchema)]
pub struct QuotaView {
    /// Its id.
    quota_id: QuotaId,
    /// The quota it was split from; left out where the vendor granted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_quota_id: Option<QuotaId>,
    /// For which coupons: `cash` or `flexi`.
    #[schema(example = "cash")]
    kind: String,
    /// What it was worth.
    value: Amount,
    /// What is left.
    balance: Amount,
    /// The currency.
    currency: Currency,
    /// `normal`, `invalid`, `adjusting`, `frozen` or `reclaimed`.
    #[schema(example = "normal")]
    status: String,
    /// From when on coupons can be issued.
    effective_at: Instant,
    /// Until when.
    expires_at: Instant,
    /// What its coupons may be used for.
    #[schema(value_type = BTreeMap<String, Vec<String>>, example = json!({"maxDeductionRatio": ["0.5"]}))]
    limits: Limits,
    /// When it was made.
    created_at: Instant,
}

impl QuotaView {
    fn new(row: QuotaRow, now: OffsetDateTime) -> Self {
        let validity = Validity { from: row.effective_at, until: row.expires_at };
        Self {
            quota_id: row.id,
            parent_quota_id: row.parent,
            kind: word(row.kind),
            value: row.value.into(),
            balance: row.balance.into(),
            currency: row.currency,
            status: word(shown_quota_status(row.status, validity, now)),
            effective_at: Instant(row.effective_at),
            expires_at: Instant(row.expires_at),
            limits: row.limits.0,
            created_at: Instant(row.created_at),
        }
    }
}

/// List an account's coupon quotas
///
/// Those it issues coupons from, expired and reclaimed ones too.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/coupon-quotas",
    params(OfAccount, PageQuery),
    responses((status = 200, body = QuotaPage, description = "The quotas.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_quotas(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
    Query(query): Query<PageQuery>,
) -> Result<Json<QuotaPage>, ApiError> {
    let behind = query.cursor.as_ref().map(Cursor::moment).transpose()?;
    let mut connection = app.database.control().await?;
    let ((tenant, owner), now) = account_and_time(&mut connection, &app, &account).await?;
    let filter = QuotaFilter { owner: Some(owner), behind, ..QuotaFilter::default() };
    let limit = query.limit.get();
    let (mut rows, _) = quotas::page(&mut connection, tenant, &filter, now, (0, limit + 1)).await?;
    let next_cursor = Cursor::cut_at_moment(&mut rows, limit, |row| (row.created_at, row.id));
    Ok(Json(QuotaPage { quotas: rows.into_iter().map(|row| QuotaView::new(row, now)).collect(), next_cursor }))
}

/// For which coupons a quota is.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum QuotaFor {
    /// Cash coupons.
    #[default]
    Cash,
    /// Flexi-purchase coupons.
    Flexi,
}

/// A quota to be granted.
#[derive(Deserialize, ToSchema)]
pub struct GrantQuotaBody {
    /// What it is worth: above 0, at most 2 decimals. A number or a text.
    value: PositiveAmount,
    /// In which currency; yuan unless said otherwise.
    #[serde(default)]
    currency: Currency,
    /// For which coupons; cash coupons unless said otherwise.
    #[serde(default)]
    kind: QuotaFor,
    /// From when on coupons can be issued; from now on unless said otherwise.
    effective_at: Option<Instant>,
    /// Until when.
    expires_at: Instant,
    /// What its coupons may be used for: keys and values as `bss-gateway admin coupons grant --help` lists them.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Vec<String>>, example = json!({"maxDeductionRatio": ["0.5"]}))]
    limits: Limits,
    /// The smallest face value of a coupon.
    face_min: Option<PositiveAmount>,
    /// The largest face value of a coupon.
    face_max: Option<PositiveAmount>,
    /// How many coupons one customer can get.
    #[schema(inline)]
    customer_coupons: Option<Number<1, 1_000_000>>,
    /// Up to which sum of face values one customer can get coupons.
    customer_value: Option<PositiveAmount>,
    /// Only for these customers, by their accounts' names; for all if left out or empty.
    #[serde(default)]
    customers: Vec<String>,
    /// Only for customers that were never associated with another partner.
    #[serde(default, deserialize_with = "truth::value")]
    first_association: bool,
    /// A remark for the ledger.
    memo: Option<Remark>,
}

impl GrantQuotaBody {
    fn grant(&self, customers: Vec<DomainId>, now: OffsetDateTime) -> Grant {
        let decimal = |amount: Option<PositiveAmount>| amount.map(|amount| amount.get().decimal());
        Grant {
            id: QuotaId::new(now),
            kind: match self.kind {
                QuotaFor::Cash => QuotaKind::Cash,
                QuotaFor::Flexi => QuotaKind::Flexi,
            },
            value: self.value,
            currency: self.currency,
            validity: Validity { from: self.effective_at.map_or(now, |from| from.0), until: self.expires_at.0 },
            limits: self.limits.clone(),
            terms: Terms {
                face_min: decimal(self.face_min),
                face_max: decimal(self.face_max),
                customer_coupons_max: self.customer_coupons.and_then(|most| i32::try_from(most.get()).ok()),
                customer_face_max: decimal(self.customer_value),
                only_customers: (!customers.is_empty()).then_some(customers),
                only_first_association: self.first_association,
            },
            memo: self.memo.as_ref().map(|memo| memo.as_str().to_owned()).unwrap_or_default(),
        }
    }
}

/// A quota that was granted.
#[derive(Serialize, ToSchema)]
pub struct QuotaGranted {
    /// Its id.
    quota_id: QuotaId,
}

/// Grant a coupon quota
///
/// A partner or a distributor can issue coupons from it.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/coupon-quotas",
    params(OfAccount),
    request_body = GrantQuotaBody,
    responses((status = 200, body = QuotaGranted, description = "The quota.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn grant_quota(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<GrantQuotaBody>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let customers = coupons::customers_named(connection, of.0, &body.customers).await.map_err(refused)?;
            let grant = body.grant(customers, now);
            coupons::grant(connection, of, &grant, now).await.map_err(refused)?;
            Outcome::of(&grant.id, &QuotaGranted { quota_id: grant.id })
        })
        .await
}

/// How a quota is to stand.
#[derive(Deserialize, ToSchema)]
pub struct QuotaStatusBody {
    /// The new status.
    status: Status,
}

/// Set how a coupon quota stands
///
/// Freezes it, sets it invalid or normal again. Coupons that were issued from it stay.
#[utoipa::path(
    put,
    path = "/admin/v1/accounts/{account}/coupon-quotas/{quota}/status",
    params(OfQuota),
    request_body = QuotaStatusBody,
    responses((status = 204, description = "It is set.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn set_quota_status(
    State(app): State<App>,
    write: Write,
    Path(OfQuota { account, quota }): Path<OfQuota>,
    Json(QuotaStatusBody { status }): Json<QuotaStatusBody>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            coupons::check_owner(connection, of, quota, now).await.map_err(refused)?;
            coupons::set_status(connection, (of.0, quota), status.into(), now).await.map_err(refused)?;
            Ok(Outcome::empty(&quota))
        })
        .await
}

/// Why a quota is withdrawn.
#[derive(Deserialize, ToSchema)]
pub struct WithdrawQuotaBody {
    /// A remark for the ledger.
    memo: Option<Remark>,
}

/// A quota that was withdrawn.
#[derive(Serialize, ToSchema)]
pub struct QuotaWithdrawn {
    /// What was left of it.
    withdrawn: Amount,
}

/// Withdraw a coupon quota
///
/// Takes back what is left of a quota that the vendor granted; it can be used no more.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/coupon-quotas/{quota}/withdrawal",
    params(OfQuota),
    request_body = WithdrawQuotaBody,
    responses((status = 200, body = QuotaWithdrawn, description = "What was left of it.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn withdraw_quota(
    State(app): State<App>,
    write: Write,
    Path(OfQuota { account, quota }): Path<OfQuota>,
    Json(WithdrawQuotaBody { memo }): Json<WithdrawQuotaBody>,
) -> Result<Answer, ApiError> {
    let memo = memo.map(|memo| memo.as_str().to_owned()).unwrap_or_default();
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            coupons::check_owner(connection, of, quota, now).await.map_err(refused)?;
            let withdrawn = coupons::withdraw(connection, (of.0, quota), &memo, now).await.map_err(refused)?;
            Outcome::of(&quota, &QuotaWithdrawn { withdrawn: withdrawn.into() })
        })
        .await
}
