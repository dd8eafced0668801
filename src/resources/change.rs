//! What a resource becomes when it is given back or its time is over.

use super::family::{self, Held};
use super::on_demand::{self, turned};
use super::refusal::{Failure, Refusal};
use super::renewing::product;
use crate::orders::cancel;
use crate::orders::courses::{Course, courses};
use crate::orders::desk::Desk;
use crate::orders::give_back::{self, GivingBack, Item};
use crate::orders::model::{By, Order, OrderType, SourceType};
use crate::orders::refusal::{NotDone, Refusal as OrderRefusal};
use crate::orders::state::Event;
use crate::orders::store as orders;
use crate::subscriptions::lifecycle::{Becomes, ResourceStatus};
use crate::subscriptions::model::{Subscription, SubscriptionState};
use crate::subscriptions::refund::{
    Bought, Instance, Reason, Refund, Stage, end_without_renewals, five_days, quota_year,
};
use crate::subscriptions::store as subscriptions;
use crate::values::id::{DomainId, TenantId};
use sqlx::PgConnection;
use std::collections::BTreeSet;

/// How resources are given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// Resources and the renewals that lie ahead.
    Unsubscribe,
    /// The renewals that lie ahead alone.
    OnlyRenewals,
    /// They go on as resources that are paid by use.
    ToOnDemand,
}

/// Who gives back what.
#[derive(Clone, Debug)]
pub struct Return {
    /// The customer.
    pub account: (TenantId, DomainId),
    /// The primaries, in the order in which they are named.
    pub ids: Vec<String>,
    /// How.
    pub how: How,
    /// Who orders.
    pub user_name: String,
}

/// Gives resources back that are locked: one order. One that cannot be refuses all.
pub async fn give_back(
    connection: &mut PgConnection,
    desk: &Desk,
    (wish, held): (&Return, &Held),
    by: By,
) -> Result<Order, Failure> {
    let (tenant, customer) = wish.account;
    let mut free = Free::of(connection, wish.account, by).await?;
    let (mut items, mut changed, mut returned) = (Vec::new(), Vec::new(), Vec::new());
    for id in &wish.ids {
        let family = check(held, id, wish.how)?;
        let ids = family::ids(&family);
        let periods = courses(connection, tenant, &ids, by.now).await?;
        let is_ahead = |period: &Course| period.bought.stage(by.now) == Stage::Ahead;
        if wish.how == How::OnlyRenewals && !periods.iter().any(is_ahead) {
            return Err(Refusal::NoRenewalAhead.into());
        }
        let is_undone = wish.how == How::Unsubscribe && free.takes(desk, &family[0], &periods, by);
        let reason = |period: &Course| match wish.how {
            How::ToOnDemand => Reason::WithoutFee,
            How::OnlyRenewals => Reason::Undone,
            // The five days are those of a purchase.
            How::Unsubscribe if is_undone && period.kind == OrderType::New => Reason::Undone,
            How::Unsubscribe => Reason::Unsubscribed(desk.site),
        };
        changed.extend(family.iter().map(|member| after(member, wish.how, &periods, by)));
        for period in periods {
            if wish.how == How::OnlyRenewals && !is_ahead(&period) {
                continue;
            }
            let resource = family.iter().find(|member| member.resource_id == period.paid.resource_id);
            let resource = resource.expect("periods are those of the family");
            items.push(Item {
                resource_id: resource.resource_id.clone(),
                resource_name: resource.name.clone(),
                product: product(desk, resource),
                refund: Refund::of(&period.bought, reason(&period), by.now),
                base: period.base,
            });
            returned.push(period.paid);
        }
    }
    let currency = changed.first().map_or(desk.currency(), |resource| resource.currency);
    if changed.iter().any(|resource| resource.currency != currency) {
        return Err(NotDone::from(OrderRefusal::Parameter("resource_ids", "must be of one currency")).into());
    }
    let giving = GivingBack {
        account: wish.account,
        kind: if wish.how == How::ToOnDemand { OrderType::ToOnDemand } else { OrderType::Unsubscribe },
        source: SourceType::Customer,
        user_name: wish.user_name.clone(),
        currency,
        items,
    };
    let order = give_back::give_back(connection, desk, (giving, &held.customer), by).await?;
    if wish.how == How::ToOnDemand {
        on_demand::open(connection, (tenant, customer), &turned(&changed, by.now)).await?;
    }
    subscriptions::update(connection, tenant, &changed, &held.rules).await?;
    subscriptions::return_periods(connection, tenant, &returned).await?;
    free.write(connection, wish.account).await?;
    orders::count(connection, &order).await?;
    Ok(order)
}

