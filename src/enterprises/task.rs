//! What a master account moves to a member or back is a task: it has a number that is used once, whatever it moves, and a master
//! account has one at a time.

use super::model::Member;
use super::money_store;
use super::refusal::{NotDone, Refusal};
use super::store::{self, Master};
use crate::api::caller;
use crate::customers::model::AccountIdText;
use crate::customers::store::{self as customers, State};
use crate::values::id::{DomainId, UserId, new_uuid};
use crate::values::text::texts;
use sqlx::PgConnection;
use time::OffsetDateTime;

texts! {
    /// The number of a transfer, the caller's own, by which it happens once.
    TransId, 0..=32, "2020042401";
}

/// A task of a master account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Task {
    /// The master.
    pub master: Master,
    /// The account that it names as its member.
    pub member: DomainId,
    /// Its user.
    pub user: UserId,
    /// The number.
    trans_id: String,
}

impl Task {
    /// The task that a caller names; it gets a number if it has none.
    pub fn of(
        caller: &caller::Master,
        member: &AccountIdText,
        trans_id: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Self, Refusal> {
        let member = member.id().ok_or(Refusal::NoSuchAccount)?;
        Ok(Self::new(Master::of(caller), member, caller.user, trans_id, now))
    }

    /// The task of a master and its user.
    pub fn new(master: Master, member: DomainId, user: UserId, trans_id: Option<&str>, now: OffsetDateTime) -> Self {
        let given = trans_id.filter(|given| !given.is_empty()).map(str::to_owned);
        Self { master, member, user, trans_id: given.unwrap_or_else(|| new_uuid(now).simple().to_string()) }
    }

    /// Begins it, in the transaction that does it: uses the number, takes the master's turn, and locks both accounts. How the
    /// master stands, and the member.
    pub async fn begin(&self, connection: &mut PgConnection, now: OffsetDateTime) -> Result<(State, Member), NotDone> {
        let Self { master, member, .. } = *self;
        // The number first: of those who send one at the same time the others learn that it is used, not that somebody is busy.
        if !money_store::note(connection, master, (&self.trans_id, member), now).await? {
            return Err(Refusal::TransIdUsed.into());
        }
        if !money_store::take_turn(connection, master).await? {
            return Err(Refusal::Busy.into());
        }
        let mut locked = customers::lock_all(connection, master.tenant, &[master.id, member]).await?;
        let member = store::member_of(connection, master, member).await?.ok_or(Refusal::NotAMember)?;
        Ok((locked.remove(&master.id).ok_or(Refusal::NoSuchAccount)?, member))
    }
}
