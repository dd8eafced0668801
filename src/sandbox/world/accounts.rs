//! Who is in the world: accounts, users, operators. Their ids, keys and passwords follow from the seed.

use crate::api::caller::CallerKind;
use crate::customers::model::AssociationType;
use crate::identity::password;
use crate::operators::store::Role;
use crate::values::id::{DomainId, TenantId, UserId};
use sha2::{Digest, Sha256};
use std::sync::OnceLock;
use uuid::Uuid;

/// An account to be made: name, kind, and the account it hangs below.
pub(super) type Given = (&'static str, CallerKind, Option<&'static str>);

/// Every account but the scenarios', what others hang below first.
const ACCOUNTS: [Given; 15] = [
    ("demo-partner", CallerKind::Partner, None),
    ("demo-customer", CallerKind::Customer, Some("demo-partner")),
    ("referral-customer", CallerKind::Customer, Some("demo-partner")),
    ("other-partner", CallerKind::Partner, None),
    // An enterprise that buys from the vendor itself, so that it can do all that enterprises can.
    ("demo-master", CallerKind::Master, None),
    ("demo-member-1", CallerKind::Customer, Some("demo-master")),
    ("demo-member-2", CallerKind::Customer, Some("demo-master")),
    ("demo-distributor", CallerKind::Distributor, None),
    ("demo-reseller", CallerKind::Reseller, Some("demo-distributor")),
    ("reseller-customer", CallerKind::Customer, Some("demo-reseller")),
    ("second-reseller", CallerKind::Reseller, Some("demo-distributor")),
    ("second-customer", CallerKind::Customer, Some("second-reseller")),
    ("third-reseller", CallerKind::Reseller, Some("demo-distributor")),
    ("third-customer", CallerKind::Customer, Some("third-reseller")),
    ("lone-customer", CallerKind::Customer, None),
];

/// The customers that pay the vendor themselves; the others are resale customers.
const REFERRALS: [&str; 2] = ["referral-customer", "third-customer"];

/// Users of demo-partner beside its administrator, with what they may do.
const USERS: [(&str, &[&str]); 4] = [
    ("finance-clerk", &["BPC_ITEM_FINANCE_030100", "BPC_ITEM_FINANCE_040100", "BPC_ITEM_VIEW_010100"]),
    (
        "customer-clerk",
        &[
            "BPC_ITEM_SUBCUSTSERV_010100",
            "BPC_ITEM_SUBCUSTSERV_010118",
            "BPC_ITEM_SUBCUSTSERV_010119",
            "BPC_ITEM_SUBCUSTSERV_010501",
        ],
    ),
    ("coupon-clerk", &["BPC_ITEM_SUBCUSTSERV_030100", "BPC_ITEM_SUBCUSTSERV_030102", "BPC_ITEM_SUBCUSTSERV_030201"]),
    ("nothing-clerk", &[]),
];

/// The account whose users they are.
pub const EMPLOYER: &str = "demo-partner";

/// An operator of each role. The first one is the one whose token the first lines of the output show.
const OPERATORS: [(&str, Role); 3] =
    [("sandbox", Role::Admin), ("sandbox-operate", Role::Operate), ("sandbox-read", Role::Read)];

/// An account with the user of its own name and that user's key.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name, and its user's.
    pub name: &'static str,
    /// Its kind.
    pub kind: CallerKind,
    /// The top of its tree.
    pub tenant: TenantId,
    /// Its id.
    pub domain: DomainId,
    /// Its user's id.
    pub user: UserId,
    /// The user's access key.
    pub access_key: String,
    /// The user's secret key.
    pub secret_key: String,
    /// The user's password.
    pub password: String,
    pub(super) parent: Option<DomainId>,
    /// Whose customer it is, and how.
    pub(super) association: Option<(DomainId, AssociationType)>,
    pub(super) hash: PasswordHash,
}

impl Account {
    /// Its tenant and its own id.
    pub fn ids(&self) -> (TenantId, DomainId) {
        (self.tenant, self.domain)
    }
}

/// A user beside the account's own.
#[derive(Debug, Clone)]
pub struct User {
    /// Its name.
    pub name: &'static str,
    /// What it may do.
    pub permission_items: &'static [&'static str],
    /// Its id.
    pub id: UserId,
    /// Its access key.
    pub access_key: String,
    /// Its secret key.
    pub secret_key: String,
    /// Its password.
    pub password: String,
    pub(super) hash: PasswordHash,
}

