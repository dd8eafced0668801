//! Coupons: writing them, and reading those that are to be changed. [`super::search`] lists them.

use crate::coupons::limits::Limits;
use crate::coupons::model::{CouponKind, CouponStatus, Validity};
use crate::values::id::{CouponId, DomainId, QuotaId, TenantId};
use crate::values::money::Currency;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use sqlx::types::Json;
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;
use uuid::Uuid;

/// What coupons that are issued together have in common.
#[derive(Clone, Debug)]
pub struct Issue<'a> {
    /// Who issues them, out of which quota; nobody is the vendor.
    pub source: Option<(DomainId, QuotaId)>,
    /// What they are.
    pub kind: CouponKind,
    /// What each is worth.
    pub face_value: Decimal,
    /// In which currency.
    pub currency: Currency,
    /// When they can be used.
    pub validity: Validity,
    /// For what.
    pub limits: &'a Limits,
    /// Which group they belong to.
    pub group: i16,
    /// Their name.
    pub name: &'a str,
    /// A remark.
    pub memo: &'a str,
}

/// Writes coupons for these holders.
pub async fn insert(
    connection: &mut PgConnection,
    tenant: TenantId,
    issue: &Issue<'_>,
    coupons: &[(CouponId, DomainId)],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into coupons (tenant_id, coupon_id, holder_id, partner_id, quota_id, kind, face_value, currency, state,
                              effective_at, expires_at, limits, coupon_group, name, memo, frozen, order_id, created_at,
                              listed, expiry_told)
         select t.tenant_id, u.coupon_id, u.holder_id, $4, $5, $6, $7, $8, 2, $9, $10, $11, $12, $13, $14, false, '', $15,
                true, false
         from tenants t, unnest($2::uuid[], $3::uuid[]) as u (coupon_id, holder_id) where t.tenant_id = $1",
        tenant.0,
        &coupons.iter().map(|(coupon, _)| coupon.0).collect::<Vec<_>>(),
        &coupons.iter().map(|(_, holder)| holder.0).collect::<Vec<_>>(),
        issue.source.map(|(partner, _)| partner.0),
        issue.source.map(|(_, quota)| quota.0),
        issue.kind.code(),
        issue.face_value,
        issue.currency as Currency,
        issue.validity.from,
        issue.validity.until,
        Json(issue.limits) as Json<&Limits>,
        issue.group,
        issue.name,
        issue.memo,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many coupons of a quota each of these customers has been given, and what they were worth. Those that were reclaimed
/// do not count.
pub async fn given(
    connection: &mut PgConnection,
    (tenant, quota): (TenantId, QuotaId),
    customers: &[DomainId],
) -> sqlx::Result<BTreeMap<DomainId, (i64, Decimal)>> {
    let ids: Vec<Uuid> = customers.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select holder_id as "holder: DomainId", count(*) as "count!", sum(face_value) as "sum!"
           from coupons where tenant_id = $1 and quota_id = $2 and holder_id = any($3) and state <> 5 group by holder_id"#,
        tenant.0,
        quota.0,
        &ids
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.holder, (row.count, row.sum))).collect())
}

/// A coupon that is to be changed.
#[derive(Clone, PartialEq, Debug)]
pub struct Coupon {
    /// Its id.
    pub id: CouponId,
    /// Whose it is.
    pub holder: DomainId,
    /// Who issued it, out of which quota; nobody is the vendor.
    pub source: Option<(DomainId, QuotaId)>,
    /// What it is.
    pub kind: CouponKind,
    /// What it was worth.
    pub face_value: Decimal,
    /// In which currency.
    pub currency: Currency,
    /// As it was recorded last.
    pub state: CouponStatus,
    /// When it can be used.
    pub validity: Validity,
    /// For what.
    pub limits: Limits,
    /// Which group it belongs to.
    pub group: i16,
    /// Whether it is frozen.
    pub frozen: bool,
    /// What is left of it.
    pub balance: Decimal,
}

