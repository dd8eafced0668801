//! Why something is not done in an enterprise: the vendor's codes and words.

use crate::accounts::model::insufficient_balance;
use crate::api::error::ApiError;
use crate::customers::model as customers;
use crate::ledger::{PostError, books};
use crate::real_name::model::{CODE_EXPIRED, UNMET};
use axum::http::StatusCode;

/// The master's state forbids it, in operations on members and in the older forms.
const UNMET_BY_MASTER: &str = "CBC.7004";

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
    /// The master is a resale customer, whose money is its partner's to allocate.
    NotOfAPartner,
    /// The same, of a reseller.
    NotOfAReseller,
    /// The coupon is no cash coupon of the vendor's own.
    CashCoupon,
    /// The coupon is used up, expired, reclaimed or frozen.
    LivingCoupon,
    /// The coupon is used once, so only all of it can be given.
    WholeCoupon,
    /// The member owes something.
    MemberInDebt,
    /// The member has credit of its own.
    MembersOwnCredit,
    /// The member does not let its master share credit with it.
    NoSharedCredit,
    /// The master keeps the member's finances: there is nothing to take back.
    InCustody,
}

impl Check {
    /// As the vendor names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoProjectGroups => "NOT_OPEN_PROJECT_GROUP",
            Self::NoMultiProject => "NOT_OPEN_MULTI_PROJECT",
            Self::VerifiedCompany => "SELF_OPEN_ONLY_FOR_ENT_AND_INTR_CUST",
            Self::MembersMax => "MAX_SUB_CUSTOMER_NUM",
            // The vendor tells two ways apart in which its distributors sell. Here a reseller's customers stand for the second.
            Self::NotOfAPartner => "PRI_PAID_BP_SUB_CUST_NOT_TRANS_DEBIT",
            Self::NotOfAReseller => "PRI_RESALE_BP_SUB_CUST_NOT_TRANS_DEBIT",
            Self::CashCoupon => "ONLY_CASH_COUPON_CAN_TRANSFER",
            Self::LivingCoupon => "COUPON_STATUS_CAN_NOT_OPERATE",
            Self::WholeCoupon => "COUPON_TRANS_ONE_TIME",
            Self::MemberInDebt => "SUB_CUSTOMER_OVERDUE_BILL",
            Self::MembersOwnCredit => "SUB_CUSTOMER_NO_OWN_CREDIT",
            Self::NoSharedCredit => "NO_SHARE_CREDIT_TO_SUB_PERMISSION",
            Self::InCustody => "NO_RETRIEVE_FOR_FC_SUBACCOUNT",
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
    /// There is no such account, or it has no credit at all.
    NoSuchAccount,
    /// The number of the transfer was used before.
    TransIdUsed,
    /// The master account has not finished another transfer.
    Busy,
    /// Less is there than is to be moved.
    Insufficient,
    /// No credit ends then.
    NoSuchCredit,
    /// The credit has ended.
    CreditEnded,
    /// The coupon is none of the master's, or none that was taken from it.
    NoSuchCoupon(&'static str),
    /// The ledger does not take it: an account is closed, or would hold more than it can.
    Failed,
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

/// Why something was not done: a rule, or a failure.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// A rule forbids it.
    #[error("{0:?}")]
    Refused(Refusal),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl From<Refusal> for NotDone {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<PostError> for NotDone {
    fn from(error: PostError) -> Self {
        match error {
            PostError::Refused(books::Refusal::Insufficient) => Self::Refused(Refusal::Insufficient),
            PostError::Refused(books::Refusal::Closed | books::Refusal::TooLarge) => Self::Refused(Refusal::Failed),
            PostError::Database(error) => Self::Database(error),
        }
    }
}

impl NotDone {
    /// As the older forms answer it, which have codes and statuses of their own for what the state of things forbids.
    pub fn in_old_form(self) -> ApiError {
        let Self::Refused(refusal) = self else { return self.into() };
        let code = match &refusal {
            Refusal::Unmet(_) => UNMET_BY_MASTER,
            Refusal::CreditEnded => "CBC.7181",
            Refusal::NoSuchCredit => {
                return ApiError::parameter("expireTime", "must be when one of the credits ends, to the second");
            }
            _ => return refusal.into(),
        };
        ApiError { status: StatusCode::INTERNAL_SERVER_ERROR, code, ..refusal.into() }
    }
}

impl From<NotDone> for ApiError {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Refused(refusal) => refusal.into(),
            NotDone::Database(error) => error.into(),
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
            Refusal::UnmetByMaster(checks) => failed(UNMET_BY_MASTER, UNMET.1).with_failed_checks(names(checks)),
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
            Refusal::NoSuchAccount => refused("CBC.99000047", "The account does not exist."),
            Refusal::TransIdUsed => refused("CBC.99007009", "Duplicate transaction ID."),
            Refusal::Busy => {
                refused("CBC.99007461", "An allocation or reclaim task is still in progress; try again later.")
            }
            Refusal::Insufficient => insufficient_balance(),
            Refusal::NoSuchCredit => {
                Self::parameter("expire_time", "must be when one of the credits ends, to the second")
            }
            // Older forms answer CBC.7181.
            Refusal::CreditEnded => {
                refused("CBC.99007181", "The validity period of the credit to allocate or reclaim has expired.")
            }
            Refusal::NoSuchCoupon(field) => Self::parameter(field, "there is no such coupon"),
            Refusal::Failed => {
                refused("CBC.99000043", "Allocation to or reclaim from the enterprise member account failed.")
            }
        }
    }
}
