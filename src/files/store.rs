//! The only door into the table of subscriptions.

use super::model::{Bucket, Subscription};
use super::schedule::Rhythm;
use crate::exports::model::{ExportFormat, ExportKind};
use crate::values::id::{DomainId, FileSubscriptionId, TenantId};
use crate::values::language::Language;
use sqlx::PgConnection;
use sqlx::types::Json;
use std::collections::BTreeSet;
use time::OffsetDateTime;
use uuid::Uuid;

struct Row {
    subscription_id: FileSubscriptionId,
    domain_id: DomainId,
    kind: ExportKind,
    format: ExportFormat,
    language: String,
    has_bom: bool,
    rhythm: Rhythm,
    bucket: Option<Json<Bucket>>,
    enabled: bool,
    user_name: String,
    created_at: OffsetDateTime,
    due_at: OffsetDateTime,
}

impl Row {
    fn subscription(self, tenant: TenantId) -> Subscription {
        Subscription {
            id: self.subscription_id,
            account: (tenant, self.domain_id),
            kind: self.kind,
            format: self.format,
            language: Language::parse(&self.language).unwrap_or_default(),
            has_bom: self.has_bom,
            rhythm: self.rhythm,
            bucket: self.bucket.map(|bucket| bucket.0),
            is_enabled: self.enabled,
            user_name: self.user_name,
            created_at: self.created_at,
            due_at: self.due_at,
        }
    }
}

/// Reads subscriptions of a tenant: what is given is a condition beside that, and the arguments, the tenant first.
macro_rules! select {
    ($($part:tt)+) => {
        sqlx::query_as!(
            Row,
            r#"select subscription_id as "subscription_id: FileSubscriptionId", domain_id as "domain_id: DomainId",
                      kind as "kind: ExportKind", format as "format: ExportFormat", language, has_bom,
                      rhythm as "rhythm: Rhythm", bucket as "bucket: Json<Bucket>", enabled, user_name, created_at, due_at
               from file_subscriptions where tenant_id = $1 "# + $($part)+
        )
    };
}

/// Writes a subscription, with the sealed secret for its bucket.
pub async fn insert(connection: &mut PgConnection, of: &Subscription, secret: Option<&[u8]>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into file_subscriptions (tenant_id, subscription_id, domain_id, kind, format, language, has_bom, rhythm, bucket,
             sealed_secret, enabled, user_name, created_at, due_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        of.account.0.0,
        of.id.0,
        of.account.1.0,
        of.kind as ExportKind,
        of.format as ExportFormat,
        of.language.code(),
        of.has_bom,
        of.rhythm as Rhythm,
        of.bucket.as_ref().map(Json) as Option<Json<&Bucket>>,
        secret,
        of.is_enabled,
        of.user_name,
        of.created_at,
        of.due_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many an account has.
pub async fn count(connection: &mut PgConnection, (tenant, account): (TenantId, DomainId)) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from file_subscriptions where tenant_id = $1 and domain_id = $2"#,
        tenant.0,
        account.0
    )
    .fetch_one(connection)
    .await
}

/// An account's subscriptions, the oldest first.
pub async fn list(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
) -> sqlx::Result<Vec<Subscription>> {
    let rows = select!("and domain_id = $2 order by subscription_id", tenant.0, account.0);
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| row.subscription(tenant)).collect())
}

/// An account's subscription.
pub async fn find(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
    id: FileSubscriptionId,
) -> sqlx::Result<Option<Subscription>> {
    let row = select!("and domain_id = $2 and subscription_id = $3", tenant.0, account.0, id.0);
    Ok(row.fetch_optional(connection).await?.map(|row| row.subscription(tenant)))
}

/// The same, locked until the transaction ends.
pub async fn lock(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
    id: FileSubscriptionId,
) -> sqlx::Result<Option<Subscription>> {
    let row = select!("and domain_id = $2 and subscription_id = $3 for update", tenant.0, account.0, id.0);
    Ok(row.fetch_optional(connection).await?.map(|row| row.subscription(tenant)))
}