/// An operator with its token.
#[derive(Debug, Clone)]
pub struct Operator {
    /// Its name.
    pub name: &'static str,
    /// What it may do.
    pub role: Role,
    /// Its token.
    pub token: String,
}

/// The hash of a password, worked out when it is first asked for: each takes tens of milliseconds.
#[derive(Debug, Clone)]
pub(super) struct PasswordHash {
    salt: [u8; 16],
    hash: OnceLock<String>,
}

impl PasswordHash {
    fn new(seed: u64, name: &str) -> Self {
        let salt = *derived(seed, name, "salt").first_chunk().expect("a SHA-256 has 32 bytes");
        Self { salt, hash: OnceLock::new() }
    }

    pub(super) fn of(&self, password: &str) -> String {
        self.hash.get_or_init(|| password::hash(password, self.salt)).clone()
    }
}

pub(super) fn accounts(seed: u64) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    for (name, kind, parent) in ACCOUNTS.into_iter().chain(scenario_accounts()) {
        let above = parent.and_then(|parent| accounts.iter().find(|account| account.name == parent));
        let domain = DomainId(derived_id(seed, name, "domain"));
        let partner = above.filter(|above| kind.is_customer() && CallerKind::SELLERS.contains(&above.kind));
        let association = if REFERRALS.contains(&name) { AssociationType::Referral } else { AssociationType::Resale };
        accounts.push(Account {
            name,
            kind,
            tenant: above.map_or(TenantId(domain.0), |above| above.tenant),
            domain,
            user: UserId(derived_id(seed, name, "user")),
            access_key: access_key(seed, name),
            secret_key: derived_text(seed, name, "secret key", 40),
            password: password(seed, name),
            parent: above.map(|above| above.domain),
            association: partner.map(|partner| (partner.domain, association)),
            hash: PasswordHash::new(seed, name),
        });
    }
    accounts
}

pub(super) fn users(seed: u64) -> Vec<User> {
    let user = |(name, permission_items)| User {
        name,
        permission_items,
        id: UserId(derived_id(seed, name, "user")),
        access_key: access_key(seed, name),
        secret_key: derived_text(seed, name, "secret key", 40),
        password: password(seed, name),
        hash: PasswordHash::new(seed, name),
    };
    USERS.into_iter().map(user).collect()
}

pub(super) fn operators(seed: u64) -> Vec<Operator> {
    let operator = |(name, role)| Operator { name, role, token: derived_text(seed, name, "token", 43) };
    OPERATORS.into_iter().map(operator).collect()
}

fn access_key(seed: u64, name: &str) -> String {
    derived_text(seed, name, "access key", 20).to_uppercase()
}

fn password(seed: u64, name: &str) -> String {
    format!("Sandbox-{}", derived_text(seed, name, "password", 8))
}

pub(super) fn derived(seed: u64, account: &str, what: &str) -> [u8; 32] {
    Sha256::digest(format!("bss-gateway sandbox {seed} {account} {what}")).into()
}

pub(super) fn derived_id(seed: u64, account: &str, what: &str) -> Uuid {
    let bytes = *derived(seed, account, what).first_chunk().expect("a SHA-256 has 32 bytes");
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Letters and digits without those that look alike.
fn derived_text(seed: u64, account: &str, what: &str, length: u8) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let letters = (0..length).map(|position| {
        let [byte, ..] = derived(seed, account, &format!("{what} {position}"));
        char::from(ALPHABET[usize::from(byte % 32)])
    });
    letters.collect()
}

/// A situation for a test-suite to start from.
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
pub(super) const OUT_OF_BALANCE: &str = "scenario-out-of-balance";
pub(super) const QUOTA_ALMOST_USED: &str = "scenario-quota-almost-used";
pub(super) const EXPIRING_COUPON: &str = "scenario-expiring-coupon";

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
fn scenario_accounts() -> impl Iterator<Item = Given> {
    SCENARIOS.into_iter().flat_map(|scenario| {
        let partner = (scenario.account, CallerKind::Partner, None);
        let customer = move |name: &&'static str| (*name, CallerKind::Customer, Some(scenario.account));
        std::iter::once(partner).chain(scenario.customers.iter().map(customer))
    })
}

/// Whether an account is a part of a scenario.
pub fn is_of_scenario(account: &Account) -> bool {
    SCENARIOS.iter().any(|scenario| scenario.account == account.name || scenario.customers.contains(&account.name))
}
