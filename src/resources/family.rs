//! A primary resource with its secondaries: what is done to the one is done to all.

use super::refusal::{Failure, Refusal};
use crate::api::error::ApiError;
use crate::customers::store::{self as customers, State as Customer};
use crate::orders::fulfil;
use crate::orders::refusal::{NotDone, Refusal as OrderRefusal};
use crate::pricing::model::ResourceId;
use crate::subscriptions::model::{Rules, Subscription, SubscriptionState};
use crate::subscriptions::store as subscriptions;
use crate::values::id::{DomainId, TenantId};
use crate::values::site::Site;
use sqlx::PgConnection;
use std::collections::HashSet;

/// Resources of a customer, locked as it is.
#[derive(Debug)]
pub struct Held {
    /// The customer.
    pub customer: Customer,
    /// By which rules its resources go on.
    pub rules: Rules,
    /// The resources of the ids that were named, and what follows them.
    pub resources: Vec<Subscription>,
}

impl Held {
    /// Locks the customer, then the resources of these ids with what follows them.
    pub async fn lock(
        connection: &mut PgConnection,
        account: (TenantId, DomainId),
        ids: &[String],
        site: Site,
    ) -> Result<Self, Failure> {
        let customer = customers::lock(connection, account.0, account.1).await?;
        let customer = customer.ok_or(NotDone::Refused(OrderRefusal::NoSuchOrder))?;
        let resources = subscriptions::lock(connection, account, ids).await?;
        let rules = fulfil::rules(connection, (account, &customer), site).await?;
        Ok(Self { customer, rules, resources })
    }

    /// The resource of this id.
    pub fn find(&self, id: &str) -> Option<&Subscription> {
        self.resources.iter().find(|resource| resource.resource_id == id)
    }

    /// The primary of this id, if it is not gone.
    pub fn primary(&self, id: &str) -> Result<&Subscription, Refusal> {
        self.find(id).filter(|resource| resource.is_main && !resource.is_gone()).ok_or(Refusal::Unknown)
    }

    /// A primary and its secondaries, without those that are gone.
    pub fn family(&self, primary: &str) -> Vec<Subscription> {
        let is_member = |resource: &&Subscription| {
            resource.resource_id == primary || (!resource.is_main && resource.parent_id.as_deref() == Some(primary))
        };
        let mut family: Vec<Subscription> =
            self.resources.iter().filter(is_member).filter(|resource| !resource.is_gone()).cloned().collect();
        family.sort_by_key(|resource| !resource.is_main);
        family
    }
}

/// That nothing is under way with a resource.
pub fn must_be_idle(resource: &Subscription) -> Result<(), Refusal> {
    match resource.state {
        SubscriptionState::PendingPayment => Err(Refusal::PendingPayment),
        SubscriptionState::Changing => Err(Refusal::InProgress),
        SubscriptionState::InUse | SubscriptionState::Deleted => Ok(()),
    }
}

/// The ids of resources.
pub fn ids(resources: &[Subscription]) -> Vec<String> {
    resources.iter().map(|resource| resource.resource_id.clone()).collect()
}

/// Resources that a request names: at least one, none twice.
pub fn named(ids: &[ResourceId]) -> Result<Vec<String>, ApiError> {
    if ids.is_empty() {
        return Err(ApiError::parameter("resource_ids", "must not be empty"));
    }
    let mut seen = HashSet::new();
    if !ids.iter().all(|id| seen.insert(id.as_str())) {
        return Err(ApiError::parameter("resource_ids", "must not name a resource twice"));
    }
    Ok(ids.iter().map(|id| id.as_str().to_owned()).collect())
}
