//! The nouns of an enterprise: units of its organisation, members, what a member's master may do.

use crate::values::coded::coded;
use crate::values::id::DomainId;
use clap::ValueEnum;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

/// How many levels an organisation has at most, the root's among them. The vendor's bound is not known; this one bounds what a
/// recursive query answers.
pub const LEVELS_MAX: i16 = 10;

/// The longest id of a unit that a request can hold.
const PARTY_ID_DIGITS: usize = 20;

/// A unit's id: a number of its tenant's, digits on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, sqlx::Type)]
#[sqlx(transparent)]
pub struct PartyId(pub i64);

impl fmt::Display for PartyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for PartyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PartyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl TryFrom<String> for PartyId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if !(1..=PARTY_ID_DIGITS).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("must have 1 to {PARTY_ID_DIGITS} digits and nothing else"));
        }
        // Twenty digits can be more than any number that is ever given: then no unit has it.
        Ok(Self(text.parse().unwrap_or(i64::MAX)))
    }
}

impl utoipa::PartialSchema for PartyId {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .pattern(Some("^[0-9]+$"))
            .min_length(Some(1))
            .max_length(Some(PARTY_ID_DIGITS))
            .examples(["392"])
            .into()
    }
}

impl ToSchema for PartyId {}

/// A unit of an organisation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unit {
    /// Its id.
    pub id: PartyId,
    /// The unit it hangs below; nothing: it is the root.
    pub parent: Option<PartyId>,
    /// The number of its place below that unit.
    pub relation: Option<i64>,
    /// How deep it is; the root's level is 1.
    pub level: i16,
    /// Its name; the root's may be empty.
    pub name: String,
}

coded! {
    /// How far a member is.
    MemberStatus {
        /// It can be used.
        Normal = 1,
        /// It is being created.
        Creating = 2,
        /// It is leaving.
        Closing = 3,
        /// It has left.
        Closed = 4,
        /// Its account is being registered.
        Registering = 101,
        /// It was asked to join and has not agreed yet.
        AwaitingActivation = 102,
    }
    /// How a member hangs together with its master.
    MemberAssociation {
        /// They are of one legal entity.
        SameLegalEntity = 1,
    }
    /// A switch of a query.
    QuerySwitch {
        /// Off.
        Off = 0,
        /// On.
        On = 1,
    }
    /// Who keeps a member's finances.
    FinancialCustody {
        /// The member itself.
        Independent = 0,
        /// Its master.
        InCustody = 1,
    }
}

impl FinancialCustody {
    /// In custody, or not.
    pub fn of(in_custody: bool) -> Self {
        if in_custody { Self::InCustody } else { Self::Independent }
    }
}

/// What a master may do with a member.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema, ValueEnum)]
#[schema(as = MemberPermission)]
pub enum Permission {
    /// See the member's balances.
    #[serde(rename = "READ_FINANCE_INFO")]
    #[value(name = "READ_FINANCE_INFO")]
    ReadFinanceInfo,
    /// See what the member consumes.
    #[serde(rename = "READ_CONSUME_BILL")]
    #[value(name = "READ_CONSUME_BILL")]
    ReadConsumeBill,
    /// Issue the member's invoices.
    #[serde(rename = "SUBSTITUTE-OPEN-INVOICE")]
    #[value(name = "SUBSTITUTE-OPEN-INVOICE")]
    SubstituteOpenInvoice,
    /// Keep the member from issuing invoices.
    #[serde(rename = "TAKE-OVER-OPEN-INVOICE")]
    #[value(name = "TAKE-OVER-OPEN-INVOICE")]
    TakeOverOpenInvoice,
    /// Share the master's credit with the member.
    #[serde(rename = "SHARE-CREDIT-TO-SUB")]
    #[value(name = "SHARE-CREDIT-TO-SUB")]
    ShareCreditToSub,
    /// Share the master's commercial discounts with the member.
    #[serde(rename = "SHARE-BIZ-DISCOUNT-TO-SUB")]
    #[value(name = "SHARE-BIZ-DISCOUNT-TO-SUB")]
    ShareBizDiscountToSub,
}

