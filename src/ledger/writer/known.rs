//! The accounts that a writer knows, because it wrote them last or looked at them.

use super::super::books::{Account, Books};
use super::super::model::Purse;
use super::super::store;
use crate::values::id::AccountId;
use foldhash::HashMap;
use sqlx::PgConnection;
use std::mem;
use time::OffsetDateTime;

/// How many accounts a generation has, about 200 bytes each.
const GENERATION: usize = 25_000;

/// The memory. What is in it may have been changed by another: it is compared when it is written.
///
/// Whatever is asked for moves into the young generation. When that is full it becomes the old one, and what nobody asked for
/// since the last time is forgotten: never all at once, which would send a batch of callers to the database together.
#[derive(Default)]
pub struct Known {
    young: HashMap<AccountId, Account>,
    old: HashMap<AccountId, Account>,
}

impl Known {
    /// Books of these purses' accounts, looking at those that are not known, and opening those that are not there yet.
    pub async fn books(
        &mut self,
        connection: &mut PgConnection,
        purses: &[Purse],
        now: OffsetDateTime,
    ) -> sqlx::Result<Books> {
        if self.young.len() + purses.len() > GENERATION {
            self.old = mem::take(&mut self.young);
        }
        let mut unknown = Vec::new();
        for purse in purses {
            let id = purse.id();
            if !self.young.contains_key(&id) {
                match self.old.remove(&id) {
                    Some(account) => drop(self.young.insert(id, account)),
                    None => unknown.push(*purse),
                }
            }
        }
        if !unknown.is_empty() {
            let accounts = store::look(connection, &unknown, now).await?;
            self.young.extend(accounts.into_iter().map(|account| (account.purse.id(), account)));
        }
        Ok(Books::new(purses.iter().map(|purse| self.account(purse).clone()).collect()))
    }

    /// An account, before the books changed it.
    pub fn account(&self, purse: &Purse) -> &Account {
        &self.young[&purse.id()]
    }

    /// Takes over what the books changed, once that is committed.
    pub fn remember(&mut self, books: &Books) {
        self.young.extend(books.changed().map(|account| (account.purse.id(), account.clone())));
    }

    /// Forgets accounts that may have changed, and says what was known of them.
    pub fn forget(&mut self, purses: &[Purse]) -> Vec<Account> {
        let mut forgotten = Vec::with_capacity(purses.len());
        for purse in purses {
            forgotten.extend(self.young.remove(&purse.id()));
            forgotten.extend(self.old.remove(&purse.id()));
        }
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::AccountKind;
    use super::*;
    use crate::values::id::{DomainId, TenantId};
    use crate::values::money::Currency;
    use rust_decimal::Decimal;
    use sqlx::PgPool;
    use uuid::Uuid;

    fn purse(number: usize) -> Purse {
        let (tenant, owner) = (TenantId(Uuid::from_u128(1)), DomainId(Uuid::from_u128(number as u128)));
        Purse::of(tenant, owner, AccountKind::Cash, Currency::Cny)
    }

    fn account(number: usize) -> (AccountId, Account) {
        let (purse, balance, last_at) = (purse(number), Decimal::from(number), OffsetDateTime::UNIX_EPOCH);
        (purse.id(), Account { purse, balance, floor: None, entries: 0, adjusts: 0, last_at, closed: false })
    }

    /// The database has no tables: who is not known cannot be looked at.
    #[sqlx::test(migrations = false)]
    async fn what_is_used_stays_and_what_is_not_is_forgotten_a_generation_later(pool: PgPool) {
        let mut connection = pool.acquire().await.expect("the test has a database");
        let mut known = Known::default();
        let mut holds = async |known: &mut Known, number| {
            let purses = [purse(number), purse(number)];
            let books = known.books(&mut connection, &purses, OffsetDateTime::UNIX_EPOCH).await.ok()?;
            books.account(&purses[0]).map(|account| account.balance)
        };
        known.young.extend((0..GENERATION).map(account));
        assert_eq!(holds(&mut known, 1).await, Some(Decimal::ONE), "of the old generation now");
        assert_eq!((known.young.len(), known.old.len()), (1, GENERATION - 1));
        known.young.extend((GENERATION..2 * GENERATION).map(account));
        assert_eq!(holds(&mut known, 1).await, Some(Decimal::ONE), "used meanwhile");
        assert_eq!(holds(&mut known, 2).await, None, "not used meanwhile");
        known.forget(&[purse(1), purse(GENERATION)]);
        assert_eq!(holds(&mut known, 1).await, None);
        assert_eq!(holds(&mut known, GENERATION).await, None);
    }
}
