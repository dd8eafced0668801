//! The scenarios: what each is called, who is in it, and what it holds.

use crate::api::caller::CallerKind;

/// An account to be made: name, kind, and the account it hangs below.
pub(super) type Given = (&'static str, CallerKind, Option<&'static str>);

/// A situation for a test-suite to start from.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The account at its top: a partner's, or an enterprise's.
    pub account: &'static str,
    /// What it holds.
    pub holds: &'static str,
    /// Its customers, or its members.
    pub customers: &'static [&'static str],
    /// What kind of account is at its top.
    pub(super) kind: CallerKind,
    /// Whether it takes products and prices, which a bare world is made without.
    pub(super) takes_orders: bool,
}

pub(super) const EMPTY_PARTNER: &str = "scenario-empty-partner";
pub(super) const OUT_OF_BALANCE: &str = "scenario-out-of-balance";
pub(super) const QUOTA_ALMOST_USED: &str = "scenario-quota-almost-used";
pub(super) const EXPIRING_COUPON: &str = "scenario-expiring-coupon";
pub(super) const UNPAID_ORDER: &str = "scenario-unpaid-order";
pub(super) const EXPIRING_RESOURCE: &str = "scenario-expiring-resource";
pub(super) const IN_GRACE: &str = "scenario-in-grace";
pub(super) const IN_RETENTION: &str = "scenario-in-retention";
pub(super) const AWAITING_PARTNER: &str = "scenario-awaiting-partner";
pub(super) const MONTH_CLOSED: &str = "scenario-month-closed";
pub(super) const IN_DEBT: &str = "scenario-in-debt";
pub(super) const CUSTODY: &str = "scenario-custody";

impl Scenario {
    /// One of a partner's customers that needs no orders.
    const fn plain(account: &'static str, holds: &'static str, customers: &'static [&'static str]) -> Self {
        Self { account, holds, customers, kind: CallerKind::Partner, takes_orders: false }
    }

    /// One with orders or use, whose clock stands still.
    const fn trading(account: &'static str, holds: &'static str, customers: &'static [&'static str]) -> Self {
        Self { account, holds, customers, kind: CallerKind::Partner, takes_orders: true }
    }
}

/// All of them.
pub const SCENARIOS: [Scenario; 12] = [
    Scenario::plain(EMPTY_PARTNER, "A partner with nothing: no customer, no funds, no quota.", &[]),
    Scenario::plain(
        OUT_OF_BALANCE,
        "A partner with 500.00 yuan and a resale customer with none: it was allocated 100.00, and all was reclaimed.",
        &["out-of-balance-customer"],
    ),
    Scenario::plain(
        QUOTA_ALMOST_USED,
        "A cash coupon quota of 1000.00 yuan of which 10.00 are left: two customers hold 11 coupons of 90.00.",
        &["almost-used-customer-1", "almost-used-customer-2"],
    ),
    Scenario::plain(
        EXPIRING_COUPON,
        "A customer with a cash coupon of 50.00 yuan that expires in a day. The clock stands still: advance it.",
        &["expiring-coupon-customer"],
    ),
    Scenario::trading(
        UNPAID_ORDER,
        "A customer with 1000.00 yuan and an order for a server and its disk that waits to be paid, for a day. The clock stands \
         still.",
        &["unpaid-order-customer"],
    ),
    Scenario::trading(
        EXPIRING_RESOURCE,
        "A customer with a server and its disk that expire tomorrow at 23:59:59 of UTC+8. The clock stands still: advance it.",
        &["expiring-resource-customer"],
    ),
    Scenario::trading(
        IN_GRACE,
        "A customer with a server and its disk in their grace period, since yesterday. The clock stands still.",
        &["in-grace-customer"],
    ),
    Scenario::trading(
        IN_RETENTION,
        "A customer with a server and its disk that are frozen, in their retention period. The clock stands still.",
        &["in-retention-customer"],
    ),
    Scenario::trading(
        AWAITING_PARTNER,
        "A partner with 1000.00 yuan whose customer has asked it to pay an order for a server. The clock stands still.",
        &["awaiting-partner-customer"],
    ),
    Scenario::trading(
        MONTH_CLOSED,
        "A customer with an order and the use of a server in a month that has just been closed. The clock stands still then.",
        &["month-closed-customer"],
    ),
    Scenario::trading(
        IN_DEBT,
        "A customer that had 1.00 yuan and used a server for more: the rest is owed. The clock stands still.",
        &["in-debt-customer"],
    ),
    Scenario {
        kind: CallerKind::Master,
        ..Scenario::trading(
            CUSTODY,
            "An enterprise master account with 1000.00 yuan and a member in its custody, with an order for a server that waits to \
             be paid. The clock stands still.",
            &["custody-member"],
        )
    },
];

/// The scenarios of a world, bare or not.
pub(super) fn of_world(is_bare: bool) -> impl Iterator<Item = Scenario> {
    SCENARIOS.into_iter().filter(move |scenario| !(is_bare && scenario.takes_orders))
}

/// The accounts they take, those at their tops first.
pub(super) fn accounts(is_bare: bool) -> impl Iterator<Item = Given> {
    of_world(is_bare).flat_map(|scenario| {
        let top = (scenario.account, scenario.kind, None);
        let customer = move |name: &&'static str| (*name, CallerKind::Customer, Some(scenario.account));
        std::iter::once(top).chain(scenario.customers.iter().map(customer))
    })
}

/// The scenario that an account is a part of.
pub fn of_account(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.account == name || scenario.customers.contains(&name))
}