/// Which coupons are to be changed.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// These.
    Ids(&'a [CouponId]),
    /// All usable ones of a holder.
    UsableOf(DomainId),
    /// Those that have expired by an instant, the earliest first, so many; those that somebody else is changing are left.
    Expired(OffsetDateTime, i64),
}

/// Whose a coupon is.
pub async fn holder(
    connection: &mut PgConnection,
    tenant: TenantId,
    coupon: CouponId,
) -> sqlx::Result<Option<DomainId>> {
    sqlx::query_scalar!(
        r#"select holder_id as "holder: DomainId" from coupons where tenant_id = $1 and coupon_id = $2"#,
        tenant.0,
        coupon.0
    )
    .fetch_optional(connection)
    .await
}

/// What is left of the cash coupons of a currency that a holder can use at an instant.
pub async fn usable_cash(
    connection: &mut PgConnection,
    (tenant, holder): (TenantId, DomainId),
    currency: Currency,
    now: OffsetDateTime,
) -> sqlx::Result<Decimal> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(a.balance), 0) as "sum!" from coupons c
           join accounts a on a.tenant_id = c.tenant_id and a.owner_id = c.coupon_id and a.kind = 'coupon'
           where c.tenant_id = $1 and a.tenant_id = $1 and c.holder_id = $2 and c.listed and c.state = 2 and not c.frozen
             and c.kind = $3 and c.currency = $4 and c.effective_at <= $5 and c.expires_at > $5"#,
        tenant.0,
        holder.0,
        CouponKind::Cash.code(),
        currency as Currency,
        now
    )
    .fetch_one(connection)
    .await
}

/// Coupons, locked until the transaction ends.
pub async fn lock(connection: &mut PgConnection, tenant: TenantId, which: Which<'_>) -> sqlx::Result<Vec<Coupon>> {
    // Locked first and read then: a lock that was waited for shows the row as it is after the wait, but not its balance.
    let locked: Vec<Uuid> = match which {
        Which::Ids(ids) => {
            let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
            sqlx::query_scalar!(
                "select coupon_id from coupons where tenant_id = $1 and coupon_id = any($2) order by coupon_id for update",
                tenant.0,
                &ids
            )
            .fetch_all(&mut *connection)
            .await?
        }
        Which::UsableOf(holder) => {
            sqlx::query_scalar!(
                "select coupon_id from coupons where tenant_id = $1 and holder_id = $2 and listed and state = 2
                 order by coupon_id for update",
                tenant.0,
                holder.0
            )
            .fetch_all(&mut *connection)
            .await?
        }
        Which::Expired(by, limit) => {
            sqlx::query_scalar!(
                "select coupon_id from coupons where tenant_id = $1 and state = 2 and expires_at <= $2
                 order by expires_at, coupon_id limit $3 for update skip locked",
                tenant.0,
                by,
                limit
            )
            .fetch_all(&mut *connection)
            .await?
        }
    };
    read(connection, tenant, &locked).await
}

async fn read(connection: &mut PgConnection, tenant: TenantId, ids: &[Uuid]) -> sqlx::Result<Vec<Coupon>> {
    let rows = sqlx::query!(
        r#"select c.coupon_id as "id: CouponId", c.holder_id as "holder: DomainId", c.partner_id as "partner: DomainId",
                  c.quota_id as "quota: QuotaId", c.kind as "kind: CouponKind", c.face_value,
                  c.currency as "currency: Currency", c.state as "state: CouponStatus", c.effective_at, c.expires_at,
                  c.limits as "limits: Json<Limits>", c.coupon_group, c.frozen, coalesce(a.balance, 0) as "balance!"
           from coupons c
           left join accounts a on a.tenant_id = c.tenant_id and a.owner_id = c.coupon_id and a.kind = 'coupon'
               and a.tenant_id = $1
           where c.tenant_id = $1 and c.coupon_id = any($2) order by c.expires_at, c.coupon_id"#,
        tenant.0,
        ids
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| Coupon {
            id: row.id,
            holder: row.holder,
            source: row.partner.zip(row.quota),
            kind: row.kind,
            face_value: row.face_value,
            currency: row.currency,
            state: row.state,
            validity: Validity { from: row.effective_at, until: row.expires_at },
            limits: row.limits.0,
            group: row.coupon_group,
            frozen: row.frozen,
            balance: row.balance,
        })
        .collect())
}

