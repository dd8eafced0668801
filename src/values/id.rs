//! Ids: one type each, a UUID of version 7 in the database, 32 hexadecimal digits on the wire as the vendor writes them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use time::OffsetDateTime;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use uuid::{NoContext, Timestamp, Uuid};

macro_rules! ids {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, sqlx::Type)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id that sorts after those made before `now`.
            pub fn new(now: OffsetDateTime) -> Self {
                Self(new_uuid(now))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.simple())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0.simple())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Uuid::deserialize(deserializer).map(Self)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                id_schema()
            }
        }

        impl utoipa::ToSchema for $name {}
    )+};
}

ids! {
    /// The account at the top of a tree; every row of a tenant's tables carries it.
    TenantId;
    /// An account: partner, reseller or customer.
    DomainId;
    /// A user of an account.
    UserId;
    /// A project (region) of an account.
    ProjectId;
    /// A permission that an account gives another one to act for it.
    AgencyId;
    /// An account of the ledger.
    AccountId;
    /// A transfer between two of them.
    TransferId;
    /// A quota that coupons are issued from.
    QuotaId;
    /// A coupon.
    CouponId;
    /// A rule by which requests meet a fault of the sandbox.
    FaultId;
}

/// A new id without a type of its own.
pub fn new_uuid(now: OffsetDateTime) -> Uuid {
    let seconds = u64::try_from(now.unix_timestamp()).expect("the clock stands after 1970");
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.nanosecond()))
}

fn id_schema() -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .min_length(Some(32))
        .max_length(Some(32))
        .pattern(Some("^[0-9a-f]{32}$"))
        .examples(["01978d6a2b3c7d4e8f90a1b2c3d4e5f6"])
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn the_wire_form_is_32_hex_digits_and_reads_back() {
        let id = DomainId::new(datetime!(2026-01-01 00:00 UTC));
        let text = serde_json::to_string(&id).expect("an id serialises");
        assert_eq!(text.len(), 34, "{text}");
        assert_eq!(serde_json::from_str::<DomainId>(&text).expect("it reads back"), id);
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let earlier = UserId::new(datetime!(2026-01-01 00:00 UTC));
        let later = UserId::new(datetime!(2026-01-01 00:00:01 UTC));
        assert!(earlier < later);
    }
}
