//! The only door into the tables of real-name authentication.

use crate::customers::model::Sort;
use crate::customers::model::{CustomerType, VerifiedStatus};
use crate::values::id::{DomainId, TenantId};
use crate::values::time::Instant;
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// An application, sealed.
pub struct NewApplication {
    /// Its id.
    pub id: Uuid,
    /// The tenant.
    pub tenant: TenantId,
    /// Whose it is.
    pub customer: DomainId,
    /// Who applies.
    pub partner: DomainId,
    /// What the customer is to be.
    pub customer_type: CustomerType,
    /// Whether it is a person already.
    pub is_change: bool,
    /// Which document; 0 for a bank card.
    pub document_type: i16,
    /// The name.
    pub sealed_name: Vec<u8>,
    /// The document's number.
    pub sealed_number: Vec<u8>,
    /// Its hash.
    pub number_hash: Vec<u8>,
    /// The rest.
    pub sealed_details: Vec<u8>,
    /// The files.
    pub attachments: Vec<String>,
}

/// Adds an application under review. `false`: there is one already.
pub async fn insert(connection: &mut PgConnection, new: &NewApplication, now: OffsetDateTime) -> sqlx::Result<bool> {
    let inserted = sqlx::query!(
        "insert into real_name_applications (tenant_id, application_id, customer_id, partner_id, applied_at, customer_type,
                                             is_change, document_type, sealed_name, sealed_number, number_hash,
                                             sealed_details, attachments, status, opinion, reviewed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, '', null) on conflict do nothing",
        new.tenant.0,
        new.id,
        new.customer.0,
        new.partner.0,
        now,
        new.customer_type as i16,
        new.is_change,
        new.document_type,
        new.sealed_name,
        new.sealed_number,
        new.number_hash,
        new.sealed_details,
        &new.attachments
    );
    Ok(inserted.execute(connection).await?.rows_affected() == 1)
}

/// How many of a customer's applications were refused.
pub async fn refusals(connection: &mut PgConnection, tenant: TenantId, customer: DomainId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from real_name_applications
           where tenant_id = $1 and customer_id = $2 and status = 1"#,
        tenant.0,
        customer.0
    )
    .fetch_one(connection)
    .await
}

/// An application under review.
pub struct Pending {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub customer: DomainId,
    /// When it was made.
    pub applied_at: OffsetDateTime,
    /// What the customer is to be.
    pub customer_type: CustomerType,
    /// Whether it is a person already.
    pub is_change: bool,
    /// The name.
    pub sealed_name: Vec<u8>,
    /// The hash of the document's number.
    pub number_hash: Vec<u8>,
}

/// A customer's application under review. The customer is locked before, so nobody else ends it meanwhile.
pub async fn pending(
    connection: &mut PgConnection,
    tenant: TenantId,
    customer: DomainId,
) -> sqlx::Result<Option<Pending>> {
    sqlx::query_as!(
        Pending,
        r#"select application_id as id, customer_id as "customer: DomainId", applied_at,
                  customer_type as "customer_type: CustomerType", is_change, sealed_name, number_hash
           from real_name_applications where tenant_id = $1 and customer_id = $2 and status = 0"#,
        tenant.0,
        customer.0
    )
    .fetch_optional(connection)
    .await
}

/// An application in the list of those under review.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RealNameReview)]
pub struct Waiting {
    /// The customer's account.
    #[schema(example = "demo-customer")]
    pub account: String,
    /// Its id.
    pub domain_id: DomainId,
    /// The account of who applied for it.
    #[schema(example = "demo-partner")]
    pub partner: String,
    /// What the customer is to be.
    #[serde(rename = "as")]
    #[schema(value_type = Sort)]
    pub sort: Option<Sort>,
    /// Since when, by the tenant's time.
    pub since: Instant,
    /// The application.
    #[serde(skip)]
    pub id: Uuid,
}

