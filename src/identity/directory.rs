//! Keys and tokens in memory, so that no request asks the database who calls.
//!
//! What was read is kept for a bounded time and forgotten at once when a change is announced (see [`crate::background::invalidation`]).
//! That something does not exist is remembered briefly, so that a stranger's guesses do not become queries.

use super::store::TokenHash;
use super::store::{self, Principal};
use crate::api::caller::{ActingFrom, Caller};
use crate::api::error::ApiError;
use crate::database::Database;
use crate::memory::Memory;
use crate::secrets::Sealer;
use crate::signature::{self, Rules};
use crate::values::id::ProjectId;
use anyhow::Context;
use moka::Expiry;
use std::sync::Arc;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// How many keys and how many tokens are remembered at most.
const CAPACITY: u64 = 100_000;
/// How long it is remembered that something does not exist.
const ABSENCE: Duration = Duration::from_secs(1);
/// What temporary keys begin with, which tells where to look them up.
pub const TEMPORARY_KEY_PREFIX: &str = "HST";
/// Longest access key there is; a longer one is not looked up.
const ACCESS_KEY_MAX: usize = 64;

/// An access key with all that is needed to admit its requests.
pub struct AccessKey {
    /// Verifies signatures of any algorithm.
    pub key: signature::Key,
    /// Who signs with it.
    pub caller: Arc<Caller>,
    /// For whom it acts, as it is stored.
    pub principal: Principal,
    /// Whether the key and its user are enabled.
    pub enabled: bool,
    /// What this key's signatures must cover beyond the deployment's rules.
    pub rules: Rules,
    /// For a temporary key: the token that must come with each signature, and until when both are valid.
    pub temporary: Option<Temporary>,
}

/// What makes a key temporary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Temporary {
    /// SHA-256 of the security token.
    pub security_token_hash: Vec<u8>,
    /// Until when the key is valid.
    pub expires_at: OffsetDateTime,
}

/// A token that was given out and not revoked.
#[derive(Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub caller: Arc<Caller>,
    /// For whom it acts, as it is stored.
    pub principal: Principal,
    /// How it was obtained.
    pub methods: Vec<String>,
    /// Its scope; `None` is the whole account.
    pub project: Option<ProjectId>,
    /// When it was given.
    pub issued_at: OffsetDateTime,
    /// Until when it is valid.
    pub expires_at: OffsetDateTime,
}

/// The memory.
#[derive(Clone)]
pub struct Directory {
    database: Database,
    sealer: Sealer,
    keys: Memory<String, Option<Arc<AccessKey>>>,
    sessions: Memory<TokenHash, Option<Arc<Session>>>,
}

impl Directory {
    /// An empty memory that forgets after `max_age`.
    pub fn new(database: Database, sealer: Sealer, max_age: Duration) -> Self {
        Self { database, sealer, keys: memory(max_age), sessions: memory(max_age) }
    }

    /// The access key of this name.
    pub async fn access_key(&self, access_key: &str) -> Result<Option<Arc<AccessKey>>, ApiError> {
        if access_key.len() > ACCESS_KEY_MAX {
            return Ok(None);
        }
        let place = self.keys.place(access_key.to_owned());
        if let Some(known) = self.keys.get(&place).await {
            return Ok(known);
        }
        let read = self.keys.get_or_read(place, self.load_access_key(access_key)).await;
        read.map_err(ApiError::from)
    }

    async fn load_access_key(&self, access_key: &str) -> anyhow::Result<Option<Arc<AccessKey>>> {
        if access_key.starts_with(TEMPORARY_KEY_PREFIX) {
            return self.load_temporary_key(access_key).await;
        }
        let Some(row) = store::access_key(&mut *self.database.control().await?, access_key).await? else {
            return Ok(None);
        };
        let mut connection = self.database.tenant(row.tenant_id).await?;
        let Some(user) = store::user(&mut connection, row.tenant_id, row.user_id).await? else {
            return Ok(None);
        };
        let secret = self.open(&row.sealed_secret, access_key)?;
        Ok(Some(Arc::new(AccessKey {
            key: signature::Key::new(access_key, &secret),
            caller: Arc::new(Caller { credential: access_key.to_owned(), ..user.caller }),
            principal: Principal { user: (row.tenant_id, row.user_id), agency: None },
            enabled: row.enabled && user.enabled,
            rules: Rules { require_signed_host: row.require_signed_host, require_bound_body: row.require_bound_body },
            temporary: None,
        })))
    }

    async fn load_temporary_key(&self, access_key: &str) -> anyhow::Result<Option<Arc<AccessKey>>> {
        let row = store::temporary_key(&mut *self.database.control().await?, access_key).await?;
        let Some(row) = row else { return Ok(None) };
        let Some(caller) = self.resolve(row.principal, row.issued_at).await? else { return Ok(None) };
        let secret = self.open(&row.sealed_secret, access_key)?;
        Ok(Some(Arc::new(AccessKey {
            key: signature::Key::new(access_key, &secret),
            caller: Arc::new(Caller { credential: access_key.to_owned(), ..caller }),
            principal: row.principal,
            enabled: true,
            rules: Rules::default(),
            temporary: Some(Temporary { security_token_hash: row.security_token_hash, expires_at: row.expires_at }),
        })))
    }

