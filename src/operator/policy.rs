//! Who may call an operator's operation, published and enforced: the [`Rules`] of that API.

use super::document;
use crate::api::operation::Rules;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;

/// What an operator may do; each role may also do what those before it may.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, sqlx::Type, ToSchema, ValueEnum,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Read,
    /// Do business: customers, funds, coupons, discounts.
    Operate,
    /// Also what concerns all: prices, the catalogue, maintenance; and let others in: accounts, keys, passwords, operators.
    Admin,
}

/// Who may call an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorPolicy {
    /// The least role.
    pub role: Role,
    /// Whether it changes something: then it takes an `Idempotency-Key` and is audited.
    pub writes: bool,
}

impl OperatorPolicy {
    /// A look, open to every operator.
    pub fn reads() -> Self {
        Self { role: Role::Read, writes: false }
    }

    /// A change, open to operators of this role or above.
    pub fn writes(role: Role) -> Self {
        Self { role, writes: true }
    }
}

impl Rules for OperatorPolicy {
    fn stamp(&self, operation: &mut Operation) {
        document::stamp(operation, self);
    }
}
