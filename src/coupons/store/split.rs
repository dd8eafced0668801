//! Coupons of an enterprise that are taken from one another.

use crate::coupons::limits::Limits;
use crate::coupons::model::CouponKind;
use crate::values::id::{CouponId, DomainId, TenantId};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

/// Writes a coupon of `holder` that is good for the same as `main`, until the same instant; nothing is in it yet.
pub async fn insert(
    connection: &mut PgConnection,
    tenant: TenantId,
    (coupon, main): (CouponId, CouponId),
    (holder, face_value): (DomainId, Decimal),
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into coupons (tenant_id, coupon_id, holder_id, partner_id, quota_id, kind, face_value, currency, state,
                              effective_at, expires_at, limits, coupon_group, name, memo, frozen, order_id, created_at,
                              listed, expiry_told, main_id)
         select tenant_id, $3, $4, partner_id, quota_id, kind, $5, currency, 2, effective_at, expires_at, limits,
                coupon_group, name, memo, false, '', $6, true, false, coupon_id
         from coupons where tenant_id = $1 and coupon_id = $2",
        tenant.0,
        main.0,
        coupon.0,
        holder.0,
        face_value,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Of which coupon a coupon was taken; of none, if it is a whole one or there is none.
pub async fn main_of(
    connection: &mut PgConnection,
    tenant: TenantId,
    coupon: CouponId,
) -> sqlx::Result<Option<CouponId>> {
    let main = sqlx::query_scalar!(
        r#"select main_id as "main: CouponId" from coupons where tenant_id = $1 and coupon_id = $2"#,
        tenant.0,
        coupon.0
    );
    Ok(main.fetch_optional(connection).await?.flatten())
}

/// A coupon with something in it, as lists show what can be given or taken back.
#[derive(Clone, Debug)]
pub struct Movable {
    /// Its id.
    pub id: CouponId,
    /// The coupon it was taken from.
    pub main: Option<CouponId>,
    /// Its name.
    pub name: String,
    /// What is left of it.
    pub balance: Decimal,
    /// From when on it can be used.
    pub effective_at: OffsetDateTime,
    /// Until when.
    pub expires_at: OffsetDateTime,
    /// For what.
    pub limits: Json<Limits>,
}

/// The vendor's own cash coupons of a master account that have something left, the newest first. There are few.
pub async fn transferable(
    connection: &mut PgConnection,
    (tenant, master): (TenantId, DomainId),
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Movable>> {
    sqlx::query_as!(
        Movable,
        r#"select c.coupon_id as "id: CouponId", c.main_id as "main: CouponId", c.name, a.balance, c.effective_at,
                  c.expires_at, c.limits as "limits: Json<Limits>"
           from coupons c
           join accounts a on a.tenant_id = c.tenant_id and a.owner_id = c.coupon_id and a.kind = 'coupon'
           where c.tenant_id = $1 and a.tenant_id = $1 and c.holder_id = $2 and c.listed and c.state = 2 and not c.frozen
             and c.partner_id is null and c.kind = $3 and c.expires_at > $4 and a.balance > 0
           order by c.created_at desc, c.coupon_id desc"#,
        tenant.0,
        master.0,
        CouponKind::Cash.code(),
        now
    )
    .fetch_all(connection)
    .await
}

/// The coupons of a member that were taken from coupons of its master account and have something left, the newest first.
pub async fn retrievable(
    connection: &mut PgConnection,
    tenant: TenantId,
    (master, member): (DomainId, DomainId),
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Movable>> {
    sqlx::query_as!(
        Movable,
        r#"select c.coupon_id as "id: CouponId", c.main_id as "main: CouponId", c.name, a.balance, c.effective_at,
                  c.expires_at, c.limits as "limits: Json<Limits>"
           from coupons c
           join coupons m on m.tenant_id = c.tenant_id and m.coupon_id = c.main_id
           join accounts a on a.tenant_id = c.tenant_id and a.owner_id = c.coupon_id and a.kind = 'coupon'
           where c.tenant_id = $1 and m.tenant_id = $1 and a.tenant_id = $1 and c.holder_id = $3 and m.holder_id = $2
             and c.listed and c.state = 2 and not c.frozen and c.expires_at > $4 and a.balance > 0
           order by c.created_at desc, c.coupon_id desc"#,
        tenant.0,
        master.0,
        member.0,
        now
    )
    .fetch_all(connection)
    .await
}
