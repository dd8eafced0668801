//! The only door into the identity tables.
//!
//! A key, a name or a token first says which tenant it belongs to; that tenant's tables are asked in a second statement.
//! Every change that a replica may remember is announced in the same transaction, under [`CHANNEL`].

use crate::api::caller::{Caller, CallerKind};
use crate::signature::Rules;
use crate::values::id::{AgencyId, DomainId, ProjectId, TenantId, UserId};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// SHA-256 of a token.
pub type TokenHash = [u8; 32];

/// Announces changes; the payload is `key <access key>` or `token <hash in hex>`, anything else means "everything".
pub const CHANNEL: &str = "bss_identity";

/// An access key as it is stored.
pub struct AccessKeyRow {
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Whose it is.
    pub user_id: UserId,
    /// For [`crate::secrets::Sealer::open`].
    pub sealed_secret: Vec<u8>,
    /// Whether it may be used.
    pub enabled: bool,
    /// See [`Rules`].
    pub require_signed_host: bool,
    /// See [`Rules`].
    pub require_bound_body: bool,
}

/// An access key, sealed.
pub async fn access_key(connection: &mut PgConnection, access_key: &str) -> sqlx::Result<Option<AccessKeyRow>> {
    sqlx::query_as!(
        AccessKeyRow,
        r#"select tenant_id as "tenant_id: TenantId", user_id as "user_id: UserId", sealed_secret, enabled,
                  require_signed_host, require_bound_body
           from access_keys where access_key = $1"#,
        access_key
    )
    .fetch_optional(connection)
    .await
}

/// A user with its account.
pub struct UserRow {
    /// The user, as it calls for its own account.
    pub caller: Caller,
    /// Whether it may call at all.
    pub enabled: bool,
    /// What it was given before this instant is void.
    pub tokens_valid_from: Option<OffsetDateTime>,
}

/// A user with its account.
pub async fn user(connection: &mut PgConnection, tenant: TenantId, user: UserId) -> sqlx::Result<Option<UserRow>> {
    let row = sqlx::query!(
        r#"select u.domain_id as "domain: DomainId", d.name as domain_name, d.kind as "kind: CallerKind",
                  u.name as user_name, u.administrator, u.permission_items, u.enabled, u.tokens_valid_from
           from users u join domains d on d.tenant_id = u.tenant_id and d.domain_id = u.domain_id
           where u.tenant_id = $1 and d.tenant_id = $1 and u.user_id = $2"#,
        tenant.0,
        user.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| {
        let caller = Caller {
            tenant,
            domain: row.domain,
            domain_name: row.domain_name,
            kind: row.kind,
            user,
            user_name: row.user_name,
            administrator: row.administrator,
            credential: String::new(),
            permission_items: row.permission_items,
            acting_from: None,
        };
        UserRow { caller, enabled: row.enabled, tokens_valid_from: row.tokens_valid_from }
    }))
}

/// Names of users, for lists that show who did something.
pub async fn user_names(
    connection: &mut PgConnection,
    tenant: TenantId,
    ids: &[UserId],
) -> sqlx::Result<Vec<(UserId, String)>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select user_id as "id: UserId", name from users where tenant_id = $1 and user_id = any($2)"#,
        tenant.0,
        &ids
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.id, row.name)).collect())
}

/// Which account has this name.
pub async fn domain_by_name(connection: &mut PgConnection, name: &str) -> sqlx::Result<Option<(TenantId, DomainId)>> {
    let row = sqlx::query!(
        r#"select tenant_id as "tenant: TenantId", domain_id as "domain: DomainId" from login_names where name = $1"#,
        name
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.tenant, row.domain)))
}

/// The account of this id. `login_names` is keyed by name, so this asks every node of a cluster: not for hot paths.
pub async fn domain_by_id(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<(TenantId, DomainId)>> {
    let row = sqlx::query!(
        r#"select tenant_id as "tenant: TenantId", domain_id as "domain: DomainId" from login_names
           where domain_id = $1"#,
        id
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.tenant, row.domain)))
}