impl Permission {
    /// What a member in custody allows its master, whatever was asked for.
    pub const OF_CUSTODY: [Self; 3] = [Self::ReadFinanceInfo, Self::ReadConsumeBill, Self::ShareBizDiscountToSub];

    /// As the vendor names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadFinanceInfo => "READ_FINANCE_INFO",
            Self::ReadConsumeBill => "READ_CONSUME_BILL",
            Self::SubstituteOpenInvoice => "SUBSTITUTE-OPEN-INVOICE",
            Self::TakeOverOpenInvoice => "TAKE-OVER-OPEN-INVOICE",
            Self::ShareCreditToSub => "SHARE-CREDIT-TO-SUB",
            Self::ShareBizDiscountToSub => "SHARE-BIZ-DISCOUNT-TO-SUB",
        }
    }
}

/// What a member allows: in custody a fixed set, else what was asked for, each once.
pub fn permissions(custody: FinancialCustody, asked: &[Permission]) -> Vec<Permission> {
    let mut permissions = match custody {
        FinancialCustody::InCustody => Permission::OF_CUSTODY.to_vec(),
        FinancialCustody::Independent => asked.to_vec(),
    };
    permissions.sort_unstable();
    permissions.dedup();
    permissions
}

/// A way of dividing an account's resources.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::Type, Serialize, Deserialize, ToSchema, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schema(as = AccountFeature)]
pub enum Feature {
    /// Enterprise projects
    EnterpriseProjects,
    /// Groups of projects
    ProjectGroups,
    /// Several projects in one region
    MultiProject,
}

/// A member of an enterprise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its account.
    pub id: DomainId,
    /// Its account's name.
    pub name: String,
    /// The unit it belongs to.
    pub unit: PartyId,
    /// How far it is.
    pub status: MemberStatus,
    /// Its name in the organisation.
    pub display_name: String,
    /// What its master may do with it, as the vendor names it.
    pub permissions: Vec<String>,
    /// Whether its master keeps its finances.
    pub in_custody: bool,
    /// Since when.
    pub joined_at: OffsetDateTime,
}

impl Member {
    /// Whether its master may do this.
    pub fn allows(&self, permission: Permission) -> bool {
        self.permissions.iter().any(|allowed| allowed == permission.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_units_id_has_digits_only() {
        let read = |text: &str| serde_json::from_value::<PartyId>(json!(text)).ok();
        assert_eq!(read("392"), Some(PartyId(392)));
        assert_eq!(read("99999999999999999999"), Some(PartyId(i64::MAX)), "no unit has it");
        for wrong in ["", "39a", "-1", " 1", "+1", "100000000000000000000"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(serde_json::to_value(PartyId(392)).ok(), Some(json!("392")));
    }

    #[test]
    fn custody_has_permissions_of_its_own() {
        let asked = [Permission::ShareCreditToSub, Permission::ReadConsumeBill, Permission::ShareCreditToSub];
        assert_eq!(permissions(FinancialCustody::InCustody, &asked), Permission::OF_CUSTODY);
        let kept = [Permission::ReadConsumeBill, Permission::ShareCreditToSub];
        assert_eq!(permissions(FinancialCustody::Independent, &asked), kept);
        assert_eq!(permissions(FinancialCustody::Independent, &[]), []);
    }

    #[test]
    fn a_permission_is_written_as_it_is_read() {
        use Permission::{ReadFinanceInfo, ShareCreditToSub, SubstituteOpenInvoice, TakeOverOpenInvoice};
        let all = [ReadFinanceInfo, ShareCreditToSub, SubstituteOpenInvoice, TakeOverOpenInvoice];
        for permission in all.into_iter().chain(Permission::OF_CUSTODY) {
            assert_eq!(serde_json::to_value(permission).ok(), Some(json!(permission.as_str())));
        }
    }
}
