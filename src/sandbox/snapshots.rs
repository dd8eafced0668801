//! A tenant's state by name: saved, brought back, and copied for a test-suite of its own.
//!
//! The work is done in the database, by functions that [`install`] makes and that a production database has not.

use crate::clock;
use crate::customers::codes::receiver_hash;
use crate::customers::store as customers;
use crate::identity::administration as identity;
use crate::identity::store;
use crate::ledger::{AccountKind, Purse};
use crate::personal::Vault;
use crate::secrets::{self, Sealer};
use crate::values::id::{DomainId, TenantId};
use crate::values::money::Currency;
use crate::values::receiver::{Email, Phone, Receiver};
use anyhow::{Context, bail, ensure};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;
use uuid::Uuid;

/// Makes the functions, as the owner of the database.
pub async fn install(owner: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql(include_str!("snapshots.sql")).execute(owner).await?;
    Ok(())
}

async fn require_sandbox(connection: &mut PgConnection) -> anyhow::Result<()> {
    let installed: bool =
        sqlx::query_scalar("select to_regclass('sandbox.forks') is not null").fetch_one(connection).await?;
    ensure!(installed, "snapshots are taken in a sandbox only");
    Ok(())
}

/// A snapshot.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// When it was taken.
    pub taken_at: OffsetDateTime,
}

/// A tenant's snapshots, by name.
pub async fn list(connection: &mut PgConnection, tenant: TenantId) -> anyhow::Result<Vec<Snapshot>> {
    require_sandbox(connection).await?;
    let snapshots = sqlx::query_as("select name, taken_at from sandbox.snapshots where tenant_id = $1 order by name");
    Ok(snapshots.bind(tenant.0).fetch_all(connection).await?)
}

/// Saves a tenant's rows under a name, in place of what was saved under it; how many. In a transaction that sees one moment.
pub async fn save(
    connection: &mut PgConnection,
    tenant: TenantId,
    name: &str,
    now: OffsetDateTime,
) -> anyhow::Result<i64> {
    require_sandbox(connection).await?;
    let saved = sqlx::query_scalar("select sandbox.save_snapshot($1, $2, $3)").bind(tenant.0).bind(name).bind(now);
    Ok(saved.fetch_one(connection).await?)
}

/// Brings a tenant's rows back to what was saved; how many. Nobody else writes to the tenant until the transaction ends.
pub async fn restore(
    connection: &mut PgConnection,
    tenant: TenantId,
    name: &str,
    vault: &Vault,
) -> anyhow::Result<i64> {
    require_sandbox(connection).await?;
    let mut transaction = connection.begin().await?;
    sqlx::query("select sandbox.keep_out($1)").bind(tenant.0).execute(&mut *transaction).await?;
    let before = receivers(&mut transaction, tenant, vault).await?;
    let restored: Option<i64> = sqlx::query_scalar("select sandbox.restore_snapshot($1, $2)")
        .bind(tenant.0)
        .bind(name)
        .fetch_one(&mut *transaction)
        .await?;
    let restored = restored.with_context(|| format!("there is no snapshot {name}"))?;
    let after = receivers(&mut transaction, tenant, vault).await?;
    count_receivers(&mut transaction, &before, &after).await?;
    announce(&mut transaction, tenant).await?;
    transaction.commit().await?;
    Ok(restored)
}

/// With which phones and addresses a tenant's customers have registered, by their hashes, and how often.
type Receivers = BTreeMap<Vec<u8>, i32>;

async fn receivers(connection: &mut PgConnection, tenant: TenantId, vault: &Vault) -> sqlx::Result<Receivers> {
    let rows = sqlx::query!(
        r#"select domain_id as "id: DomainId", sealed_phone, sealed_email from customers
           where tenant_id = $1 and (sealed_phone is not null or sealed_email is not null)"#,
        tenant.0
    );
    let mut receivers = Receivers::new();
    for row in rows.fetch_all(connection).await? {
        let open = |sealed: Option<Vec<u8>>| vault.open(&sealed?, row.id);
        let phone = open(row.sealed_phone).and_then(|phone| Phone::parse(&phone)).map(Receiver::Phone);
        let email = open(row.sealed_email).and_then(|email| Email::parse(&email)).map(Receiver::Email);
        for receiver in phone.into_iter().chain(email) {
            *receivers.entry(receiver_hash(vault, &receiver)).or_default() += 1;
        }
    }
    Ok(receivers)
}

