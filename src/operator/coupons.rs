//! `/admin/v1/accounts/{account}/coupons`, `…/coupon-issuing` and `/admin/v1/coupon-products`

use super::cursor::{Cursor, PageQuery};
use super::named::{OfAccount, account_and_time, refused};
use super::policy::OperatorPolicy;
use super::quotas;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::operation::{Operations, operations};
use crate::api::page::Limit;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::coupons::administration::{self as coupons, Issuing, OwnCoupon};
use crate::coupons::command::{Kind, word};
use crate::coupons::limits::{Limits, SubscribeType};
use crate::coupons::model::{ProductIdText, Remark, Validity, shown_balance, shown_coupon_status};
use crate::coupons::store::partners::{self, NOTICE_DAYS};
use crate::coupons::store::search::{CouponFilter, CouponRow, Search, Whose};
use crate::identity::administration::find_account;
use crate::operators::store::Role;
use crate::values::amount::{Amount, PositiveAmount};
use crate::values::id::{CouponId, DomainId, QuotaId, TenantId};
use crate::values::money::Currency;
use crate::values::number::Number;
use crate::values::text::texts;
use crate::values::time::Instant;
use crate::values::truth;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

/// The operations on coupons and on what they are issued from.
pub fn register(operations: &mut Operations<App, OperatorPolicy>) {
    operations!(operations, "coupons":
        quotas::list_quotas,
        quotas::grant_quota,
        quotas::set_quota_status,
        quotas::withdraw_quota,
        list_coupons,
        issue_coupon,
        show_coupon_issuing,
        set_coupon_issuing,
        list_coupon_products,
        set_coupon_product,
    );
}

texts! {
    /// What a coupon is called.
    CouponName, 0..=128, "15 % off the first year";
}

/// Which coupons.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListCouponsQuery {
    /// Those that the account holds, or those that it issued.
    #[serde(default)]
    #[param(inline)]
    whose: CouponsOf,
    /// How many to answer.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<1000, 100>,
    /// Where to go on.
    #[param(inline)]
    cursor: Option<Cursor>,
}

/// An account's side of coupons.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CouponsOf {
    /// It can use them.
    #[default]
    Held,
    /// It gave them.
    Issued,
}