    fn open(&self, sealed: &[u8], access_key: &str) -> anyhow::Result<Vec<u8>> {
        let secret = self.sealer.open(sealed, access_key);
        secret.with_context(|| format!("the secret of {access_key} cannot be opened with these master keys"))
    }

    /// The caller a principal is at this moment, by what it was given at an earlier one. `None` if its user is disabled or
    /// has another password since then, or if its agency is withdrawn.
    pub async fn resolve(&self, principal: Principal, given_at: OffsetDateTime) -> anyhow::Result<Option<Caller>> {
        let (user_tenant, user) = principal.user;
        let found = store::user(&mut *self.database.tenant(user_tenant).await?, user_tenant, user).await?;
        let is_valid =
            |user: &store::UserRow| user.enabled && user.tokens_valid_from.is_none_or(|from| given_at >= from);
        let Some(user) = found.filter(is_valid).map(|user| user.caller) else { return Ok(None) };
        let Some((tenant, agency)) = principal.agency else { return Ok(Some(user)) };
        let agency = store::agency(&mut *self.database.tenant(tenant).await?, tenant, agency).await?;
        let agency = agency.filter(|agency| agency.trusted == user.domain);
        Ok(agency.map(|agency| Caller {
            tenant,
            domain: agency.domain,
            domain_name: agency.domain_name,
            kind: agency.kind,
            user: user.user,
            user_name: user.user_name,
            // An agency grants everything; finer ones would name permission items.
            administrator: true,
            credential: String::new(),
            permission_items: Vec::new(),
            acting_from: Some(ActingFrom { domain: user.domain, domain_name: user.domain_name }),
        }))
    }

    /// The session of a token. Whether it has expired is the caller's question: it depends on the clock.
    pub async fn session(&self, hash: TokenHash) -> Result<Option<Arc<Session>>, ApiError> {
        let place = self.sessions.place(hash);
        if let Some(known) = self.sessions.get(&place).await {
            return Ok(known);
        }
        let read = self.sessions.get_or_read(place, self.load_session(hash)).await;
        read.map_err(ApiError::from)
    }

    async fn load_session(&self, hash: TokenHash) -> anyhow::Result<Option<Arc<Session>>> {
        let Some(row) = store::token(&mut *self.database.control().await?, &hash).await? else { return Ok(None) };
        let Some(caller) = self.resolve(row.principal, row.issued_at).await? else { return Ok(None) };
        Ok(Some(Arc::new(Session {
            caller: Arc::new(Caller { credential: "token".to_owned(), ..caller }),
            principal: row.principal,
            methods: row.methods,
            project: row.project_id,
            issued_at: row.issued_at,
            expires_at: row.expires_at,
        })))
    }

    /// Forgets one access key.
    pub async fn forget_access_key(&self, access_key: &str) {
        self.keys.forget(access_key.to_owned()).await;
    }

    /// Forgets one token.
    pub async fn forget_session(&self, hash: &TokenHash) {
        self.sessions.forget(*hash).await;
    }

    /// Forgets everything.
    pub fn forget_all(&self) {
        self.keys.forget_all();
        self.sessions.forget_all();
    }
}

fn memory<K: std::hash::Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static>(
    max_age: Duration,
) -> Memory<K, Option<V>> {
    Memory::new(|bounds| bounds.max_capacity(CAPACITY).expire_after(Age(max_age)))
}

struct Age(Duration);

impl<K, V> Expiry<K, Option<V>> for Age {
    fn expire_after_create(&self, _: &K, value: &Option<V>, _: Instant) -> Option<Duration> {
        Some(if value.is_some() { self.0 } else { ABSENCE.min(self.0) })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use sqlx::PgPool;
    use std::time::Duration;

    /// Until a statement waits for a lock.
    async fn somebody_waits(pool: &PgPool) {
        let waiting = "select exists(select 1 from pg_locks l join pg_database d on d.oid = l.database
                                     where d.datname = current_database() and not l.granted)";
        while !sqlx::query_scalar(waiting).fetch_one(pool).await.unwrap_or(false) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_key_that_is_disabled_while_it_is_being_read_is_not_remembered_as_it_was(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let access_key = app.world.demo().access_key.clone();
        // Whoever reads the key has to wait for its user, and by then has read that it is enabled.
        let mut lock = pool.begin().await.expect("a transaction");
        sqlx::query("lock table users in access exclusive mode").execute(&mut *lock).await.expect("it is locked");
        let reading = tokio::spawn({
            let (app, access_key) = (app.app.clone(), access_key.clone());
            async move { app.directory.access_key(&access_key).await.expect("it is read").expect("it is there").enabled }
        });
        somebody_waits(&pool).await;
        sqlx::query("update access_keys set enabled = false where access_key = $1")
            .bind(&access_key)
            .execute(&pool)
            .await
            .expect("it is disabled");
        app.app.directory.forget_access_key(&access_key).await;
        lock.commit().await.expect("it is unlocked");
        assert!(reading.await.expect("it ends"), "it was enabled when it was read");
        let read_again = app.app.directory.access_key(&access_key).await.expect("it is read").expect("it is there");
        assert!(!read_again.enabled, "it was disabled before it was asked for");
    }
}
