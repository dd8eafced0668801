//! The only door into the tables of invoices.

use super::model::{Details, Invoice, InvoiceKind, Medium, Tax, Title, TitleKind};
use super::refusal::{NotDone, Refusal};
use super::state::Status;
use crate::charges::invoiceable::{Item, Payer};
use crate::database::violates;
use crate::personal::Vault;
use crate::values::id::{DomainId, InvoiceId, InvoiceTitleId, TenantId};
use crate::values::money::Currency;
use crate::values::time::{Day, FAR_FUTURE, Month};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

/// Seals details for an account.
pub fn seal(vault: &Vault, account: DomainId, details: &impl serde::Serialize) -> Result<Vec<u8>, NotDone> {
    let text = serde_json::to_string(details).map_err(|error| NotDone::Unreadable(error.to_string()))?;
    Ok(vault.seal(&text, account))
}

fn open<T: serde::de::DeserializeOwned>(vault: &Vault, account: DomainId, sealed: &[u8]) -> Result<T, NotDone> {
    let read = vault.open(sealed, account).and_then(|text| serde_json::from_str(&text).ok());
    read.ok_or_else(|| NotDone::Unreadable("the details of an invoice or a title cannot be opened".to_owned()))
}

impl Invoice {
    /// To whom it is made out, and where it goes.
    pub fn open(&self, vault: &Vault) -> Result<Details, NotDone> {
        open(vault, self.payer.account, &self.details)
    }
}

/// Writes a title of an account.
pub async fn insert_title(
    connection: &mut PgConnection,
    vault: &Vault,
    ((tenant, account), id): ((TenantId, DomainId), InvoiceTitleId),
    title: &Title,
    now: OffsetDateTime,
) -> Result<(), NotDone> {
    sqlx::query!(
        "insert into invoice_titles (tenant_id, domain_id, title_id, kind, sealed_details, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        tenant.0,
        account.0,
        id.0,
        title.title_type.code(),
        seal(vault, account, title)?,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many titles an account has.
pub async fn count_titles(connection: &mut PgConnection, (tenant, account): (TenantId, DomainId)) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from invoice_titles where tenant_id = $1 and domain_id = $2"#,
        tenant.0,
        account.0
    )
    .fetch_one(connection)
    .await
}

/// The titles of an account, the oldest first.
pub async fn titles(
    connection: &mut PgConnection,
    vault: &Vault,
    (tenant, account): (TenantId, DomainId),
) -> Result<Vec<(InvoiceTitleId, Title)>, NotDone> {
    let rows = sqlx::query!(
        r#"select title_id as "id: InvoiceTitleId", sealed_details from invoice_titles
           where tenant_id = $1 and domain_id = $2 order by title_id"#,
        tenant.0,
        account.0
    );
    let rows = rows.fetch_all(connection).await?;
    rows.into_iter().map(|row| Ok((row.id, open(vault, account, &row.sealed_details)?))).collect()
}

/// A title of who pays.
pub async fn title(
    connection: &mut PgConnection,
    vault: &Vault,
    payer: Payer,
    id: InvoiceTitleId,
) -> Result<Option<Title>, NotDone> {
    let sealed = sqlx::query_scalar!(
        "select sealed_details from invoice_titles where tenant_id = $1 and domain_id = $2 and title_id = $3",
        payer.tenant.0,
        payer.account.0,
        id.0
    );
    let sealed = sealed.fetch_optional(connection).await?;
    sealed.map(|sealed| open(vault, payer.account, &sealed)).transpose()
}

/// Deletes a title. Whether it was there.
pub async fn delete_title(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
    id: InvoiceTitleId,
) -> sqlx::Result<bool> {
    let deleted = sqlx::query!(
        "delete from invoice_titles where tenant_id = $1 and domain_id = $2 and title_id = $3",
        tenant.0,
        account.0,
        id.0
    );
    Ok(deleted.execute(connection).await?.rows_affected() > 0)
}

