//! Why whom a request names cannot be acted on: the vendor's codes and words, which operations of several domains answer.

use crate::api::error::ApiError;
use axum::http::StatusCode;

/// What an account that a request names is not to who calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unrelated {
    /// No such customer, or another partner's.
    NotACustomer,
    /// A customer of the distributor's own tree, but of one of its resellers, which the request does not name; or a referral
    /// customer where only resale ones are meant, for which the vendor documents no code of the current version.
    NoPermissionOnCustomer,
    /// No such reseller, or another distributor's.
    NoSuchReseller,
}

impl Unrelated {
    /// The vendor's code, and its words.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NotACustomer => ("CBC.99000035", "Not a customer of the partner."),
            Self::NoPermissionOnCustomer => ("CBC.99000000", "No permission to operate the customer."),
            Self::NoSuchReseller => ("CBC.99000037", "You do not have permission to operate this reseller."),
        }
    }
}

/// The whole request is refused: 400.
impl From<Unrelated> for ApiError {
    fn from(unrelated: Unrelated) -> Self {
        let (code, message) = unrelated.words();
        Self::bss(StatusCode::BAD_REQUEST, code, message)
    }
}

/// Why it is not known who is meant.
#[derive(Debug)]
pub enum LookUpError {
    /// Nobody with whom the caller has to do.
    Unrelated(Unrelated),
    /// They could not be looked up.
    Failed(ApiError),
}

impl From<Unrelated> for LookUpError {
    fn from(unrelated: Unrelated) -> Self {
        Self::Unrelated(unrelated)
    }
}

impl From<ApiError> for LookUpError {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl From<LookUpError> for ApiError {
    fn from(error: LookUpError) -> Self {
        match error {
            LookUpError::Unrelated(unrelated) => unrelated.into(),
            LookUpError::Failed(error) => error,
        }
    }
}
