//! Why something is not done to a resource: the vendor's codes and words.

use crate::api::error::ApiError;
use crate::orders::refusal::NotDone;
use axum::http::StatusCode;

/// Why something is not done to a resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", self.words().1)]
pub enum Refusal {
    /// There is none of this id, or it is no primary where one is meant.
    Unknown,
    /// Where it is to be renewed: it is gone, or there never was one.
    Gone,
    /// Where it is to be given back: it is gone.
    Deleted,
    /// It follows another one.
    NotPrimary,
    /// It is not sold for this time.
    NoSuchPeriod,
    /// It is not sold any more, is to be turned to pay-per-use, or its customer is frozen.
    NotRenewable,
    /// An order for it waits to be paid.
    PendingPayment,
    /// Something else is under way with it.
    InProgress,
    /// It has expired, or is frozen.
    Frozen,
    /// Its customer is frozen, where it is to be turned to pay-per-use.
    CustomerFrozen,
    /// No renewal of it lies ahead.
    NoRenewalAhead,
    /// It has expired, or is frozen, where it is to be renewed by itself.
    NoAutoRenewal,
    /// It is not renewed by itself.
    NotAutoRenewed,
    /// The order was placed, but could not be paid.
    AutomaticPayment,
}

impl Refusal {
    /// The vendor's code, and its words.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Unknown => ("CBC.99003012", "The resource ID does not exist."),
            Self::Gone => ("CBC.99003016", "The resource has expired and been deleted, or does not exist."),
            Self::Deleted => {
                ("CBC.30000067", "The resource has been deleted or is not managed; it cannot be unsubscribed.")
            }
            Self::NotPrimary => ("CBC.30010067", "The resource to renew is not a primary resource."),
            Self::NoSuchPeriod => ("CBC.30010069", "The renewal period does not exist."),
            Self::NotRenewable => ("CBC.99000092", "The subscription period failed the check."),
            Self::PendingPayment => (
                "CBC.99003100",
                "Some of the resources are in a pending-payment order; the operation cannot be performed.",
            ),
            Self::InProgress => ("CBC.99003651", "The transaction is in progress; unsubscription is not allowed."),
            Self::Frozen => ("CBC.99003656", "The resource is frozen; the operation cannot be performed."),
            Self::CustomerFrozen => ("CBC.99003626", "The account is frozen; changing to pay-per-use is not allowed."),
            Self::NoRenewalAhead => (
                "CBC.99003128",
                "The resource has no renewal period or the renewal period has taken effect; it cannot be unsubscribed.",
            ),
            Self::NoAutoRenewal => {
                ("CBC.99003602", "The resource has expired or is frozen; auto-renewal is not allowed.")
            }
            Self::NotAutoRenewed => {
                ("CBC.99003605", "Auto-renewal has been cancelled; the operation cannot be performed.")
            }
            Self::AutomaticPayment => ("CBC.30050006", "Automatic payment of the order failed."),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let (code, words) = refusal.words();
        Self::bss(StatusCode::BAD_REQUEST, code, words)
    }
}

/// Why something was not done to resources.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A rule forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The order that it takes was not made.
    #[error(transparent)]
    Order(#[from] NotDone),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::Order(not_done) => not_done.into(),
            Failure::Database(error) => error.into(),
        }
    }
}