/// Writes a request for an invoice with what it is of.
pub async fn insert(connection: &mut PgConnection, invoice: &Invoice, items: &[Item]) -> sqlx::Result<()> {
    let payer = invoice.payer;
    sqlx::query!(
        "insert into invoices (tenant_id, invoice_id, domain_id, customer_id, cycle, method, currency, amount, kind, medium,
             title_kind, sealed_details, status, user_name, requested_at, updated_at, taxes)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15, '[]')",
        payer.tenant.0,
        invoice.id.0,
        payer.account.0,
        invoice.customer.map(|customer| customer.0),
        invoice.cycle.map(Month::first_day),
        invoice.method().code(),
        payer.currency as Currency,
        invoice.amount,
        invoice.kind.code(),
        invoice.medium as Medium,
        invoice.title_kind.code(),
        invoice.details,
        invoice.status as Status,
        invoice.user_name,
        invoice.requested_at
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "insert into invoice_items (tenant_id, invoice_id, domain_id, cycle, order_id, amount)
         select t.tenant_id, $2, u.domain_id, u.cycle, u.order_id, u.amount
         from tenants t, unnest($3::uuid[], $4::date[], $5::text[], $6::numeric[]) as u (domain_id, cycle, order_id, amount)
         where t.tenant_id = $1",
        payer.tenant.0,
        invoice.id.0,
        &items.iter().map(|item| item.customer.0).collect::<Vec<_>>(),
        &items.iter().map(|item| item.cycle).collect::<Vec<_>>(),
        &items.iter().map(|item| item.order_id.clone()).collect::<Vec<_>>(),
        &items.iter().map(|item| item.amount).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What an invoice is of.
pub async fn items(connection: &mut PgConnection, tenant: TenantId, id: InvoiceId) -> sqlx::Result<Vec<Item>> {
    sqlx::query_as!(
        Item,
        r#"select domain_id as "customer: DomainId", cycle, order_id, amount from invoice_items
           where tenant_id = $1 and invoice_id = $2 order by domain_id, cycle, order_id"#,
        tenant.0,
        id.0
    )
    .fetch_all(connection)
    .await
}

struct Row {
    invoice_id: InvoiceId,
    domain_id: DomainId,
    customer_id: Option<DomainId>,
    cycle: Option<Date>,
    currency: Currency,
    amount: Decimal,
    kind: InvoiceKind,
    medium: Medium,
    title_kind: TitleKind,
    sealed_details: Vec<u8>,
    status: Status,
    user_name: String,
    requested_at: OffsetDateTime,
    updated_at: OffsetDateTime,
    invoice_no: Option<String>,
    parcel_no: Option<String>,
    reason: Option<String>,
    taxes: Json<Vec<Tax>>,
}

impl Row {
    fn invoice(self, tenant: TenantId) -> Invoice {
        Invoice {
            id: self.invoice_id,
            payer: Payer { tenant, account: self.domain_id, currency: self.currency },
            customer: self.customer_id,
            cycle: self.cycle.map(|first| Month::of_day(Day(first))),
            amount: self.amount,
            kind: self.kind,
            medium: self.medium,
            title_kind: self.title_kind,
            details: self.sealed_details,
            status: self.status,
            user_name: self.user_name,
            requested_at: self.requested_at,
            updated_at: self.updated_at,
            number: self.invoice_no,
            parcel: self.parcel_no,
            reason: self.reason,
            taxes: self.taxes.0,
        }
    }
}

/// An account's invoice.
pub async fn find(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
    id: InvoiceId,
) -> sqlx::Result<Option<Invoice>> {
    let row = sqlx::query_as!(
        Row,
        r#"select invoice_id as "invoice_id: InvoiceId", domain_id as "domain_id: DomainId",
                  customer_id as "customer_id: DomainId", cycle, currency as "currency: Currency", amount,
                  kind as "kind: InvoiceKind", medium as "medium: Medium", title_kind as "title_kind: TitleKind",
                  sealed_details, status as "status: Status", user_name, requested_at, updated_at, invoice_no, parcel_no,
                  reason, taxes as "taxes: Json<Vec<Tax>>"
           from invoices where tenant_id = $1 and domain_id = $2 and invoice_id = $3"#,
        tenant.0,
        account.0,
        id.0
    );
    Ok(row.fetch_optional(connection).await?.map(|row| row.invoice(tenant)))
}

/// An account's invoice, locked until the transaction ends.
pub async fn lock(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
    id: InvoiceId,
) -> sqlx::Result<Option<Invoice>> {
    let row = sqlx::query_as!(
        Row,
        r#"select invoice_id as "invoice_id: InvoiceId", domain_id as "domain_id: DomainId",
                  customer_id as "customer_id: DomainId", cycle, currency as "currency: Currency", amount,
                  kind as "kind: InvoiceKind", medium as "medium: Medium", title_kind as "title_kind: TitleKind",
                  sealed_details, status as "status: Status", user_name, requested_at, updated_at, invoice_no, parcel_no,
                  reason, taxes as "taxes: Json<Vec<Tax>>"
           from invoices where tenant_id = $1 and domain_id = $2 and invoice_id = $3 for no key update"#,
        tenant.0,
        account.0,
        id.0
    );
    Ok(row.fetch_optional(connection).await?.map(|row| row.invoice(tenant)))
}

