//! What falls due: coupons expire, their partners are told some days before, and two years after they leave the lists.
//!
//! Each step is done exactly once, however many replicas do it at the same time: a coupon that another one is working on is
//! passed over, and what was done is no longer due.

use super::events::CouponExpiring;
use super::model::{YEARS_LISTED_MAX, years_before};
use super::returns::{self, End};
use super::store::books::Operation;
use super::store::coupons::{self, Expiring, Which};
use super::store::partners;
use crate::ledger::PostError;
use crate::outbox::{self, Event};
use crate::values::amount::AmountText;
use crate::values::id::{DomainId, TenantId};
use crate::values::time::Instant;
use sqlx::{Connection, PgConnection};
use std::collections::{BTreeMap, BTreeSet};
use time::{Duration, OffsetDateTime};

/// How many coupons share a transaction.
const BATCH: i64 = 200;

/// When a coupon of a tenant expires next.
pub async fn next_expiry(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Option<OffsetDateTime>> {
    coupons::next_expiry(connection, tenant).await
}

/// When a partner is to be told next that a coupon will expire; what is due later than `until` may be left out.
pub async fn next_notice(
    connection: &mut PgConnection,
    tenant: TenantId,
    until: OffsetDateTime,
) -> sqlx::Result<Option<OffsetDateTime>> {
    coupons::next_notice(connection, tenant, until).await
}

/// Tenants that have coupons which expired by an instant, those with moved clocks by what these show.
pub async fn tenants_with_expired(
    connection: &mut PgConnection,
    now: OffsetDateTime,
    moved: &[(TenantId, OffsetDateTime)],
) -> sqlx::Result<BTreeSet<TenantId>> {
    let mut tenants = coupons::tenants_with_expired(connection, now, moved).await?;
    tenants.extend(coupons::moved_tenants_with_expired(connection, moved).await?);
    Ok(tenants)
}

/// Tenants in which partners issue coupons.
pub async fn tenants_with_notices(connection: &mut PgConnection) -> sqlx::Result<BTreeSet<TenantId>> {
    Ok(partners::tenants(connection).await?.into_iter().collect())
}

/// Expires what has expired by `now`, the earliest first; how many there were.
pub async fn expire(connection: &mut PgConnection, tenant: TenantId, now: OffsetDateTime) -> Result<usize, PostError> {
    let mut expired = 0;
    loop {
        let mut transaction = connection.begin().await?;
        let due = coupons::lock(&mut transaction, tenant, Which::Expired(now, BATCH)).await?;
        if due.is_empty() {
            return Ok(expired);
        }
        let ended = due.len();
        let end = End { operation: Operation::Expire, memo: "", user: None };
        returns::end(&mut transaction, tenant, due, end, now).await?;
        transaction.commit().await?;
        expired += ended;
    }
}

/// Tells partners of coupons that will expire; of how many.
pub async fn tell(connection: &mut PgConnection, tenant: TenantId, now: OffsetDateTime) -> sqlx::Result<usize> {
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

/// Takes coupons out of the lists once even the longest shows them no more; how many.
pub async fn unlist(connection: &mut PgConnection, tenant: TenantId, now: OffsetDateTime) -> sqlx::Result<usize> {
    let mut unlisted = 0;
    loop {
        let mut transaction = connection.begin().await?;
        let gone = coupons::unlist(&mut transaction, tenant, years_before(now, YEARS_LISTED_MAX), BATCH).await?;
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
