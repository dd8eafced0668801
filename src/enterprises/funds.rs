//! Money between a master account and a member: own cash, and credit in its lots.
//!
//! What was allocated to an account, its bonus and its cards stay where they are. A member's cash is not told apart by where it came
//! from, so what a master may take back is what is left of it, and no more than it has given. Credit keeps its giver and its end.

use super::model::{Member, Permission};
use super::money_store;
use super::refusal::{Check, NotDone, Refusal};
use super::store::{self, Master};
use super::task::Task;
use crate::accounts::credit::{self, Lot, Terms};
use crate::accounts::model::{BalanceType, CURRENCY, cash};
use crate::api::caller::CallerKind;
use crate::api::error::ApiError;
use crate::charges::store as charges;
use crate::coupons::split::{Between, Retrieving};
use crate::customers::model::{AccountIdText, AssociationType, Related};
use crate::customers::store::{self as customers, State};
use crate::ledger::{self, AccountKind, PostError, Posting, Purse, TransferKind};
use crate::values::id::{DomainId, TenantId, UserId};
use crate::values::time::Instant;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// From whom to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// To the member.
    Transfer,
    /// Back from it.
    Reclaim,
}

/// What is moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// Cash.
    Cash,
    /// Credit that ends then, or never.
    Credit(Option<OffsetDateTime>),
}

impl What {
    /// What a request names: cash, unless it says otherwise.
    pub fn of(balance: Option<BalanceType>, expires_at: Option<Instant>) -> Self {
        match balance {
            None | Some(BalanceType::Debit) => Self::Cash,
            Some(BalanceType::Credit) => Self::Credit(expires_at.map(|instant| instant.0)),
        }
    }
}

/// Moves so much, in the transaction of who calls.
pub async fn move_funds(
    connection: &mut PgConnection,
    task: &Task,
    (direction, what, amount): (Direction, What, Decimal),
    now: OffsetDateTime,
) -> Result<(), NotDone> {
    let (state, member) = task.begin(connection, now).await?;
    if direction == Direction::Reclaim && member.in_custody {
        return Err(Refusal::Unmet(vec![Check::InCustody]).into());
    }
    match what {
        What::Cash => move_cash(connection, task, &state, (direction, amount), now).await,
        What::Credit(expires_at) => {
            let unmet = unmet_for_credit(connection, task.master, &member, direction, now).await?;
            if !unmet.is_empty() {
                return Err(Refusal::Unmet(unmet).into());
            }
            move_credit(connection, task, (direction, expires_at, amount), now).await
        }
    }
}

/// How a member stands to credit.
#[derive(Clone, Copy, Debug)]
struct Creditworthiness {
    /// Whether it lets its master share credit with it.
    shares: bool,
    /// Whether it has credit that its master has not given.
    has_own: bool,
    /// Whether it owes something.
    owes: bool,
}

impl Creditworthiness {
    /// What forbids to move credit, in the vendor's order: what is only in the way of giving is not in the way of taking back.
    fn unmet(self, direction: Direction) -> Vec<Check> {
        let gives = direction == Direction::Transfer;
        let checks = [
            (Check::MemberInDebt, gives && self.owes),
            (Check::MembersOwnCredit, gives && self.has_own),
            (Check::NoSharedCredit, !self.shares),
        ];
        checks.into_iter().filter_map(|(check, is_unmet)| is_unmet.then_some(check)).collect()
    }
}

