//! `POST /v2/promotions/benefits/partner-coupons/reclaim`

use super::create_partner_coupons::refused;
use super::model::{CouponIdText, CouponStatus, shown_coupon_status};
use super::refusal::Refusal;
use super::returns::{self, End};
use super::store::books::{self, Book, NewRecord, Operation};
use super::store::coupons::{self, Coupon, Which};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Begun, Write};
use crate::app::App;
use crate::customers::model::{AccountIdText, AssociationType};
use crate::customers::store::{self as customers_store, Recipient};
use crate::values::id::{DomainId, TenantId, UserId};
use crate::values::site::Site;
use axum::extract::State;
use serde::Deserialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// Which coupon to take back.
#[derive(Deserialize, ToSchema)]
pub struct ReclaimPartnerCouponsReq {
    /// The coupon.
    coupon_id: CouponIdText,
    /// For a distributor: the reseller that issued it. Ignored for other callers.
    indirect_partner_id: Option<AccountIdText>,
}

/// Takes a coupon back from a customer.
///
/// What is left of it goes back to the quota. Resale customers' coupons only. One that has expired, or was taken back
/// before, is answered with 200 and `CBC.99000048`.
#[utoipa::path(
    post, path = "/v2/promotions/benefits/partner-coupons/reclaim",
    responses((status = 204, description = "It was taken back.")),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS).on(Site::Cn).needs("BPC_ITEM_SUBCUSTSERV_030201").writes()
    ))),
)]
pub async fn reclaim_partner_coupons(
    State(app): State<App>,
    partner: Partner,
    write: Write,
    Json(request): Json<ReclaimPartnerCouponsReq>,
) -> Result<Answer, ApiError> {
    let tenant = partner.tenant;
    let issuer = app.customers.acting_partner(&partner, request.indirect_partner_id.as_ref()).await?;
    let id = request.coupon_id.id().ok_or_else(no_such_coupon)?;
    let mut transaction = match write.begin().await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(transaction) => transaction,
    };
    let (connection, now) = (transaction.connection(), app.now(tenant));
    // The customer is locked before the coupon. A coupon stays its holder's, so who that is can be read before.
    let holder = coupons::holder(connection, tenant, id).await?.ok_or_else(no_such_coupon)?;
    let holder = customers_store::recipients(connection, tenant, &[holder]).await?.pop();
    let coupon = coupons::lock(connection, tenant, Which::Ids(&[id])).await?.pop().ok_or_else(no_such_coupon)?;
    if let Err(refusal) = decide(&coupon, issuer, holder.as_ref(), now) {
        let refused = refused_record(connection, tenant, (&coupon, issuer), (refusal.code, partner.user), now).await?;
        let record = async |connection: &mut PgConnection| books::append(connection, tenant, refused.as_slice()).await;
        return Err(transaction.refuse(refusal, record).await);
    }
    let end = End { operation: Operation::Reclaim, memo: "", user: Some(partner.user) };
    returns::end(connection, tenant, vec![coupon], end, now).await.map_err(refused)?;
    transaction.finish_empty(&id.to_string()).await
}

/// The vendor documents no code for a coupon that the partner never issued.
fn no_such_coupon() -> ApiError {
    ApiError::parameter("coupon_id", "there is no such coupon")
}

/// What the partner's book says of a coupon of its own that it could not take back.
async fn refused_record(
    connection: &mut PgConnection,
    tenant: TenantId,
    (coupon, issuer): (&Coupon, DomainId),
    (code, user): (&'static str, UserId),
    now: OffsetDateTime,
) -> sqlx::Result<Option<NewRecord>> {
    let Some((_, quota)) = coupon.source.filter(|(partner, _)| *partner == issuer) else { return Ok(None) };
    let homes = returns::homes(connection, tenant, std::slice::from_ref(coupon)).await?;
    Ok(Some(NewRecord {
        owner: issuer,
        book: Book::Issued,
        operation: Operation::Reclaim,
        quota: homes.get(&quota).map(|(kind, _)| (quota, *kind)),
        parent: None,
        coupon: Some(coupon.id),
        customer: coupon.holder,
        amount: coupon.face_value,
        balance_after: coupon.balance,
        reference: String::new(),
        paid_for: Default::default(),
        memo: String::new(),
        user: Some(user),
        refused: Some(code),
        happened_at: now,
    }))
}

fn decide(coupon: &Coupon, issuer: DomainId, holder: Option<&Recipient>, now: OffsetDateTime) -> Result<(), ApiError> {
    if coupon.source.is_none_or(|(partner, _)| partner != issuer) {
        return Err(no_such_coupon());
    }
    let association = holder.filter(|holder| holder.partner == Some(issuer)).and_then(|holder| holder.association);
    match association {
        Some(AssociationType::Resale) => {}
        Some(AssociationType::Referral) => return Err(Refusal::ReferralCoupon.into()),
        // It left the partner; what it had was taken back then.
        None => return Err(Refusal::CouponOver.into()),
    }
    match shown_coupon_status(coupon.state, coupon.validity, now) {
        CouponStatus::Inactive | CouponStatus::Usable => Ok(()),
        CouponStatus::Expired | CouponStatus::Reclaimed => Err(Refusal::CouponOver.into()),
        // The vendor documents no code for one that is used up: nothing is left to take back.
        CouponStatus::Used => Err(ApiError::parameter("coupon_id", "the coupon is used up")),
    }
}
