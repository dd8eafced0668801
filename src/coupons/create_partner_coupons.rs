//! `POST /v2/promotions/benefits/partner-coupons`

use super::issue::{self, Facts, Making, Wanted};
use super::model::{ProductIdText, Quota, QuotaIdText, Remark};
use super::refusal::{ErrorDetail, Refusal};
use super::store::coupons::{self, Issue};
use super::store::{books, partners, quotas};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::filter::{Filter, Ignored, Refused};
use crate::api::policy::Policy;
use crate::api::write::{Answer, Begun, Write};
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::customers::{self};
use crate::ledger::PostError;
use crate::ledger::books::Refusal as LedgerRefusal;
use crate::products::model::ServiceTypeCode;
use crate::values::amount::PositiveAmount;
use crate::values::id::{CouponId, DomainId, TenantId};
use crate::values::list::List;
use crate::values::site::Site;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use std::collections::HashSet;
use utoipa::ToSchema;

/// What to issue, and to whom.
#[derive(Deserialize, ToSchema)]
pub struct CreatePartnerCouponsReq {
    /// The quota.
    quota_id: QuotaIdText,
    /// The customers: 1 to 100, each once.
    #[schema(inline, value_type = Vec<AccountIdText>, max_items = 100)]
    customer_ids: List<AccountIdText, 100>,
    /// What each coupon is worth, in the unit of the quota's currency: above 0, at most 2 decimals. A number or a text.
    face_value: PositiveAmount,
    /// From when on it can be used, within the quota's validity; absent or null: as the quota.
    #[schema(value_type = Option<Instant>)]
    #[serde(default)]
    valid_time: Filter<Instant, Refused, Ignored>,
    /// Until when it can be used, within the quota's validity; absent or null: as the quota.
    #[schema(value_type = Option<Instant>)]
    #[serde(default)]
    expire_time: Filter<Instant, Refused, Ignored>,
    /// Cloud service types it may be used for, within those of the quota; absent, null or empty: as the quota.
    #[schema(inline, value_type = Vec<ServiceTypeCode>, max_items = 10)]
    #[serde(default)]
    cloud_service_types: Filter<List<ServiceTypeCode, 10>>,
    /// Products it may be used for, within those of the quota; absent, null or empty: as the quota.
    #[schema(inline, value_type = Vec<ProductIdText>, max_items = 10)]
    #[serde(default)]
    product_ids: Filter<List<ProductIdText, 10>>,
    /// A remark for the records.
    memo: Option<Remark>,
    /// For a distributor: the reseller that issues, out of a quota of its own. Ignored for other callers.
    indirect_partner_id: Option<AccountIdText>,
}

/// What came of it, customer by customer.
#[derive(Serialize, ToSchema)]
pub struct CreatePartnerCouponsResponse {
    /// Customers who got none, and why.
    error_details: Vec<ErrorDetail>,
    /// The coupons of the others.
    coupon_infos: Vec<CouponSimpleInfo>,
}

/// A coupon that was issued.
#[derive(Serialize, ToSchema)]
pub struct CouponSimpleInfo {
    /// The customer.
    id: DomainId,
    /// The coupon.
    coupon_id: CouponId,
}

