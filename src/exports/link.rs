//! Links to files that a browser can open, and that end.
//!
//! A link says which file and until when, sealed by a hash with a key of the system's: whoever has it may fetch the file, on any
//! replica, and nothing is stored.

use crate::personal::Vault;
use crate::values::id::{ExportId, TenantId};
use crate::values::text::texts;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// For how long a link is good.
pub const VALID_FOR: Duration = Duration::hours(1);
/// What the hash is of, beside other hashes with the same key.
const WHAT: &str = "link to an export";
/// Bytes of what is sealed: two ids, and a second.
const SEALED: usize = 40;

texts! {
    /// What a link to a file ends with.
    LinkToken, 1..=256, "01978d6a2b3c7d4e8f90a1b2c3d4e5f6";
}

/// A link's token for this file until an instant of the tenant's time.
pub fn token(vault: &Vault, (tenant, export): (TenantId, ExportId), until: OffsetDateTime) -> String {
    let mut sealed = [tenant.0.as_bytes().as_slice(), export.0.as_bytes()].concat();
    sealed.extend_from_slice(&until.unix_timestamp().to_be_bytes());
    let hash = vault.hash(WHAT, &sealed);
    hex::encode([sealed, hash].concat())
}

/// Which file a token is for, and until when; nothing if it is not one of ours.
pub fn read(vault: &Vault, token: &LinkToken) -> Option<((TenantId, ExportId), OffsetDateTime)> {
    let bytes = hex::decode(token.as_str()).ok()?;
    let (sealed, hash) = bytes.split_at_checked(SEALED)?;
    if !vault.is_hash_of(WHAT, sealed, hash) {
        return None;
    }
    let id = |bytes: &[u8]| Uuid::from_slice(bytes).ok();
    let until = OffsetDateTime::from_unix_timestamp(i64::from_be_bytes(sealed[32..].try_into().ok()?)).ok()?;
    Some(((TenantId(id(&sealed[..16])?), ExportId(id(&sealed[16..32])?)), until))
}
