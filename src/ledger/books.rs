//! What transfers do to balances: pure, so that the rules can be tested without a database.

use super::model::{PartnerSide, Posting, Purse};
use crate::values::id::{AccountId, TransferId};
use foldhash::{HashMap, HashSet};
use rust_decimal::Decimal;
use time::{Duration, OffsetDateTime};

/// An account as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// What it is.
    pub purse: Purse,
    /// What it holds.
    pub balance: Decimal,
    /// Where the balance must not go below; `None` is nowhere.
    pub floor: Option<Decimal>,
    /// How many transfers touched it.
    pub entries: i64,
    /// How many of them moved funds between it and who is below it.
    pub adjusts: i64,
    /// When the last one did.
    pub last_at: OffsetDateTime,
    /// Whether it takes part in no transfer any more.
    pub closed: bool,
}

/// One side of a transfer that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Side {
    /// The account.
    pub account: AccountId,
    /// What it holds after the transfer.
    pub after: Decimal,
    /// The number of this entry among the account's.
    pub entry: i64,
    /// The number of this adjustment among those that the account, a partner's, made.
    pub adjust: Option<i64>,
}

/// A transfer that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// Its id.
    pub id: TransferId,
    /// When, in the tenant's time: later than anything that happened to either account before.
    pub happened_at: OffsetDateTime,
    /// The first transfer of its event, where there are several.
    pub group: Option<TransferId>,
    /// What was asked for.
    pub posting: Posting,
    /// The account it took from.
    pub from: Side,
    /// The account it gave to.
    pub to: Side,
}

/// Why transfers were not made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// An account would go below its floor.
    #[error("the balance is insufficient")]
    Insufficient,
    /// An account is closed.
    #[error("the account is closed")]
    Closed,
    /// A balance would be larger than the ledger can hold.
    #[error("the balance would be too large")]
    TooLarge,
}

/// No balance is as large: below what `numeric(28, 8)` holds.
const BALANCE_MAX: Decimal = Decimal::from_parts(0x89e8_0000, 0x8ac7_2304, 0, false, 0);

/// Accounts in memory, locked by whoever loaded them.
#[derive(Clone, Debug, Default)]
pub struct Books {
    accounts: HashMap<AccountId, Account>,
    changed: HashSet<AccountId>,
}

impl Books {
    /// Books of these accounts.
    pub fn new(accounts: Vec<Account>) -> Self {
        let accounts = accounts.into_iter().map(|account| (account.purse.id(), account)).collect();
        Self { accounts, changed: HashSet::default() }
    }

    /// An account.
    pub fn account(&self, purse: &Purse) -> Option<&Account> {
        self.accounts.get(&purse.id())
    }

    /// The accounts that transfers touched, each once.
    pub fn changed(&self) -> impl Iterator<Item = &Account> {
        self.changed.iter().map(|id| &self.accounts[id])
    }

    /// Makes transfers, all or none. The accounts must be in the books.
    pub fn post(&mut self, postings: &[Posting], now: OffsetDateTime) -> Result<Vec<Transfer>, Refusal> {
        let before: Vec<(AccountId, Account)> = postings
            .iter()
            .flat_map(|posting| [posting.from.id(), posting.to.id()])
            .map(|id| (id, self.accounts[&id].clone()))
            .collect();
        let mut transfers = Vec::with_capacity(postings.len());
        for posting in postings {
            match self.make(posting, now) {
                Ok(transfer) => transfers.push(transfer),
                Err(refusal) => {
                    self.accounts.extend(before);
                    return Err(refusal);
                }
            }
        }
        self.changed.extend(before.into_iter().map(|(id, _)| id));
        if transfers.len() > 1 {
            let group = Some(transfers[0].id);
            for transfer in &mut transfers {
                transfer.group = group;
            }
        }
        Ok(transfers)
    }