/// A user of an account by name, with its password's hash.
pub async fn user_by_name(
    connection: &mut PgConnection,
    tenant: TenantId,
    domain: DomainId,
    name: &str,
) -> sqlx::Result<Option<(UserId, Option<String>)>> {
    let row = sqlx::query!(
        r#"select user_id as "user: UserId", password_hash from users
           where tenant_id = $1 and domain_id = $2 and name = $3"#,
        tenant.0,
        domain.0,
        name
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.user, row.password_hash)))
}

/// A user of any account by id, with its password's hash. Asks every node of a cluster: not for hot paths.
pub async fn user_by_id(
    connection: &mut PgConnection,
    id: Uuid,
) -> sqlx::Result<Option<(TenantId, UserId, Option<String>)>> {
    let row = sqlx::query!(
        r#"select tenant_id as "tenant: TenantId", user_id as "user: UserId", password_hash from users where user_id = $1"#,
        id
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.tenant, row.user, row.password_hash)))
}

/// An access key as its account sees it.
pub struct Credential {
    /// Whose it is.
    pub user: UserId,
    /// Whether it may be used.
    pub enabled: bool,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was last used, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
}

/// An access key of an account, or of one of its users.
pub async fn credential(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    user: Option<UserId>,
    access_key: &str,
) -> sqlx::Result<Option<Credential>> {
    sqlx::query_as!(
        Credential,
        r#"select user_id as "user: UserId", enabled, created_at, last_used_at from access_keys
           where access_key = $1 and tenant_id = $2 and domain_id = $3 and ($4::uuid is null or user_id = $4)"#,
        access_key,
        tenant.0,
        domain.0,
        user.map(|user| user.0)
    )
    .fetch_optional(connection)
    .await
}

/// A project of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name, a region code.
    pub name: String,
}

/// The projects of an account, in the order of their names.
pub async fn projects(connection: &mut PgConnection, tenant: TenantId, domain: DomainId) -> sqlx::Result<Vec<Project>> {
    sqlx::query_as!(
        Project,
        r#"select project_id as "id: ProjectId", name from projects
           where tenant_id = $1 and domain_id = $2 order by name"#,
        tenant.0,
        domain.0
    )
    .fetch_all(connection)
    .await
}

/// Who acts, and for which account: what a token or a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user, where it is.
    pub user: (TenantId, UserId),
    /// The agency under which it acts for another account, where that is; else it acts for its own.
    pub agency: Option<(TenantId, AgencyId)>,
}

impl Principal {
    fn of_row(tenant: TenantId, user: UserId, user_tenant: Option<TenantId>, agency: Option<AgencyId>) -> Self {
        Self { user: (user_tenant.unwrap_or(tenant), user), agency: agency.map(|agency| (tenant, agency)) }
    }

    /// For the columns `user_tenant_id` and `agency_id`: null where they would say nothing new.
    fn columns(&self) -> (Option<Uuid>, Option<Uuid>) {
        (self.agency.map(|_| self.user.0.0), self.agency.map(|(_, agency)| agency.0))
    }
}

/// An agency with the account that granted it.
#[derive(Clone, Debug)]
pub struct Agency {
    /// Its id.
    pub id: AgencyId,
    /// The granting account.
    pub domain: DomainId,
    /// Its name.
    pub domain_name: String,
    /// Its kind.
    pub kind: CallerKind,
    /// The account whose users may act.
    pub trusted: DomainId,
}

/// An agency by id.
pub async fn agency(connection: &mut PgConnection, tenant: TenantId, agency: AgencyId) -> sqlx::Result<Option<Agency>> {
    sqlx::query_as!(
        Agency,
        r#"select a.agency_id as "id: AgencyId", a.domain_id as "domain: DomainId", d.name as domain_name,
                  d.kind as "kind: CallerKind", a.trusted_domain_id as "trusted: DomainId"
           from agencies a join domains d on d.tenant_id = a.tenant_id and d.domain_id = a.domain_id
           where a.tenant_id = $1 and d.tenant_id = $1 and a.agency_id = $2"#,
        tenant.0,
        agency.0
    )
    .fetch_optional(connection)
    .await
}

