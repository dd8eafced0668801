//! The kinds of account that operators can make, in their words.

use crate::api::caller::CallerKind;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A kind of account, as operators say it.
#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AccountKind)]
pub enum Kind {
    /// A solution provider
    Partner,
    /// A general distributor
    Distributor,
    /// A reseller, below a distributor
    Reseller,
    /// A customer
    Customer,
    /// An enterprise master account
    Master,
}

impl From<Kind> for CallerKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Partner => Self::Partner,
            Kind::Distributor => Self::Distributor,
            Kind::Reseller => Self::Reseller,
            Kind::Customer => Self::Customer,
            Kind::Master => Self::Master,
        }
    }
}
