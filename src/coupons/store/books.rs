//! The books: who may ask what was done finds it in a book of its own, newest first.
//!
//! Records are numbered without gaps, so a page of an unfiltered list is a range of numbers and its total the difference of
//! two. A list with a filter counts what the filter finds.

use crate::coupons::model::QuotaKind;
use crate::values::id::{CouponId, DomainId, QuotaId, TenantId, UserId, new_uuid};
use crate::values::time::FAR_FUTURE;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Which of its books of an owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Book {
    /// A partner's: coupons that it issued, and how their value came back.
    Issued,
    /// A distributor's: quotas that it gave resellers, and took back.
    Split,
    /// A customer's: what its coupons received and paid.
    Held,
}

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Operation {
    /// A coupon was issued, or a quota given.
    Issue,
    /// It was taken back by hand.
    Reclaim,
    /// It was taken back because the association ended.
    Unbind,
    /// It expired.
    Expire,
    /// It was taken back because what it paid was unsubscribed.
    Unsubscribe,
    /// It was taken back because a top-up was refunded.
    RefundTopUp,
    /// It was taken back because an association began.
    Associate,
    /// It was taken back because the kind of association changed.
    SwitchMode,
    /// It went with the customer to another reseller.
    MoveReseller,
    /// It paid for an order.
    Subscribe,
    /// It paid for pay-per-use consumption.
    Usage,
    /// What it had paid came back.
    Refund,
    /// A part of it became a coupon of a member of the holder's enterprise.
    TransferOut,
    /// It was made of a part of a coupon of the holder's master account.
    TransferIn,
    /// What was left of it went back to the master account.
    RetrieveOut,
    /// What was left of a part of it came back from a member.
    RetrieveIn,
}

/// A record to be written.
#[derive(Clone, Debug)]
pub struct NewRecord {
    /// Into whose book.
    pub owner: DomainId,
    /// Into which.
    pub book: Book,
    /// What was done.
    pub operation: Operation,
    /// The quota, with its kind.
    pub quota: Option<(QuotaId, QuotaKind)>,
    /// The quota it was split from.
    pub parent: Option<QuotaId>,
    /// The coupon.
    pub coupon: Option<CouponId>,
    /// The customer or the reseller.
    pub customer: DomainId,
    /// How much was moved.
    pub amount: Decimal,
    /// What was left then of the coupon or the quota.
    pub balance_after: Decimal,
    /// The order or bill.
    pub reference: String,
    /// What it paid for: codes of the service type and the resource type.
    pub paid_for: (String, String),
    /// A remark.
    pub memo: String,
    /// Who caused it.
    pub user: Option<UserId>,
    /// Why it did not come about: the vendor's code; `None` where it did.
    pub refused: Option<&'static str>,
    /// When, in the tenant's time.
    pub happened_at: OffsetDateTime,
}

/// Writes records. Their books stay locked until the transaction ends.
pub async fn append(connection: &mut PgConnection, tenant: TenantId, records: &[NewRecord]) -> sqlx::Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let mut books = lock(connection, tenant, records).await?;
    let mut places = Vec::with_capacity(records.len());
    for record in records {
        let (count, last_at) = books.get_mut(&(record.owner, record.book)).expect("lock opens every book");
        *count += 1;
        // Strictly later than the last one, so that time orders a book.
        *last_at = record.happened_at.max(last_at.saturating_add(Duration::MICROSECOND));
        places.push((*count, *last_at));
    }
    sqlx::query!(
        "update coupon_books b set records = u.records, last_at = u.last_at
         from unnest($2::uuid[], $3::text[], $4::bigint[], $5::timestamptz[]) as u (owner_id, book, records, last_at)
         where b.tenant_id = $1 and b.owner_id = u.owner_id and b.book = u.book",
        tenant.0,
        &books.keys().map(|(owner, _)| owner.0).collect::<Vec<_>>(),
        &books.keys().map(|(_, book)| *book).collect::<Vec<_>>() as &[Book],
        &books.values().map(|(count, _)| *count).collect::<Vec<_>>(),
        &books.values().map(|(_, last_at)| *last_at).collect::<Vec<_>>()
    )
    .execute(&mut *connection)
    .await?;
    insert(connection, tenant, records, &places).await
}

type Books = BTreeMap<(DomainId, Book), (i64, OffsetDateTime)>;

