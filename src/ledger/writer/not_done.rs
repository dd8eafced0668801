//! What becomes of commands whose transaction failed.

use crate::database::Trouble;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// `serialization_failure`: an account is not as it was known.
const NOT_AS_KNOWN: &str = "40001";

/// A transaction that failed.
pub struct NotDone {
    /// How.
    pub error: sqlx::Error,
    /// Whether it has left nothing behind, and might succeed another time.
    pub may_retry: bool,
}

impl NotDone {
    /// A statement failed that commits by itself. The server's refusal leaves nothing behind; a connection that was lost, or
    /// that the server ended, may have committed.
    pub fn at_once(error: sqlx::Error) -> Self {
        let refusal = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
        let is_refused = refusal.is_some_and(|refusal| refusal.severity() == PgSeverity::Error);
        let may_retry = is_refused && is_worth_another(&error);
        Self { error, may_retry }
    }

    /// Whether an account was not as it was known.
    pub fn is_not_as_known(&self) -> bool {
        self.error.as_database_error().and_then(DatabaseError::code).as_deref() == Some(NOT_AS_KNOWN)
    }
}

/// After a statement that took too long nobody waits for another, and a database that is away is so for the next one too.
fn is_worth_another(error: &sqlx::Error) -> bool {
    !matches!(Trouble::of(error), Some(Trouble::TookTooLong | Trouble::Away(_)))
}

/// Before the commit the server's own refusal, a deadlock or the same key at the same time for instance, leaves nothing
/// behind; nor does an account that cannot be opened because its tenant is gone. A lost connection leaves nothing either, but
/// the next attempt would fail as well.
impl From<sqlx::Error> for NotDone {
    fn from(error: sqlx::Error) -> Self {
        let is_refused = error.as_database_error().is_some() || matches!(error, sqlx::Error::RowNotFound);
        let may_retry = is_refused && is_worth_another(&error);
        Self { error, may_retry }
    }
}
