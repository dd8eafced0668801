//! Who is in the world: accounts, users, operators. Their ids, keys and passwords follow from the seed.

use super::situations::{self, Given};
use crate::api::caller::CallerKind;
use crate::customers::model::AssociationType;
use crate::identity::password;
use crate::operators::store::Role;
use crate::values::id::{DomainId, TenantId, UserId};
use sha2::{Digest, Sha256};
use std::sync::OnceLock;
use uuid::Uuid;

/// Every account but the scenarios', what others hang below first.
const ACCOUNTS: [Given; 18] = [
    ("demo-partner", CallerKind::Partner, None),
    ("demo-customer", CallerKind::Customer, Some("demo-partner")),
    ("referral-customer", CallerKind::Customer, Some("demo-partner")),
    (BUYER, CallerKind::Customer, Some("demo-partner")),
    (METERED, CallerKind::Customer, Some("demo-partner")),
    (DEBTOR, CallerKind::Customer, Some("demo-partner")),
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

/// Customers with a history of orders and use, which a bare world leaves out.
pub(super) const BUYER: &str = "buying-customer";
pub(super) const METERED: &str = "metered-customer";
pub(super) const DEBTOR: &str = "indebted-customer";
const TRADERS: [&str; 3] = [BUYER, METERED, DEBTOR];

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

pub(super) fn accounts(seed: u64, is_bare: bool) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    let own = ACCOUNTS.into_iter().filter(|(name, ..)| !(is_bare && TRADERS.contains(name)));
    for (name, kind, parent) in own.chain(situations::accounts(is_bare)) {
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
