//! Periods of resources that were paid for, as refunds see them.

use super::give_back::Base;
use super::model::{LineOf, Order, OrderType, Share};
use super::refusal::NotDone;
use super::store::{self, lines, payments};
use crate::subscriptions::refund::Bought;
use crate::subscriptions::store::{self as subscriptions, PaidPeriod};
use crate::values::id::TenantId;
use sqlx::PgConnection;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use time::OffsetDateTime;

/// A period that was paid for.
#[derive(Clone, Debug)]
pub struct Course {
    /// It.
    pub paid: PaidPeriod,
    /// What it cost.
    pub bought: Bought,
    /// Who paid that.
    pub base: Base,
    /// By what kind of order.
    pub kind: OrderType,
}

impl Course {
    /// The line that paid for it.
    pub fn line(&self) -> &LineOf {
        &self.base.line
    }
}

/// The periods of these resources that are not over at an instant, in time.
pub async fn courses(
    connection: &mut PgConnection,
    tenant: TenantId,
    resources: &[String],
    at: OffsetDateTime,
) -> Result<Vec<Course>, NotDone> {
    let mut known: BTreeMap<String, (Order, Vec<Share>)> = BTreeMap::new();
    let mut courses = Vec::new();
    for paid in subscriptions::periods(connection, tenant, resources, at).await? {
        let (order, shares) = match known.entry(paid.order_id.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let order = store::find(connection, tenant, &paid.order_id).await?;
                let order = order.ok_or_else(|| unreadable(&paid))?;
                place.insert((order, payments::shares(connection, tenant, &paid.order_id).await?))
            }
        };
        let place = lines::place(paid.line);
        let base = Base::of(order, shares, place);
        let bought = Bought {
            paid: base.paid(),
            period: order.lines.get(place).ok_or_else(|| unreadable(&paid))?.period,
            start: paid.starts_at,
            settled_at: paid.settled_at,
            end: paid.ends_at,
        };
        courses.push(Course { bought, base, kind: order.kind, paid });
    }
    Ok(courses)
}

fn unreadable(paid: &PaidPeriod) -> NotDone {
    NotDone::Unreadable(format!("a period was paid for by line {} of {}, which is not there", paid.line, paid.order_id))
}
