//! What it costs to renew resources that were bought for a time, and which of them cannot be renewed: for the quote, and
//! for the order that follows it.
//!
//! A primary resource is renewed with its secondaries, and with the primaries associated with it if asked. What cannot be
//! renewed is left out with its reason; data that does not fit together refuses everything.

use crate::api::error::ApiError;
use crate::catalogue::memory::Catalogue;
use crate::identity;
use crate::pricing::book::NotSold;
use crate::pricing::discounts::CustomerTerms;
use crate::pricing::list_rate_on_period_detail::fault_of;
use crate::pricing::model::{Currency, Fault, Period, ProductCodes};
use crate::pricing::quote::{Purchase, Quoting};
use crate::pricing::rating::{Official, PeriodFault, PeriodItem, Trace, rate_period};
use crate::subscriptions::model::{Subscription, SubscriptionState};
use crate::subscriptions::store as subscriptions;
use crate::values::id::{DomainId, TenantId};
use axum::http::StatusCode;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::collections::HashSet;
use time::OffsetDateTime;
use uuid::Uuid;

/// Why a resource is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LeftOut {
    /// It follows another one.
    #[error("The resource is not a primary resource; a renewal price cannot be requested.")]
    NotPrimary,
    /// It is sold, but not for this time.
    #[error("The resource has no such period type or number of periods.")]
    NoSuchPeriod,
    /// The account has no such resource, or no longer.
    #[error("The resource has expired and been deleted, or does not exist.")]
    Gone,
    /// An order for it waits to be paid.
    #[error("Some of the resources are in a pending-payment order; the operation cannot be performed.")]
    PendingPayment,
    /// It is about to be another, or none.
    #[error("The resources are being unsubscribed from or changed.")]
    Changing,
    /// It is not sold any more.
    #[error("The product cannot be renewed.")]
    NotRenewable,
}

impl LeftOut {
    /// The vendor's code.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotPrimary => "CBC.30050007",
            Self::NoSuchPeriod => "CBC.30050008",
            Self::Gone => "CBC.30050009",
            Self::PendingPayment => "CBC.30050010",
            Self::Changing => "CBC.30050011",
            Self::NotRenewable => "CBC.30050013",
        }
    }
}

/// What the database knows of the resources that are asked for.
#[derive(Debug)]
pub struct Held {
    /// The resources, their secondaries, and what is associated with them.
    resources: Vec<Subscription>,
    /// The projects of the account.
    projects: HashSet<Uuid>,
}

impl Held {
    /// Reads it.
    pub async fn load(
        connection: &mut PgConnection,
        account: (TenantId, DomainId),
        ids: &[String],
        with_associated: bool,
    ) -> sqlx::Result<Self> {
        let mut resources = subscriptions::with_dependants(connection, account, ids).await?;
        if with_associated {
            let associated =
                resources.iter().filter(|resource| resource.is_main && !ids.contains(&resource.resource_id));
            let associated: Vec<String> = associated.map(|resource| resource.resource_id.clone()).collect();
            let below = subscriptions::with_dependants(connection, account, &associated).await?;
            resources.extend(below.into_iter().filter(|resource| !resource.is_main));
        }
        let projects = identity::store::projects(connection, account.0, account.1).await?;
        Ok(Self { resources, projects: projects.into_iter().map(|project| project.id.0).collect() })
    }

    fn find(&self, id: &str) -> Option<&Subscription> {
        self.resources.iter().find(|resource| resource.resource_id == id)
    }

    /// The primaries to renew: those that are asked for, then what is associated with them, if that is asked for.
    fn primaries<'a>(&'a self, ids: &'a [String], with_associated: bool) -> Vec<&'a str> {
        let associated = self.resources.iter().filter(|resource| with_associated && resource.is_main);
        let associated = associated.map(|resource| &resource.resource_id).filter(|id| !ids.contains(id));
        ids.iter().chain(associated).map(String::as_str).collect()
    }

    /// A primary and its secondaries, without those that are gone.
    fn family<'a>(&'a self, primary: &'a Subscription) -> impl Iterator<Item = &'a Subscription> {
        let secondary = |resource: &&Subscription| {
            !resource.is_main
                && resource.parent_id.as_deref() == Some(&primary.resource_id)
                && resource.state != SubscriptionState::Deleted
        };
        std::iter::once(primary).chain(self.resources.iter().filter(secondary))
    }
}

/// A renewal to be decided on.
#[derive(Debug)]
pub struct Renewal<'a> {
    /// Products and prices.
    pub catalogue: &'a Catalogue,
    /// The resources.
    pub held: &'a Held,
    /// The customer's discounts.
    pub customer: &'a CustomerTerms,
    /// For how long.
    pub period: Period,
    /// When.
    pub now: OffsetDateTime,
}

/// What a renewal costs.
#[derive(Debug)]
pub struct RenewalQuote<'a> {
    /// In which currency.
    pub currency: Currency,
    /// Each primary resource that can be renewed, with what it and its secondaries cost under the best offer.
    pub amounts: Vec<(&'a str, Decimal)>,
    /// All of it.
    pub purchase: Purchase<'a>,
    /// What cannot be renewed, and why.
    pub left_out: Vec<(String, LeftOut)>,
}

