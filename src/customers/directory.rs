//! Who hangs together with whom, in memory, so that a request that names a customer asks the database once at most.
//!
//! Kept for a bounded time and forgotten at once when a change is announced. A change that money depends on does not rely on
//! that: it closes the customer's account in the ledger.

use super::{Customer, store};
use crate::api::error::ApiError;
use crate::database::Database;
use crate::values::id::{DomainId, TenantId};
use moka::future::Cache;
use moka::sync;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// How many accounts, and how many names, are remembered at most.
const CAPACITY: u64 = 100_000;

/// An account in relation to others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Related {
    /// A customer that is associated with a partner.
    Customer(Arc<Customer>),
    /// A reseller.
    Reseller {
        /// Its distributor.
        parent: DomainId,
        /// Its name.
        name: String,
    },
    /// Anything else.
    Other,
}

/// The memory.
#[derive(Clone, Debug)]
pub struct Directory {
    database: Database,
    known: Cache<(TenantId, DomainId), Option<Arc<Related>>>,
    /// Kept without an age: an account's name never changes.
    names: sync::Cache<(TenantId, DomainId), Arc<str>>,
}

impl Directory {
    /// An empty memory that forgets after `max_age`.
    pub fn new(database: Database, max_age: Duration) -> Self {
        let known = Cache::builder().max_capacity(CAPACITY).time_to_live(max_age).build();
        Self { database, known, names: sync::Cache::new(CAPACITY) }
    }

    /// What an account of the tenant is to others; nothing if there is none.
    pub async fn related(&self, tenant: TenantId, id: DomainId) -> Result<Option<Arc<Related>>, ApiError> {
        if let Some(known) = self.known.get(&(tenant, id)).await {
            return Ok(known);
        }
        let related = store::related(&mut *self.database.tenant(tenant).await?, tenant, id).await?.map(Arc::new);
        if related.is_some() {
            self.known.insert((tenant, id), related.clone()).await;
        }
        Ok(related)
    }

    /// Names of accounts of the tenant, for lists that show them. The database is asked for those that are not known.
    pub async fn names(
        &self,
        tenant: TenantId,
        ids: impl IntoIterator<Item = DomainId>,
    ) -> sqlx::Result<HashMap<DomainId, Arc<str>>> {
        let mut names = HashMap::new();
        let mut unknown = BTreeSet::new();
        for id in ids {
            match self.names.get(&(tenant, id)) {
                Some(name) => {
                    names.insert(id, name);
                }
                None => {
                    unknown.insert(id);
                }
            }
        }
        if !unknown.is_empty() {
            let unknown: Vec<DomainId> = unknown.into_iter().collect();
            for (id, name) in store::names(&mut *self.database.tenant(tenant).await?, tenant, &unknown).await? {
                let name: Arc<str> = name.into();
                self.names.insert((tenant, id), name.clone());
                names.insert(id, name);
            }
        }
        Ok(names)
    }

    /// Forgets one account.
    pub async fn forget(&self, tenant: TenantId, id: DomainId) {
        self.known.invalidate(&(tenant, id)).await;
    }

    /// Forgets everything.
    pub fn forget_all(&self) {
        self.known.invalidate_all();
        self.names.invalidate_all();
    }
}