/// The counts are the whole system's, so a restore can only add what it adds.
async fn count_receivers(connection: &mut PgConnection, before: &Receivers, after: &Receivers) -> sqlx::Result<()> {
    let count = |receivers: &Receivers, hash: &Vec<u8>| receivers.get(hash).copied().unwrap_or_default();
    let hashes: BTreeSet<&Vec<u8>> = before.keys().chain(after.keys()).collect();
    let (hashes, more): (Vec<Vec<u8>>, Vec<i32>) = hashes
        .into_iter()
        .map(|hash| (hash.clone(), count(after, hash) - count(before, hash)))
        .filter(|(_, more)| *more != 0)
        .unzip();
    sqlx::query!(
        "update receivers r set accounts = greatest(r.accounts + u.more, 0)
         from unnest($1::bytea[], $2::integer[]) as u (hash, more) where r.receiver_hash = u.hash",
        &hashes,
        &more
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets a snapshot; whether it was there.
pub async fn delete(connection: &mut PgConnection, tenant: TenantId, name: &str) -> anyhow::Result<bool> {
    require_sandbox(connection).await?;
    let deleted = sqlx::query_scalar("select sandbox.delete_snapshot($1, $2)").bind(tenant.0).bind(name);
    Ok(deleted.fetch_one(connection).await?)
}

/// Everything that any replica remembers of anybody may be another now.
async fn announce(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<()> {
    store::announce_all(connection).await?;
    customers::announce_all(connection).await?;
    let setting = clock::setting(connection, tenant).await?;
    clock::set(connection, tenant, setting).await
}

/// A copy of a tenant.
#[derive(Debug)]
pub struct Fork {
    /// The copy.
    pub tenant: TenantId,
    /// How many rows it has.
    pub rows: i64,
    /// A key of each account that had one in the original.
    pub keys: Vec<ForkedKey>,
}

/// A key of a copy.
#[derive(Debug)]
pub struct ForkedKey {
    /// The account's name: the original's, a dot, the copy's.
    pub account: String,
    /// The account.
    pub domain: DomainId,
    /// The user.
    pub user: String,
    /// The access key.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
}

/// Copies a tenant, in a transaction that sees one moment. The accounts' names end with a dot and `name`; users, passwords and
/// rows are the original's, ids are not.
pub async fn fork(
    connection: &mut PgConnection,
    source: TenantId,
    name: &str,
    (sealer, vault): (&Sealer, &Vault),
    now: OffsetDateTime,
) -> anyhow::Result<Fork> {
    require_sandbox(connection).await?;
    let mut transaction = connection.begin().await?;
    let mask = hex::encode(secrets::random::<16>());
    let tenant = TenantId(fork_id(&mut transaction, source.0, &mask).await?);
    let (old, new) = accounts(&mut transaction, (source, tenant), &mask).await?;
    let copied = sqlx::query_scalar("select sandbox.fork($1, $2, $3, $4, $5, $6)")
        .bind(source.0)
        .bind(&mask)
        .bind(name)
        .bind(now)
        .bind(old)
        .bind(new)
        .fetch_one(&mut *transaction)
        .await;
    let rows = match copied {
        Err(error) if crate::database::violates(&error, "login_names_pk") => bail!("there is already a copy {name}"),
        other => other?,
    };
    for sealed in &SEALED {
        seal_anew(&mut transaction, (source, tenant), &mask, sealed, vault).await?;
    }
    let keys = keys(&mut transaction, source, name, sealer, now).await?;
    announce(&mut transaction, tenant).await?;
    transaction.commit().await?;
    Ok(Fork { tenant, rows, keys })
}

async fn fork_id(connection: &mut PgConnection, id: Uuid, mask: &str) -> sqlx::Result<Uuid> {
    sqlx::query_scalar("select sandbox.fork_id($1, $2)").bind(id).bind(mask).fetch_one(connection).await
}

/// The ledger's accounts of the original, and of the copy.
async fn accounts(
    connection: &mut PgConnection,
    (source, tenant): (TenantId, TenantId),
    mask: &str,
) -> sqlx::Result<(Vec<Uuid>, Vec<Uuid>)> {
    let rows = sqlx::query(
        "select account_id, sandbox.fork_id(owner_id, $2) as owner_id, kind, currency from accounts where tenant_id = $1",
    );
    let rows = rows.bind(source.0).bind(mask).fetch_all(connection).await?;
    let (mut old, mut new) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for row in rows {
        let (owner, kind): (Uuid, AccountKind) = (row.try_get("owner_id")?, row.try_get("kind")?);
        let currency: Currency = row.try_get("currency")?;
        old.push(row.try_get("account_id")?);
        new.push(Purse::new(tenant, owner, kind, currency).id().0);
    }
    Ok((old, new))
}

/// A column with personal data: its table, the column itself, the row's key, and the account that it is sealed for.
type Sealed = (&'static str, &'static str, &'static str, &'static str);

const SEALED: [Sealed; 10] = [
    ("partner_profiles", "sealed_phone", "domain_id", "domain_id"),
    ("partner_profiles", "sealed_email", "domain_id", "domain_id"),
    ("customers", "sealed_phone", "domain_id", "domain_id"),
    ("customers", "sealed_email", "domain_id", "domain_id"),
    ("customers", "sealed_name", "domain_id", "domain_id"),
    ("real_name_applications", "sealed_name", "application_id", "customer_id"),
    ("real_name_applications", "sealed_number", "application_id", "customer_id"),
    ("real_name_applications", "sealed_details", "application_id", "customer_id"),
    ("invoice_titles", "sealed_details", "title_id", "domain_id"),
    ("invoices", "sealed_details", "invoice_id", "domain_id"),
];

/// Seals a column of the copy for the copy's accounts.
async fn seal_anew(
    connection: &mut PgConnection,
    (source, tenant): (TenantId, TenantId),
    mask: &str,
    (table, column, key, owner): &Sealed,
    vault: &Vault,
) -> anyhow::Result<()> {
    // SAFE: the names are constants of this program, here and below.
    let read = AssertSqlSafe(format!(
        "select {column}, {owner}, sandbox.fork_id({key}, $2), sandbox.fork_id({owner}, $2) from {table}
         where tenant_id = $1 and {column} is not null"
    ));
    let rows = sqlx::query_as::<_, (Vec<u8>, Uuid, Uuid, Uuid)>(read).bind(source.0).bind(mask);
    let (mut keys, mut sealed, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for (old, owner, copied, copied_owner) in rows.fetch_all(&mut *connection).await? {
        let text = vault.open(&old, DomainId(owner)).with_context(|| format!("a {column} cannot be opened"))?;
        keys.push(copied);
        sealed.push(vault.seal(&text, DomainId(copied_owner)));
        texts.push(text);
    }
    let write = AssertSqlSafe(format!(
        "update {table} t set {column} = u.sealed from unnest($2::uuid[], $3::bytea[]) as u (id, sealed)
         where t.tenant_id = $1 and t.{key} = u.id"
    ));
    sqlx::query(write).bind(tenant.0).bind(&keys).bind(sealed).execute(&mut *connection).await?;
    if (*table, *column) == ("customers", "sealed_name") {
        let named = keys.into_iter().map(DomainId).zip(texts);
        let grams: Vec<_> = named.map(|(customer, name)| (customer, vault.name_grams(tenant, &name))).collect();
        customers::set_name_grams(connection, tenant, &grams).await?;
    }
    Ok(())
}

/// A new key for each user that has an enabled one in the original.
async fn keys(
    connection: &mut PgConnection,
    source: TenantId,
    name: &str,
    sealer: &Sealer,
    now: OffsetDateTime,
) -> anyhow::Result<Vec<ForkedKey>> {
    let owners = sqlx::query!(
        "select distinct d.name as account, u.name as user_name, d.created_at, d.domain_id
         from access_keys k
         join domains d on d.tenant_id = k.tenant_id and d.domain_id = k.domain_id
         join users u on u.tenant_id = k.tenant_id and u.user_id = k.user_id
         where k.tenant_id = $1 and d.tenant_id = $1 and u.tenant_id = $1 and k.enabled
         order by d.created_at, d.domain_id, u.name",
        source.0
    );
    let owners = owners.fetch_all(&mut *connection).await?;
    let mut keys = Vec::with_capacity(owners.len());
    for owner in owners {
        let account = format!("{}.{name}", owner.account);
        let (_, domain) = identity::find_account(connection, &account).await?;
        let key = identity::create_key(connection, &account, &owner.user_name, sealer, now).await?;
        let (access_key, secret_key) = (key.access_key, key.secret_key);
        keys.push(ForkedKey { account, domain, user: owner.user_name, access_key, secret_key });
    }
    Ok(keys)
}

/// Deletes a copy; whether it was one.
pub async fn delete_fork(connection: &mut PgConnection, tenant: TenantId) -> anyhow::Result<bool> {
    require_sandbox(connection).await?;
    let mut transaction = connection.begin().await?;
    let deleted: bool =
        sqlx::query_scalar("select sandbox.delete_fork($1)").bind(tenant.0).fetch_one(&mut *transaction).await?;
    store::announce_all(&mut transaction).await?;
    customers::announce_all(&mut transaction).await?;
    transaction.commit().await?;
    Ok(deleted)
}
