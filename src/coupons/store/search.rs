//! Lists of coupons, newest first.
//!
//! A list has a dozen filters, so its statements are put together from those that are given: each finds its index. A page
//! near the end is read from the end, so that the last page costs what the first does. How many coupons a partner has in all
//! is kept; with a filter they are counted.

use super::coupons::Coupon;
use crate::api::page::Part;
use crate::coupons::limits::Limits;
use crate::coupons::model::{Between, CouponKind, CouponStatus, Validity, YEARS_LISTED_MAX, years_before};
use crate::values::id::{CouponId, DomainId, QuotaId, TenantId};
use crate::values::money::Currency;
use rust_decimal::Decimal;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use time::OffsetDateTime;

/// A coupon as lists show it.
#[derive(Clone, Debug, FromRow)]
pub struct CouponRow {
    /// Its id.
    pub coupon_id: CouponId,
    /// Whose it is.
    pub holder_id: DomainId,
    /// Who issued it; nobody is the vendor.
    pub partner_id: Option<DomainId>,
    /// Out of which quota.
    pub quota_id: Option<QuotaId>,
    /// What it is.
    pub kind: CouponKind,
    /// What it was worth.
    pub face_value: Decimal,
    /// In which currency.
    pub currency: Currency,
    /// As it was recorded last.
    pub state: CouponStatus,
    /// From when on it can be used.
    pub effective_at: OffsetDateTime,
    /// Until when.
    pub expires_at: OffsetDateTime,
    /// For what.
    pub limits: Json<Limits>,
    /// Which group it belongs to.
    pub coupon_group: i16,
    /// Its name.
    pub name: String,
    /// A remark.
    pub memo: String,
    /// Whether it is frozen.
    pub frozen: bool,
    /// What used it last.
    pub order_id: String,
    /// When.
    pub last_used_at: Option<OffsetDateTime>,
    /// When it was issued.
    pub created_at: OffsetDateTime,
    /// What is left of it.
    pub balance: Decimal,
}

impl From<&CouponRow> for Coupon {
    fn from(row: &CouponRow) -> Self {
        Self {
            id: row.coupon_id,
            holder: row.holder_id,
            source: row.partner_id.zip(row.quota_id),
            kind: row.kind,
            face_value: row.face_value,
            currency: row.currency,
            state: row.state,
            validity: Validity { from: row.effective_at, until: row.expires_at },
            limits: row.limits.0.clone(),
            group: row.coupon_group,
            frozen: row.frozen,
            balance: row.balance,
        }
    }
}

/// Whose coupons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Issued by this partner.
    IssuedBy(DomainId),
    /// Given to this account.
    HeldBy(DomainId),
}

impl Whose {
    /// Its list shows no coupon that expired at this instant or before: twelve months ago, but two years ago where a partner
    /// lists what it issued, as the vendor says of that list alone.
    pub fn listed_since(self, now: OffsetDateTime) -> OffsetDateTime {
        match self {
            Self::IssuedBy(_) => years_before(now, YEARS_LISTED_MAX),
            Self::HeldBy(_) => years_before(now, 1),
        }
    }
}

/// Who issued a coupon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The vendor.
    Vendor,
    /// A partner.
    Partner(DomainId),
}

/// Which of them; what is `None` does not filter.
#[derive(Clone, Debug, Default)]
pub struct CouponFilter {
    /// This one.
    pub coupon: Option<CouponId>,
    /// Of this customer.
    pub holder: Option<DomainId>,
    /// Used last by this order or bill; empty: by none.
    pub order: Option<String>,
    /// What they are.
    pub kind: Option<CouponKind>,
    /// How they are shown.
    pub status: Option<CouponStatus>,
    /// Who issued them.
    pub source: Option<Source>,
    /// When they were issued.
    pub created: Between,
    /// When they take effect.
    pub effective: Between,
    /// When they expire.
    pub expires: Between,
}

impl CouponFilter {
    fn is_empty(&self) -> bool {
        let spans = [self.created, self.effective, self.expires];
        let times = spans.iter().all(|span| *span == Between::default());
        let ids = self.coupon.is_none() && self.holder.is_none() && self.order.is_none() && self.source.is_none();
        times && ids && self.kind.is_none() && self.status.is_none()
    }
}

/// A list.
#[derive(Clone, Debug)]
pub struct Search {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose coupons.
    pub whose: Whose,
    /// Which of them.
    pub filter: CouponFilter,
    /// The tenant's time.
    pub now: OffsetDateTime,
}

impl Search {
    /// A page, and how many there are in all.
    pub async fn page(
        &self,
        connection: &mut PgConnection,
        (offset, limit): (usize, usize),
    ) -> sqlx::Result<(Vec<CouponRow>, i64)> {
        let total = self.total(connection).await?;
        let Some(part) = Part::of(total, offset, limit) else { return Ok((Vec::new(), total)) };
        let mut rows: Vec<CouponRow> = self.select(part, None).build_query_as().fetch_all(connection).await?;
        if part.is_from_the_end {
            rows.reverse();
        }
        Ok((rows, total))
    }

    /// So many behind the one that was issued then and has this id, for a list that nobody counts.
    pub async fn behind(
        &self,
        connection: &mut PgConnection,
        behind: Option<(OffsetDateTime, CouponId)>,
        limit: usize,
    ) -> sqlx::Result<Vec<CouponRow>> {
        let part = Part { is_from_the_end: false, skipped: 0, read: i64::try_from(limit).unwrap_or(i64::MAX) };
        self.select(part, behind).build_query_as().fetch_all(connection).await
    }