/// Issues coupons to customers.
///
/// Out of one quota, which lasts for those named first. What is wrong with the quota or the coupons refuses the whole; what
/// is wrong with a customer is said in `error_details`, and the others get theirs. Resale customers only. What was refused
/// stands in the records as well, with the result -1.
#[utoipa::path(
    post, path = "/v2/promotions/benefits/partner-coupons",
    responses((status = 200, description = "What came of it.", body = CreatePartnerCouponsResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::PARTNERS).on(Site::Cn).writes()))),
)]
pub async fn create_partner_coupons(
    State(app): State<App>,
    partner: Partner,
    write: Write,
    Json(request): Json<CreatePartnerCouponsReq>,
) -> Result<Answer, ApiError> {
    each_once("customer_ids", request.customer_ids.as_slice())?;
    let tenant = partner.tenant;
    let issuer = app.customers.acting_partner(&partner, request.indirect_partner_id.as_ref()).await?;
    let mut transaction = match write.begin().await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(transaction) => transaction,
    };
    let now = app.now(tenant);
    let wanted = wanted(issuer, &request);
    let facts = load(&app, transaction.connection(), tenant, &wanted, &request.quota_id).await?;
    let remark = (request.memo.as_ref().map_or("", Remark::as_str), partner.user);
    let decision = match issue::decide(&wanted, &facts, now) {
        Ok(decision) => decision,
        Err(refusal) => {
            let errors: Vec<_> = wanted.customers.iter().map(|customer| refusal.detail(customer.as_str())).collect();
            let records = issue::refusals(&wanted, &facts, &errors, remark, now);
            let record = async |connection: &mut PgConnection| books::append(connection, tenant, &records).await;
            return Err(transaction.refuse(refusal.into(), record).await);
        }
    };
    let quota: &Quota = facts.quota.as_ref().ok_or(Refusal::NoSuchQuota)?;
    let asked = (request.valid_time.wanted().map(|at| at.0), request.expire_time.wanted().map(|at| at.0));
    let validity =
        issue::validity(asked, quota.validity, now).map_err(|(field, rule)| ApiError::parameter(field, rule))?;
    let issue = Issue {
        source: Some((issuer, quota.id)),
        kind: quota.kind.coupon(),
        face_value: wanted.face_value,
        currency: quota.currency,
        validity,
        limits: &decision.limits,
        group: 0,
        name: "",
        memo: remark.0,
    };
    let making = Making { quota: Some(quota), issue, holders: &decision.customers, user: Some(partner.user) };
    let made = issue::make(transaction.connection(), tenant, &making, now).await.map_err(refused)?;
    let records = issue::refusals(&wanted, &facts, &decision.errors, remark, now);
    books::append(transaction.connection(), tenant, &records).await?;
    let coupon_infos = made.into_iter().map(|(coupon_id, id)| CouponSimpleInfo { id, coupon_id }).collect();
    let body = CreatePartnerCouponsResponse { error_details: decision.errors, coupon_infos };
    transaction.finish(&quota.id.to_string(), &body).await
}

/// At least one is named, and none twice: who is named twice would get two, which is refused rather than guessed at.
pub fn each_once(field: &str, named: &[AccountIdText]) -> Result<(), ApiError> {
    if named.is_empty() {
        return Err(ApiError::parameter(field, "must not be empty"));
    }
    let mut seen = HashSet::new();
    match named.iter().position(|account| !seen.insert(account)) {
        Some(place) => Err(ApiError::parameter(&format!("{field}[{place}]"), "is named before")),
        None => Ok(()),
    }
}

fn wanted(issuer: DomainId, request: &CreatePartnerCouponsReq) -> Wanted<'_> {
    let services = request.cloud_service_types.wanted().map_or(&[][..], List::as_slice);
    let products = request.product_ids.wanted().map_or(&[][..], List::as_slice);
    Wanted {
        partner: issuer,
        customers: request.customer_ids.as_slice(),
        face_value: request.face_value.get().decimal(),
        services: services.iter().map(|code| code.as_str().to_owned()).collect(),
        products: products.iter().map(|id| id.as_str().to_owned()).collect(),
    }
}

/// Locks the customers and the quota, and reads what the decision needs.
async fn load(
    app: &App,
    connection: &mut PgConnection,
    tenant: TenantId,
    wanted: &Wanted<'_>,
    quota: &QuotaIdText,
) -> Result<Facts, ApiError> {
    let ids: Vec<DomainId> = wanted.customers.iter().filter_map(AccountIdText::id).collect();
    let recipients = customers::store::recipients(connection, tenant, &ids).await?;
    let quota = quotas::lock(connection, tenant, &[issue::quota_id(quota)?]).await?.pop();
    let mut facts = Facts {
        is_converted: partners::is_converted(connection, tenant, wanted.partner).await?,
        recipients: recipients.into_iter().map(|recipient| (recipient.id, recipient)).collect(),
        has_unknown_service: {
            let catalogue = app.catalogue.load();
            let is_known = |code: &String| catalogue.products.services.iter().any(|service| service.code == *code);
            !wanted.services.iter().all(is_known)
        },
        ..Facts::default()
    };
    if !wanted.products.is_empty() {
        facts.products = partners::products(connection, &wanted.products).await?;
    }
    if let Some(quota) = &quota {
        facts.balance = quotas::balance(connection, tenant, quota.id).await?;
        if quota.terms.customer_coupons_max.is_some() || quota.terms.customer_face_max.is_some() {
            facts.given = coupons::given(connection, (tenant, quota.id), &ids).await?;
        }
    }
    facts.quota = quota;
    Ok(facts)
}

/// The quota is locked and its balance was read, so the ledger has nothing to refuse.
pub fn refused(error: PostError) -> ApiError {
    match error {
        PostError::Refused(LedgerRefusal::Insufficient) => Refusal::InsufficientQuota.into(),
        PostError::Refused(refusal) => ApiError::internal(refusal),
        PostError::Database(error) => error.into(),
    }
}