async fn unmet_for_credit(
    connection: &mut PgConnection,
    master: Master,
    member: &Member,
    direction: Direction,
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Check>> {
    let tenant = master.tenant;
    let lots = credit::lots(connection, (tenant, member.id), CURRENCY, now).await?;
    let owed = charges::owed(connection, tenant, (&[member.id], CURRENCY)).await?;
    let stands = Creditworthiness {
        shares: member.allows(Permission::ShareCreditToSub),
        has_own: lots.iter().any(|lot| lot.given_by != Some(master.id) && lot.granted > Decimal::ZERO),
        owes: !owed.is_empty() || held_cash(connection, (tenant, member.id)).await? < Decimal::ZERO,
    };
    Ok(stands.unmet(direction))
}

/// Why a master account may not give cash away: a resale customer's is its partner's to allocate.
pub async fn forbids_giving(
    connection: &mut PgConnection,
    tenant: TenantId,
    (association, partner): (Option<AssociationType>, Option<DomainId>),
) -> sqlx::Result<Option<Check>> {
    let Some(partner) = partner.filter(|_| association == Some(AssociationType::Resale)) else { return Ok(None) };
    let is_reseller = customers::kind(connection, tenant, partner).await? == CallerKind::Reseller;
    Ok(Some(if is_reseller { Check::NotOfAReseller } else { Check::NotOfAPartner }))
}

async fn move_cash(
    connection: &mut PgConnection,
    task: &Task,
    state: &State,
    (direction, amount): (Direction, Decimal),
    now: OffsetDateTime,
) -> Result<(), NotDone> {
    let Task { master, member, .. } = *task;
    let tenant = master.tenant;
    let (masters, members) = (cash(tenant, master.id), cash(tenant, member));
    let (from, to) = match direction {
        Direction::Transfer => {
            if let Some(check) = forbids_giving(connection, tenant, (state.kind, state.partner)).await? {
                return Err(Refusal::Unmet(vec![check]).into());
            }
            (masters, members)
        }
        Direction::Reclaim => (members, masters),
    };
    let books = ledger::lock(connection, tenant, &[from, to], now).await?;
    let held = books.account(&from).map_or(Decimal::ZERO, |account| account.balance);
    let available = match direction {
        Direction::Transfer => transferable(held),
        Direction::Reclaim => reclaimable(held, money_store::allocated(connection, master, member).await?),
    };
    if amount > available {
        return Err(Refusal::Insufficient.into());
    }
    let moved = posting(direction, (member, Some(task.user)), (from, to), amount);
    ledger::post_locked(connection, tenant, books, &[moved], now).await?;
    match direction {
        Direction::Transfer => money_store::allocate(connection, master, member, amount).await?,
        Direction::Reclaim => money_store::take_back(connection, master, member, amount).await?,
    }
    Ok(())
}

/// What of its cash an account may give away: what it has, and no credit line.
fn transferable(held: Decimal) -> Decimal {
    held.max(Decimal::ZERO)
}

/// What may be taken back of a member's cash.
fn reclaimable(held: Decimal, allocated: Decimal) -> Decimal {
    transferable(held).min(allocated)
}

/// An account's own cash.
async fn held_cash(connection: &mut PgConnection, (tenant, owner): (TenantId, DomainId)) -> sqlx::Result<Decimal> {
    let balances = ledger::store::balances(connection, tenant, &[owner]).await?;
    let cash = balances.iter().find(|held| held.kind == AccountKind::Cash && held.currency == CURRENCY);
    Ok(cash.map_or(Decimal::ZERO, |held| held.balance))
}

async fn move_credit(
    connection: &mut PgConnection,
    task: &Task,
    (direction, expires_at, amount): (Direction, Option<OffsetDateTime>, Decimal),
    now: OffsetDateTime,
) -> Result<(), NotDone> {
    let Task { master, member, .. } = *task;
    let tenant = master.tenant;
    let (lots, taker, given_by) = match direction {
        Direction::Transfer => (own_credit(connection, master, now).await?, member, Some(master.id)),
        Direction::Reclaim => (given_credit(connection, master, member, now).await?, master.id, None),
    };
    let lot = find(&lots, expires_at, now)?;
    if amount > lot.balance {
        return Err(Refusal::Insufficient.into());
    }
    credit::lower(connection, (tenant, lot.id), amount).await?;
    let terms = Terms { currency: CURRENCY, given_by, expires_at: lot.expires_at };
    let raised = credit::raise(connection, (tenant, taker), terms, amount, now).await?;
    let purses = (credit::purse(tenant, lot.id, CURRENCY), credit::purse(tenant, raised, CURRENCY));
    let moved = posting(direction, (member, Some(task.user)), purses, amount);
    ledger::post(connection, tenant, &[moved], now).await?;
    Ok(())
}

/// Takes back all that is left of what a master gave a member: parts of coupons, credit, and cash, in one posting. Both are locked.
pub async fn take_all_back(
    connection: &mut PgConnection,
    master: Master,
    member: DomainId,
    now: OffsetDateTime,
) -> Result<(), PostError> {
    let tenant = master.tenant;
    let between = Between { tenant, master: master.id, member, user: None };
    let coupons = Retrieving::of_all(connection, between, now).await?;
    let mut postings = coupons.postings();
    for lot in given_credit(connection, master, member, now).await?.iter().filter(|lot| lot.balance > Decimal::ZERO) {
        credit::lower(connection, (tenant, lot.id), lot.balance).await?;
        let terms = Terms { currency: CURRENCY, given_by: None, expires_at: lot.expires_at };
        let raised = credit::raise(connection, (tenant, master.id), terms, lot.balance, now).await?;
        let purses = (credit::purse(tenant, lot.id, CURRENCY), credit::purse(tenant, raised, CURRENCY));
        postings.push(posting(Direction::Reclaim, (member, None), purses, lot.balance));
    }
    let (masters, members) = (cash(tenant, master.id), cash(tenant, member));
    let purses: Vec<Purse> = ledger::purses(&postings).into_iter().chain([masters, members]).collect();
    let books = ledger::lock(connection, tenant, &purses, now).await?;
    let held = books.account(&members).map_or(Decimal::ZERO, |account| account.balance);
    let allocated = money_store::allocated(connection, master, member).await?;
    let amount = reclaimable(held, allocated);
    if amount > Decimal::ZERO {
        postings.push(posting(Direction::Reclaim, (member, None), (members, masters), amount));
    }
    let made = ledger::post_locked(connection, tenant, books, &postings, now).await?;
    // What is not there any more is not owed.
    money_store::take_back(connection, master, member, allocated).await?;
    Ok(coupons.record(connection, &made).await?)
}

/// The credit that a master may give: its own.
async fn own_credit(connection: &mut PgConnection, master: Master, now: OffsetDateTime) -> sqlx::Result<Vec<Lot>> {
    let mut lots = credit::lots(connection, (master.tenant, master.id), CURRENCY, now).await?;
    lots.retain(|lot| lot.given_by.is_none());
    Ok(lots)
}

/// The credit that a master may take back from a member: what it has given.
async fn given_credit(
    connection: &mut PgConnection,
    master: Master,
    member: DomainId,
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Lot>> {
    let mut lots = credit::lots(connection, (master.tenant, member), CURRENCY, now).await?;
    lots.retain(|lot| lot.given_by == Some(master.id));
    Ok(lots)
}

/// The lot that a request means: the one that ends at that second, or without one the one that never ends.
fn find(lots: &[Lot], expires_at: Option<OffsetDateTime>, now: OffsetDateTime) -> Result<&Lot, Refusal> {
    let second = |instant: OffsetDateTime| instant.unix_timestamp();
    let found = lots.iter().find(|lot| lot.expires_at.map(second) == expires_at.map(second));
    found.ok_or(match expires_at {
        Some(instant) if instant <= now => Refusal::CreditEnded,
        _ if lots.is_empty() => Refusal::NoSuchAccount,
        _ => Refusal::NoSuchCredit,
    })
}

/// What can be moved: cash, or a lot of credit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Movable {
    /// How much.
    pub amount: Decimal,
    /// The lot; nothing: it is cash.
    pub lot: Option<Lot>,
}

impl Movable {
    fn cash(amount: Decimal) -> Vec<Self> {
        vec![Self { amount, lot: None }]
    }

    fn credit(lots: Vec<Lot>) -> Vec<Self> {
        lots.into_iter().map(|lot| Self { amount: lot.balance, lot: Some(lot) }).collect()
    }
}

/// What a master can give, of one balance: cash always, credit for each instant at which some ends.
pub async fn to_give(
    connection: &mut PgConnection,
    master: Master,
    related: Option<&Related>,
    balance: BalanceType,
    now: OffsetDateTime,
) -> Result<Vec<Movable>, ApiError> {
    if balance == BalanceType::Credit {
        return Ok(Movable::credit(own_credit(connection, master, now).await?));
    }
    let whose = match related {
        Some(Related::Customer(customer)) => (Some(customer.association.kind), Some(customer.association.partner)),
        _ => (None, None),
    };
    let held = match forbids_giving(connection, master.tenant, whose).await? {
        Some(_) => Decimal::ZERO,
        None => held_cash(connection, (master.tenant, master.id)).await?,
    };
    Ok(Movable::cash(transferable(held)))
}

/// What it can take back from an account, if that is one of its members.
pub async fn to_take_back(
    connection: &mut PgConnection,
    master: Master,
    member: &AccountIdText,
    balance: BalanceType,
    now: OffsetDateTime,
) -> Result<Vec<Movable>, ApiError> {
    // The vendor documents no other code here for an account that is not the master's.
    let member = member.id().ok_or(Refusal::NoSuchAccount)?;
    let member = store::member_of(connection, master, member).await?.ok_or(Refusal::NoSuchAccount)?.id;
    if balance == BalanceType::Credit {
        return Ok(Movable::credit(given_credit(connection, master, member, now).await?));
    }
    let held = held_cash(connection, (master.tenant, member)).await?;
    Ok(Movable::cash(reclaimable(held, money_store::allocated(connection, master, member).await?)))
}

/// A page of them: cash is one, which no page leaves out.
pub fn page(movable: &[Movable], (offset, limit): (usize, usize)) -> impl Iterator<Item = &Movable> {
    let is_cash = movable.first().is_some_and(|one| one.lot.is_none());
    let (offset, limit) = if is_cash { (0, 1) } else { (offset, limit) };
    movable.iter().skip(offset).take(limit)
}

fn posting(
    direction: Direction,
    (member, user): (DomainId, Option<UserId>),
    (from, to): (Purse, Purse),
    amount: Decimal,
) -> Posting {
    Posting {
        kind: match direction {
            Direction::Transfer => TransferKind::EnterpriseTransfer,
            Direction::Reclaim => TransferKind::EnterpriseReclaim,
        },
        from,
        to,
        amount,
        customer: Some(member),
        reference: String::new(),
        memo: String::new(),
        user,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::id::LotId;
    use time::Duration;
    use time::macros::datetime;
    use uuid::Uuid;

    #[test]
    fn what_is_left_of_what_was_given_is_taken_back_and_nothing_else() {
        let yuan = Decimal::from;
        assert_eq!(transferable(yuan(-5)), Decimal::ZERO, "a credit line is no cash");
        for (held, allocated, available) in [(150, 100, 100), (40, 100, 40), (-5, 100, 0), (50, 0, 0)] {
            assert_eq!(reclaimable(yuan(held), yuan(allocated)), yuan(available));
        }
    }

    #[test]
    fn credit_is_shared_with_who_allows_it_has_none_and_owes_nothing() {
        let good = Creditworthiness { shares: true, has_own: false, owes: false };
        let (gives, takes) = (Direction::Transfer, Direction::Reclaim);
        assert_eq!((good.unmet(gives), good.unmet(takes)), (vec![], vec![]));
        for (stands, giving, taking) in [
            (Creditworthiness { shares: false, ..good }, Check::NoSharedCredit, vec![Check::NoSharedCredit]),
            (Creditworthiness { has_own: true, ..good }, Check::MembersOwnCredit, vec![]),
            (Creditworthiness { owes: true, ..good }, Check::MemberInDebt, vec![]),
        ] {
            assert_eq!((stands.unmet(gives), stands.unmet(takes)), (vec![giving], taking), "{stands:?}");
        }
    }

    #[test]
    fn cash_is_on_every_page_and_credit_is_paged() {
        let cash = Movable::cash(Decimal::TEN);
        assert_eq!(page(&cash, (5, 10)).count(), 1);
        let credit = Movable { amount: Decimal::TEN, lot: Some(lot(1, None)) };
        assert_eq!(page(&[credit; 3], (2, 10)).count(), 1);
        assert_eq!(page(&[], (0, 10)).count(), 0);
    }

    fn lot(number: u128, expires_at: Option<OffsetDateTime>) -> Lot {
        let id = LotId(Uuid::from_u128(number));
        Lot { id, given_by: None, expires_at, granted: Decimal::TEN, balance: Decimal::TEN }
    }

    #[test]
    fn a_credit_is_named_by_the_second_in_which_it_ends_and_one_without_an_end_by_nothing() {
        let now = datetime!(2026-03-28 10:00 UTC);
        let end = now + Duration::days(30);
        let lots = [lot(1, Some(end)), lot(2, None)];
        let found = |named| find(&lots, named, now).map(|lot| lot.id.0.as_u128());
        assert_eq!(found(Some(end)), Ok(1));
        assert_eq!(found(None), Ok(2));
        assert_eq!(found(Some(end + Duration::SECOND)), Err(Refusal::NoSuchCredit));
        assert_eq!(found(Some(now)), Err(Refusal::CreditEnded));
        assert_eq!(find(&lots[..1], None, now), Err(Refusal::NoSuchCredit), "its end has to be named");
        assert_eq!(find(&[], None, now), Err(Refusal::NoSuchAccount));
    }
}