/// Locks the books of the records, opening those that are not there yet: how many records each has, and when the last was.
async fn lock(connection: &mut PgConnection, tenant: TenantId, records: &[NewRecord]) -> sqlx::Result<Books> {
    let wanted: BTreeMap<(DomainId, Book), OffsetDateTime> =
        records.iter().map(|record| ((record.owner, record.book), record.happened_at)).collect();
    let owners: Vec<Uuid> = wanted.keys().map(|(owner, _)| owner.0).collect();
    let names: Vec<Book> = wanted.keys().map(|(_, book)| *book).collect();
    let mut books = lock_known(connection, tenant, &owners, &names).await?;
    if books.len() < wanted.len() {
        sqlx::query!(
            "insert into coupon_books (tenant_id, owner_id, book, records, last_at)
             select t.tenant_id, u.owner_id, u.book, 0, '-infinity'::timestamptz
             from tenants t, unnest($2::uuid[], $3::text[]) as u (owner_id, book)
             where t.tenant_id = $1 order by u.owner_id, u.book on conflict do nothing",
            tenant.0,
            &owners,
            &names as &[Book]
        )
        .execute(&mut *connection)
        .await?;
        books = lock_known(connection, tenant, &owners, &names).await?;
    }
    Ok(books)
}

async fn lock_known(
    connection: &mut PgConnection,
    tenant: TenantId,
    owners: &[Uuid],
    books: &[Book],
) -> sqlx::Result<Books> {
    let rows = sqlx::query!(
        r#"select b.owner_id as "owner: DomainId", b.book as "book: Book", b.records,
                  greatest(b.last_at, '0001-01-01 00:00+00') as "last_at!"
           from coupon_books b
           join unnest($2::uuid[], $3::text[]) as u (owner_id, book) on b.owner_id = u.owner_id and b.book = u.book
           where b.tenant_id = $1 order by b.owner_id, b.book for update of b"#,
        tenant.0,
        owners,
        books as &[Book]
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| ((row.owner, row.book), (row.records, row.last_at))).collect())
}

