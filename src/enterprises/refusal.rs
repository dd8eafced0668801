//! Why something is not done in an enterprise: the vendor's codes and words.

use crate::api::error::ApiError;
use crate::real_name::model::UNMET;
use axum::http::StatusCode;

/// What of an account's state forbids it, as the vendor names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Check {
    /// It divides its resources by groups of projects already.
    NoProjectGroups,
    /// It divides them by several projects of one region already.
    NoMultiProject,
    /// It is no verified company.
    VerifiedCompany,
}

impl Check {
    /// As the vendor names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoProjectGroups => "NOT_OPEN_PROJECT_GROUP",
            Self::NoMultiProject => "NOT_OPEN_MULTI_PROJECT",
            Self::VerifiedCompany => "SELF_OPEN_ONLY_FOR_ENT_AND_INTR_CUST",
        }
    }
}

/// Why something is not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The account is no member of the caller's enterprise, for all that it may know.
    NotAMember,
    /// The account's state forbids it.
    Unmet(Vec<Check>),
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            // The vendor's status.
            Refusal::NotAMember => {
                let message = "The master account is not associated with the member account.";
                Self::bss(StatusCode::INTERNAL_SERVER_ERROR, "CBC.7001", message)
            }
            Refusal::Unmet(checks) => Self::bss(StatusCode::BAD_REQUEST, UNMET.0, UNMET.1)
                .with_failed_checks(checks.into_iter().map(Check::name).collect()),
        }
    }
}
