//! A primary resource with its secondaries: what is done to the one is done to all.

use super::refusal::Failure;
use crate::customers::store::{self as customers, State as Customer};
use crate::orders::fulfil;
use crate::orders::refusal::Refusal as OrderRefusal;
use crate::subscriptions::model::{Rules, Subscription};
use crate::subscriptions::store as subscriptions;
use crate::values::id::{DomainId, TenantId};
use crate::values::site::Site;
use sqlx::PgConnection;

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
        let customer = customer.ok_or(crate::orders::refusal::NotDone::Refused(OrderRefusal::NoSuchOrder))?;
        let resources = subscriptions::lock(connection, account, ids).await?;
        let rules = fulfil::rules(connection, account, site).await?;
        Ok(Self { customer, rules, resources })
    }

    /// The resource of this id.
    pub fn find(&self, id: &str) -> Option<&Subscription> {
        self.resources.iter().find(|resource| resource.resource_id == id)
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

/// The ids of resources.
pub fn ids(resources: &[Subscription]) -> Vec<String> {
    resources.iter().map(|resource| resource.resource_id.clone()).collect()
}
