//! Named situations for a test-suite to start from: each is a partner or an enterprise of its own, so that a suite copies it by
//! name. What takes orders is made in `trade_scenarios`.

use super::model::World;
use super::situations::{EXPIRING_COUPON, OUT_OF_BALANCE, QUOTA_ALMOST_USED, SCENARIOS, Scenario};
use crate::accounts::sandbox as funds;
use crate::clock::{self, Setting};
use crate::coupons::sandbox as coupons;
use crate::identity::store;
use crate::values::id::{DomainId, TenantId};
use anyhow::ensure;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

/// Brings their accounts into these situations.
pub(super) async fn make(world: &World, connection: &mut PgConnection, now: OffsetDateTime) -> anyhow::Result<()> {
    let id = |name: &str| world.account(name).ids();
    funds::out_of_balance(connection, id(OUT_OF_BALANCE), id("out-of-balance-customer").1, now).await?;
    let customers = ["almost-used-customer-1", "almost-used-customer-2"].map(|name| id(name).1);
    coupons::almost_used(connection, id(QUOTA_ALMOST_USED), &customers, now).await?;
    let partner = id(EXPIRING_COUPON);
    coupons::expiring(connection, partner, id("expiring-coupon-customer").1, Duration::DAY, now).await?;
    // Else it would have expired a day after the world was made.
    clock::set(connection, partner.0, Setting { frozen_at: Some(now), ..Setting::default() }).await?;
    Ok(())
}

/// A scenario with where it is.
pub type Found = (Scenario, TenantId, DomainId);

/// Those that are there: in a sandbox all.
pub async fn list(connection: &mut PgConnection) -> anyhow::Result<Vec<Found>> {
    ensure!(crate::clock::is_movable(connection).await?, "scenarios are there in a sandbox only");
    let mut found = Vec::with_capacity(SCENARIOS.len());
    for scenario in SCENARIOS {
        if let Some((tenant, partner)) = store::domain_by_name(connection, scenario.account).await? {
            found.push((scenario, tenant, partner));
        }
    }
    Ok(found)
}
