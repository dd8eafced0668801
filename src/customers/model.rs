//! What several operations share: names of accounts, who may register customers, the vendor's codes of refusals.

use super::refusal::Unrelated;
use crate::api::error::ApiError;
use crate::values::coded::coded;
use crate::values::id::DomainId;
use crate::values::text::texts;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

texts! {
    /// A short text, or nothing.
    ShortText, 0..=64, "demo";
    /// The user's id on the partner's platform.
    XaccountId, 1..=256, "user-4711";
    /// A partner's platform, as the vendor names it.
    XaccountType, 1..=64, "DEMO_PARTNER";
    /// A name, or a part of one, to look for.
    NamePart, 0..=64, "demo";
}

coded! {
    /// What a customer is.
    CustomerType {
        /// Not known yet.
        None = -1,
        /// A person.
        Person = 0,
        /// A company.
        Company = 1,
    }
    /// How far a customer's real-name authentication is.
    VerifiedStatus {
        /// It has not asked for it.
        None = -1,
        /// Under review.
        Pending = 0,
        /// Refused.
        Refused = 1,
        /// Verified.
        Verified = 2,
    }
    /// What of a customer is frozen.
    Frozen {
        /// Nothing.
        No = 0,
        /// The account.
        Account = 1,
        /// The account and its resources.
        AccountAndResources = 2,
    }
}

/// The vendor's rule for an account's name: 5 to 32 letters, digits, `_` and `-`, beginning with none of the digits, and
/// not with what the vendor keeps for itself.
pub fn is_domain_name(name: &str) -> bool {
    let fits = (5..=32).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        && !name.starts_with(|first: char| first.is_ascii_digit());
    fits && !name.starts_with("op_") && !name.starts_with("shadow_")
}

/// The wire's name of an association's kind: for the international site's customers resale is 3.
pub fn association_type(kind: AssociationType, international: bool) -> &'static str {
    match (kind, international) {
        (AssociationType::Referral, _) => "1",
        (AssociationType::Resale, true) => "3",
        (AssociationType::Resale, false) => "2",
    }
}

/// Why a customer is not created.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The phone's number is none.
    Phone,
    /// The name breaks its rule.
    Name,
    /// The name is taken.
    NameTaken,
    /// The password breaks its rule.
    Password,
    /// The phone or address has an account, and may have no more than one.
    ReceiverTaken,
    /// The phone has as many accounts as it may.
    PhoneExhausted,
    /// The phone or address is kept for the vendor's own customers.
    ReceiverReserved,
    /// The platform's user has an account.
    XaccountTaken,
    /// The code has expired.
    CodeExpired,
    /// The code was tried too often.
    CodeTried,
    /// The code is another one.
    CodeWrong,
    /// Too many codes were sent.
    TooManyCodes,
    /// A distributor has no customers of its own.
    Distributor,
    /// The partner may not create associations.
    Restricted,
    /// The reseller's distributor may not.
    DistributorRestricted,
    /// The reseller's distributor has left.
    DistributorExited,
    /// The partner's account is for tests.
    TestPartner,
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let (code, message) = match refusal {
            Refusal::Phone => ("CBC.5017", "Invalid mobile number format."),
            Refusal::Name => ("CBC.99000031", "Invalid DomainName."),
            Refusal::NameTaken => ("CBC.99000038", "The customer login name already exists."),
            Refusal::Password => ("CBC.99000036", "Invalid customer password format."),
            Refusal::ReceiverTaken => ("CBC.99000029", "The mobile number or email address already exists."),
            Refusal::PhoneExhausted => ("CBC.99000030", "The mobile number exceeds the limit."),
            Refusal::ReceiverReserved => {
                let message = "The mobile number or email address has been registered by Huawei.";
                ("CBC.99000051", message)
            }
            Refusal::XaccountTaken => ("CBC.99000039", "Duplicate xaccountId."),
            Refusal::CodeExpired => ("CBC.99004008", "The verification code has expired."),
            Refusal::CodeTried => ("CBC.99004009", "The verification code failed more than three times."),
            Refusal::CodeWrong => ("CBC.99004010", "Incorrect verification code."),
            Refusal::TooManyCodes => {
                ("CBC.99004015", "The number of verification codes sent has reached the limit (15/hour, 60/day).")
            }
            Refusal::Distributor => ("CBC.50010059", "A distributor is not allowed to associate with customers."),
            Refusal::Restricted => ("CBC.50010085", "The partner is restricted and cannot create associations."),
            Refusal::DistributorRestricted => ("CBC.50010086", "The reseller's distributor is restricted."),
            Refusal::DistributorExited => ("CBC.50010065", "The reseller's distributor has exited."),
            Refusal::TestPartner => ("CBC.99005035", "A test partner account cannot use this API."),
        };
        Self::bss(StatusCode::BAD_REQUEST, code, message)
    }
}