    async fn total(&self, connection: &mut PgConnection) -> sqlx::Result<i64> {
        match self.whose {
            Whose::IssuedBy(partner) if self.filter.is_empty() => self.kept_total(connection, partner).await,
            _ => self.count().build_query_scalar().fetch_one(connection).await,
        }
    }

    /// The kept count, without those that have to leave the list and are still marked: few, since a job takes them out.
    async fn kept_total(&self, connection: &mut PgConnection, partner: DomainId) -> sqlx::Result<i64> {
        sqlx::query_scalar!(
            r#"select coalesce((select listed from coupon_partners where tenant_id = $1 and partner_id = $2), 0)
                      - (select count(*) from coupons
                         where tenant_id = $1 and partner_id = $2 and listed and expires_at <= $3) as "total!""#,
            self.tenant.0,
            partner.0,
            self.whose.listed_since(self.now)
        )
        .fetch_one(connection)
        .await
    }

    /// The statement that counts.
    pub fn count(&self) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("select count(*) from coupons c");
        self.push_conditions(&mut query);
        query
    }

    /// The statement that reads a page, from whichever end is nearer.
    fn select(&self, part: Part, behind: Option<(OffsetDateTime, CouponId)>) -> QueryBuilder<Postgres> {
        // The page first, then what is left of its coupons: so the ledger is asked for as many rows as are shown.
        let mut query = QueryBuilder::new("select p.*, coalesce(a.balance, 0) as balance from (");
        query.push(
            "select c.tenant_id, c.coupon_id, c.holder_id, c.partner_id, c.quota_id, c.kind, c.face_value, c.currency, c.state,
                    c.effective_at, c.expires_at, c.limits, c.coupon_group, c.name, c.memo, c.frozen, c.order_id, c.last_used_at,
                    c.created_at
             from coupons c",
        );
        self.push_conditions(&mut query);
        if let Some((at, coupon)) = behind {
            query.push(" and (c.created_at, c.coupon_id) < (").push_bind(at).push(", ").push_bind(coupon.0).push(")");
        }
        let direction = if part.is_from_the_end { "asc" } else { "desc" };
        query.push(format_args!(" order by c.created_at {direction}, c.coupon_id {direction} offset "));
        query.push_bind(part.skipped).push(" limit ").push_bind(part.read);
        query.push(
            ") p left join accounts a on a.tenant_id = p.tenant_id and a.owner_id = p.coupon_id and a.kind = 'coupon'
             and a.tenant_id = ",
        );
        query.push_bind(self.tenant.0);
        query.push(format_args!(" order by p.created_at {direction}, p.coupon_id {direction}"));
        query
    }

    fn push_conditions(&self, query: &mut QueryBuilder<Postgres>) {
        query.push(" where c.tenant_id = ").push_bind(self.tenant.0).push(" and c.listed and c.expires_at > ");
        query.push_bind(self.whose.listed_since(self.now));
        match self.whose {
            Whose::IssuedBy(partner) => query.push(" and c.partner_id = ").push_bind(partner.0),
            Whose::HeldBy(holder) => query.push(" and c.holder_id = ").push_bind(holder.0),
        };
        let filter = &self.filter;
        if let Some(coupon) = filter.coupon {
            query.push(" and c.coupon_id = ").push_bind(coupon.0);
        }
        if let Some(holder) = filter.holder {
            query.push(" and c.holder_id = ").push_bind(holder.0);
        }
        match filter.order.as_deref() {
            None => {}
            Some("") => {
                query.push(" and c.order_id = ''");
            }
            // Said twice, since the index holds those rows only that have one.
            Some(order) => {
                query.push(" and c.order_id <> '' and c.order_id = ").push_bind(order.to_owned());
            }
        }
        if let Some(kind) = filter.kind {
            query.push(" and c.kind = ").push_bind(kind.code());
        }
        match filter.source {
            None => {}
            Some(Source::Vendor) => {
                query.push(" and c.partner_id is null");
            }
            Some(Source::Partner(partner)) => {
                query.push(" and c.partner_id = ").push_bind(partner.0);
            }
        }
        self.push_status(query);
        let spans =
            [("c.created_at", filter.created), ("c.effective_at", filter.effective), ("c.expires_at", filter.expires)];
        for (column, span) in spans {
            if let Some(from) = span.from {
                query.push(format_args!(" and {column} >= ")).push_bind(from);
            }
            if let Some(until) = span.until {
                query.push(format_args!(" and {column} < ")).push_bind(until);
            }
        }
    }

    /// As [`shown_coupon_status`](crate::coupons::model::shown_coupon_status), of the columns.
    fn push_status(&self, query: &mut QueryBuilder<Postgres>) {
        match self.filter.status {
            None => {}
            Some(CouponStatus::Inactive) => {
                query.push(" and c.state = 2 and c.effective_at > ").push_bind(self.now);
                query.push(" and c.expires_at > ").push_bind(self.now);
            }
            Some(CouponStatus::Usable) => {
                query.push(" and c.state = 2 and c.effective_at <= ").push_bind(self.now);
                query.push(" and c.expires_at > ").push_bind(self.now);
            }
            Some(CouponStatus::Expired) => {
                query.push(" and c.state in (2, 4) and (c.state = 4 or c.expires_at <= ").push_bind(self.now).push(")");
            }
            Some(other) => {
                query.push(" and c.state = ").push_bind(other.code());
            }
        }
    }
}
