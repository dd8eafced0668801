//! Why something is not invoiced, or not done to an invoice. The vendor documents no codes for it: it has no such interface.

use crate::api::error::ApiError;
use axum::http::StatusCode;

/// Why something is not invoiced, or not done to an invoice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// There is none, or it is another's.
    #[error("Parameter error. invoice_id: is no invoice of the account.")]
    NoSuchInvoice,
    /// There is none, or it is another's.
    #[error("Parameter error. title_id: is no title of the account.")]
    NoSuchTitle,
    /// Its status does not allow it.
    #[error("Parameter error. invoice_id: the invoice does not stand so that this can be done to it.")]
    NotNow,
    /// Nothing of it is open.
    #[error("Parameter error. {0}: nothing of it can be invoiced, or all of it is.")]
    Nothing(&'static str),
    /// What was given back since the last invoice is more.
    #[error("Parameter error. {0}: what was given back since the last invoice is not less.")]
    GivenBack(&'static str),
    /// Something of it is not paid.
    #[error("Parameter error. {0}: something of it is not paid yet.")]
    InDebt(&'static str),
    /// Its bills are not final.
    #[error("Parameter error. bill_cycle: the month is not closed yet.")]
    NotClosed,
    /// The number is another invoice's.
    #[error("Parameter error. invoice_no: is the number of another invoice.")]
    NumberTaken,
    /// A parameter breaks its rule.
    #[error("Parameter error. {0}: {1}.")]
    Parameter(&'static str, &'static str),
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::bss(StatusCode::BAD_REQUEST, "CBC.0100", refusal.to_string())
    }
}

/// Why something was not done: a rule, or a failure.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// A rule forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// Something is stored that cannot be read, or cannot be written.
    #[error("{0}")]
    Unreadable(String),
}

impl From<NotDone> for ApiError {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Refused(refusal) => refusal.into(),
            NotDone::Database(error) => error.into(),
            NotDone::Unreadable(cause) => Self::internal(cause),
        }
    }
}