/// Records that coupons are no longer usable.
pub async fn set_state(
    connection: &mut PgConnection,
    tenant: TenantId,
    coupons: &[CouponId],
    state: CouponStatus,
) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = coupons.iter().map(|id| id.0).collect();
    sqlx::query!(
        "update coupons set state = $3 where tenant_id = $1 and coupon_id = any($2)",
        tenant.0,
        &ids,
        state.code()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Records that an order or a bill used coupons, and which of them are used up by that.
pub async fn set_used(
    connection: &mut PgConnection,
    tenant: TenantId,
    coupons: &[(CouponId, bool)],
    order: &str,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update coupons c set state = case when u.used_up then 3 else c.state end, order_id = $4, last_used_at = $5
         from unnest($2::uuid[], $3::boolean[]) as u (coupon_id, used_up)
         where c.tenant_id = $1 and c.coupon_id = u.coupon_id",
        tenant.0,
        &coupons.iter().map(|(coupon, _)| coupon.0).collect::<Vec<_>>(),
        &coupons.iter().map(|(_, used_up)| *used_up).collect::<Vec<_>>(),
        order,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes coupons that expired at `until` or before out of the lists, so many at most: of which partners how many.
pub async fn unlist(
    connection: &mut PgConnection,
    tenant: TenantId,
    until: OffsetDateTime,
    limit: i64,
) -> sqlx::Result<BTreeMap<Option<DomainId>, i64>> {
    let rows = sqlx::query_scalar!(
        r#"with picked as (
               select coupon_id from coupons where tenant_id = $1 and listed and state <> 2 and expires_at <= $2
               order by expires_at, coupon_id limit $3 for update skip locked
           )
           update coupons c set listed = false from picked
           where c.tenant_id = $1 and c.coupon_id = picked.coupon_id returning c.partner_id as "partner: DomainId""#,
        tenant.0,
        until,
        limit
    );
    let mut counts = BTreeMap::new();
    for partner in rows.fetch_all(connection).await? {
        *counts.entry(partner).or_insert(0) += 1;
    }
    Ok(counts)
}

/// A coupon that will expire soon.
#[derive(Clone, Debug)]
pub struct Expiring {
    /// The coupon.
    pub id: CouponId,
    /// Whose it is.
    pub holder: DomainId,
    /// Who issued it. The vendor's own coupons have nobody to be told.
    pub partner: DomainId,
    /// When it expires.
    pub expires_at: OffsetDateTime,
    /// What is left of it.
    pub balance: Decimal,
}

/// Coupons that expire by `until`, or by what their partner says otherwise, and of which it has not been told, the earliest
/// first, so many. They count as told.
pub async fn take_expiring(
    connection: &mut PgConnection,
    tenant: TenantId,
    until: OffsetDateTime,
    otherwise: &BTreeMap<DomainId, OffsetDateTime>,
    limit: i64,
) -> sqlx::Result<Vec<Expiring>> {
    let latest = otherwise.values().copied().fold(until, OffsetDateTime::max);
    sqlx::query_as!(
        Expiring,
        r#"with picked as (
               select c.coupon_id from coupons c
               left join unnest($4::uuid[], $5::timestamptz[]) as l (partner_id, until) on l.partner_id = c.partner_id
               where c.tenant_id = $1 and c.state = 2 and not c.expiry_told and c.partner_id is not null
                 and c.expires_at <= $2 and c.expires_at <= coalesce(l.until, $6)
               order by c.expires_at, c.coupon_id limit $3 for update of c skip locked
           )
           update coupons c set expiry_told = true
           from picked left join accounts a on a.tenant_id = $1 and a.owner_id = picked.coupon_id and a.kind = 'coupon'
           where c.tenant_id = $1 and c.coupon_id = picked.coupon_id
           returning c.coupon_id as "id: CouponId", c.holder_id as "holder: DomainId",
                     c.partner_id as "partner!: DomainId", c.expires_at, coalesce(a.balance, 0) as "balance!""#,
        tenant.0,
        latest,
        limit,
        &otherwise.keys().map(|partner| partner.0).collect::<Vec<_>>(),
        &otherwise.values().copied().collect::<Vec<_>>(),
        until
    )
    .fetch_all(connection)
    .await
}

