//! `bss-gateway admin partner …`, `reseller …`, `customer …`, `codes …`

use super::administration::create_account;
use super::administration::{self as customers, Filter, RealNameState};
use super::codes;
use super::freezing::{Change, FreezeType, Reason};
use super::model::AssociationType;
use super::model::XaccountType;
use super::partner_administration::{self as partners, find_partner};
use super::partners::{ProfileChange, change_profile};
use super::store;
use crate::api::caller::CallerKind;
use crate::arguments::given;
use crate::clock::{self, Clock};
use crate::identity::administration::find_account;
use crate::identity::model::LoginName;
use crate::personal::Vault;
use crate::values::receiver::Receiver;
use clap::Subcommand;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

/// `admin partner …`
#[derive(Debug, Subcommand)]
pub enum PartnerCommand {
    /// Show one
    Show {
        /// The partner's, distributor's or reseller's account
        account: String,
    },
    /// Set what is given, and show the rest
    Set(Box<ProfileArguments>),
    /// Assign a sales platform: what requests call `xaccount_type`, of the partner's customers
    Platform {
        /// The partner's account
        account: String,
        /// The platform
        #[arg(value_parser = given::<XaccountType>)]
        xaccount_type: XaccountType,
    },
}

/// What can be set.
#[derive(Debug, clap::Args)]
pub struct ProfileArguments {
    /// The partner's, distributor's or reseller's account
    account: String,
    #[command(flatten)]
    change: ProfileChange,
}

/// `admin reseller …`
#[derive(Debug, Subcommand)]
pub enum ResellerCommand {
    /// List the resellers of a distributor, the latest first
    List {
        /// The distributor's account
        account: String,
    },
    /// Admit a reseller: an account with a user of its own name who may do everything
    Admit {
        /// The distributor's account
        account: String,
        /// The reseller's name, unique over all accounts
        #[arg(value_parser = given::<LoginName>)]
        name: LoginName,
    },
}

/// `admin customer …`
#[derive(Debug, Subcommand)]
pub enum CustomerCommand {
    /// List the customers of a partner or reseller, the latest association first
    List {
        /// The partner's account
        account: String,
        /// Those associated in this way only
        #[arg(long = "type")]
        association_type: Option<AssociationType>,
        /// Only those of which something is frozen, or nothing
        #[arg(long)]
        frozen: Option<bool>,
        /// Those whose real-name authentication is so far only
        #[arg(long)]
        real_name: Option<RealNameState>,
        /// How many at most
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Show one
    Show {
        /// The customer's account
        account: String,
    },
    /// Let it buy, renew and change nothing
    Freeze {
        /// The customer's account
        account: String,
        /// Why
        #[arg(value_parser = given::<Reason>)]
        reason: Reason,
        /// What of it
        #[arg(long = "type", default_value = "account")]
        freeze_type: FreezeType,
    },
    /// Let it do so again
    Unfreeze {
        /// The customer's account
        account: String,
        /// Why
        #[arg(value_parser = given::<Reason>)]
        reason: Reason,
        /// By which type it was frozen
        #[arg(long = "type", default_value = "account")]
        unfreeze_type: FreezeType,
    },
}

/// `admin codes …`
#[derive(Debug, Subcommand)]
pub enum CodesCommand {
    /// Show the verification codes of a phone or an e-mail address: the sandbox's only
    Show {
        /// The phone or the address
        #[arg(value_parser = given::<Receiver>)]
        receiver: Receiver,
    },
    /// Keep a phone or an e-mail address for the vendor's own customers
    Reserve {
        /// The phone or the address
        #[arg(value_parser = given::<Receiver>)]
        receiver: Receiver,
    },
    /// Give it free
    Release {
        /// The phone or the address
        #[arg(value_parser = given::<Receiver>)]
        receiver: Receiver,
    },
}

/// Does it.
pub async fn partner(connection: &mut PgConnection, command: PartnerCommand, vault: &Vault) -> anyhow::Result<Value> {
    let account = match command {
        PartnerCommand::Show { account } => account,
        PartnerCommand::Platform { account, xaccount_type } => {
            partners::assign_platform(connection, &account, xaccount_type.as_str()).await?;
            account
        }
        PartnerCommand::Set(given) => {
            let ProfileArguments { account, change } = *given;
            let (tenant, domain, _) = find_partner(connection, &account).await?;
            change_profile(connection, (tenant, domain), change, vault).await?;
            account
        }
    };
    Ok(serde_json::to_value(partners::partner(connection, &account, vault).await?)?)
}

/// Does it.
pub async fn reseller(connection: &mut PgConnection, command: ResellerCommand) -> anyhow::Result<Value> {
    match command {
        ResellerCommand::List { account } => {
            let all = partners::resellers(connection, &account, (None, usize::MAX)).await?;
            Ok(serde_json::to_value(all)?)
        }
        ResellerCommand::Admit { account, name } => {
            let (reseller, now) = (CallerKind::Reseller, Clock::default().now());
            let id = create_account(connection, &name, reseller, Some(&account), now).await?;
            Ok(json!({ "account": name, "domain_id": id }))
        }
    }
}

/// Does it.
pub async fn customer(connection: &mut PgConnection, command: CustomerCommand) -> anyhow::Result<Value> {
    let (account, change) = match command {
        CustomerCommand::List { account, association_type, frozen, real_name, limit } => {
            let (tenant, partner, _) = find_partner(connection, &account).await?;
            let filter = Filter { kind: association_type, frozen, real_name };
            let listed = customers::customers(connection, (tenant, partner), filter, (None, limit)).await?;
            return Ok(serde_json::to_value(listed)?);
        }
        CustomerCommand::Show { account } => (account, None),
        CustomerCommand::Freeze { account, reason, freeze_type } => {
            (account, Some((Change::Freeze(freeze_type), reason)))
        }
        CustomerCommand::Unfreeze { account, reason, unfreeze_type } => {
            (account, Some((Change::Unfreeze(unfreeze_type), reason)))
        }
    };
    let mut transaction = connection.begin().await?;
    let customer = find_account(&mut transaction, &account).await?;
    if let Some((change, reason)) = change {
        let now = clock::business_time(&mut transaction, customer.0, &Clock::default()).await?;
        customers::freeze(&mut transaction, customer, (change, &reason), None, now).await?;
    }
    let shown = customers::customer(&mut transaction, customer).await?;
    transaction.commit().await?;
    Ok(serde_json::to_value(shown)?)
}

/// Does it.
pub async fn codes(connection: &mut PgConnection, command: CodesCommand, vault: &Vault) -> anyhow::Result<Value> {
    let (receiver, reserved) = match command {
        CodesCommand::Show { receiver } => {
            return Ok(serde_json::to_value(codes::readable(connection, vault, &receiver).await?)?);
        }
        CodesCommand::Reserve { receiver } => (receiver, true),
        CodesCommand::Release { receiver } => (receiver, false),
    };
    store::reserve_receiver(connection, &codes::receiver_hash(vault, &receiver), reserved).await?;
    Ok(json!({ "receiver": receiver.as_str(), "reserved": reserved }))
}
