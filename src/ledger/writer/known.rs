//! The accounts that a writer knows, because it wrote them last or looked at them.

use super::super::books::{Account, Books};
use super::super::{Purse, store};
use crate::values::id::AccountId;
use sqlx::PgConnection;
use std::collections::HashMap;
use time::OffsetDateTime;

/// How many accounts are remembered at most, about 200 bytes each.
const CAPACITY: usize = 20_000;

/// The memory. What is in it may have been changed by another: it is compared when it is written.
#[derive(Default)]
pub struct Known {
    accounts: HashMap<AccountId, Account>,
}

impl Known {
    /// Books of these purses' accounts, looking at those that are not known, and opening those that are not there yet.
    pub async fn books(
        &mut self,
        connection: &mut PgConnection,
        purses: &[Purse],
        now: OffsetDateTime,
    ) -> sqlx::Result<Books> {
        if self.accounts.len() + purses.len() > CAPACITY {
            self.accounts.clear();
        }
        let unknown: Vec<Purse> =
            purses.iter().filter(|purse| !self.accounts.contains_key(&purse.id())).copied().collect();
        if !unknown.is_empty() {
            let accounts = store::look(connection, &unknown, now).await?;
            self.accounts.extend(accounts.into_iter().map(|account| (account.purse.id(), account)));
        }
        Ok(Books::new(purses.iter().map(|purse| self.account(purse).clone()).collect()))
    }

    /// An account, before the books changed it.
    pub fn account(&self, purse: &Purse) -> &Account {
        &self.accounts[&purse.id()]
    }

    /// Takes over what the books changed, once that is committed.
    pub fn remember(&mut self, books: &Books) {
        self.accounts.extend(books.changed().map(|account| (account.purse.id(), account.clone())));
    }

    /// Forgets accounts that may have changed.
    pub fn forget(&mut self, purses: &[Purse]) {
        for purse in purses {
            self.accounts.remove(&purse.id());
        }
    }
}
