//! `bss-gateway admin enterprise …`

use super::administration::{self, Invitation, UnitChange};
use super::create_sub_enterprise_account::DisplayName;
use super::model::{Feature, FinancialCustody, PartyId, Permission};
use super::organisation::UnitName;
use super::store::Master;
use crate::arguments::given;
use crate::associations::members;
use crate::clock::{self, Clock};
use crate::identity::administration::find_account;
use crate::personal::Vault;
use clap::Subcommand;
use serde_json::Value;
use sqlx::{Connection, PgConnection};

/// `admin enterprise …`
#[derive(Debug, Subcommand)]
pub enum EnterpriseCommand {
    /// List the units of an organisation, the root first
    Units {
        /// The enterprise master account
        account: String,
    },
    /// Add a unit
    CreateUnit {
        /// The enterprise master account
        account: String,
        /// The unit's name
        #[arg(value_parser = given::<UnitName>)]
        name: UnitName,
        /// The unit it hangs below; the root unless given
        #[arg(long, value_parser = given::<PartyId>)]
        parent: Option<PartyId>,
    },
    /// Rename a unit, or hang it below another one
    ChangeUnit {
        /// The enterprise master account
        account: String,
        /// The unit
        #[arg(value_parser = given::<PartyId>)]
        unit: PartyId,
        /// Its new name
        #[arg(long, value_parser = given::<UnitName>)]
        name: Option<UnitName>,
        /// The unit it hangs below from now on, with all that hangs below it
        #[arg(long, value_parser = given::<PartyId>)]
        parent: Option<PartyId>,
    },
    /// List the members, the latest first
    Members {
        /// The enterprise master account
        account: String,
    },
    /// Make an account of the same tenant a member
    Invite {
        /// The enterprise master account
        account: String,
        /// The account that joins
        member: String,
        /// The unit it will belong to; the root unless given
        #[arg(long, value_parser = given::<PartyId>)]
        unit: Option<PartyId>,
        /// Its name in the organisation
        #[arg(long, value_parser = given::<DisplayName>)]
        display_name: Option<DisplayName>,
        /// What the enterprise may do with it; can be repeated
        #[arg(long = "permission")]
        permissions: Vec<Permission>,
        /// The enterprise keeps its finances
        #[arg(long)]
        custody: bool,
    },
    /// Let a member go: what is left of what it was given goes back first
    Dismiss {
        /// The enterprise master account
        account: String,
        /// The member's account
        member: String,
    },
    /// Show how an account divides its resources
    Features {
        /// The account
        account: String,
    },
    /// Open a way of dividing an account's resources, for good
    OpenFeature {
        /// The account
        account: String,
        /// Which
        feature: Feature,
    },
}

impl EnterpriseCommand {
    fn account(&self) -> &str {
        match self {
            Self::Units { account }
            | Self::CreateUnit { account, .. }
            | Self::ChangeUnit { account, .. }
            | Self::Members { account }
            | Self::Invite { account, .. }
            | Self::Dismiss { account, .. }
            | Self::Features { account }
            | Self::OpenFeature { account, .. } => account,
        }
    }
}

/// Does it.
pub async fn run(connection: &mut PgConnection, command: EnterpriseCommand, vault: &Vault) -> anyhow::Result<Value> {
    let mut transaction = connection.begin().await?;
    let of = find_account(&mut transaction, command.account()).await?;
    let master = Master { tenant: of.0, id: of.1 };
    let now = clock::business_time(&mut transaction, of.0, &Clock::default()).await?;
    let shown = match command {
        EnterpriseCommand::Units { .. } => {
            serde_json::to_value(administration::units(&mut transaction, master).await?)?
        }
        EnterpriseCommand::CreateUnit { name, parent, .. } => {
            let created = administration::create_unit(&mut transaction, master, (&name, parent), now).await?;
            serde_json::to_value(created)?
        }
        EnterpriseCommand::ChangeUnit { unit, name, parent, .. } => {
            let change = UnitChange { name, parent };
            serde_json::to_value(administration::change_unit(&mut transaction, master, unit, &change).await?)?
        }
        EnterpriseCommand::Members { .. } => {
            serde_json::to_value(administration::members(&mut transaction, master).await?)?
        }
        EnterpriseCommand::Invite { member, unit, display_name, permissions, custody, .. } => {
            let invitation = Invitation {
                account: &member,
                unit,
                display_name: display_name.as_ref().map(DisplayName::as_str).unwrap_or_default(),
                permissions: &permissions,
                custody: FinancialCustody::of(custody),
            };
            members::join(&mut transaction, vault, master, &invitation, now).await?;
            serde_json::to_value(administration::members(&mut transaction, master).await?)?
        }
        EnterpriseCommand::Dismiss { member, .. } => {
            members::leave(&mut transaction, master, &member, now).await?;
            serde_json::to_value(administration::members(&mut transaction, master).await?)?
        }
        EnterpriseCommand::Features { .. } => {
            serde_json::to_value(administration::features(&mut transaction, of).await?)?
        }
        EnterpriseCommand::OpenFeature { feature, .. } => {
            serde_json::to_value(administration::open_feature(&mut transaction, of, feature, now).await?)?
        }
    };
    transaction.commit().await?;
    Ok(shown)
}