/// Writes what has become of an invoice that is locked.
pub async fn update(connection: &mut PgConnection, invoice: &Invoice) -> Result<(), NotDone> {
    let updated = sqlx::query!(
        "update invoices set status = $3, updated_at = $4, invoice_no = $5, parcel_no = $6, reason = $7, taxes = $8
         where tenant_id = $1 and invoice_id = $2",
        invoice.payer.tenant.0,
        invoice.id.0,
        invoice.status as Status,
        invoice.updated_at,
        invoice.number,
        invoice.parcel,
        invoice.reason,
        Json(&invoice.taxes) as Json<&Vec<Tax>>
    );
    match updated.execute(connection).await {
        Ok(_) => Ok(()),
        Err(error) if violates(&error, "invoices_by_number") => Err(Refusal::NumberTaken.into()),
        Err(error) => Err(error.into()),
    }
}

/// Which invoices of an account.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Asked for at this instant or later.
    pub from: Option<OffsetDateTime>,
    /// Asked for before this instant.
    pub until: Option<OffsetDateTime>,
    /// That stand so.
    pub status: Option<Status>,
}

/// An account's invoices, those that were asked for last first, and how many there are.
pub async fn page(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
    wanted: Wanted,
    (offset, limit): (usize, usize),
) -> sqlx::Result<(Vec<Invoice>, i64)> {
    let total = sqlx::query_scalar!(
        r#"select count(*) as "count!" from invoices
           where tenant_id = $1 and domain_id = $2 and requested_at >= coalesce($3::timestamptz, '-infinity')
             and requested_at < coalesce($4::timestamptz, 'infinity') and ($5::text is null or status = $5)"#,
        tenant.0,
        account.0,
        wanted.from,
        wanted.until,
        wanted.status as Option<Status>
    );
    let total = total.fetch_one(&mut *connection).await?;
    let rows = sqlx::query_as!(
        Row,
        r#"select invoice_id as "invoice_id: InvoiceId", domain_id as "domain_id: DomainId",
                  customer_id as "customer_id: DomainId", cycle, currency as "currency: Currency", amount,
                  kind as "kind: InvoiceKind", medium as "medium: Medium", title_kind as "title_kind: TitleKind",
                  sealed_details, status as "status: Status", user_name, requested_at, updated_at, invoice_no, parcel_no,
                  reason, taxes as "taxes: Json<Vec<Tax>>"
           from invoices
           where tenant_id = $1 and domain_id = $2 and requested_at >= coalesce($3::timestamptz, '-infinity')
             and requested_at < coalesce($4::timestamptz, 'infinity') and ($5::text is null or status = $5)
           order by requested_at desc, invoice_id desc offset $6 limit $7"#,
        tenant.0,
        account.0,
        wanted.from,
        wanted.until,
        wanted.status as Option<Status>,
        i64::try_from(offset).unwrap_or(i64::MAX),
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    let rows: Vec<Row> = rows.fetch_all(connection).await?;
    Ok((rows.into_iter().map(|row| row.invoice(tenant)).collect(), total))
}

/// An account's invoices, those that were asked for last first, behind one of them.
pub async fn behind(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
    (behind, limit): (Option<(OffsetDateTime, Uuid)>, usize),
) -> sqlx::Result<Vec<Invoice>> {
    let (at, id) = behind.unwrap_or((FAR_FUTURE, Uuid::max()));
    let rows = sqlx::query_as!(
        Row,
        r#"select invoice_id as "invoice_id: InvoiceId", domain_id as "domain_id: DomainId",
                  customer_id as "customer_id: DomainId", cycle, currency as "currency: Currency", amount,
                  kind as "kind: InvoiceKind", medium as "medium: Medium", title_kind as "title_kind: TitleKind",
                  sealed_details, status as "status: Status", user_name, requested_at, updated_at, invoice_no, parcel_no,
                  reason, taxes as "taxes: Json<Vec<Tax>>"
           from invoices where tenant_id = $1 and domain_id = $2 and (requested_at, invoice_id) < ($3, $4)
           order by requested_at desc, invoice_id desc limit $5"#,
        tenant.0,
        account.0,
        at,
        id,
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    let rows: Vec<Row> = rows.fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| row.invoice(tenant)).collect())
}
