//! Quotas.

use crate::coupons::limits::Limits;
use crate::coupons::model::{Between, Quota, QuotaKind, QuotaStatus, Terms, Validity};
use crate::values::id::{DomainId, QuotaId, TenantId};
use crate::values::money::Currency;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

/// A quota to be written, with the distributor that splits it off.
#[derive(Clone, Debug)]
pub struct NewQuota<'a> {
    /// What it is.
    pub quota: &'a Quota,
    /// Who splits it off; nobody where the vendor grants it.
    pub issuer: Option<DomainId>,
}

/// Writes a quota.
pub async fn insert(
    connection: &mut PgConnection,
    tenant: TenantId,
    new: NewQuota<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let NewQuota { quota, issuer } = new;
    let terms = &quota.terms;
    let customers = terms.only_customers.as_ref().map(|ids| ids.iter().map(|id| id.0).collect::<Vec<Uuid>>());
    sqlx::query!(
        "insert into coupon_quotas
             (tenant_id, quota_id, owner_id, issuer_id, parent_id, kind, value, currency, status, effective_at, expires_at,
              limits, face_min, face_max, customer_coupons_max, customer_face_max, only_customers, only_first_association,
              used_told, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20)",
        tenant.0,
        quota.id.0,
        quota.owner.0,
        issuer.map(|issuer| issuer.0),
        quota.parent.map(|parent| parent.0),
        quota.kind.code(),
        quota.value,
        quota.currency as Currency,
        quota.status.code(),
        quota.validity.from,
        quota.validity.until,
        Json(&quota.limits) as Json<&Limits>,
        terms.face_min,
        terms.face_max,
        terms.customer_coupons_max,
        terms.customer_face_max,
        customers.as_deref(),
        terms.only_first_association,
        quota.used_told,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Quotas, locked in the order of their ids until the transaction ends.
pub async fn lock(connection: &mut PgConnection, tenant: TenantId, ids: &[QuotaId]) -> sqlx::Result<Vec<Quota>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select quota_id as "id: QuotaId", owner_id as "owner: DomainId", parent_id as "parent: QuotaId",
                  kind as "kind: QuotaKind", value, currency as "currency: Currency", status as "status: QuotaStatus",
                  effective_at, expires_at, limits as "limits: Json<Limits>", face_min, face_max, customer_coupons_max,
                  customer_face_max, only_customers as "only_customers: Vec<DomainId>", only_first_association, used_told
           from coupon_quotas where tenant_id = $1 and quota_id = any($2) order by quota_id
           for no key update"#,
        tenant.0,
        &ids
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| Quota {
            id: row.id,
            owner: row.owner,
            parent: row.parent,
            kind: row.kind,
            value: row.value,
            currency: row.currency,
            status: row.status,
            validity: Validity { from: row.effective_at, until: row.expires_at },
            limits: row.limits.0,
            terms: Terms {
                face_min: row.face_min,
                face_max: row.face_max,
                customer_coupons_max: row.customer_coupons_max,
                customer_face_max: row.customer_face_max,
                only_customers: row.only_customers,
                only_first_association: row.only_first_association,
            },
            used_told: row.used_told,
        })
        .collect())
}

/// What is left of a quota.
pub async fn balance(connection: &mut PgConnection, tenant: TenantId, quota: QuotaId) -> sqlx::Result<Decimal> {
    let found = sqlx::query_scalar!(
        "select balance from accounts where tenant_id = $1 and owner_id = $2 and kind = 'coupon_quota'",
        tenant.0,
        quota.0
    );
    Ok(found.fetch_optional(connection).await?.unwrap_or_default())
}

/// Where the value of a coupon goes back to: its quota, or that one's parent if it has been reclaimed; none is the vendor.
/// What is found cannot change until the transaction ends.
pub async fn homes(
    connection: &mut PgConnection,
    tenant: TenantId,
    quotas: &[QuotaId],
) -> sqlx::Result<Vec<(QuotaId, QuotaKind, Option<QuotaId>)>> {
    let ids: Vec<Uuid> = quotas.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select quota_id as "id: QuotaId", kind as "kind: QuotaKind", parent_id as "parent: QuotaId",
                  status as "status: QuotaStatus"
           from coupon_quotas where tenant_id = $1 and quota_id = any($2) order by quota_id
           for no key update"#,
        tenant.0,
        &ids
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| (row.id, row.kind, if row.status == QuotaStatus::Reclaimed { row.parent } else { Some(row.id) }))
        .collect())
}

/// Sets how a quota stands.
pub async fn set_status(
    connection: &mut PgConnection,
    (tenant, quota): (TenantId, QuotaId),
    status: QuotaStatus,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let updated = sqlx::query!(
        "update coupon_quotas set status = $3, updated_at = $4 where tenant_id = $1 and quota_id = $2",
        tenant.0,
        quota.0,
        status.code(),
        now
    );
    Ok(updated.execute(connection).await?.rows_affected() == 1)
}

