//! What the lists of an account's history show, and which part of it they ask for.

use crate::ledger::model::TransferKind;
use crate::values::id::{AccountId, DomainId, TenantId, TransferId};
use rust_decimal::Decimal;
use time::OffsetDateTime;

/// One side of a transfer, as its account sees it: what all lists show.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The transfer.
    pub transfer: TransferId,
    /// When.
    pub happened_at: OffsetDateTime,
    /// Why.
    pub kind: TransferKind,
    /// What the account received; below zero, what it gave.
    pub amount: Decimal,
    /// The customer or reseller it concerns.
    pub customer: Option<DomainId>,
}

/// An entry in the list of all that an account has been through.
#[derive(Clone, Debug)]
pub struct Change {
    /// The entry.
    pub entry: Entry,
    /// What the account held then.
    pub balance_after: Decimal,
    /// The order or bill; empty where there is none.
    pub reference: String,
}

/// An entry in a list of adjustments, which shows no balances: they are not read.
#[derive(Clone, Debug)]
pub struct Adjustment {
    /// The entry.
    pub entry: Entry,
    /// A remark.
    pub memo: String,
}

/// What entries are listed as.
pub(super) trait Shown: Sized + Send + Sync + 'static {
    /// Whether a list without a filter has only the adjustments that its account, a partner's, made.
    const ADJUSTS_ONLY: bool;

    /// The entry with what its list shows besides; nothing if that was not read.
    fn of(entry: Entry, rest: Rest) -> Option<Self>;
}

/// What only one of the lists shows of an entry.
pub(super) struct Rest {
    pub(super) balance_after: Option<Decimal>,
    pub(super) reference: Option<String>,
    pub(super) memo: Option<String>,
}

impl Shown for Change {
    const ADJUSTS_ONLY: bool = false;

    fn of(entry: Entry, rest: Rest) -> Option<Self> {
        Some(Self { entry, balance_after: rest.balance_after?, reference: rest.reference? })
    }
}

impl Shown for Adjustment {
    const ADJUSTS_ONLY: bool = true;

    fn of(entry: Entry, rest: Rest) -> Option<Self> {
        Some(Self { entry, memo: rest.memo? })
    }
}

/// Which part of the history: from `begin` on, before `end`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Span {
    /// The first instant.
    pub begin: OffsetDateTime,
    /// The first instant after it.
    pub end: OffsetDateTime,
}

/// Which entries of the span; what is `None` does not filter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Why.
    pub kinds: Option<Vec<TransferKind>>,
    /// Only received (`true`) or only given.
    pub received: Option<bool>,
    /// The order or bill, or the transfer itself.
    pub trade: Option<Trade>,
    /// The account on the other side.
    pub other: Option<AccountId>,
}

/// An order or bill by its number, or a transfer by its id.
#[derive(Clone, Debug)]
pub struct Trade {
    /// The number.
    pub reference: String,
    /// The transfer, if the number is one.
    pub transfer: Option<TransferId>,
}

impl Filter {
    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_none() && self.received.is_none() && self.trade.is_none() && self.other.is_none()
    }
}

/// Whose history.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct History {
    /// The tenant.
    pub tenant: TenantId,
    /// The account.
    pub account: AccountId,
}

/// A page.
#[derive(Debug)]
pub struct Listed<E> {
    /// Its entries.
    pub entries: Vec<E>,
    /// How many there are in all.
    pub total: i64,
    pub(super) version: Option<Version>,
}

impl<E> Listed<E> {
    /// How many of them the page has.
    pub(super) fn wanted(&self, page: &Page) -> usize {
        let (skipped, limit) = page.part;
        usize::try_from(self.total.saturating_sub(skipped).min(limit)).unwrap_or(0)
    }
}

/// What an account has been through. A history only grows, so as long as this is the same, so is each of its pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version {
    /// How many entries.
    pub entries: i64,
    /// When the last one was made.
    pub last_at: OffsetDateTime,
}

/// A page of an unfiltered list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Page {
    /// Whose.
    pub history: History,
    /// Which part of it.
    pub span: Span,
    /// How many to skip, and how many to answer.
    pub part: (i64, i64),
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_change_whose_balance_was_not_read_is_none_and_not_one_of_zero() {
        let entry = || Entry {
            transfer: TransferId(Uuid::nil()),
            happened_at: OffsetDateTime::UNIX_EPOCH,
            kind: TransferKind::Allocate,
            amount: Decimal::ONE,
            customer: None,
        };
        let rest = || Rest { balance_after: None, reference: Some(String::new()), memo: Some("a remark".to_owned()) };
        assert!(Change::of(entry(), rest()).is_none());
        assert!(Adjustment::of(entry(), rest()).is_some());
        assert!(Adjustment::of(entry(), Rest { memo: None, ..rest() }).is_none());
    }
}
