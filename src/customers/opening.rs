//! How a customer's account is opened, by its partner or by its enterprise: what a password must be, the code that proves a phone
//! or an address, what must be unique.

use super::codes::{self, GivenCode, receiver_hash};
use super::model::{NotDone, Refusal};
use super::store;
use crate::api::caller::CallerKind;
use crate::api::error::ApiError;
use crate::config::CustomerSettings;
use crate::identity::administration::open_account;
use crate::identity::password;
use crate::identity::store::NewDomain;
use crate::personal::Vault;
use crate::values::id::{DomainId, TenantId};
use crate::values::receiver::Receiver;
use crate::values::text::texts;
use sqlx::PgConnection;
use time::OffsetDateTime;

texts! {
    /// A password.
    PasswordText, 0..=128, "Customer-1";
}

/// The vendor's rule: as for every password, and without the phone or the address.
pub fn check_password(password: &str, name: Option<&str>, receiver: Option<&Receiver>) -> Result<(), Refusal> {
    let holds_receiver = receiver.is_some_and(|receiver| password.to_lowercase().contains(receiver.as_str()));
    let is_allowed = password::check(password, name.unwrap_or_default()).is_ok() && !holds_receiver;
    if is_allowed { Ok(()) } else { Err(Refusal::Password) }
}

/// A password's hash. It takes its time, so no transaction waits for it.
pub async fn hash(password: String) -> Result<String, ApiError> {
    password::hash_aside(password).await.ok_or_else(|| ApiError::internal("the password could not be hashed"))
}

/// An account to be opened.
pub struct NewAccount<'a> {
    /// The tenant.
    pub tenant: TenantId,
    /// The account it hangs below.
    pub parent: DomainId,
    /// Its name.
    pub name: &'a str,
    /// Its user's password, hashed; none: it gets in otherwise.
    pub password_hash: Option<String>,
    /// Its phone or address, which counts among those that may register with it.
    pub receiver: Option<&'a Receiver>,
    /// The code that was sent there; none: who opens the account is known to have it.
    pub code: Option<GivenCode<'a>>,
}

/// Opens the account. What must be unique is claimed in one order by everybody: receiver, name, and then by partners the
/// platform's user. The database is the judge of races.
pub async fn open(
    connection: &mut PgConnection,
    (vault, settings): (&Vault, &CustomerSettings),
    new: NewAccount<'_>,
    now: OffsetDateTime,
) -> Result<DomainId, NotDone> {
    let id = DomainId::new(now);
    if let Some(code) = &new.code
        && !codes::consume(connection, vault, code).await?
    {
        return Err(Refusal::CodeWrong.into());
    }
    if let Some(receiver) = new.receiver {
        let (hash, most) = (receiver_hash(vault, receiver), settings.accounts_with(receiver));
        claim(connection, &hash, most).await?;
    }
    let NewAccount { tenant, parent, name, password_hash, .. } = new;
    let domain = NewDomain { tenant, id, parent: Some(parent), name, kind: CallerKind::Customer };
    if !open_account(connection, &domain, password_hash, now).await? {
        return Err(Refusal::NameTaken.into());
    }
    Ok(id)
}

async fn claim(connection: &mut PgConnection, receiver_hash: &[u8], most: i32) -> Result<(), NotDone> {
    if store::claim_receiver(connection, receiver_hash, most).await? {
        return Ok(());
    }
    let is_reserved = store::receiver_usage(connection, receiver_hash).await?.reserved;
    Err(match most {
        _ if is_reserved => Refusal::ReceiverReserved.into(),
        1 => Refusal::ReceiverTaken.into(),
        _ => Refusal::PhoneExhausted.into(),
    })
}
