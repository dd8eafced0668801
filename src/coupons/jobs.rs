//! What falls due: coupons expire, their partners are told some days before, and a year after they leave the lists.
//!
//! Each step is done exactly once, however many replicas do it at the same time: a coupon that another one is working on is
//! passed over, and what was done is no longer due.

use super::events::CouponExpiring;
use super::model::listed_since;
use super::returns::{self, End};
use super::store::books::Operation;
use super::store::coupons::{self, Coupon, Expiring, Which};
use super::store::partners;
use crate::app::App;
use crate::ledger::PostError;
use crate::outbox::{self, Event};
use crate::values::amount::AmountText;
use crate::values::id::{DomainId, TenantId};
use crate::values::time::Instant;
use sqlx::{Connection, PgConnection};
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime};

/// How many coupons share a transaction.
const BATCH: i64 = 200;

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Done {
    /// Coupons that expired.
    pub expired: usize,
    /// Coupons of which a partner was told that they will.
    pub told: usize,
    /// Coupons that left the lists.
    pub unlisted: usize,
}

/// Does what is due in a tenant by `now`, its time, the earliest first.
pub async fn expire_due(
    connection: &mut PgConnection,
    tenant: TenantId,
    now: OffsetDateTime,
) -> Result<Done, PostError> {
    let mut done = Done::default();
    loop {
        let mut transaction = connection.begin().await?;
        let due = coupons::lock(&mut transaction, tenant, Which::Expired(now, BATCH)).await?;
        if due.is_empty() {
            break;
        }
        expire(&mut transaction, tenant, &due, now).await?;
        transaction.commit().await?;
        done.expired += due.len();
    }
    done.told = tell(connection, tenant, now).await?;
    done.unlisted = unlist(connection, tenant, now).await?;
    Ok(done)
}

/// Does what falls due in a tenant until an instant, in order, each at its own instant: for a clock that is advanced. What
/// another replica is doing at the same time is left to it.
pub async fn expire_until(
    connection: &mut PgConnection,
    tenant: TenantId,
    until: OffsetDateTime,
) -> Result<Vec<(OffsetDateTime, Done)>, PostError> {
    let mut all = Vec::new();
    while let Some(at) = coupons::next_due(connection, tenant).await?.filter(|at| *at <= until) {
        let done = expire_due(connection, tenant, at).await?;
        if done == Done::default() {
            break;
        }
        all.push((at, done));
    }
    Ok(all)
}

async fn expire(
    connection: &mut PgConnection,
    tenant: TenantId,
    due: &[Coupon],
    now: OffsetDateTime,
) -> Result<(), PostError> {
    let end = End { operation: Operation::Expire, memo: "", user: None };
    returns::end(connection, tenant, due, &end, now).await?;
    Ok(())
}

async fn tell(connection: &mut PgConnection, tenant: TenantId, now: OffsetDateTime) -> sqlx::Result<usize> {
    let in_days = |days: i16| now.saturating_add(Duration::days(days.into()));
    let otherwise = partners::notice_days(connection, tenant).await?;
    let otherwise: BTreeMap<DomainId, OffsetDateTime> =
        otherwise.into_iter().map(|(partner, days)| (partner, in_days(days))).collect();
    let mut told = 0;
    loop {
        let mut transaction = connection.begin().await?;
        let until = in_days(partners::NOTICE_DAYS);
        let expiring = coupons::take_expiring(&mut transaction, tenant, until, &otherwise, BATCH).await?;
        if expiring.is_empty() {
            return Ok(told);
        }
        let events: Vec<Event> = expiring.iter().map(event).collect();
        outbox::append(&mut transaction, tenant, &events, now).await?;
        transaction.commit().await?;
        told += events.len();
    }
}

fn event(coupon: &Expiring) -> Event {
    let expiring = CouponExpiring {
        coupon_id: coupon.id,
        customer_id: coupon.holder,
        expire_time: Instant(coupon.expires_at),
        balance: AmountText(coupon.balance.into()),
    };
    Event::new(coupon.partner, &expiring)
}

async fn unlist(connection: &mut PgConnection, tenant: TenantId, now: OffsetDateTime) -> sqlx::Result<usize> {
    let mut unlisted = 0;
    loop {
        let mut transaction = connection.begin().await?;
        let gone = coupons::unlist(&mut transaction, tenant, listed_since(now), BATCH).await?;
        if gone.is_empty() {
            return Ok(unlisted);
        }
        for (partner, count) in &gone {
            if let Some(partner) = partner {
                partners::count_listed(&mut transaction, tenant, *partner, -count).await?;
            }
            unlisted += usize::try_from(*count).unwrap_or_default();
        }
        transaction.commit().await?;
    }
}

/// Does what is due in all tenants, each by its own clock. One that fails is logged and tried again at the next look. Expiry
/// is looked for each time; what can wait for minutes, only with `all`, in every tenant where a partner issues coupons.
pub async fn run_due(app: &App, all: bool) -> sqlx::Result<()> {
    let moved = app.clocks.moved();
    let mut control = app.database.control().await?;
    let mut tenants = coupons::tenants_with_expired(&mut control, app.clock.now(), &moved).await?;
    tenants.extend(coupons::moved_tenants_with_expired(&mut control, &moved).await?);
    if all {
        tenants.extend(partners::tenants(&mut control).await?);
    }
    drop(control);
    for tenant in tenants {
        let mut connection = app.database.tenant(tenant).await?;
        match expire_due(&mut connection, tenant, app.now(tenant)).await {
            Ok(done) if done != Done::default() => tracing::info!(%tenant, ?done, "coupons fell due"),
            Ok(_) => {}
            Err(error) => tracing::error!(%tenant, %error, "what is due of coupons could not be done"),
        }
    }
    Ok(())
}
