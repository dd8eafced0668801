//! `/admin/v1/accounts/{account}/agreements`, `…/discounts` and `…/currency`

use super::cursor::{Cursor, PageQuery};
use super::named::{OfAccount, account_and_time, refused};
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::identity::administration::find_account;
use crate::operators::store::Role;
use crate::pricing::administration::{self as pricing, NewDiscount, Span};
use crate::pricing::discounts::{DiscountKind, Scope};
use crate::pricing::model::{AgreementCode, ChargingMode, DiscountName};
use crate::pricing::store::{self, Agreement, StoredDiscount};
use crate::products::model::{RegionCode, ResourceSpecCode, ResourceTypeCode, ServiceTypeCode};
use crate::values::decimal::WireDecimal;
use crate::values::id::{AgreementId, DiscountId};
use crate::values::money::Currency;
use crate::values::time::Instant;
use crate::values::truth;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Agreements.
#[derive(Serialize, ToSchema)]
pub struct AgreementPage {
    /// The oldest first.
    agreements: Vec<AgreementView>,
    /// Where the list goes on; left out at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A framework agreement with the vendor.
#[derive(Serialize, ToSchema)]
pub struct AgreementView {
    /// Its id.
    agreement_id: AgreementId,
    /// Its code.
    #[schema(example = "FA-2026-001")]
    code: String,
    /// From when.
    effective_at: Instant,
    /// Until when.
    expires_at: Instant,
}

impl From<Agreement> for AgreementView {
    fn from(agreement: Agreement) -> Self {
        Self {
            agreement_id: AgreementId(agreement.id),
            code: agreement.code,
            effective_at: Instant(agreement.effective_at),
            expires_at: Instant(agreement.expires_at),
        }
    }
}

/// List an account's agreements
///
/// Its framework agreements with the vendor, those that have ended too.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/agreements",
    params(OfAccount, PageQuery),
    responses((status = 200, body = AgreementPage, description = "The agreements.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_agreements(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
    Query(query): Query<PageQuery>,
) -> Result<Json<AgreementPage>, ApiError> {
    let behind: Option<Uuid> = query.cursor.as_ref().map(Cursor::key).transpose()?;
    let behind = behind.unwrap_or_default();
    let limit = query.limit.get();
    let mut connection = app.database.control().await?;
    let of = find_account(&mut connection, &account).await.map_err(refused)?;
    let mut agreements = store::agreements_behind(&mut connection, of, behind, limit + 1).await?;
    let next_cursor = Cursor::cut(&mut agreements, limit, |agreement| agreement.id);
    Ok(Json(AgreementPage { agreements: agreements.into_iter().map(AgreementView::from).collect(), next_cursor }))
}

/// An agreement to be recorded.
#[derive(Deserialize, ToSchema)]
pub struct CreateAgreementBody {
    /// Its code, unique in the account.
    code: AgreementCode,
    /// From when.
    effective_at: Instant,
    /// Until when.
    expires_at: Instant,
}

/// An agreement that was recorded.
#[derive(Serialize, ToSchema)]
pub struct AgreementCreated {
    /// Its id.
    agreement_id: AgreementId,
}

/// Record an agreement
///
/// Commercial discounts belong to one.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/agreements",
    params(OfAccount),
    request_body = CreateAgreementBody,
    responses((status = 200, body = AgreementCreated, description = "The agreement.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn create_agreement(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<CreateAgreementBody>,
) -> Result<Answer, ApiError> {
    let span = Span { from: body.effective_at.0, until: body.expires_at.0 };
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let id = pricing::add_agreement(connection, of, &body.code, span, now).await.map_err(refused)?;
            let agreement_id = AgreementId(id);
            Outcome::of(&agreement_id, &AgreementCreated { agreement_id })
        })
        .await
}

/// Discounts.
#[derive(Serialize, ToSchema)]
pub struct DiscountPage {
    /// The oldest first.
    discounts: Vec<DiscountView>,
    /// Where the list goes on; left out at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A discount. What it does not narrow is left out.
#[derive(Serialize, ToSchema)]
pub struct DiscountView {
    /// Its id.
    discount_id: DiscountId,
    /// Where it comes from.
    kind: DiscountKind,
    /// Its name.
    #[schema(example = "Framework agreement 2026")]
    name: String,
    /// What is left to pay: 0.8 is a fifth off.
    ratio: WireDecimal,
    /// Whether this promotion comes on top of others.
    stacks: bool,
    /// Whether it is for all customers right below the account, in place of the account itself.
    for_customers: bool,
    /// Only of this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "hws.service.type.ec2")]
    service_type: Option<String>,
    /// Only of this resource type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "hws.resource.type.vm")]
    resource_type: Option<String>,
    /// Only of this specification.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "s6.large.2.linux")]
    resource_spec: Option<String>,
    /// Only in this region.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "cn-north-4")]
    region: Option<String>,
    /// Only charged in one of these ways.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    charging_modes: Vec<ChargingMode>,
    /// From when.
    effective_at: Instant,
    /// Until when.
    expires_at: Instant,
}

impl From<StoredDiscount> for DiscountView {
    fn from(stored: StoredDiscount) -> Self {
        let StoredDiscount { discount, for_customers, effective_at, expires_at } = stored;
        let Scope { service_type, resource_type, resource_spec, region, charging_modes } = discount.scope;
        Self {
            discount_id: DiscountId(discount.id),
            kind: discount.kind,
            name: discount.name,
            ratio: WireDecimal(discount.ratio),
            stacks: discount.stacks,
            for_customers,
            service_type,
            resource_type,
            resource_spec,
            region,
            charging_modes,
            effective_at: Instant(effective_at),
            expires_at: Instant(expires_at),
        }
    }
}

/// List an account's discounts
///
/// Those that have ended too.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/discounts",
    params(OfAccount, PageQuery),
    responses((status = 200, body = DiscountPage, description = "The discounts.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_discounts(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
    Query(query): Query<PageQuery>,
) -> Result<Json<DiscountPage>, ApiError> {
    let behind: Option<Uuid> = query.cursor.as_ref().map(Cursor::key).transpose()?;
    let behind = behind.unwrap_or_default();
    let limit = query.limit.get();
    let mut connection = app.database.control().await?;
    let of = find_account(&mut connection, &account).await.map_err(refused)?;
    let mut discounts = store::discounts_behind(&mut connection, of, behind, limit + 1).await?;
    let next_cursor = Cursor::cut(&mut discounts, limit, |stored| stored.discount.id);
    Ok(Json(DiscountPage { discounts: discounts.into_iter().map(DiscountView::from).collect(), next_cursor }))
}

/// A discount to be granted.
#[derive(Deserialize, ToSchema)]
pub struct CreateDiscountBody {
    /// Where it comes from.
    kind: DiscountKind,
    /// Its name, which customers see.
    name: DiscountName,
    /// What is left to pay: 0.8 is a fifth off. From 0 to below 1, at most 4 decimals.
    ratio: WireDecimal,
    /// Of a commercial discount the code of its agreement.
    agreement: Option<AgreementCode>,
    /// A promotion that comes on top of other discounts.
    #[serde(default, deserialize_with = "truth::value")]
    stacks: bool,
    /// For all customers right below the account, in place of the account itself.
    #[serde(default, deserialize_with = "truth::value")]
    for_customers: bool,
    /// Only of this service.
    service_type: Option<ServiceTypeCode>,
    /// Only of this resource type.
    resource_type: Option<ResourceTypeCode>,
    /// Only of this specification.
    resource_spec: Option<ResourceSpecCode>,
    /// Only in this region.
    region: Option<RegionCode>,
    /// Only charged in one of these ways; empty: in all.
    #[serde(default)]
    charging_modes: Vec<ChargingMode>,
    /// From when, with `expires_at`; a commercial discount holds as long as its agreement unless said otherwise.
    effective_at: Option<Instant>,
    /// Until when.
    expires_at: Option<Instant>,
}

impl CreateDiscountBody {
    fn discount(self) -> Result<NewDiscount, ApiError> {
        let span = match (self.effective_at, self.expires_at) {
            (Some(from), Some(until)) => Some(Span { from: from.0, until: until.0 }),
            (None, None) => None,
            (None, Some(_)) => return Err(ApiError::parameter("effective_at", "must be given with expires_at")),
            (Some(_), None) => return Err(ApiError::parameter("expires_at", "must be given with effective_at")),
        };
        Ok(NewDiscount {
            kind: self.kind,
            name: self.name,
            agreement: self.agreement.map(|code| code.as_str().to_owned()),
            ratio: self.ratio.0.normalize(),
            stacks: self.stacks,
            for_customers: self.for_customers,
            scope: Scope {
                service_type: self.service_type.map(|code| code.as_str().to_owned()),
                resource_type: self.resource_type.map(|code| code.as_str().to_owned()),
                resource_spec: self.resource_spec.map(|code| code.as_str().to_owned()),
                region: self.region.map(|code| code.as_str().to_owned()),
                charging_modes: self.charging_modes,
            },
            span,
        })
    }
}

/// A discount that was granted.
#[derive(Serialize, ToSchema)]
pub struct DiscountCreated {
    /// Its id.
    discount_id: DiscountId,
}

/// Grant a discount
///
/// To an account, or to all customers right below it. The next quote knows it.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/discounts",
    params(OfAccount),
    request_body = CreateDiscountBody,
    responses((status = 200, body = DiscountCreated, description = "The discount.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn create_discount(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<CreateDiscountBody>,
) -> Result<Answer, ApiError> {
    let new = body.discount()?;
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let id = pricing::add_discount(connection, of, new, now).await.map_err(refused)?;
            let discount_id = DiscountId(id);
            Outcome::of(&discount_id, &DiscountCreated { discount_id })
        })
        .await
}

/// The discount in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfDiscount {
    /// The account's name.
    #[param(example = "demo-partner")]
    account: String,
    /// The discount's id.
    #[param(inline)]
    discount: DiscountId,
}

/// End a discount
///
/// At this moment of the tenant's time, if it is in force. It stays in the list.
#[utoipa::path(
    delete,
    path = "/admin/v1/accounts/{account}/discounts/{discount}",
    params(OfDiscount),
    responses((status = 204, description = "It has ended.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn end_discount(
    State(app): State<App>,
    write: Write,
    Path(OfDiscount { account, discount }): Path<OfDiscount>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            pricing::end_discount(connection, of, discount.0, now).await.map_err(refused)?;
            Ok(Outcome::empty(&discount))
        })
        .await
}

/// A currency.
#[derive(Deserialize, ToSchema)]
pub struct CurrencyBody {
    /// The currency.
    currency: Currency,
}

/// Set an account's currency
///
/// In which it is quoted and billed.
#[utoipa::path(
    put,
    path = "/admin/v1/accounts/{account}/currency",
    params(OfAccount),
    request_body = CurrencyBody,
    responses((status = 204, description = "It is set.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn set_currency(
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(CurrencyBody { currency }): Json<CurrencyBody>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let of = find_account(connection, &account).await.map_err(refused)?;
            store::set_currency(connection, of, currency).await?;
            Ok(Outcome::empty(&of.1))
        })
        .await
}
