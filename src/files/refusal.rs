//! Why a subscription is refused, and why a file is not delivered. The vendor documents no codes for it: it has no such interface.

use crate::api::error::ApiError;
use crate::values::id::FileSubscriptionId;

/// Why a subscription is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A field breaks its rule.
    #[error("{0}: {1}")]
    Field(&'static str, String),
    /// The account has none of this id.
    #[error("there is no file subscription {0}")]
    NoSuchSubscription(FileSubscriptionId),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Why an attempt to deliver a file did not end.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The store, or the folder, did not take the file, for this cause.
    #[error("{0}")]
    Store(String),
    /// Another replica has the delivery, or it is gone.
    #[error("it is another replica's")]
    Lost,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Refusal {
    /// A field breaks its rule.
    pub fn field(field: &'static str, rule: impl Into<String>) -> Self {
        Self::Field(field, rule.into())
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Field(field, rule) => Self::parameter(field, rule),
            Refusal::NoSuchSubscription(id) => {
                Self::parameter("subscription_id", format_args!("there is no file subscription {id}"))
            }
            Refusal::Database(error) => error.into(),
        }
    }
}