    fn make(&mut self, posting: &Posting, now: OffsetDateTime) -> Result<Transfer, Refusal> {
        debug_assert!(posting.from.tenant == posting.to.tenant && posting.from.currency == posting.to.currency);
        let (from_id, to_id) = (posting.from.id(), posting.to.id());
        let (from, to) = (&self.accounts[&from_id], &self.accounts[&to_id]);
        if from.closed || to.closed {
            return Err(Refusal::Closed);
        }
        let from_after = from.balance.checked_sub(posting.amount).ok_or(Refusal::TooLarge)?;
        let to_after = to.balance.checked_add(posting.amount).ok_or(Refusal::TooLarge)?;
        if from.floor.is_some_and(|floor| from_after < floor) {
            return Err(Refusal::Insufficient);
        }
        if from_after.abs() >= BALANCE_MAX || to_after.abs() >= BALANCE_MAX {
            return Err(Refusal::TooLarge);
        }
        // Strictly later than the last of either account, so that time orders an account's history.
        let happened_at = now.max(from.last_at.max(to.last_at).saturating_add(Duration::MICROSECOND));
        let mut apply = |id: AccountId, after: Decimal, side: PartnerSide| {
            let is_adjust = posting.kind.partner_side() == Some(side);
            let account = self.accounts.get_mut(&id).expect("it was found above");
            account.balance = after;
            account.entries += 1;
            account.adjusts += i64::from(is_adjust);
            account.last_at = happened_at;
            let adjust = is_adjust.then_some(account.adjusts);
            Side { account: id, after, entry: account.entries, adjust }
        };
        Ok(Transfer {
            id: TransferId::new(happened_at),
            happened_at,
            group: None,
            posting: posting.clone(),
            from: apply(from_id, from_after, PartnerSide::From),
            to: apply(to_id, to_after, PartnerSide::To),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AccountKind, TransferKind};
    use super::*;
    use crate::values::id::{DomainId, TenantId};
    use crate::values::money::Currency;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

    fn purse(owner: u128, kind: AccountKind) -> Purse {
        let (tenant, owner) = (TenantId(uuid::Uuid::from_u128(1)), DomainId(uuid::Uuid::from_u128(owner)));
        Purse::of(tenant, owner, kind, Currency::Cny)
    }

    fn account(purse: Purse, balance: i64) -> Account {
        let (balance, floor) = (Decimal::from(balance), Some(Decimal::ZERO));
        Account { purse, balance, floor, entries: 0, adjusts: 0, last_at: NOW, closed: false }
    }

    fn posting(from: Purse, to: Purse, amount: i64) -> Posting {
        Posting {
            kind: TransferKind::Allocate,
            from,
            to,
            amount: Decimal::from(amount),
            customer: None,
            reference: String::new(),
            memo: String::new(),
            user: None,
        }
    }

    #[test]
    fn a_transfer_moves_the_amount_and_numbers_the_entries() {
        let (partner, customer) = (purse(2, AccountKind::Cash), purse(3, AccountKind::Allocated));
        let mut books = Books::new(vec![account(partner, 100), account(customer, 0)]);
        let made = books.post(&[posting(partner, customer, 30)], NOW).expect("there is enough");
        let again = books.post(&[posting(partner, customer, 70)], NOW).expect("there is just enough");
        assert_eq!((made[0].from.after, made[0].to.after), (Decimal::from(70), Decimal::from(30)));
        assert_eq!((again[0].from.entry, again[0].from.adjust, again[0].to.adjust), (2, Some(2), None));
        assert!(again[0].happened_at > made[0].happened_at, "at the same instant, and yet one after the other");
        assert_eq!(books.post(&[posting(partner, customer, 1)], NOW), Err(Refusal::Insufficient));
    }

    #[test]
    fn a_group_is_made_whole_or_not_at_all() {
        let (one, two, three) = (purse(2, AccountKind::Cash), purse(3, AccountKind::Cash), purse(4, AccountKind::Cash));
        let mut books = Books::new(vec![account(one, 10), account(two, 0), account(three, 0)]);
        let before = books.clone();
        let refused = books.post(&[posting(one, two, 10), posting(two, three, 11)], NOW);
        assert_eq!(refused, Err(Refusal::Insufficient));
        assert_eq!(books.accounts, before.accounts);
        assert_eq!(books.changed().count(), 0);
        let made = books.post(&[posting(one, two, 10), posting(two, three, 10)], NOW).expect("it goes through");
        assert!(made.iter().all(|transfer| transfer.group == Some(made[0].id)));
        assert_eq!(books.changed().count(), 3);
    }

    #[test]
    fn a_floor_below_zero_is_a_credit_line_and_a_closed_account_takes_nothing() {
        let (partner, customer) = (purse(2, AccountKind::Cash), purse(3, AccountKind::Allocated));
        let on_credit = Account { floor: Some(Decimal::from(-50)), ..account(partner, 0) };
        let mut books = Books::new(vec![on_credit, account(customer, 0)]);
        assert!(books.post(&[posting(partner, customer, 50)], NOW).is_ok());
        assert_eq!(books.post(&[posting(partner, customer, 1)], NOW), Err(Refusal::Insufficient));
        let closed = Account { closed: true, ..account(customer, 0) };
        let mut books = Books::new(vec![account(partner, 10), closed]);
        assert_eq!(books.post(&[posting(partner, customer, 1)], NOW), Err(Refusal::Closed));
    }

    #[test]
    fn no_balance_outgrows_its_column() {
        let (partner, customer) = (purse(2, AccountKind::Cash), purse(3, AccountKind::Allocated));
        let full = Account { balance: BALANCE_MAX - Decimal::ONE, ..account(customer, 0) };
        let mut books = Books::new(vec![account(partner, 10), full]);
        assert_eq!(books.post(&[posting(partner, customer, 1)], NOW), Err(Refusal::TooLarge));
    }
}