/// Coupons.
#[derive(Serialize, ToSchema)]
pub struct CouponPage {
    /// The newest first.
    coupons: Vec<CouponView>,
    /// Where the list goes on; left out at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A coupon.
#[derive(Serialize, ToSchema)]
pub struct CouponView {
    /// Its id.
    coupon_id: CouponId,
    /// The account that can use it.
    holder_id: DomainId,
    /// The partner that issued it; left out with the vendor's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    partner_id: Option<DomainId>,
    /// The quota it was issued from; left out with the vendor's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    quota_id: Option<QuotaId>,
    /// `cash`, `discount`, `product` or `flexi`.
    #[schema(example = "cash")]
    kind: String,
    /// `inactive`, `usable`, `used`, `expired` or `reclaimed`.
    #[schema(example = "usable")]
    status: String,
    /// What it was worth; of a discount coupon the share that is still to be paid.
    value: Amount,
    /// What is left of it.
    balance: Amount,
    /// The currency.
    currency: Currency,
    /// From when on it can be used.
    effective_at: Instant,
    /// Until when.
    expires_at: Instant,
    /// What it may be used for.
    #[schema(value_type = BTreeMap<String, Vec<String>>, example = json!({"subscribeType": ["new"]}))]
    limits: Limits,
    /// Its name.
    name: String,
    /// When it was issued.
    created_at: Instant,
}

impl CouponView {
    fn new(row: CouponRow, now: OffsetDateTime) -> Self {
        let validity = Validity { from: row.effective_at, until: row.expires_at };
        let status = shown_coupon_status(row.state, validity, now);
        Self {
            coupon_id: row.coupon_id,
            holder_id: row.holder_id,
            partner_id: row.partner_id,
            quota_id: row.quota_id,
            kind: word(row.kind),
            status: word(status),
            value: row.face_value.into(),
            balance: shown_balance(status, row.balance).into(),
            currency: row.currency,
            effective_at: Instant(row.effective_at),
            expires_at: Instant(row.expires_at),
            limits: row.limits.0,
            name: row.name,
            created_at: Instant(row.created_at),
        }
    }
}

/// List an account's coupons
///
/// As far back as the partner API lists them: held ones until twelve months after they expired, issued ones two years.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/coupons",
    params(OfAccount, ListCouponsQuery),
    responses((status = 200, body = CouponPage, description = "The coupons.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_coupons(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
    Query(query): Query<ListCouponsQuery>,
) -> Result<Json<CouponPage>, ApiError> {
    let behind = query.cursor.as_ref().map(Cursor::moment).transpose()?;
    let mut connection = app.database.control().await?;
    let ((tenant, account), now) = account_and_time(&mut connection, &app, &account).await?;
    let whose = match query.whose {
        CouponsOf::Held => Whose::HeldBy(account),
        CouponsOf::Issued => Whose::IssuedBy(account),
    };
    let search = Search { tenant, whose, filter: CouponFilter::default(), now };
    let limit = query.limit.get();
    let mut rows = search.behind(&mut connection, behind, limit + 1).await?;
    let next_cursor = Cursor::cut_at_moment(&mut rows, limit, |row| (row.created_at, row.coupon_id));
    Ok(Json(CouponPage { coupons: rows.into_iter().map(|row| CouponView::new(row, now)).collect(), next_cursor }))
}

/// A coupon of the vendor's own to be issued.
#[derive(Deserialize, ToSchema)]
pub struct IssueCouponBody {
    /// What it is.
    kind: Kind,
    /// What it is worth; of a discount coupon the share that is still to be paid: 0.85 is 15 % off.
    value: PositiveAmount,
    /// In which currency; yuan unless said otherwise.
    #[serde(default)]
    currency: Currency,
    /// From when on it can be used; from now on unless said otherwise.
    effective_at: Option<Instant>,
    /// Until when.
    expires_at: Instant,
    /// What it may be used for: keys and values as `bss-gateway admin coupons issue --help` lists them.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Vec<String>>, example = json!({"subscribeType": ["new"]}))]
    limits: Limits,
    /// Of which group it is: 0, unless said otherwise, for cloud services, 1 of KooGallery, 2 dedicated, 3 for hardware.
    #[schema(inline)]
    group: Option<Number<0, 3>>,
    /// Its name.
    name: Option<CouponName>,
    /// A remark.
    memo: Option<Remark>,
}

impl IssueCouponBody {
    fn coupon(self, now: OffsetDateTime) -> OwnCoupon {
        OwnCoupon {
            kind: self.kind.into(),
            face_value: self.value.get().decimal(),
            currency: self.currency,
            validity: Validity { from: self.effective_at.map_or(now, |from| from.0), until: self.expires_at.0 },
            limits: self.limits,
            group: self.group.and_then(|group| i16::try_from(group.get()).ok()).unwrap_or_default(),
            name: self.name.map(|name| name.as_str().to_owned()).unwrap_or_default(),
            memo: self.memo.map(|memo| memo.as_str().to_owned()).unwrap_or_default(),
        }
    }
}

/// A coupon that was issued.
#[derive(Serialize, ToSchema)]
pub struct CouponIssued {
    /// Its id.
    coupon_id: CouponId,
}

/// Issue a coupon
///
/// One of the vendor's own, from no quota, to a customer or a partner.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/coupons",
    params(OfAccount),
    request_body = IssueCouponBody,
    responses((status = 200, body = CouponIssued, description = "The coupon.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn issue_coupon(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<IssueCouponBody>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let coupon_id = coupons::issue_own(connection, of, &body.coupon(now), now).await.map_err(refused)?;
            Outcome::of(&coupon_id, &CouponIssued { coupon_id })
        })
        .await
}

/// A partner as an issuer of coupons.
#[derive(Serialize, ToSchema)]
pub struct CouponIssuing {
    /// Whether it issues coupons; otherwise it uses them itself.
    issues_coupons: bool,
    /// How many days before a coupon expires it is told.
    #[schema(example = 7)]
    notice_days: i16,
}

async fn issuing(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
) -> sqlx::Result<CouponIssuing> {
    let is_converted = partners::is_converted(connection, tenant, partner).await?;
    let notice_days = partners::notice_days(connection, tenant).await?.get(&partner).copied();
    Ok(CouponIssuing { issues_coupons: !is_converted, notice_days: notice_days.unwrap_or(NOTICE_DAYS) })
}

/// Show a partner as an issuer of coupons
///
/// Whether it issues any, and when it is told that one expires.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/coupon-issuing",
    params(OfAccount),
    responses((status = 200, body = CouponIssuing, description = "As it is set.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn show_coupon_issuing(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
) -> Result<Json<CouponIssuing>, ApiError> {
    let mut connection = app.database.control().await?;
    let of = find_account(&mut connection, &account).await.map_err(refused)?;
    Ok(Json(issuing(&mut connection, of).await?))
}

/// What is to be set; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
pub struct CouponIssuingBody {
    /// Whether it issues coupons; otherwise it uses them itself from now on.
    #[serde(default, deserialize_with = "truth::value_or_none")]
    issues_coupons: Option<bool>,
    /// How many days before a coupon expires it is told.
    #[schema(inline)]
    notice_days: Option<Number<0, 365>>,
}

/// Set a partner as an issuer of coupons
///
/// Of a partner, a distributor or a reseller.
#[utoipa::path(
    put,
    path = "/admin/v1/accounts/{account}/coupon-issuing",
    params(OfAccount),
    request_body = CouponIssuingBody,
    responses((status = 200, body = CouponIssuing, description = "As it is set now.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn set_coupon_issuing(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<CouponIssuingBody>,
) -> Result<Answer, ApiError> {
    let notice_days = body.notice_days.and_then(|days| i16::try_from(days.get()).ok());
    let wanted = Issuing { issues_coupons: body.issues_coupons, notice_days };
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            coupons::set_issuing(connection, of, wanted, now).await.map_err(refused)?;
            Outcome::of(&of.1, &issuing(connection, of).await?)
        })
        .await
}

/// Products.
#[derive(Serialize, ToSchema)]
pub struct CouponProductPage {
    /// In the order of their ids.
    products: Vec<CouponProduct>,
    /// Where the list goes on; left out at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A product that coupons can be limited to.
#[derive(Serialize, ToSchema)]
pub struct CouponProduct {
    /// Its id.
    #[schema(example = "00301-110060-0--0")]
    product_id: String,
    /// How it can be ordered.
    subscribe_types: Vec<SubscribeType>,
}

/// List the products that coupons can be limited to
///
/// By their ids, with the ways they can be ordered.
#[utoipa::path(
    get,
    path = "/admin/v1/coupon-products",
    params(PageQuery),
    responses((status = 200, body = CouponProductPage, description = "The products.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_coupon_products(
    State(app): State<App>,
    Query(query): Query<PageQuery>,
) -> Result<Json<CouponProductPage>, ApiError> {
    let behind: Option<String> = query.cursor.as_ref().map(Cursor::key).transpose()?;
    let limit = query.limit.get();
    let mut connection = app.database.control().await?;
    let rows = partners::products_behind(&mut connection, &behind.unwrap_or_default(), limit + 1).await?;
    let product = |(product_id, subscribe_types)| CouponProduct { product_id, subscribe_types };
    let mut products: Vec<CouponProduct> = rows.into_iter().map(product).collect();
    let next_cursor = Cursor::cut(&mut products, limit, |product| product.product_id.clone());
    Ok(Json(CouponProductPage { products, next_cursor }))
}

/// The product in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfProduct {
    /// Its id.
    #[param(inline)]
    product: ProductIdText,
}

/// How a product can be ordered.
#[derive(Deserialize, ToSchema)]
pub struct CouponProductBody {
    /// The ways.
    subscribe_types: Vec<SubscribeType>,
}

/// Add a product that coupons can be limited to
///
/// Or set how it can be ordered.
#[utoipa::path(
    put,
    path = "/admin/v1/coupon-products/{product}",
    params(OfProduct),
    request_body = CouponProductBody,
    responses((status = 204, description = "It is there.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Admin))))
)]
pub async fn set_coupon_product(
    write: Write,
    Path(OfProduct { product }): Path<OfProduct>,
    Json(body): Json<CouponProductBody>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            partners::set_product(connection, product.as_str(), &body.subscribe_types).await?;
            Ok(Outcome::empty(product.as_str()))
        })
        .await
}
