//! Named situations for a test-suite to start from: each is a partner of its own, so that a suite copies it by name.

use super::World;
use super::accounts::{Account, Given};
use crate::accounts::sandbox as funds;
use crate::api::caller::CallerKind;
use crate::clock::{self, Setting};
use crate::coupons::sandbox as coupons;
use crate::identity::store;
use crate::values::id::{DomainId, TenantId};
use anyhow::ensure;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

/// A situation.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The partner's account.
    pub account: &'static str,
    /// What it holds.
    pub holds: &'static str,
    /// Its customers.
    pub customers: &'static [&'static str],
}

const EMPTY_PARTNER: &str = "scenario-empty-partner";
const OUT_OF_BALANCE: &str = "scenario-out-of-balance";
const QUOTA_ALMOST_USED: &str = "scenario-quota-almost-used";
const EXPIRING_COUPON: &str = "scenario-expiring-coupon";

/// All of them.
pub const SCENARIOS: [Scenario; 4] = [
    Scenario {
        account: EMPTY_PARTNER,
        holds: "A partner with nothing: no customer, no funds, no quota.",
        customers: &[],
    },
    Scenario {
        account: OUT_OF_BALANCE,
        holds: "A partner with 500.00 yuan and a resale customer with none: it was allocated 100.00, and all was reclaimed.",
        customers: &["out-of-balance-customer"],
    },
    Scenario {
        account: QUOTA_ALMOST_USED,
        holds: "A cash coupon quota of 1000.00 yuan of which 10.00 are left: two customers hold 11 coupons of 90.00.",
        customers: &["almost-used-customer-1", "almost-used-customer-2"],
    },
    Scenario {
        account: EXPIRING_COUPON,
        holds: "A customer with a cash coupon of 50.00 yuan that expires in a day. The clock stands still: advance it.",
        customers: &["expiring-coupon-customer"],
    },
];

/// The accounts they take, the partners first.
pub(super) fn accounts() -> impl Iterator<Item = Given> {
    SCENARIOS.into_iter().flat_map(|scenario| {
        let partner = (scenario.account, CallerKind::Partner, None);
        let customer = move |name: &&'static str| (*name, CallerKind::Customer, Some(scenario.account));
        std::iter::once(partner).chain(scenario.customers.iter().map(customer))
    })
}

/// Whether an account is a part of one.
pub fn has(account: &Account) -> bool {
    SCENARIOS.iter().any(|scenario| scenario.account == account.name || scenario.customers.contains(&account.name))
}

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
