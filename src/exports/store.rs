//! The only door into the tables of exports.

use super::columnar::Placed;
use super::format::Written;
use super::model::{Export, ExportFormat, ExportKind, Holder, KEPT, LISTED, Request};
use super::refusal::Refusal;
use super::state::State;
use crate::values::id::{DomainId, ExportId, TenantId};
use crate::values::language::Language;
use crate::values::time::{Day, FAR_FUTURE};
use serde_json::Value;
use sqlx::PgConnection;
use std::ops::RangeInclusive;
use std::time::Duration;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

/// How long a replica has an export to itself from its last piece on. Another one goes on then.
const HELD: Duration = Duration::from_mins(1);
/// How many pieces a statement deletes: they are long.
const PIECES_AT_A_TIME: i64 = 50;

/// Writes what is asked for, in one of these places of the account. `now` is the tenant's time, `system` the system's.
pub async fn insert(
    connection: &mut PgConnection,
    (id, request): (ExportId, &Request),
    slots: RangeInclusive<i16>,
    (now, system): (OffsetDateTime, OffsetDateTime),
) -> sqlx::Result<Result<(), Refusal>> {
    let (tenant, account) = request.account;
    // Place by place: who comes at the same moment takes the next one, and no one takes more than there are.
    for slot in slots {
        let taken = sqlx::query!(
            "insert into exports (tenant_id, export_id, domain_id, owner_id, kind, format, language, has_bom, is_masked,
                 customer_id, first_day, last_day, user_name, requested_at, state, slot, rows_done, bytes, pieces, updated_at,
                 held_until, attempts)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'waiting', $15, 0, 0, 0, $14, $16, 0)
             on conflict (tenant_id, domain_id, slot) where slot is not null do nothing",
            tenant.0,
            id.0,
            account.0,
            request.owner.0,
            request.kind as ExportKind,
            request.format as ExportFormat,
            request.language.code(),
            request.has_bom,
            request.is_masked,
            request.customer.map(|customer| customer.0),
            request.days.map(|(first, _)| first.0),
            request.days.map(|(_, last)| last.0),
            request.user_name,
            now,
            slot,
            system
        );
        if taken.execute(&mut *connection).await?.rows_affected() == 1 {
            return Ok(Ok(()));
        }
    }
    Ok(Err(Refusal::TooMany))
}

struct Row {
    export_id: ExportId,
    domain_id: DomainId,
    owner_id: DomainId,
    kind: ExportKind,
    format: ExportFormat,
    language: String,
    has_bom: bool,
    is_masked: bool,
    customer_id: Option<DomainId>,
    first_day: Option<Date>,
    last_day: Option<Date>,
    user_name: String,
    requested_at: OffsetDateTime,
    state: State,
    cause: Option<String>,
    rows_in_all: Option<i64>,
    rows_done: i64,
    bytes: i64,
    pieces: i32,
    place: Option<Value>,
    updated_at: OffsetDateTime,
    expires_at: Option<OffsetDateTime>,
    attempts: i16,
}

impl Row {
    fn export(self, tenant: TenantId) -> Export {
        Export {
            id: self.export_id,
            request: Request {
                account: (tenant, self.domain_id),
                owner: self.owner_id,
                kind: self.kind,
                format: self.format,
                language: Language::parse(&self.language).unwrap_or_default(),
                has_bom: self.has_bom,
                is_masked: self.is_masked,
                customer: self.customer_id,
                days: self.first_day.map(Day).zip(self.last_day.map(Day)),
                user_name: self.user_name,
            },
            requested_at: self.requested_at,
            state: self.state,
            cause: self.cause,
            rows_in_all: self.rows_in_all,
            rows_done: self.rows_done,
            bytes: self.bytes,
            pieces: self.pieces,
            place: self.place,
            updated_at: self.updated_at,
            expires_at: self.expires_at,
            attempts: self.attempts,
        }
    }
}

