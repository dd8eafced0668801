//! What partners ask of this server beyond the vendor's API.

pub mod show_idempotency_key;

use crate::api::operation::{Operations, operations};
use crate::app::App;

/// The domain's operations.
pub fn register(operations: &mut Operations<App>) {
    operations!(operations, "partner":
        show_idempotency_key::show_idempotency_key,
    );
}
