//! Why something is not done to an order: the vendor's codes and words.

use super::model::OrderStatus;
use crate::accounts::model::INSUFFICIENT_BALANCE;
use crate::api::error::ApiError;
use crate::coupons::choice;
use crate::customers::refusal::Unrelated;
use crate::ledger::{self, PostError};
use crate::pricing::model::{Fault, Unavailable};
use axum::http::StatusCode;

/// Why something is not done to an order.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// There is none, or it is another's.
    #[error("Invalid order (it may not exist); the operation cannot be performed.")]
    NoSuchOrder,
    /// It does not wait to be paid.
    #[error("The order status has changed; the order cannot be paid.")]
    NotPayable,
    /// Its deadline is over.
    #[error("The payment deadline has passed; submit the order again.")]
    TooLate,
    /// It does not stand so that it can be cancelled.
    #[error("The order status does not allow cancellation.")]
    NotCancellable(OrderStatus),
    /// It waits for nothing to be provided.
    #[error("Parameter error. order_id: the order waits for nothing to be provided.")]
    NotProcessing,
    /// It waits for no decision, or for another one.
    #[error("Parameter error. order_id: the order waits for no such decision.")]
    NotDecidable,
    /// It has no price.
    #[error("Parameter error. lines: {0}")]
    Price(Fault),
    /// What a resource is or shall be has no price by the month.
    #[error("Parameter error. change: {0}")]
    Unchangeable(Fault),
    /// It is no customer of the partner's, or not one that it may order for.
    #[error("{}", .0.words().1)]
    Customer(Unrelated),
    /// The customer has not allowed its partner to act for it.
    #[error("The customer has granted its partner no agency.")]
    NotAuthorised,
    /// Neither an unsubscription nor a downgrade.
    #[error("The order is not a downgrade or unsubscription order.")]
    NotARefund,
    /// The discount is none of those that are offered.
    #[error("The selected discount cannot be used for the order.")]
    NoSuchDiscount,
    /// The customer is frozen.
    #[error("Parameter error. customer: is frozen and buys, renews and changes nothing.")]
    Frozen,
    /// Cash and credit are too little.
    #[error("{}", INSUFFICIENT_BALANCE.1)]
    Insufficient,
    /// A coupon cannot be used; the choice of coupons says why.
    #[error("{}", .0.code().map_or("Parameter error. coupon_infos: a coupon cannot be used for this order.", |words| words.1))]
    Coupon(choice::Refusal),
    /// A parameter breaks its rule.
    #[error("Parameter error. {0}: {1}.")]
    Parameter(&'static str, &'static str),
}

impl Refusal {
    /// The vendor's code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchOrder => "CBC.30000010",
            Self::Customer(unrelated) => unrelated.words().0,
            Self::NotAuthorised => ApiError::FORBIDDEN,
            Self::NotPayable => "CBC.99003106",
            Self::TooLate => "CBC.99003110",
            Self::NotCancellable(_) => "CBC.99005010",
            Self::NotARefund => "CBC.99005026",
            Self::NoSuchDiscount => "CBC.99003108",
            Self::Insufficient => INSUFFICIENT_BALANCE.0,
            Self::Coupon(refusal) => refusal.code().map_or("CBC.0100", |words| words.0),
            Self::Frozen
            | Self::NotProcessing
            | Self::NotDecidable
            | Self::Price(_)
            | Self::Unchangeable(_)
            | Self::Parameter(..) => "CBC.0100",
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::NotAuthorised => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::bss(status, refusal.code(), refusal.to_string())
    }
}

/// Why something was not done to an order: a rule, or a failure.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// A rule forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What the customer's terms are could not be read.
    #[error(transparent)]
    Terms(#[from] Unavailable),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// Something is stored that cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

impl From<PostError> for NotDone {
    fn from(error: PostError) -> Self {
        match error {
            PostError::Refused(ledger::books::Refusal::Insufficient | ledger::books::Refusal::Closed) => {
                Self::Refused(Refusal::Insufficient)
            }
            PostError::Refused(refusal) => Self::Unreadable(refusal.to_string()),
            PostError::Database(error) => Self::Database(error),
        }
    }
}

impl From<NotDone> for ApiError {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Refused(refusal) => refusal.into(),
            NotDone::Terms(unavailable) => unavailable.into(),
            NotDone::Database(error) => error.into(),
            NotDone::Unreadable(cause) => Self::internal(cause),
        }
    }
}