/// Reads exports of a tenant: what is given is a condition beside that, and the arguments, the tenant first.
macro_rules! select {
    ($($part:tt)+) => {
        sqlx::query_as!(
            Row,
            r#"select export_id as "export_id: ExportId", domain_id as "domain_id: DomainId", owner_id as "owner_id: DomainId",
                      kind as "kind: ExportKind", format as "format: ExportFormat", language, has_bom, is_masked,
                      customer_id as "customer_id: DomainId", first_day, last_day, user_name, requested_at,
                      state as "state: State", cause, rows_in_all, rows_done, bytes, pieces, place, updated_at, expires_at,
                      attempts
               from exports where tenant_id = $1 "# + $($part)+
        )
    };
}

/// An account's export.
pub async fn find(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
    id: ExportId,
) -> sqlx::Result<Option<Export>> {
    Ok(by_id(connection, tenant, id).await?.filter(|export| export.request.account.1 == account))
}

/// An export, whosever it is.
pub async fn by_id(connection: &mut PgConnection, tenant: TenantId, id: ExportId) -> sqlx::Result<Option<Export>> {
    let row = select!("and export_id = $2", tenant.0, id.0);
    Ok(row.fetch_optional(connection).await?.map(|row| row.export(tenant)))
}

/// A page of an account's exports, the latest first.
pub async fn page(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
    (offset, limit): (usize, usize),
) -> sqlx::Result<(Vec<Export>, i64)> {
    let total = sqlx::query_scalar!(
        r#"select count(*) as "count!" from exports where tenant_id = $1 and domain_id = $2"#,
        tenant.0,
        account.0
    );
    let total = total.fetch_one(&mut *connection).await?;
    let rows = select!(
        "and domain_id = $2 order by requested_at desc, export_id desc offset $3 limit $4",
        tenant.0,
        account.0,
        i64::try_from(offset).unwrap_or(i64::MAX),
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    let rows: Vec<Row> = rows.fetch_all(connection).await?;
    Ok((rows.into_iter().map(|row| row.export(tenant)).collect(), total))
}

/// An account's exports, those that were asked for last first, behind one of them.
pub async fn behind(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
    (behind, limit): (Option<(OffsetDateTime, Uuid)>, usize),
) -> sqlx::Result<Vec<Export>> {
    let (at, id) = behind.unwrap_or((FAR_FUTURE, Uuid::max()));
    let rows = select!(
        "and domain_id = $2 and (requested_at, export_id) < ($3, $4) order by requested_at desc, export_id desc limit $5",
        tenant.0,
        account.0,
        at,
        id,
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    let rows: Vec<Row> = rows.fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| row.export(tenant)).collect())
}

/// The tenant whose export has waited longest for a replica; `now` is the system's time.
pub async fn next_tenant(connection: &mut PgConnection, now: OffsetDateTime) -> sqlx::Result<Option<TenantId>> {
    sqlx::query_scalar!(
        r#"select tenant_id as "tenant: TenantId" from exports where slot is not null and held_until <= $1
           order by held_until limit 1"#,
        now
    )
    .fetch_optional(connection)
    .await
}

/// Takes up the export of a tenant that has waited longest, for this replica alone; which.
pub async fn take(
    connection: &mut PgConnection,
    tenant: TenantId,
    holder: Holder,
    now: OffsetDateTime,
) -> sqlx::Result<Option<ExportId>> {
    sqlx::query_scalar!(
        r#"with picked as (select export_id from exports
                           where tenant_id = $1 and slot is not null and held_until <= $2
                           order by held_until limit 1 for no key update skip locked)
           update exports e set holder = $3, held_until = $4, attempts = attempts + 1
           from picked where e.tenant_id = $1 and e.export_id = picked.export_id
           returning e.export_id as "export: ExportId""#,
        tenant.0,
        now,
        holder.0,
        now + HELD
    )
    .fetch_optional(connection)
    .await
}

