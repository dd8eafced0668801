//! Why something is not done in an enterprise: the vendor's codes and words.

use crate::api::error::ApiError;
use crate::customers::model as customers;
use crate::real_name::model::{CODE_EXPIRED, UNMET};
use axum::http::StatusCode;

/// What of an account's state forbids something, as the vendor names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Check {
    /// It divides its resources by groups of projects already.
    NoProjectGroups,
    /// It divides them by several projects of one region already.
    NoMultiProject,
    /// It is no verified company.
    VerifiedCompany,
    /// It has as many members as it can have.
    MembersMax,
}

impl Check {
    /// As the vendor names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoProjectGroups => "NOT_OPEN_PROJECT_GROUP",
            Self::NoMultiProject => "NOT_OPEN_MULTI_PROJECT",
            Self::VerifiedCompany => "SELF_OPEN_ONLY_FOR_ENT_AND_INTR_CUST",
            Self::MembersMax => "MAX_SUB_CUSTOMER_NUM",
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
    /// The master's state forbids it, in operations on members.
    UnmetByMaster(Vec<Check>),
    /// The master's partner leaves.
    PartnerExits,
    /// The master is a resale customer: its members have no finances of their own.
    OnlyInCustody,
    /// Too many codes were sent.
    TooManyCodes,
    /// The code is another one, or was tried too often.
    CodeWrong,
    /// The code has expired.
    CodeExpired,
    /// The account cannot be opened, as any other customer's could not.
    Opening(customers::Refusal),
}

/// What has a code of its own where an enterprise does it.
impl From<customers::Refusal> for Refusal {
    fn from(refusal: customers::Refusal) -> Self {
        match refusal {
            customers::Refusal::TooManyCodes => Self::TooManyCodes,
            customers::Refusal::CodeWrong | customers::Refusal::CodeTried => Self::CodeWrong,
            customers::Refusal::CodeExpired => Self::CodeExpired,
            refusal => Self::Opening(refusal),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let refused = |code, message| Self::bss(StatusCode::BAD_REQUEST, code, message);
        // The vendor's status of some.
        let failed = |code, message| Self::bss(StatusCode::INTERNAL_SERVER_ERROR, code, message);
        let names = |checks: Vec<Check>| checks.into_iter().map(Check::name).collect();
        match refusal {
            Refusal::NotAMember => failed("CBC.7001", "The master account is not associated with the member account."),
            Refusal::Unmet(checks) => refused(UNMET.0, UNMET.1).with_failed_checks(names(checks)),
            Refusal::UnmetByMaster(checks) => failed("CBC.7004", UNMET.1).with_failed_checks(names(checks)),
            Refusal::PartnerExits => {
                let message =
                    "The partner your account is associated with is exiting; member accounts cannot be created.";
                refused("CBC.99007490", message)
            }
            Refusal::OnlyInCustody => {
                let rule = "must be 1: the members of a partner's resale customer are in its custody";
                Self::parameter("financial_custody", rule)
            }
            Refusal::TooManyCodes => {
                refused("CBC.99000082", "The number of verification codes sent by the customer exceeds the limit.")
            }
            Refusal::CodeWrong => refused("CBC.99000026", "Incorrect verification code."),
            Refusal::CodeExpired => refused(CODE_EXPIRED.0, CODE_EXPIRED.1),
            Refusal::Opening(refusal) => refusal.into(),
        }
    }
}
