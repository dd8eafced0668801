//! Ids: one type each, a UUID of version 7 in the database, 32 hexadecimal digits on the wire as the vendor writes them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
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
                serializer.serialize_str(self.0.simple().encode_lower(&mut Uuid::encode_buffer()))
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
    /// A framework agreement.
    AgreementId;
    /// A discount.
    DiscountId;
    /// A rule by which requests meet a fault of the sandbox.
    FaultId;
    /// An event that an account is told of.
    EventId;
    /// Where an account's events are sent.
    WebhookId;
    /// A resource package.
    PackageId;
    /// What a resource package has of one usage type.
    PackageItemId;
    /// A charge.
    ChargeId;
    /// A lot of a customer's credit.
    LotId;
    /// An invoice, or a request for one.
    InvoiceId;
    /// To whom invoices are made out.
    InvoiceTitleId;
    /// An export.
    ExportId;
    /// A subscription to files.
    FileSubscriptionId;
}

/// A new id without a type of its own.
pub fn new_uuid(now: OffsetDateTime) -> Uuid {
    let seconds = u64::try_from(now.unix_timestamp()).expect("the clock stands after 1970");
    let time = Timestamp::from_unix(NoContext, seconds, now.nanosecond());
    let next = SEQUENCE.try_with(|sequence| sequence.replace_with(|sequence| sequence.after()));
    next.map_or_else(|_| Uuid::new_v7(time), |next| next.uuid(seconds * 1000 + u64::from(now.millisecond())))
}

tokio::task_local! {
    static SEQUENCE: RefCell<Sequence>;
}

/// Ids that follow from a seed.
#[derive(Clone, Copy)]
struct Sequence {
    seed: u64,
    next: u64,
}

impl Sequence {
    fn after(self) -> Self {
        Self { next: self.next + 1, ..self }
    }

    fn uuid(self, milliseconds: u64) -> Uuid {
        let digest: [u8; 32] = Sha256::digest(format!("bss-gateway id {} {}", self.seed, self.next)).into();
        let random = digest.first_chunk().expect("a SHA-256 has 32 bytes");
        uuid::Builder::from_unix_timestamp_millis(milliseconds, random).into_uuid()
    }
}

/// Runs something whose new ids are the same for the same seed: the making of a sandbox's world.
pub async fn seeded<T>(seed: u64, making: impl Future<Output = T>) -> T {
    SEQUENCE.scope(RefCell::new(Sequence { seed, next: 0 }), making).await
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

    #[tokio::test]
    async fn ids_of_a_seed_are_the_same_each_time_and_those_of_none_never() {
        let now = datetime!(2026-01-01 00:00 UTC);
        let made = async |seed| seeded(seed, async { [new_uuid(now), new_uuid(now)] }).await;
        let [first, second] = made(7).await;
        assert_ne!(first, second);
        assert_eq!(made(7).await, [first, second]);
        assert_ne!(made(8).await, [first, second]);
        assert_ne!(new_uuid(now), new_uuid(now));
        assert_eq!(first.get_version_num(), 7);
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let earlier = UserId::new(datetime!(2026-01-01 00:00 UTC));
        let later = UserId::new(datetime!(2026-01-01 00:00:01 UTC));
        assert!(earlier < later);
    }
}