async fn insert(
    connection: &mut PgConnection,
    tenant: TenantId,
    records: &[NewRecord],
    places: &[(i64, OffsetDateTime)],
) -> sqlx::Result<()> {
    fn column<T>(records: &[NewRecord], of: impl Fn(&NewRecord) -> T) -> Vec<T> {
        records.iter().map(of).collect()
    }
    sqlx::query!(
        "insert into coupon_records (tenant_id, happened_at, record_id, owner_id, book, number, operation, quota_id, quota_kind,
                                     parent_quota_id, coupon_id, customer_id, amount, balance_after, reference,
                                     service_type, resource_type, memo, user_id, error_code)
         select t.tenant_id, u.happened_at, u.record_id, u.owner_id, u.book, u.number, u.operation, u.quota_id, u.quota_kind,
                u.parent_quota_id, u.coupon_id, u.customer_id, u.amount, u.balance_after, u.reference, u.service_type,
                u.resource_type, u.memo, u.user_id, u.error_code
         from tenants t,
              unnest($2::timestamptz[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::text[], $8::uuid[],
                     $9::smallint[], $10::uuid[], $11::uuid[], $12::uuid[], $13::numeric[], $14::numeric[], $15::text[],
                     $16::text[], $17::text[], $18::text[], $19::uuid[], $20::text[])
              as u (happened_at, record_id, owner_id, book, number, operation, quota_id, quota_kind, parent_quota_id,
                    coupon_id, customer_id, amount, balance_after, reference, service_type, resource_type, memo, user_id,
                    error_code)
         where t.tenant_id = $1",
        tenant.0,
        &places.iter().map(|(_, at)| *at).collect::<Vec<_>>(),
        &places.iter().map(|(_, at)| new_uuid(*at)).collect::<Vec<_>>(),
        &column(records, |record| record.owner.0),
        &column(records, |record| record.book) as &[Book],
        &places.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
        &column(records, |record| record.operation) as &[Operation],
        &column(records, |record| record.quota.map(|(quota, _)| quota.0)) as &[Option<Uuid>],
        &column(records, |record| record.quota.map(|(_, kind)| kind.code())) as &[Option<i16>],
        &column(records, |record| record.parent.map(|parent| parent.0)) as &[Option<Uuid>],
        &column(records, |record| record.coupon.map(|coupon| coupon.0)) as &[Option<Uuid>],
        &column(records, |record| record.customer.0),
        &column(records, |record| record.amount),
        &column(records, |record| record.balance_after),
        &column(records, |record| record.reference.clone()),
        &column(records, |record| record.paid_for.0.clone()),
        &column(records, |record| record.paid_for.1.clone()),
        &column(records, |record| record.memo.clone()),
        &column(records, |record| record.user.map(|user| user.0)) as &[Option<Uuid>],
        &column(records, |record| record.refused.map(str::to_owned)) as &[Option<String>]
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id.
    pub id: Uuid,
    /// When.
    pub happened_at: OffsetDateTime,
    /// What was done.
    pub operation: Operation,
    /// The quota.
    pub quota: Option<QuotaId>,
    /// What coupons it is for.
    pub quota_kind: Option<QuotaKind>,
    /// The quota it was split from.
    pub parent: Option<QuotaId>,
    /// The coupon.
    pub coupon: Option<CouponId>,
    /// The customer or the reseller.
    pub customer: DomainId,
    /// How much was moved.
    pub amount: Decimal,
    /// What was left then.
    pub balance_after: Decimal,
    /// The order or bill.
    pub reference: String,
    /// The code of the service type it paid for.
    pub service_type: String,
    /// The code of the resource type it paid for.
    pub resource_type: String,
    /// A remark.
    pub memo: String,
    /// Who caused it.
    pub user: Option<UserId>,
    /// Why it did not come about: the vendor's code; `None` where it did.
    pub refused: Option<String>,
}

/// Which records; what is `None` does not filter.
#[derive(Clone, Debug, Default)]
pub struct RecordFilter {
    /// From this instant on.
    pub from: Option<OffsetDateTime>,
    /// Before this instant.
    pub until: Option<OffsetDateTime>,
    /// What was done.
    pub operations: Option<Vec<Operation>>,
    /// The quota.
    pub quota: Option<QuotaId>,
    /// What coupons the quota is for.
    pub quota_kind: Option<QuotaKind>,
    /// The quota it was split from.
    pub parent: Option<QuotaId>,
    /// The coupons.
    pub coupons: Option<Vec<CouponId>>,
    /// The customer or the reseller.
    pub customer: Option<DomainId>,
    /// The order or bill.
    pub reference: Option<String>,
    /// The record itself.
    pub record: Option<Uuid>,
    /// Whether it was refused.
    pub is_refused: Option<bool>,
}

impl RecordFilter {
    /// Whether nothing but the time filters.
    fn is_span(&self) -> bool {
        let ids = self.quota.is_none() && self.parent.is_none() && self.coupons.is_none() && self.customer.is_none();
        let one = self.record.is_some() || self.reference.is_some() || self.is_refused.is_some();
        ids && !one && self.operations.is_none() && self.quota_kind.is_none()
    }

    fn coupon_ids(&self) -> Option<Vec<Uuid>> {
        Some(self.coupons.as_ref()?.iter().map(|coupon| coupon.0).collect())
    }

    /// From when until when; the id of a record says in which millisecond it was written.
    fn span(&self) -> (OffsetDateTime, OffsetDateTime) {
        let from = self.from.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let until = self.until.unwrap_or(FAR_FUTURE);
        let written = self.record.and_then(|record| record.get_timestamp());
        let written = written.and_then(|written| {
            let (seconds, nanoseconds) = written.to_unix();
            let second = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
            Some(second.saturating_add(Duration::nanoseconds(nanoseconds.into())))
        });
        written.map_or((from, until), |at| (from.max(at), until.min(at.saturating_add(Duration::MILLISECOND))))
    }
}

/// A book of an owner.
pub type BookOf = (TenantId, DomainId, Book);

/// A page, newest first, and how many there are in all.
pub async fn page(
    connection: &mut PgConnection,
    book: BookOf,
    filter: &RecordFilter,
    (offset, limit): (usize, usize),
) -> sqlx::Result<(Vec<Record>, i64)> {
    let (offset, limit) = (i64::try_from(offset).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
    if !filter.is_span() {
        let total = count(connection, book, filter).await?;
        let numbers = (0, i64::MAX);
        let records =
            if offset < total { select(connection, book, filter, numbers, (offset, limit)).await? } else { vec![] };
        return Ok((records, total));
    }
    let (from, until) = filter.span();
    let (last, before) = (last_before(connection, book, until).await?, last_before(connection, book, from).await?);
    let newest = last.saturating_sub(offset);
    let oldest = newest.saturating_sub(limit).max(before);
    let records =
        if oldest < newest { select(connection, book, filter, (oldest, newest), (0, limit)).await? } else { vec![] };
    Ok((records, (last - before).max(0)))
}

/// The number of the last record before an instant; 0 if there is none.
async fn last_before(
    connection: &mut PgConnection,
    (tenant, owner, book): BookOf,
    instant: OffsetDateTime,
) -> sqlx::Result<i64> {
    let number = sqlx::query_scalar!(
        "select number from coupon_records
         where tenant_id = $1 and owner_id = $2 and book = $3 and happened_at < $4 order by number desc limit 1",
        tenant.0,
        owner.0,
        book as Book,
        instant
    );
    Ok(number.fetch_optional(connection).await?.unwrap_or_default())
}

async fn count(
    connection: &mut PgConnection,
    (tenant, owner, book): BookOf,
    filter: &RecordFilter,
) -> sqlx::Result<i64> {
    let ((from, until), coupons) = (filter.span(), filter.coupon_ids());
    let query = sqlx::query_scalar!(
        r#"select count(*) as "count!" from coupon_records
           where tenant_id = $1 and owner_id = $2 and book = $3 and happened_at >= $4 and happened_at < $5
             and ($6::text[] is null or operation = any($6)) and ($7::uuid is null or quota_id = $7)
             and ($8::smallint is null or quota_kind = $8) and ($9::uuid is null or parent_quota_id = $9)
             and ($10::uuid[] is null or coupon_id = any($10)) and ($11::uuid is null or customer_id = $11)
             and ($12::text is null or reference = $12) and ($13::uuid is null or record_id = $13)
             and ($14::boolean is null or (error_code is not null) = $14)"#,
        tenant.0,
        owner.0,
        book as Book,
        from,
        until,
        filter.operations.as_deref() as Option<&[Operation]>,
        filter.quota.map(|quota| quota.0),
        filter.quota_kind.map(QuotaKind::code),
        filter.parent.map(|parent| parent.0),
        coupons.as_deref(),
        filter.customer.map(|customer| customer.0),
        filter.reference.as_deref(),
        filter.record,
        filter.is_refused
    );
    query.fetch_one(connection).await
}

/// The records with a number above the first and up to the second.
async fn select(
    connection: &mut PgConnection,
    (tenant, owner, book): BookOf,
    filter: &RecordFilter,
    (above, up_to): (i64, i64),
    (offset, limit): (i64, i64),
) -> sqlx::Result<Vec<Record>> {
    let ((from, until), coupons) = (filter.span(), filter.coupon_ids());
    let query = sqlx::query_as!(
        Record,
        r#"select record_id as id, happened_at, operation as "operation: Operation", quota_id as "quota: QuotaId",
                  quota_kind as "quota_kind: QuotaKind", parent_quota_id as "parent: QuotaId",
                  coupon_id as "coupon: CouponId", customer_id as "customer: DomainId", amount, balance_after, reference,
                  service_type, resource_type, memo, user_id as "user: UserId", error_code as refused
           from coupon_records
           where tenant_id = $1 and owner_id = $2 and book = $3 and happened_at >= $4 and happened_at < $5
             and ($6::text[] is null or operation = any($6)) and ($7::uuid is null or quota_id = $7)
             and ($8::smallint is null or quota_kind = $8) and ($9::uuid is null or parent_quota_id = $9)
             and ($10::uuid[] is null or coupon_id = any($10)) and ($11::uuid is null or customer_id = $11)
             and ($12::text is null or reference = $12) and ($13::uuid is null or record_id = $13)
             and ($14::boolean is null or (error_code is not null) = $14) and number > $15 and number <= $16
           order by number desc offset $17 limit $18"#,
        tenant.0,
        owner.0,
        book as Book,
        from,
        until,
        filter.operations.as_deref() as Option<&[Operation]>,
        filter.quota.map(|quota| quota.0),
        filter.quota_kind.map(QuotaKind::code),
        filter.parent.map(|parent| parent.0),
        coupons.as_deref(),
        filter.customer.map(|customer| customer.0),
        filter.reference.as_deref(),
        filter.record,
        filter.is_refused,
        above,
        up_to,
        offset,
        limit
    );
    query.fetch_all(connection).await
}
