//! Who may call an operator's operation, published and enforced.

use crate::operators::store::Role;
use serde::{Deserialize, Serialize};

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