/// Notes that the owner was told that most of it is used.
pub async fn set_used_told(connection: &mut PgConnection, tenant: TenantId, quota: QuotaId) -> sqlx::Result<()> {
    sqlx::query!("update coupon_quotas set used_told = true where tenant_id = $1 and quota_id = $2", tenant.0, quota.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// A quota as lists show it.
#[derive(Clone, Debug)]
pub struct QuotaRow {
    /// Its id.
    pub id: QuotaId,
    /// Who issues coupons from it.
    pub owner: DomainId,
    /// That account's name.
    pub owner_name: String,
    /// The quota it was split from.
    pub parent: Option<QuotaId>,
    /// What coupons it is for.
    pub kind: QuotaKind,
    /// What it was worth.
    pub value: Decimal,
    /// What is left.
    pub balance: Decimal,
    /// In which currency.
    pub currency: Currency,
    /// As it was set.
    pub status: QuotaStatus,
    /// From when on coupons can be issued.
    pub effective_at: OffsetDateTime,
    /// Until when.
    pub expires_at: OffsetDateTime,
    /// Limits of its coupons.
    pub limits: Json<Limits>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it, or its balance, was changed last.
    pub updated_at: OffsetDateTime,
}

/// Which quotas; what is `None` does not filter.
#[derive(Clone, Debug, Default)]
pub struct QuotaFilter {
    /// Whose: the account that issues coupons from them.
    pub owner: Option<DomainId>,
    /// Split off by this distributor.
    pub issuer: Option<DomainId>,
    /// These.
    pub ids: Option<Vec<QuotaId>>,
    /// Split from this one.
    pub parent: Option<QuotaId>,
    /// What coupons they are for.
    pub kind: Option<QuotaKind>,
    /// How they are shown.
    pub statuses: Option<Vec<QuotaStatus>>,
    /// Whether those that have been reclaimed are left out.
    pub without_reclaimed: bool,
    /// When they were made.
    pub created: Between,
    /// When they take effect.
    pub effective: Between,
    /// When they expire.
    pub expires: Between,
    /// Behind the one that was made then and has this id, in the order of the list.
    pub behind: Option<(OffsetDateTime, QuotaId)>,
}

/// A page, newest first, and how many there are in all. An owner has few quotas, so all that match are counted.
pub async fn page(
    connection: &mut PgConnection,
    tenant: TenantId,
    filter: &QuotaFilter,
    now: OffsetDateTime,
    (offset, limit): (usize, usize),
) -> sqlx::Result<(Vec<QuotaRow>, i64)> {
    let ids = filter.ids.as_ref().map(|ids| ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let statuses = filter.statuses.as_ref().map(|all| all.iter().map(|status| status.code()).collect::<Vec<_>>());
    let rows = sqlx::query!(
        r#"select q.quota_id as "id: QuotaId", q.owner_id as "owner: DomainId", d.name as owner_name,
                  q.parent_id as "parent: QuotaId", q.kind as "kind: QuotaKind", q.value,
                  coalesce(a.balance, 0) as "balance!", q.currency as "currency: Currency",
                  q.status as "status: QuotaStatus", q.effective_at, q.expires_at, q.limits as "limits: Json<Limits>",
                  q.created_at, greatest(q.updated_at, a.last_at) as "updated_at!", count(*) over () as "total!"
           from coupon_quotas q
           join domains d on d.tenant_id = q.tenant_id and d.domain_id = q.owner_id
           left join accounts a on a.tenant_id = q.tenant_id and a.owner_id = q.quota_id and a.kind = 'coupon_quota'
               and a.tenant_id = $1
           where q.tenant_id = $1 and d.tenant_id = $1
             and ($2::uuid is null or q.owner_id = $2) and ($3::uuid is null or q.issuer_id = $3)
             and ($4::uuid[] is null or q.quota_id = any($4)) and ($5::uuid is null or q.parent_id = $5)
             and ($6::smallint is null or q.kind = $6)
             and ($7::smallint[] is null
                  or (case when q.status = 0 and q.expires_at <= $8 then 3 else q.status end) = any($7))
             and (not $9 or q.status <> 6)
             and ($10::timestamptz is null or q.created_at >= $10) and ($11::timestamptz is null or q.created_at < $11)
             and ($12::timestamptz is null or q.effective_at >= $12)
             and ($13::timestamptz is null or q.effective_at < $13)
             and ($14::timestamptz is null or q.expires_at >= $14) and ($15::timestamptz is null or q.expires_at < $15)
             and ($16::timestamptz is null or (q.created_at, q.quota_id) < ($16, $17))
           order by q.created_at desc, q.quota_id desc"#,
        tenant.0,
        filter.owner.map(|owner| owner.0),
        filter.issuer.map(|issuer| issuer.0),
        ids.as_deref(),
        filter.parent.map(|parent| parent.0),
        filter.kind.map(QuotaKind::code),
        statuses.as_deref(),
        now,
        filter.without_reclaimed,
        filter.created.from,
        filter.created.until,
        filter.effective.from,
        filter.effective.until,
        filter.expires.from,
        filter.expires.until,
        filter.behind.map(|(at, _)| at),
        filter.behind.map(|(_, quota)| quota.0)
    )
    .fetch_all(connection)
    .await?;
    let total = rows.first().map_or(0, |row| row.total);
    let part = rows.into_iter().skip(offset).take(limit);
    let shown = part.map(|row| QuotaRow {
        id: row.id,
        owner: row.owner,
        owner_name: row.owner_name,
        parent: row.parent,
        kind: row.kind,
        value: row.value,
        balance: row.balance,
        currency: row.currency,
        status: row.status,
        effective_at: row.effective_at,
        expires_at: row.expires_at,
        limits: row.limits,
        created_at: row.created_at,
        updated_at: row.updated_at,
    });
    Ok((shown.collect(), total))
}