impl<'a> Renewal<'a> {
    /// Decides on the primaries of these ids.
    pub fn quote(&self, ids: &[String], with_associated: bool) -> Result<RenewalQuote<'a>, ApiError> {
        let mut renewed: Vec<&'a Subscription> = Vec::new();
        let mut left_out: Vec<(String, LeftOut)> = Vec::new();
        for id in self.held.primaries(ids, with_associated) {
            match self.renewable(id)? {
                Ok(primary) => renewed.push(primary),
                Err(reason) => left_out.push((id.to_owned(), reason)),
            }
        }
        // What was bought in a currency is renewed in it, whatever the account's currency is now.
        let currency = one_currency(&renewed)?.unwrap_or(self.customer.currency);
        let pricing = &self.catalogue.pricing;
        let (mut owners, mut items, mut officials) = (Vec::new(), Vec::new(), Vec::<Official<'a>>::new());
        for (owner, primary) in renewed.iter().enumerate() {
            for member in self.held.family(primary) {
                let item = self.item(member);
                let official = rate_period(&pricing.book, currency, self.now, &item, &mut Trace::default());
                officials.push(official.map_err(|fault| self.refusal(fault, member))?);
                owners.push(owner);
                items.push(item);
            }
        }
        let quoting = Quoting { pricing, customer: self.customer, now: self.now };
        let purchase = quoting.purchase(&items, officials, &mut Trace::default()).map_err(Fault::of_all)?;
        let mut amounts: Vec<(&str, Decimal)> =
            renewed.iter().map(|primary| (primary.resource_id.as_str(), Decimal::ZERO)).collect();
        let best = purchase.offered.first().filter(|offered| offered.best);
        for (index, owner) in owners.into_iter().enumerate() {
            amounts[owner].1 += best.map_or(purchase.items[index].amount, |best| best.amounts[index]);
        }
        Ok(RenewalQuote { currency, amounts, purchase, left_out })
    }

    /// A primary resource that can be renewed for the period, or why it cannot; what is wrong with the data refuses all.
    fn renewable(&self, id: &str) -> Result<Result<&'a Subscription, LeftOut>, ApiError> {
        let found = self.held.find(id).filter(|resource| resource.state != SubscriptionState::Deleted);
        let Some(primary) = found else { return Ok(Err(LeftOut::Gone)) };
        if !primary.is_main {
            return Ok(Err(LeftOut::NotPrimary));
        }
        for member in self.held.family(primary) {
            if !self.held.projects.contains(&member.project_id) {
                return Err(refuse("CBC.99006073", "The project does not exist.", &member.resource_id));
            }
            match member.state {
                SubscriptionState::PendingPayment => return Ok(Err(LeftOut::PendingPayment)),
                SubscriptionState::Changing => return Ok(Err(LeftOut::Changing)),
                SubscriptionState::InUse | SubscriptionState::Deleted => {}
            }
            let product = self.catalogue.pricing.book.product(&self.item(member).codes);
            match product.map(|product| product.period(member.currency, self.period, self.now)) {
                Some(Err(NotSold::ForThisPeriod)) => return Ok(Err(LeftOut::NoSuchPeriod)),
                Some(Err(NotSold::AnyMore)) => return Ok(Err(LeftOut::NotRenewable)),
                _ => {}
            }
        }
        Ok(Ok(primary))
    }

    fn item(&self, resource: &'a Subscription) -> PeriodItem<'a> {
        let found = self.catalogue.products.find_resource(&resource.resource_type);
        PeriodItem {
            codes: ProductCodes {
                service_type: found.map_or("", |found| &found.service_type_code),
                resource_type: &resource.resource_type,
                spec: &resource.resource_spec,
                region: &resource.region,
            },
            size: resource.size,
            period: self.period,
            count: 1,
        }
    }

    /// A resource whose size is no longer sold, or in another unit, is the vendor's "incorrect usage unit".
    fn refusal(&self, fault: PeriodFault, resource: &'a Subscription) -> ApiError {
        let fault = match fault_of(fault, &self.item(resource), &self.catalogue.products) {
            Fault::Parameter(..) => Fault::UsageUnit,
            fault => fault,
        };
        fault.of(&resource.resource_id)
    }
}

fn refuse(code: &'static str, message: &str, resource: &str) -> ApiError {
    ApiError::bss(StatusCode::BAD_REQUEST, code, format!("{message} (id {resource})"))
}

/// The one currency of the resources. One answer has one currency, so resources of two have no fee together.
fn one_currency(renewed: &[&Subscription]) -> Result<Option<Currency>, ApiError> {
    let Some(first) = renewed.first() else { return Ok(None) };
    match renewed.iter().find(|resource| resource.currency != first.currency) {
        Some(other) => Err(refuse("CBC.99006066", "Failed to query fee information.", &other.resource_id)),
        None => Ok(Some(first.currency)),
    }
}
