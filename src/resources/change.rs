//! What a resource becomes when it is given back or its time is over.

use super::family::{self, Held};
use super::on_demand::{self, turned};
use super::refusal::{Failure, Refusal};
use super::renewing::product;
use crate::orders::cancel;
use crate::orders::desk::Desk;
use crate::orders::give_back::{self, Base, GivingBack, Item};
use crate::orders::model::{By, Order, OrderType, Share, SourceType};
use crate::orders::refusal::{NotDone, Refusal as OrderRefusal};
use crate::orders::state::Event;
use crate::orders::store as orders;
use crate::orders::store::lines;
use crate::subscriptions::lifecycle::{Becomes, ResourceStatus};
use crate::subscriptions::model::{Subscription, SubscriptionState};
use crate::subscriptions::refund::{Bought, Reason, Refund, Stage, end_without_renewals, five_days, quota_year};
use crate::subscriptions::store::{self as subscriptions, PaidPeriod};
use crate::values::id::{DomainId, TenantId};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

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
        let periods = periods(connection, tenant, &ids, by).await?;
        let is_ahead = |period: &Course| period.bought.stage(by.now) == Stage::Ahead;
        if wish.how == How::OnlyRenewals && !periods.iter().any(is_ahead) {
            return Err(Refusal::NoRenewalAhead.into());
        }
        let reason = match wish.how {
            How::ToOnDemand => Reason::WithoutFee,
            How::OnlyRenewals => Reason::Undone,
            How::Unsubscribe => free.reason(desk, &family[0], &periods, by),
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
                refund: Refund::of(&period.bought, reason, by.now),
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
        match member.state {
            SubscriptionState::PendingPayment => return Err(Refusal::PendingPayment),
            SubscriptionState::Changing => return Err(Refusal::InProgress),
            SubscriptionState::InUse | SubscriptionState::Deleted => {}
        }
        if how != How::OnlyRenewals && member.status != ResourceStatus::InUse {
            return Err(Refusal::Frozen);
        }
    }
    Ok(family)
}

/// A period that was paid for, as refunds see it.
struct Course {
    paid: PaidPeriod,
    bought: Bought,
    base: Base,
    is_purchase: bool,
}

/// The periods of these resources that are not over, in time.
async fn periods(
    connection: &mut PgConnection,
    tenant: TenantId,
    resources: &[String],
    by: By,
) -> Result<Vec<Course>, Failure> {
    let mut known: BTreeMap<String, (Order, Vec<Share>)> = BTreeMap::new();
    let mut periods = Vec::new();
    for paid in subscriptions::periods(connection, tenant, resources, by.now).await? {
        let (order, shares) = match known.entry(paid.order_id.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let order = orders::find(connection, tenant, &paid.order_id).await?;
                let order = order.ok_or_else(|| unreadable(&paid))?;
                place.insert((order, orders::shares(connection, tenant, &paid.order_id).await?))
            }
        };
        let place = lines::place(paid.line);
        let base = Base::of(order, shares, place);
        let bought = Bought {
            paid: base.paid(),
            period: order.lines.get(place).ok_or_else(|| unreadable(&paid))?.period,
            start: paid.starts_at,
            end: paid.ends_at,
        };
        periods.push(Course { bought, base, is_purchase: order.kind == OrderType::New, paid });
    }
    Ok(periods)
}

fn unreadable(paid: &PaidPeriod) -> NotDone {
    NotDone::Unreadable(format!("a period was paid for by line {} of {}, which is not there", paid.line, paid.order_id))
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

/// How many resources an account has given back in full this year, and gives back now.
struct Free {
    year: i16,
    before: i32,
    now: i32,
}

impl Free {
    async fn of(connection: &mut PgConnection, account: (TenantId, DomainId), by: By) -> sqlx::Result<Self> {
        let year = quota_year(by.now);
        Ok(Self { year, before: subscriptions::free_returns(connection, account, year).await?, now: 0 })
    }

    /// Why a family comes back: in full within five days of its purchase, as long as the year's quota lasts. A primary counts
    /// for one, with all its secondaries.
    fn reason(&mut self, desk: &Desk, primary: &Subscription, periods: &[Course], by: By) -> Reason {
        let own = periods.iter().filter(|period| period.paid.resource_id == primary.resource_id);
        let running = own.clone().find(|period| period.bought.stage(by.now) == Stage::Running);
        let is_purchase = running.is_some_and(|period| period.is_purchase);
        if five_days(desk.site, is_purchase, primary.effective_at, by.now, (self.before + self.now).into()) {
            self.now += 1;
            return Reason::Undone;
        }
        Reason::Unsubscribed(desk.site)
    }

    async fn write(&self, connection: &mut PgConnection, account: (TenantId, DomainId)) -> sqlx::Result<()> {
        if self.now == 0 {
            return Ok(());
        }
        subscriptions::add_free_returns(connection, account, self.year, self.now).await
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
    if is_over
        && primary.state == SubscriptionState::PendingPayment
        && let Some(order) = orders::waiting_for(connection, account.0, &primary.resource_id).await?
    {
        let (order, _) = cancel::lock(connection, account, &order).await?;
        cancel::end(connection, order, Event::Overtaken, by).await?;
    }
    let mut family = held.family(&primary.resource_id);
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
