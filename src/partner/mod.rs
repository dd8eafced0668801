//! What partners ask of this server beyond the vendor's API.

pub mod show_idempotency_key;

use crate::api::operation::{Operations, operations};

/// The domain's operations.
pub fn register(operations: &mut Operations) {
    operations!(operations, "partner":
        show_idempotency_key::show_idempotency_key,
    );
}