/// When a coupon of a tenant expires next.
pub async fn next_expiry(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Option<OffsetDateTime>> {
    sqlx::query_scalar!("select min(expires_at) from coupons where tenant_id = $1 and state = 2", tenant.0)
        .fetch_one(connection)
        .await
}

/// When a partner of a tenant is to be told next that a coupon will expire; at once, where it was issued later than that. What
/// is due later than `until` may be left out: then only coupons that expire soon are looked at.
pub async fn next_notice(
    connection: &mut PgConnection,
    tenant: TenantId,
    until: OffsetDateTime,
) -> sqlx::Result<Option<OffsetDateTime>> {
    sqlx::query_scalar!(
        "select min(greatest(c.created_at, c.expires_at - make_interval(days => coalesce(p.notice_days, $2)::int)))
         from coupons c
         left join coupon_partners p on p.tenant_id = c.tenant_id and p.partner_id = c.partner_id and p.tenant_id = $1
         where c.tenant_id = $1 and c.state = 2 and not c.expiry_told and c.partner_id is not null
           and c.expires_at <= $3::timestamptz + make_interval(
               days => greatest($2, (select max(notice_days) from coupon_partners where tenant_id = $1))::int)",
        tenant.0,
        super::partners::NOTICE_DAYS,
        until
    )
    .fetch_one(connection)
    .await
}

/// Tenants that have coupons which expired by an instant, without those whose clocks are moved; some at a time.
pub async fn tenants_with_expired(
    connection: &mut PgConnection,
    by: OffsetDateTime,
    moved: &[(TenantId, OffsetDateTime)],
) -> sqlx::Result<BTreeSet<TenantId>> {
    let moved: Vec<Uuid> = moved.iter().map(|(tenant, _)| tenant.0).collect();
    let tenants = sqlx::query_scalar!(
        r#"select distinct tenant_id as "tenant: TenantId" from coupons
           where state = 2 and expires_at <= $1 and tenant_id <> all($2) limit 100"#,
        by,
        &moved
    );
    Ok(tenants.fetch_all(connection).await?.into_iter().collect())
}

/// Those among them that have coupons which expired by what their own clocks show.
pub async fn moved_tenants_with_expired(
    connection: &mut PgConnection,
    moved: &[(TenantId, OffsetDateTime)],
) -> sqlx::Result<BTreeSet<TenantId>> {
    if moved.is_empty() {
        return Ok(BTreeSet::new());
    }
    let tenants = sqlx::query_scalar!(
        r#"select distinct c.tenant_id as "tenant: TenantId"
           from coupons c join unnest($1::uuid[], $2::timestamptz[]) as m (tenant_id, by) on m.tenant_id = c.tenant_id
           where c.state = 2 and c.expires_at <= m.by"#,
        &moved.iter().map(|(tenant, _)| tenant.0).collect::<Vec<_>>(),
        &moved.iter().map(|(_, by)| *by).collect::<Vec<_>>()
    );
    Ok(tenants.fetch_all(connection).await?.into_iter().collect())
}
