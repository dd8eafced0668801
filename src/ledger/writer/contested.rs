//! Accounts that somebody else changes: another replica, or an operation that posts in a transaction of its own.

use super::super::books::Account;
use crate::values::id::AccountId;
use foldhash::HashMap;
use std::time::{Duration, Instant};

/// How long an account is locked at once. Where several replicas move one partner's funds, trying without would mostly be in
/// vain; commands that touch none of its accounts are done without as ever.
const LOCKED_FOR: Duration = Duration::from_secs(1);

/// The accounts that were changed lately between a look at them and the statement that relied on it.
#[derive(Default)]
pub struct Contested {
    until: HashMap<AccountId, Instant>,
    /// As they were relied on in vain. Some of them somebody else has changed; which, a look under locks tells.
    suspects: HashMap<AccountId, Account>,
}

impl Contested {
    /// Whether one of these accounts is.
    pub fn has_any(&self, mut accounts: impl Iterator<Item = AccountId>, now: Instant) -> bool {
        !self.until.is_empty() && accounts.any(|id| self.until.get(&id).is_some_and(|until| *until > now))
    }

    /// These accounts were relied on in vain.
    pub fn suspect(&mut self, relied_on: Vec<Account>) {
        self.suspects = relied_on.into_iter().map(|account| (account.purse.id(), account)).collect();
    }

    /// Compares the suspects with what they are, now that they are locked.
    pub fn compare(&mut self, locked: &[Account], now: Instant) {
        if self.suspects.is_empty() {
            return;
        }
        self.until.retain(|_, until| *until > now);
        for account in locked {
            let relied_on = self.suspects.remove(&account.purse.id());
            if relied_on.is_some_and(|relied_on| state(&relied_on) != state(account)) {
                self.until.insert(account.purse.id(), now + LOCKED_FOR);
            }
        }
    }
}

/// What the statement compares. Not the instant of the last transfer: each transfer counts, and the database's instants are less
/// fine.
fn state(account: &Account) -> (rust_decimal::Decimal, i64, i64, bool) {
    (account.balance, account.entries, account.adjusts, account.closed)
}

#[cfg(test)]
mod tests {
    use super::super::super::{AccountKind, Purse};
    use super::*;
    use crate::values::id::{DomainId, TenantId};
    use crate::values::money::Currency;
    use rust_decimal::Decimal;
    use time::OffsetDateTime;
    use uuid::Uuid;

    fn account(number: u128, entries: i64) -> Account {
        let (tenant, owner) = (TenantId(Uuid::from_u128(1)), DomainId(Uuid::from_u128(number)));
        let purse = Purse::of(tenant, owner, AccountKind::Cash, Currency::Cny);
        let (balance, last_at) = (Decimal::ZERO, OffsetDateTime::UNIX_EPOCH);
        Account { purse, balance, floor: None, entries, adjusts: 0, last_at, closed: false }
    }

    #[test]
    fn an_account_that_was_changed_is_locked_for_a_second_and_its_neighbours_are_not() {
        let (mut contested, now) = (Contested::default(), Instant::now());
        let id = |number| [account(number, 0).purse.id()].into_iter();
        contested.suspect(vec![account(1, 5), account(2, 5)]);
        contested.compare(&[account(1, 6), account(2, 5), account(3, 1)], now);
        let is_contested = |contested: &Contested, at| [1, 2, 3].map(|number| contested.has_any(id(number), at));
        assert_eq!(is_contested(&contested, now), [true, false, false]);
        assert_eq!(is_contested(&contested, now + LOCKED_FOR), [false; 3]);
        // Nobody is suspected any more.
        contested.compare(&[account(1, 7), account(2, 6)], now);
        assert_eq!(is_contested(&contested, now), [true, false, false]);
    }
}