/// The id of an account's agency of this name.
pub async fn agency_by_name(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    name: &str,
) -> sqlx::Result<Option<AgencyId>> {
    sqlx::query_scalar!(
        r#"select agency_id as "id: AgencyId" from agencies where tenant_id = $1 and domain_id = $2 and name = $3"#,
        tenant.0,
        domain.0,
        name
    )
    .fetch_optional(connection)
    .await
}

/// Whether an account lets the users of this other one act for it.
pub async fn trusts(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    other: DomainId,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists(select 1 from agencies where tenant_id = $1 and domain_id = $2 and trusted_domain_id = $3)
               as "trusts!""#,
        tenant.0,
        domain.0,
        other.0
    )
    .fetch_one(connection)
    .await
}

/// Grants an agency.
pub async fn insert_agency(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    (id, name): (AgencyId, &str),
    trusted: DomainId,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into agencies (tenant_id, agency_id, domain_id, name, trusted_domain_id, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        tenant.0,
        id.0,
        domain.0,
        name,
        trusted.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Withdraws an agency and announces it: whoever acts under it is refused from now on. Whether there was one.
pub async fn delete_agency(connection: &mut PgConnection, tenant: TenantId, id: AgencyId) -> sqlx::Result<bool> {
    let deleted = sqlx::query!("delete from agencies where tenant_id = $1 and agency_id = $2", tenant.0, id.0)
        .execute(&mut *connection)
        .await?;
    announce(connection, "agency").await?;
    Ok(deleted.rows_affected() > 0)
}

/// A key that is valid for a while, with the token that belongs to it.
pub struct TemporaryKeyRow {
    /// For whom it signs.
    pub principal: Principal,
    /// For [`crate::secrets::Sealer::open`].
    pub sealed_secret: Vec<u8>,
    /// SHA-256 of its security token.
    pub security_token_hash: Vec<u8>,
    /// When it was given.
    pub issued_at: OffsetDateTime,
    /// Until when it is valid.
    pub expires_at: OffsetDateTime,
}

/// A temporary key, sealed.
pub async fn temporary_key(connection: &mut PgConnection, access_key: &str) -> sqlx::Result<Option<TemporaryKeyRow>> {
    let row = sqlx::query!(
        r#"select tenant_id as "tenant: TenantId", user_id as "user: UserId",
                  user_tenant_id as "user_tenant: TenantId", agency_id as "agency: AgencyId", sealed_secret,
                  security_token_hash, issued_at, expires_at
           from temporary_keys where access_key = $1"#,
        access_key
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| TemporaryKeyRow {
        principal: Principal::of_row(row.tenant, row.user, row.user_tenant, row.agency),
        sealed_secret: row.sealed_secret,
        security_token_hash: row.security_token_hash,
        issued_at: row.issued_at,
        expires_at: row.expires_at,
    }))
}

/// Adds a temporary key of an account.
pub async fn insert_temporary_key(
    connection: &mut PgConnection,
    access_key: &str,
    caller: &Caller,
    new: &TemporaryKeyRow,
) -> sqlx::Result<()> {
    let (user_tenant, agency) = new.principal.columns();
    sqlx::query!(
        "insert into temporary_keys (access_key, tenant_id, domain_id, user_id, user_tenant_id, agency_id, sealed_secret,
                                     security_token_hash, issued_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        access_key,
        caller.tenant.0,
        caller.domain.0,
        caller.user.0,
        user_tenant,
        agency,
        new.sealed_secret,
        new.security_token_hash,
        new.issued_at,
        new.expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A token as it is stored.
pub struct TokenRow {
    /// For whom it acts.
    pub principal: Principal,
    /// How it was obtained; in the column `method` several are joined by commas.
    pub methods: Vec<String>,
    /// Its scope.
    pub project_id: Option<ProjectId>,
    /// When it was given.
    pub issued_at: OffsetDateTime,
    /// Until when it is valid.
    pub expires_at: OffsetDateTime,
}

/// A token that was not revoked.
pub async fn token(connection: &mut PgConnection, hash: &TokenHash) -> sqlx::Result<Option<TokenRow>> {
    let row = sqlx::query!(
        r#"select tenant_id as "tenant: TenantId", user_id as "user: UserId",
                  user_tenant_id as "user_tenant: TenantId", agency_id as "agency: AgencyId", method,
                  project_id as "project_id: ProjectId", issued_at, expires_at
           from tokens where token_hash = $1"#,
        &hash[..]
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| TokenRow {
        principal: Principal::of_row(row.tenant, row.user, row.user_tenant, row.agency),
        methods: row.method.split(',').map(str::to_owned).collect(),
        project_id: row.project_id,
        issued_at: row.issued_at,
        expires_at: row.expires_at,
    }))
}

/// Keeps a token's hash.
pub async fn insert_token(
    connection: &mut PgConnection,
    hash: &TokenHash,
    caller: &Caller,
    new: &TokenRow,
) -> sqlx::Result<()> {
    let (user_tenant, agency) = new.principal.columns();
    sqlx::query!(
        "insert into tokens (token_hash, tenant_id, domain_id, user_id, user_tenant_id, agency_id, method, project_id,
                             issued_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &hash[..],
        caller.tenant.0,
        caller.domain.0,
        caller.user.0,
        user_tenant,
        agency,
        new.methods.join(","),
        new.project_id.map(|project| project.0),
        new.issued_at,
        new.expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Revokes a token of an account and announces it; whether there was one.
pub async fn delete_token(connection: &mut PgConnection, hash: &TokenHash, domain: DomainId) -> sqlx::Result<bool> {
    let deleted = sqlx::query!("delete from tokens where token_hash = $1 and domain_id = $2", &hash[..], domain.0)
        .execute(&mut *connection)
        .await?;
    announce(connection, &format!("token {}", hex::encode(hash))).await?;
    Ok(deleted.rows_affected() > 0)
}

/// Deletes some of the tokens and temporary keys that have expired; how many.
pub async fn delete_expired(connection: &mut PgConnection, now: OffsetDateTime, most: i64) -> sqlx::Result<u64> {
    let tokens = sqlx::query!(
        "delete from tokens t using (select token_hash from tokens where expires_at < $1 limit $2) gone
         where t.token_hash = gone.token_hash",
        now,
        most
    );
    let tokens = tokens.execute(&mut *connection).await?.rows_affected();
    let keys = sqlx::query!(
        "delete from temporary_keys k using (select access_key from temporary_keys where expires_at < $1 limit $2) gone
         where k.access_key = gone.access_key",
        now,
        most
    );
    Ok(tokens.max(keys.execute(connection).await?.rows_affected()))
}

/// Enables or disables an access key and announces it; whether there is one.
pub async fn set_access_key_enabled(
    connection: &mut PgConnection,
    access_key: &str,
    enabled: bool,
) -> sqlx::Result<bool> {
    let updated = sqlx::query!("update access_keys set enabled = $2 where access_key = $1", access_key, enabled)
        .execute(&mut *connection)
        .await?;
    announce(connection, &format!("key {access_key}")).await?;
    Ok(updated.rows_affected() > 0)
}

/// Removes an access key and announces it; whether there was one.
pub async fn delete_access_key(connection: &mut PgConnection, access_key: &str) -> sqlx::Result<bool> {
    let deleted =
        sqlx::query!("delete from access_keys where access_key = $1", access_key).execute(&mut *connection).await?;
    announce(connection, &format!("key {access_key}")).await?;
    Ok(deleted.rows_affected() > 0)
}

/// An access key as operators see it.
#[derive(Debug)]
pub struct KeySummary {
    /// The key.
    pub access_key: String,
    /// Whether it may be used.
    pub enabled: bool,
    /// When it was last used, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
}

/// A user as operators see it.
#[derive(Debug)]
pub struct UserSummary {
    /// Its id.
    pub id: UserId,
    /// Its name.
    pub name: String,
    /// Whether everything is open to it.
    pub administrator: bool,
    /// Whether it is let in.
    pub enabled: bool,
    /// Whether it can log in with a password.
    pub has_password: bool,
    /// What it may do.
    pub permission_items: Vec<String>,
    /// When it was created.
    pub created_at: OffsetDateTime,
}

/// An account's users, by name.
pub async fn users_of(
    connection: &mut PgConnection,
    tenant: TenantId,
    domain: DomainId,
) -> sqlx::Result<Vec<UserSummary>> {
    sqlx::query_as!(
        UserSummary,
        r#"select user_id as "id: UserId", name, administrator, enabled, password_hash is not null as "has_password!",
                  permission_items, created_at
           from users where tenant_id = $1 and domain_id = $2 order by name"#,
        tenant.0,
        domain.0
    )
    .fetch_all(connection)
    .await
}

/// A user's access keys, oldest first.
pub async fn access_keys_of(
    connection: &mut PgConnection,
    tenant: TenantId,
    user: UserId,
) -> sqlx::Result<Vec<KeySummary>> {
    sqlx::query_as!(
        KeySummary,
        "select access_key, enabled, last_used_at from access_keys where tenant_id = $1 and user_id = $2
         order by created_at, access_key",
        tenant.0,
        user.0
    )
    .fetch_all(connection)
    .await
}

/// Notes a use of an access key unless a later one is known. Nobody remembers it, so nothing is announced.
pub async fn set_last_used(connection: &mut PgConnection, access_key: &str, at: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query!(
        "update access_keys set last_used_at = $2
         where access_key = $1 and (last_used_at is null or last_used_at < $2)",
        access_key,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Holds the user until the transaction ends, so that changes to its keys follow each other.
pub async fn lock_user(connection: &mut PgConnection, tenant: TenantId, user: UserId) -> sqlx::Result<()> {
    sqlx::query!("select user_id from users where tenant_id = $1 and user_id = $2 for update", tenant.0, user.0)
        .fetch_one(connection)
        .await?;
    Ok(())
}

/// Enables or disables a user. Disabled, what it was given is void for good. Announced.
pub async fn set_user_enabled(
    connection: &mut PgConnection,
    (tenant, user): (TenantId, UserId),
    enabled: bool,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update users set enabled = $3, tokens_valid_from = case when $3 then tokens_valid_from else $4 end
         where tenant_id = $1 and user_id = $2",
        tenant.0,
        user.0,
        enabled,
        now
    )
    .execute(&mut *connection)
    .await?;
    announce(connection, "user").await
}

/// Changes a user's password; what it was given before is void. Announced.
pub async fn set_password(
    connection: &mut PgConnection,
    (tenant, user): (TenantId, UserId),
    password_hash: &str,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update users set password_hash = $3, tokens_valid_from = $4 where tenant_id = $1 and user_id = $2",
        tenant.0,
        user.0,
        password_hash,
        now
    )
    .execute(&mut *connection)
    .await?;
    announce(connection, "user").await
}

/// The sealed secret of a user's second factor, if it has one.
pub async fn second_factor(
    connection: &mut PgConnection,
    (tenant, user): (TenantId, UserId),
) -> sqlx::Result<Option<Vec<u8>>> {
    let secret = sqlx::query_scalar!(
        "select totp_sealed_secret from users where tenant_id = $1 and user_id = $2",
        tenant.0,
        user.0
    );
    Ok(secret.fetch_optional(connection).await?.flatten())
}

/// Gives a user a second factor; what it was given without it is void. Announced.
pub async fn set_second_factor(
    connection: &mut PgConnection,
    (tenant, user): (TenantId, UserId),
    sealed_secret: &[u8],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update users set totp_sealed_secret = $3, totp_last_step = null, tokens_valid_from = $4
         where tenant_id = $1 and user_id = $2",
        tenant.0,
        user.0,
        sealed_secret,
        now
    )
    .execute(&mut *connection)
    .await?;
    announce(connection, "user").await
}

/// Takes a user's second factor away.
pub async fn delete_second_factor(
    connection: &mut PgConnection,
    (tenant, user): (TenantId, UserId),
) -> sqlx::Result<()> {
    sqlx::query!(
        "update users set totp_sealed_secret = null, totp_last_step = null where tenant_id = $1 and user_id = $2",
        tenant.0,
        user.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Uses up the passcode of a step, and with it those of all earlier steps. `false`: it was used before, by this secret or
/// by a request at the same time.
pub async fn use_passcode(
    connection: &mut PgConnection,
    (tenant, user): (TenantId, UserId),
    sealed_secret: &[u8],
    step: i64,
) -> sqlx::Result<bool> {
    let updated = sqlx::query!(
        "update users set totp_last_step = $4
         where tenant_id = $1 and user_id = $2 and totp_sealed_secret = $3 and coalesce(totp_last_step, -1) < $4",
        tenant.0,
        user.0,
        sealed_secret,
        step
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() > 0)
}

/// Changes what a user may do. Announced.
pub async fn set_permission_items(
    connection: &mut PgConnection,
    (tenant, user): (TenantId, UserId),
    items: &[String],
) -> sqlx::Result<()> {
    sqlx::query!(
        "update users set permission_items = $3 where tenant_id = $1 and user_id = $2",
        tenant.0,
        user.0,
        items
    )
    .execute(&mut *connection)
    .await?;
    announce(connection, "user").await
}

/// An account's kind.
pub async fn domain_kind(
    connection: &mut PgConnection,
    tenant: TenantId,
    domain: DomainId,
) -> sqlx::Result<CallerKind> {
    sqlx::query_scalar!(
        r#"select kind as "kind: CallerKind" from domains where tenant_id = $1 and domain_id = $2"#,
        tenant.0,
        domain.0
    )
    .fetch_one(connection)
    .await
}

/// The account right above an account, or none; none at all where the account is gone.
pub async fn domain_parent(
    connection: &mut PgConnection,
    tenant: TenantId,
    domain: DomainId,
) -> sqlx::Result<Option<Option<DomainId>>> {
    sqlx::query_scalar!(
        r#"select parent_id as "parent: DomainId" from domains where tenant_id = $1 and domain_id = $2"#,
        tenant.0,
        domain.0
    )
    .fetch_optional(connection)
    .await
}

/// Any key, user or token may be another now: tells every replica, when this transaction commits.
pub async fn announce_all(connection: &mut PgConnection) -> sqlx::Result<()> {
    announce(connection, "all").await
}

/// Lets an access key in again that failed too often, on every replica.
pub async fn announce_unlocked(connection: &mut PgConnection, access_key: &str) -> sqlx::Result<()> {
    announce(connection, &format!("unlock {access_key}")).await
}

/// Tells every replica, when this transaction commits.
async fn announce(connection: &mut PgConnection, change: &str) -> sqlx::Result<()> {
    sqlx::query!("select pg_notify($1, $2)", CHANNEL, change).execute(connection).await?;
    Ok(())
}

/// A new account.
pub struct NewDomain<'a> {
    /// The top of its tree.
    pub tenant: TenantId,
    /// Its id.
    pub id: DomainId,
    /// What it hangs below.
    pub parent: Option<DomainId>,
    /// Its name, unique over all tenants.
    pub name: &'a str,
    /// Its kind.
    pub kind: CallerKind,
}

/// Adds an account, and its tenant when it is the top of a tree. `false`: the name is taken, and nothing was added.
pub async fn insert_domain(
    connection: &mut PgConnection,
    new: &NewDomain<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let name = sqlx::query!(
        "insert into login_names (name, tenant_id, domain_id) values ($1, $2, $3) on conflict do nothing",
        new.name,
        new.tenant.0,
        new.id.0
    );
    if name.execute(&mut *connection).await?.rows_affected() == 0 {
        return Ok(false);
    }
    if new.parent.is_none() {
        sqlx::query!("insert into tenants (tenant_id, created_at) values ($1, $2)", new.tenant.0, now)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query!(
        "insert into domains (tenant_id, domain_id, parent_id, name, kind, created_at) values ($1, $2, $3, $4, $5, $6)",
        new.tenant.0,
        new.id.0,
        new.parent.map(|parent| parent.0),
        new.name,
        new.kind as CallerKind,
        now
    )
    .execute(connection)
    .await?;
    Ok(true)
}

/// A new user.
pub struct NewUser<'a> {
    /// Its id.
    pub id: UserId,
    /// Its tenant and account.
    pub account: (TenantId, DomainId),
    /// Its name, unique in its account.
    pub name: &'a str,
    /// Argon2id, or no password.
    pub password_hash: Option<String>,
    /// Whether it is the account's own user.
    pub administrator: bool,
    /// What it may do otherwise.
    pub permission_items: &'a [String],
}

/// Adds a user.
pub async fn insert_user(connection: &mut PgConnection, new: NewUser<'_>, now: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into users (tenant_id, user_id, domain_id, name, password_hash, administrator, permission_items, enabled,
                            created_at)
         values ($1, $2, $3, $4, $5, $6, $7, true, $8)",
        new.account.0.0,
        new.id.0,
        new.account.1.0,
        new.name,
        new.password_hash,
        new.administrator,
        new.permission_items,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds projects.
pub async fn insert_projects(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    projects: &[Project],
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into projects (tenant_id, project_id, domain_id, name)
         select t.tenant_id, p.project_id, $2, p.name
         from tenants t, unnest($3::uuid[], $4::text[]) as p (project_id, name) where t.tenant_id = $1",
        tenant.0,
        domain.0,
        &projects.iter().map(|project| project.id.0).collect::<Vec<_>>(),
        &projects.iter().map(|project| project.name.clone()).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds a project of this name to each of these accounts.
pub async fn insert_project_of_each(
    connection: &mut PgConnection,
    tenant: TenantId,
    name: &str,
    projects: &[(DomainId, Uuid)],
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into projects (tenant_id, project_id, domain_id, name)
         select t.tenant_id, p.project_id, p.domain_id, $2
         from tenants t, unnest($3::uuid[], $4::uuid[]) as p (project_id, domain_id) where t.tenant_id = $1",
        tenant.0,
        name,
        &projects.iter().map(|(_, project)| *project).collect::<Vec<_>>(),
        &projects.iter().map(|(domain, _)| domain.0).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A new access key.
pub struct NewAccessKey<'a> {
    /// The key.
    pub access_key: &'a str,
    /// From [`crate::secrets::Sealer::seal`].
    pub sealed_secret: Vec<u8>,
    /// Its tenant, account and user.
    pub owner: (TenantId, DomainId, UserId),
    /// What its signatures must cover.
    pub rules: Rules,
}

/// Adds an access key, enabled.
pub async fn insert_access_key(
    connection: &mut PgConnection,
    new: NewAccessKey<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let (tenant, domain, user) = new.owner;
    sqlx::query!(
        "insert into access_keys (access_key, tenant_id, domain_id, user_id, sealed_secret, enabled, require_signed_host,
                                  require_bound_body, created_at)
         values ($1, $2, $3, $4, $5, true, $6, $7, $8)",
        new.access_key,
        tenant.0,
        domain.0,
        user.0,
        new.sealed_secret,
        new.rules.require_signed_host,
        new.rules.require_bound_body,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