/// A primary with its secondaries, if they can be given back.
pub fn check(held: &Held, id: &str, how: How) -> Result<Vec<Subscription>, Refusal> {
    if how == How::ToOnDemand && held.customer.is_frozen() {
        return Err(Refusal::CustomerFrozen);
    }
    let primary = held.find(id).ok_or(Refusal::Unknown)?;
    if primary.is_gone() {
        return Err(Refusal::Deleted);
    }
    if !primary.is_main {
        return Err(Refusal::Unknown);
    }
    let family = held.family(id);
    for member in &family {
        family::must_be_idle(member)?;
        if how != How::OnlyRenewals && member.status != ResourceStatus::InUse {
            return Err(Refusal::Frozen);
        }
    }
    Ok(family)
}

/// What a resource is afterwards, of whose family these are the periods.
fn after(resource: &Subscription, how: How, periods: &[Course], by: By) -> Subscription {
    let resource = Subscription { updated_at: by.now, ..resource.clone() };
    if how != How::OnlyRenewals {
        let (status, state) = (ResourceStatus::Closed, SubscriptionState::Deleted);
        return Subscription { status, state, expires_at: by.now, ..resource };
    }
    let own = periods.iter().filter(|period| period.paid.resource_id == resource.resource_id);
    let own: Vec<Bought> = own.map(|period| period.bought).collect();
    Subscription { expires_at: end_without_renewals(&own, by.now).unwrap_or(resource.expires_at), ..resource }
}

/// How many instances an account has given back in full this year, and which it gives back so now.
struct Free {
    year: i16,
    before: i32,
    now: BTreeSet<Instance>,
}

impl Free {
    async fn of(connection: &mut PgConnection, account: (TenantId, DomainId), by: By) -> sqlx::Result<Self> {
        let year = quota_year(by.now);
        Ok(Self { year, before: subscriptions::free_returns(connection, account, year).await?, now: BTreeSet::new() })
    }

    /// Whether a family comes back in full: within five days of its purchase, as long as the year's quota lasts.
    fn takes(&mut self, desk: &Desk, primary: &Subscription, periods: &[Course], by: By) -> bool {
        let own = periods.iter().filter(|period| period.paid.resource_id == primary.resource_id);
        let mut running = own.filter(|period| period.bought.stage(by.now) == Stage::Running);
        let is_purchase = running.any(|period| period.kind == OrderType::New);
        let instance = Instance::of(&primary.service_type, &primary.order_id, &primary.resource_id);
        // One that counts already, as a part of its order, does not count again.
        let others = self.now.iter().filter(|other| **other != instance).count();
        let used = i64::from(self.before) + i64::try_from(others).expect("a request names few");
        let is_free = five_days(desk.site, is_purchase, primary.effective_at, by.now, used);
        if is_free {
            self.now.insert(instance);
        }
        is_free
    }

    async fn write(&self, connection: &mut PgConnection, account: (TenantId, DomainId)) -> sqlx::Result<()> {
        let more = i32::try_from(self.now.len()).expect("a request names few");
        if more == 0 {
            return Ok(());
        }
        subscriptions::add_free_returns(connection, account, self.year, more).await
    }
}

/// Writes what a family becomes because its time is over.
pub async fn expire(
    connection: &mut PgConnection,
    desk: &Desk,
    (account, held, primary): ((TenantId, DomainId), &Held, &Subscription),
    becomes: Becomes,
    by: By,
) -> Result<(), Failure> {
    let is_over = becomes.status() == ResourceStatus::Closed;
    let mut family = held.family(&primary.resource_id);
    for member in family.iter().filter(|member| is_over && member.state == SubscriptionState::PendingPayment) {
        if let Some(order) = orders::waiting_for(connection, account.0, &member.resource_id).await? {
            let (order, _) = cancel::lock(connection, account, &order).await?;
            cancel::end(connection, order, Event::Overtaken, by).await?;
        }
    }
    for member in &mut family {
        member.status = becomes.status();
        member.updated_at = by.now;
        if is_over {
            member.state = SubscriptionState::Deleted;
            member.renew_attempt_at = None;
        }
    }
    if becomes == Becomes::OnDemand {
        on_demand::turn(connection, desk, (account, &held.customer, &family), by).await?;
    }
    subscriptions::update(connection, account.0, &family, &held.rules).await?;
    Ok(())
}