/// Any subscription of a tenant.
pub async fn by_id(
    connection: &mut PgConnection,
    tenant: TenantId,
    id: FileSubscriptionId,
) -> sqlx::Result<Option<Subscription>> {
    let row = select!("and subscription_id = $2", tenant.0, id.0);
    Ok(row.fetch_optional(connection).await?.map(|row| row.subscription(tenant)))
}

/// The sealed secret for the bucket of a subscription.
pub async fn secret(
    connection: &mut PgConnection,
    tenant: TenantId,
    id: FileSubscriptionId,
) -> sqlx::Result<Option<Vec<u8>>> {
    let sealed = sqlx::query_scalar!(
        "select sealed_secret from file_subscriptions where tenant_id = $1 and subscription_id = $2",
        tenant.0,
        id.0
    );
    Ok(sealed.fetch_optional(connection).await?.flatten())
}

/// Writes what can be changed of a subscription; the secret where there is a new one.
pub async fn update(connection: &mut PgConnection, of: &Subscription, secret: Option<&[u8]>) -> sqlx::Result<()> {
    sqlx::query!(
        "update file_subscriptions
         set bucket = $3, sealed_secret = coalesce($4, sealed_secret), enabled = $5, due_at = $6
         where tenant_id = $1 and subscription_id = $2",
        of.account.0.0,
        of.id.0,
        of.bucket.as_ref().map(Json) as Option<Json<&Bucket>>,
        secret,
        of.is_enabled,
        of.due_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes a subscription, with what was said of its files; whether there was one.
pub async fn delete(
    connection: &mut PgConnection,
    (tenant, account): (TenantId, DomainId),
    id: FileSubscriptionId,
) -> sqlx::Result<bool> {
    let deleted = sqlx::query!(
        "delete from file_subscriptions where tenant_id = $1 and domain_id = $2 and subscription_id = $3",
        tenant.0,
        account.0,
        id.0
    );
    Ok(deleted.execute(connection).await?.rows_affected() > 0)
}

/// Tenants in which a file is due, those with moved clocks by what these show; some at a time.
pub async fn tenants_with_due(
    connection: &mut PgConnection,
    now: OffsetDateTime,
    moved: &[(TenantId, OffsetDateTime)],
) -> sqlx::Result<BTreeSet<TenantId>> {
    let (tenants, times): (Vec<Uuid>, Vec<OffsetDateTime>) = moved.iter().map(|one| (one.0.0, one.1)).unzip();
    let found = sqlx::query_scalar!(
        r#"(select distinct tenant_id as "tenant!: TenantId" from file_subscriptions
            where enabled and due_at <= $1 and tenant_id <> all($2) limit 100)
           union
           select distinct s.tenant_id from file_subscriptions s
           join unnest($2::uuid[], $3::timestamptz[]) as m (tenant_id, by) on m.tenant_id = s.tenant_id
           where s.enabled and s.due_at <= m.by"#,
        now,
        &tenants,
        &times
    );
    Ok(found.fetch_all(connection).await?.into_iter().collect())
}

/// When a file falls due next in a tenant.
pub async fn next_due(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Option<OffsetDateTime>> {
    sqlx::query_scalar!("select min(due_at) from file_subscriptions where tenant_id = $1 and enabled", tenant.0)
        .fetch_one(connection)
        .await
}

/// Subscriptions whose file is due, locked until the transaction ends; those that another replica has locked are left to it.
pub async fn lock_due(
    connection: &mut PgConnection,
    tenant: TenantId,
    at: OffsetDateTime,
    limit: i64,
) -> sqlx::Result<Vec<Subscription>> {
    let rows = select!(
        "and enabled and due_at <= $2 order by due_at, subscription_id limit $3 for update skip locked",
        tenant.0,
        at,
        limit
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| row.subscription(tenant)).collect())
}
