//! The world of a seed, in memory.

use super::accounts::{self, Account, Operator, User, derived_id};
use crate::values::id::AgencyId;

/// The agency under which demo-partner may act for demo-customer.
pub const AGENCY: &str = "demo-agency";

/// How large a world is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, sqlx::Type, clap::ValueEnum)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Scale {
    /// Every kind of account with funds and coupons, and nothing has happened yet
    Bare,
    /// And twenty-four customers with the business of the last months
    #[default]
    Small,
    /// And 420 customers with 18 months of history
    Medium,
    /// And 30,000 customers with 18 months of history
    Large,
}

impl Scale {
    /// How many whole months of history there are before the world's day.
    pub(super) fn months(self) -> usize {
        match self {
            Self::Bare => 0,
            Self::Small => 3,
            Self::Medium | Self::Large => 18,
        }
    }
}

/// The world of one seed.
#[derive(Debug, Clone)]
pub struct World {
    pub(super) seed: u64,
    pub(super) scale: Scale,
    /// In the order they are made: what others hang below comes first.
    pub accounts: Vec<Account>,
    /// Users of [`EMPLOYER`](accounts::EMPLOYER).
    pub users: Vec<User>,
    /// Of each role one; the first may do everything.
    pub operators: Vec<Operator>,
}

impl World {
    /// The world of this seed, in memory.
    pub fn new(seed: u64, scale: Scale) -> Self {
        let accounts = accounts::accounts(seed, scale == Scale::Bare);
        let (users, operators) = (accounts::users(seed), accounts::operators(seed));
        Self { seed, scale, accounts, users, operators }
    }

    /// Whether nothing has happened in it yet.
    pub fn is_bare(&self) -> bool {
        self.scale == Scale::Bare
    }

    /// The account of this name.
    pub fn account(&self, name: &str) -> &Account {
        self.accounts.iter().find(|account| account.name == name).expect("the world has this account")
    }

    /// The user of this name.
    pub fn user(&self, name: &str) -> &User {
        self.users.iter().find(|user| user.name == name).expect("the world has this user")
    }

    /// The account whose key the Explorer fills in.
    pub fn demo(&self) -> &Account {
        self.account("demo-partner")
    }

    /// The agency that demo-customer has granted demo-partner.
    pub fn agency(&self) -> AgencyId {
        AgencyId(derived_id(self.seed, "demo-customer", AGENCY))
    }
}

/// The sales platform of a partner, which its customers come from: `DEMO_PARTNER`.
pub fn platform(partner: &str) -> String {
    partner.replace('-', "_").to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_keys_and_another_seed_others() {
        let keys = |seed| {
            let World { accounts, users, .. } = World::new(seed, Scale::Bare);
            let accounts = accounts.into_iter().map(|account| account.secret_key);
            accounts.chain(users.into_iter().map(|user| user.secret_key)).collect::<Vec<_>>()
        };
        assert_eq!(keys(1), keys(1));
        assert_ne!(keys(1), keys(2));
        let mut different = keys(1);
        different.sort();
        different.dedup();
        assert_eq!(different.len(), keys(1).len());
    }

    #[test]
    fn a_bare_world_has_no_traders_and_no_scenarios_with_orders() {
        let names = |scale| World::new(1, scale).accounts.iter().map(|account| account.name).collect::<Vec<_>>();
        let (bare, small) = (names(Scale::Bare), names(Scale::Small));
        assert!(bare.iter().all(|name| small.contains(name)));
        for name in [accounts::BUYER, "scenario-custody", "custody-member"] {
            assert_eq!((bare.contains(&name), small.contains(&name)), (false, true), "{name}");
        }
    }

    #[test]
    fn who_hangs_below_another_shares_its_tenant() {
        let world = World::new(1, Scale::Bare);
        assert_eq!(world.account("demo-customer").tenant, world.account("demo-partner").tenant);
        assert_eq!(world.account("third-customer").tenant, world.account("demo-distributor").tenant);
        assert_ne!(world.account("other-partner").tenant, world.account("demo-partner").tenant);
    }
}