/// Why a step was not done: a rule, or a failure.
#[derive(Debug)]
pub enum NotDone {
    /// A rule forbids it.
    Refused(Refusal),
    /// The database failed.
    Database(sqlx::Error),
}

impl From<Refusal> for NotDone {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<sqlx::Error> for NotDone {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
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

texts! {
    /// An account's id as a request names it. What is no id of ours is an account that does not exist.
    AccountIdText, 0..=64, "01978d6a2b3c7d4e8f90a1b2c3d4e5f6";
}

impl AccountIdText {
    /// The id, if it can be one.
    pub fn id(&self) -> Option<DomainId> {
        Uuid::try_parse(self.as_str()).ok().map(DomainId)
    }

    /// The id that a request names; nothing if it is absent or empty.
    pub fn given(this: Option<&Self>) -> Option<&Self> {
        this.filter(|text| !text.as_str().is_empty())
    }
}

/// How a customer hangs together with its partner.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::Type, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[repr(i16)]
pub enum AssociationType {
    /// It pays the vendor itself.
    Referral = 1,
    /// Its partner allocates funds to it.
    Resale = 2,
}

/// A customer's association with its partner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Association {
    /// The partner or reseller.
    pub partner: DomainId,
    /// How.
    pub kind: AssociationType,
    /// Since when.
    pub since: OffsetDateTime,
}

/// A customer of a partner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Customer {
    /// Its id.
    pub id: DomainId,
    /// Its account's name.
    pub name: String,
    /// Its association.
    pub association: Association,
}

impl Customer {
    /// Refuses a referral customer where only resale ones are meant.
    pub fn require_resale(&self) -> Result<(), Unrelated> {
        match self.association.kind {
            AssociationType::Resale => Ok(()),
            AssociationType::Referral => Err(Unrelated::NoPermissionOnCustomer),
        }
    }
}

/// An account in relation to others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Related {
    /// A customer that is associated with a partner.
    Customer(Arc<Customer>),
    /// A reseller.
    Reseller {
        /// Its distributor.
        parent: DomainId,
        /// Its name.
        name: String,
    },
    /// Anything else.
    Other,
}

/// What a customer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = CustomerSort)]
pub enum Sort {
    /// A person.
    Person,
    /// A company.
    Company,
}

impl Sort {
    /// In words, where it is known.
    pub fn of(customer_type: CustomerType) -> Option<Self> {
        match customer_type {
            CustomerType::None => None,
            CustomerType::Person => Some(Self::Person),
            CustomerType::Company => Some(Self::Company),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_vendors_rule() {
        for good in ["abcde", "-abcd", "_abcd", "a2345", &"a".repeat(32), "shadowy"] {
            assert!(is_domain_name(good), "{good}");
        }
        for bad in
            ["abcd", &"a".repeat(33), "12345", "1abcd", "op_abc", "shadow_a", "abc.de", "abc de", "名字名字名字", ""]
        {
            assert!(!is_domain_name(bad), "{bad}");
        }
    }
}