/// The applications under review, oldest first, from behind one on.
pub async fn all_pending(
    connection: &mut PgConnection,
    (behind, limit): (Option<(OffsetDateTime, Uuid)>, usize),
) -> sqlx::Result<Vec<Waiting>> {
    let rows = sqlx::query!(
        r#"select d.name as account, d.domain_id as "domain_id: DomainId", p.name as partner,
                  a.customer_type as "customer_type: CustomerType", a.applied_at, a.application_id
           from real_name_applications a
           join domains d on d.tenant_id = a.tenant_id and d.domain_id = a.customer_id
           join domains p on p.tenant_id = a.tenant_id and p.domain_id = a.partner_id
           where a.status = 0 and ($1::timestamptz is null or (a.applied_at, a.application_id) > ($1, $2))
           order by a.applied_at, a.application_id limit $3"#,
        behind.map(|(at, _)| at),
        behind.map(|(_, id)| id),
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    let rows = rows.fetch_all(connection).await?.into_iter().map(|row| Waiting {
        account: row.account,
        domain_id: row.domain_id,
        partner: row.partner,
        sort: Sort::of(row.customer_type),
        since: Instant(row.applied_at),
        id: row.application_id,
    });
    Ok(rows.collect())
}

/// What a reviewer looks at, sealed.
pub struct Submitted {
    /// Who applied.
    pub partner: DomainId,
    /// When.
    pub applied_at: OffsetDateTime,
    /// What the customer is to be.
    pub customer_type: CustomerType,
    /// Whether it is a person already.
    pub is_change: bool,
    /// Which document; 0 for a bank card.
    pub document_type: i16,
    /// The name.
    pub sealed_name: Vec<u8>,
    /// The document's number.
    pub sealed_number: Vec<u8>,
    /// The rest.
    pub sealed_details: Vec<u8>,
    /// The files.
    pub attachments: Vec<String>,
}

/// All of a customer's application under review.
pub async fn submitted(
    connection: &mut PgConnection,
    tenant: TenantId,
    customer: DomainId,
) -> sqlx::Result<Option<Submitted>> {
    sqlx::query_as!(
        Submitted,
        r#"select partner_id as "partner: DomainId", applied_at, customer_type as "customer_type: CustomerType", is_change,
                  document_type, sealed_name, sealed_number, sealed_details, attachments
           from real_name_applications where tenant_id = $1 and customer_id = $2 and status = 0"#,
        tenant.0,
        customer.0
    )
    .fetch_optional(connection)
    .await
}

/// Ends the review of an application.
pub async fn close(
    connection: &mut PgConnection,
    tenant: TenantId,
    application: Uuid,
    (status, opinion): (VerifiedStatus, &str),
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update real_name_applications set status = $3, opinion = $4, reviewed_at = $5
         where tenant_id = $1 and application_id = $2 and status = 0",
        tenant.0,
        application,
        status as i16,
        opinion,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How a document's number is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// How many customers were verified with it.
    pub customers: i32,
    /// Whether it must not be used.
    pub banned: bool,
}

/// How a document's number is used.
pub async fn certificate(connection: &mut PgConnection, number_hash: &[u8]) -> sqlx::Result<Certificate> {
    let certificate =
        sqlx::query_as!(Certificate, "select customers, banned from certificates where number_hash = $1", number_hash);
    Ok(certificate.fetch_optional(connection).await?.unwrap_or_default())
}

/// Counts one customer more for a document that has fewer than `most`; whether it could.
pub async fn claim_certificate(connection: &mut PgConnection, number_hash: &[u8], most: i32) -> sqlx::Result<bool> {
    let claimed = sqlx::query!(
        "insert into certificates (number_hash, customers, banned) values ($1, 1, false)
         on conflict (number_hash) do update set customers = certificates.customers + 1
         where certificates.customers < $2 and not certificates.banned",
        number_hash,
        most
    );
    Ok(claimed.execute(connection).await?.rows_affected() == 1)
}

/// Bans a document's number, or gives it free.
pub async fn ban_certificate(connection: &mut PgConnection, number_hash: &[u8], banned: bool) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into certificates (number_hash, customers, banned) values ($1, 0, $2)
         on conflict (number_hash) do update set banned = excluded.banned",
        number_hash,
        banned
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The result of a customer's last application, with the opinion.
pub async fn last_result(
    connection: &mut PgConnection,
    tenant: TenantId,
    customer: DomainId,
) -> sqlx::Result<Option<(i16, String)>> {
    let row = sqlx::query!(
        "select status, opinion from real_name_applications where tenant_id = $1 and customer_id = $2
         order by applied_at desc, application_id desc limit 1",
        tenant.0,
        customer.0
    );
    Ok(row.fetch_optional(connection).await?.map(|row| (row.status, row.opinion)))
}

/// Keeps what a QR code leads to.
pub async fn insert_ticket(
    connection: &mut PgConnection,
    token_hash: &[u8],
    (tenant, customer): (TenantId, DomainId),
    expires_at: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into real_name_tickets (token_hash, tenant_id, customer_id, expires_at) values ($1, $2, $3, $4)",
        token_hash,
        tenant.0,
        customer.0,
        expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Uses a ticket up: whose it was, and until when it was valid.
pub async fn take_ticket(
    connection: &mut PgConnection,
    token_hash: &[u8],
) -> sqlx::Result<Option<(TenantId, DomainId, OffsetDateTime)>> {
    let row = sqlx::query!(
        r#"delete from real_name_tickets where token_hash = $1
           returning tenant_id as "tenant: TenantId", customer_id as "customer: DomainId", expires_at"#,
        token_hash
    );
    Ok(row.fetch_optional(connection).await?.map(|row| (row.tenant, row.customer, row.expires_at)))
}