/// Gives it back, behind all others that wait.
pub async fn give_back(
    connection: &mut PgConnection,
    (tenant, id): (TenantId, ExportId),
    holder: Holder,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update exports set holder = null, held_until = $4
         where tenant_id = $1 and export_id = $2 and holder = $3 and slot is not null",
        tenant.0,
        id.0,
        holder.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The export as it stands, locked until the transaction ends, if this replica still has it.
pub async fn lock(
    connection: &mut PgConnection,
    (tenant, id): (TenantId, ExportId),
    holder: Holder,
) -> sqlx::Result<Option<Export>> {
    let row =
        select!("and export_id = $2 and holder = $3 and slot is not null for no key update", tenant.0, id.0, holder.0);
    Ok(row.fetch_optional(connection).await?.map(|row| row.export(tenant)))
}

/// Writes the next piece of an export that is locked; not yet how far it is.
pub async fn add_piece(connection: &mut PgConnection, export: &Export, written: &Written) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into export_pieces (tenant_id, export_id, piece, content, footer) values ($1, $2, $3, $4, $5)",
        export.request.account.0.0,
        export.id.0,
        export.pieces,
        written.content,
        written.footer
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The row groups of an export so far: how long each is, and what is said of it.
pub async fn groups(connection: &mut PgConnection, export: &Export) -> sqlx::Result<Vec<Placed>> {
    sqlx::query_as!(
        Placed,
        r#"select octet_length(content)::bigint as "bytes!", footer as "footer!" from export_pieces
           where tenant_id = $1 and export_id = $2 and footer is not null order by piece"#,
        export.request.account.0.0,
        export.id.0
    )
    .fetch_all(connection)
    .await
}

/// Writes how far an export is that is locked. One that goes on is its replica's for a while more.
pub async fn update(connection: &mut PgConnection, export: &Export, system: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query!(
        "update exports
         set state = $3, slot = case when $4::timestamptz is null then slot end, cause = $5, rows_in_all = $6, rows_done = $7,
             bytes = $8, pieces = $9, place = $10, updated_at = $11, expires_at = $4, held_until = $12, attempts = $13
         where tenant_id = $1 and export_id = $2",
        export.request.account.0.0,
        export.id.0,
        export.state as State,
        export.expires_at,
        export.cause,
        export.rows_in_all,
        export.rows_done,
        export.bytes,
        export.pieces,
        export.place,
        export.updated_at,
        system + HELD,
        export.attempts
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A piece of a file.
pub async fn piece(
    connection: &mut PgConnection,
    (tenant, id): (TenantId, ExportId),
    number: i32,
) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar!(
        "select content from export_pieces where tenant_id = $1 and export_id = $2 and piece = $3",
        tenant.0,
        id.0,
        number
    )
    .fetch_optional(connection)
    .await
}

/// Tenants in which files may have to go; `latest` is the latest time that any tenant's clock shows.
pub async fn tenants_with_old(connection: &mut PgConnection, latest: OffsetDateTime) -> sqlx::Result<Vec<TenantId>> {
    sqlx::query_scalar!(
        r#"select distinct tenant_id as "tenant: TenantId" from exports where expires_at <= $1"#,
        latest
    )
    .fetch_all(connection)
    .await
}

/// Deletes a tenant's files that have expired, and what was said of exports long ago; `now` is the tenant's time.
pub async fn delete_old(connection: &mut PgConnection, tenant: TenantId, now: OffsetDateTime) -> sqlx::Result<()> {
    while delete_pieces(connection, tenant, now).await? == PIECES_AT_A_TIME.unsigned_abs() {}
    sqlx::query!(
        "update exports set pieces = 0 where tenant_id = $1 and expires_at <= $2 and pieces > 0",
        tenant.0,
        now
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "delete from exports where tenant_id = $1 and expires_at <= $2 and pieces = 0",
        tenant.0,
        now.saturating_sub(LISTED - KEPT)
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn delete_pieces(connection: &mut PgConnection, tenant: TenantId, now: OffsetDateTime) -> sqlx::Result<u64> {
    let gone = sqlx::query!(
        "with picked as (select p.export_id, p.piece from export_pieces p
                         join exports e on e.tenant_id = p.tenant_id and e.export_id = p.export_id
                         where p.tenant_id = $1 and e.tenant_id = $1 and e.expires_at <= $2 limit $3)
         delete from export_pieces p using picked
         where p.tenant_id = $1 and p.export_id = picked.export_id and p.piece = picked.piece",
        tenant.0,
        now,
        PIECES_AT_A_TIME
    );
    Ok(gone.execute(connection).await?.rows_affected())
}
