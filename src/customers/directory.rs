//! Who hangs together with whom, in memory, so that a request that names a customer asks the database once at most.
//!
//! Kept for a bounded time and forgotten at once when a change is announced. A change that money depends on does not rely on
//! that: it closes the customer's account in the ledger.

use super::model::{AccountIdText, Customer, Related};
use super::refusal::{LookUpError, Unrelated};
use super::store;
use crate::api::caller::{Caller, CallerKind};
use crate::api::error::ApiError;
use crate::database::Database;
use crate::memory::Memory;
use crate::values::id::{DomainId, TenantId};
use foldhash::HashMap;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How many accounts are remembered at most.
const CAPACITY: u64 = 100_000;
/// How many names: when there are more all are forgotten, since a page's are asked for in one statement.
const NAMES: usize = 100_000;

/// The memory.
#[derive(Clone, Debug)]
pub struct Directory {
    database: Database,
    known: Memory<(TenantId, DomainId), Option<Arc<Related>>>,
    /// Kept without an age: an account's name never changes.
    names: Arc<RwLock<Names>>,
}

#[derive(Debug, Default)]
struct Names {
    known: HashMap<(TenantId, DomainId), Arc<str>>,
    /// How often all were forgotten: what was being read meanwhile is not kept.
    generation: u64,
}

impl Directory {
    /// An empty memory that forgets after `max_age`.
    pub fn new(database: Database, max_age: Duration) -> Self {
        let known = Memory::new(|bounds| bounds.max_capacity(CAPACITY).time_to_live(max_age));
        Self { database, known, names: Arc::default() }
    }

    /// What an account of the tenant is to others; nothing if there is none.
    pub async fn related(&self, tenant: TenantId, id: DomainId) -> Result<Option<Arc<Related>>, ApiError> {
        let place = self.known.place((tenant, id));
        if let Some(known) = self.known.get(&place).await {
            return Ok(known);
        }
        let related = store::related(&mut *self.database.tenant(tenant).await?, tenant, id).await?.map(Arc::new);
        if related.is_some() {
            self.known.insert(place, related.clone()).await;
        }
        Ok(related)
    }

    /// The partner for whom the caller acts: one of its resellers, if it is a distributor and names one, else itself. Ignored for
    /// other callers.
    pub async fn acting_partner(
        &self,
        caller: &Caller,
        indirect_partner_id: Option<&AccountIdText>,
    ) -> Result<DomainId, LookUpError> {
        match AccountIdText::given(indirect_partner_id) {
            Some(named) if caller.kind == CallerKind::Distributor => Ok(self.reseller(caller, named).await?.0),
            _ => Ok(caller.domain),
        }
    }

    /// A distributor's reseller, with its name.
    pub async fn reseller(&self, caller: &Caller, named: &AccountIdText) -> Result<(DomainId, String), LookUpError> {
        let id = named.id().ok_or(Unrelated::NoSuchReseller)?;
        match self.related(caller.tenant, id).await?.as_deref() {
            Some(Related::Reseller { parent, name }) if *parent == caller.domain => Ok((id, name.clone())),
            _ => Err(Unrelated::NoSuchReseller.into()),
        }
    }

    /// The partner's customer, or, of a distributor, one of its resellers': for operations without a parameter for the reseller.
    pub async fn in_tree(&self, caller: &Caller, named: &AccountIdText) -> Result<Arc<Customer>, LookUpError> {
        let id = named.id().ok_or(Unrelated::NotACustomer)?;
        let related = self.related(caller.tenant, id).await?;
        let Some(Related::Customer(customer)) = related.as_deref() else { return Err(Unrelated::NotACustomer.into()) };
        let partner = customer.association.partner;
        if partner == caller.domain {
            return Ok(customer.clone());
        }
        if caller.kind == CallerKind::Distributor
            && let Some(Related::Reseller { parent, .. }) = self.related(caller.tenant, partner).await?.as_deref()
            && *parent == caller.domain
        {
            return Ok(customer.clone());
        }
        Err(Unrelated::NotACustomer.into())
    }

    /// A customer of a partner.
    pub async fn of_partner(
        &self,
        tenant: TenantId,
        partner: DomainId,
        named: &AccountIdText,
    ) -> Result<Arc<Customer>, LookUpError> {
        let id = named.id().ok_or(Unrelated::NotACustomer)?;
        match self.related(tenant, id).await?.as_deref() {
            Some(Related::Customer(customer)) if customer.association.partner == partner => Ok(customer.clone()),
            Some(Related::Customer(_)) => Err(Unrelated::NoPermissionOnCustomer.into()),
            _ => Err(Unrelated::NotACustomer.into()),
        }
    }

    /// Names of accounts of the tenant, for lists that show them. The database is asked for those that are not known.
    pub async fn names(
        &self,
        tenant: TenantId,
        ids: impl IntoIterator<Item = DomainId>,
    ) -> sqlx::Result<HashMap<DomainId, Arc<str>>> {
        let mut names = HashMap::default();
        let mut unknown = BTreeSet::new();
        let generation = {
            let remembered = self.names.read().unwrap_or_else(PoisonError::into_inner);
            for id in ids {
                match remembered.known.get(&(tenant, id)) {
                    Some(name) => drop(names.insert(id, name.clone())),
                    None => drop(unknown.insert(id)),
                }
            }
            remembered.generation
        };
        if unknown.is_empty() {
            return Ok(names);
        }
        let unknown: Vec<DomainId> = unknown.into_iter().collect();
        let found = store::names(&mut *self.database.tenant(tenant).await?, tenant, &unknown).await?;
        let mut remembered = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.known.len() + found.len() > NAMES {
            remembered.known.clear();
        }
        for (id, name) in found {
            let name: Arc<str> = name.into();
            if remembered.generation == generation {
                remembered.known.insert((tenant, id), name.clone());
            }
            names.insert(id, name);
        }
        Ok(names)
    }

    /// Forgets one account.
    pub async fn forget(&self, tenant: TenantId, id: DomainId) {
        self.known.forget((tenant, id)).await;
    }

    /// Forgets everything.
    pub fn forget_all(&self) {
        self.known.forget_all();
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        *names = Names { known: HashMap::default(), generation: names.generation + 1 };
    }
}
