//! `bss-gateway admin partner …`, `association …`, `notifications …`, `codes …`

use super::AssociationType;
use super::association;
use super::codes;
use super::partners::{self, Standing};
use super::store;
use crate::api::caller::CallerKind;
use crate::clock::{self, Clock};
use crate::identity::administration::find_account;
use crate::notifications;
use crate::personal::Vault;
use crate::values::id::{DomainId, TenantId};
use crate::values::receiver::{Email, Phone, Receiver};
use anyhow::{Context, ensure};
use clap::Subcommand;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;

/// `admin partner …`
#[derive(Debug, Subcommand)]
pub enum PartnerCommand {
    /// Set what is given, and show the rest
    Set(Box<ProfileArguments>),
    /// Assign a sales platform: what requests call `xaccount_type`, of the partner's customers
    Platform {
        /// The partner's account
        account: String,
        /// The platform
        xaccount_type: String,
    },
}

/// What can be set.
#[derive(Debug, clap::Args)]
pub struct ProfileArguments {
    /// The partner's, distributor's or reseller's account
    account: String,
    /// What it may do
    #[arg(long)]
    standing: Option<Standing>,
    /// Whether it is for tests
    #[arg(long)]
    test: Option<bool>,
    /// Whether it may send documents of its customers
    #[arg(long)]
    documents: Option<bool>,
    /// Its company's name
    #[arg(long)]
    name: Option<String>,
    /// Its mobile phone
    #[arg(long)]
    phone: Option<String>,
    /// Its e-mail address
    #[arg(long)]
    email: Option<String>,
    /// The account of who looks after it
    #[arg(long)]
    manager: Option<String>,
    /// Their name
    #[arg(long)]
    manager_name: Option<String>,
    /// The address that is told of bindings; empty: nobody
    #[arg(long)]
    callback_url: Option<String>,
    /// What its customers may consume together, in dollars: the international site
    #[arg(long)]
    consumption_quota: Option<Decimal>,
}

/// `admin association …`
#[derive(Debug, Subcommand)]
pub enum AssociationCommand {
    /// Show how it came to be
    Show {
        /// The customer's account
        account: String,
    },
    /// Make an account that is nobody's customer a partner's, of the same tenant
    Invite {
        /// The account
        account: String,
        /// The partner's or reseller's account
        partner: String,
        /// As a referral customer, who pays the vendor itself
        #[arg(long)]
        referral: bool,
    },
    /// Make a resale customer a referral customer, or the other way round
    Switch {
        /// The customer's account
        account: String,
    },
    /// End it: what was allocated goes back to the partner
    Unbind {
        /// The customer's account
        account: String,
    },
}

/// `admin notifications …`
#[derive(Debug, Subcommand)]
pub enum NotificationsCommand {
    /// List what a partner was told, the latest first, with each attempt
    List {
        /// The partner's account
        account: String,
    },
}

/// `admin codes …`
#[derive(Debug, Subcommand)]
pub enum CodesCommand {
    /// Show the verification codes of a phone or an e-mail address: the sandbox's only
    Show {
        /// The phone or the address
        receiver: String,
    },
    /// Keep a phone or an e-mail address for the vendor's own customers
    Reserve {
        /// The phone or the address
        receiver: String,
    },
    /// Give it free
    Release {
        /// The phone or the address
        receiver: String,
    },
}

/// Does it.
pub async fn partner(connection: &mut PgConnection, command: PartnerCommand, vault: &Vault) -> anyhow::Result<Value> {
    match command {
        PartnerCommand::Platform { account, xaccount_type } => {
            let (tenant, domain, _) = find_partner(connection, &account).await?;
            let is_free = partners::assign_platform(connection, &xaccount_type, tenant, domain).await?;
            ensure!(is_free, "the platform {xaccount_type} is assigned already");
            Ok(json!({ "account": account, "xaccount_type": xaccount_type }))
        }
        PartnerCommand::Set(arguments) => set(connection, *arguments, vault).await,
    }
}

async fn find_partner(
    connection: &mut PgConnection,
    account: &str,
) -> anyhow::Result<(TenantId, DomainId, CallerKind)> {
    let (tenant, domain) = find_account(connection, account).await?;
    let kind = store::kind(connection, tenant, domain).await?;
    let is_partner = CallerKind::PARTNERS.contains(&kind) || kind == CallerKind::Reseller;
    ensure!(is_partner, "{account} is no partner, distributor or reseller");
    Ok((tenant, domain, kind))
}

async fn set(connection: &mut PgConnection, given: ProfileArguments, vault: &Vault) -> anyhow::Result<Value> {
    let (tenant, domain, _) = find_partner(connection, &given.account).await?;
    let mut profile = partners::profile(connection, tenant, domain).await?;
    profile.standing = given.standing.unwrap_or(profile.standing);
    profile.is_test = given.test.unwrap_or(profile.is_test);
    profile.checks_documents = given.documents.unwrap_or(profile.checks_documents);
    profile.name = given.name.unwrap_or(profile.name);
    profile.account_manager_id = given.manager.unwrap_or(profile.account_manager_id);
    profile.account_manager_name = given.manager_name.unwrap_or(profile.account_manager_name);
    if let Some(phone) = given.phone {
        let phone = Phone::parse(&phone).context("that is no mobile phone")?;
        profile.sealed_phone = Some(vault.seal(phone.as_str(), domain));
    }
    if let Some(email) = given.email {
        let email = Email::parse(&email).context("that is no e-mail address")?;
        profile.sealed_email = Some(vault.seal(email.as_str(), domain));
    }
    if let Some(url) = given.callback_url {
        ensure!(url.is_empty() || url.parse::<reqwest::Url>().is_ok_and(|url| url.has_host()), "that is no address");
        profile.callback_url = Some(url).filter(|url| !url.is_empty());
    }
    if let Some(quota) = given.consumption_quota {
        ensure!(quota >= Decimal::ZERO && quota < Decimal::from(1_000_000_000_000_u64), "that is no quota");
        profile.consumption_quota = Some(quota);
    }
    partners::set_profile(connection, tenant, domain, &profile).await?;
    Ok(json!({
        "account": given.account,
        "standing": format!("{:?}", profile.standing).to_lowercase(),
        "test": profile.is_test,
        "documents": profile.checks_documents,
        "name": profile.name,
        "manager": profile.account_manager_id,
        "callback_url": profile.callback_url,
    }))
}

/// Does it.
pub async fn association(connection: &mut PgConnection, command: AssociationCommand) -> anyhow::Result<Value> {
    let mut transaction = connection.begin().await?;
    let name = match &command {
        AssociationCommand::Show { account }
        | AssociationCommand::Invite { account, .. }
        | AssociationCommand::Switch { account }
        | AssociationCommand::Unbind { account } => account.clone(),
    };
    let customer = find_account(&mut transaction, &name).await?;
    let now = clock::business_time(&mut transaction, customer.0, &Clock::default()).await?;
    match command {
        AssociationCommand::Show { .. } => {}
        AssociationCommand::Invite { partner, referral, .. } => {
            let (tenant, partner, kind) = find_partner(&mut transaction, &partner).await?;
            ensure!(kind != CallerKind::Distributor, "a distributor has no customers of its own: name a reseller");
            ensure!(tenant == customer.0, association::Refusal::OtherTenant);
            let kind = if referral { AssociationType::Referral } else { AssociationType::Resale };
            association::invite(&mut transaction, customer, (partner, kind), now).await?;
        }
        AssociationCommand::Switch { .. } => {
            association::switch(&mut transaction, customer, now).await?;
        }
        AssociationCommand::Unbind { .. } => association::unbind(&mut transaction, customer, now).await?,
    }
    let steps = association::history(&mut transaction, customer.0, customer.1).await?;
    transaction.commit().await?;
    let show = |(step, partner, at): (association::Step, Option<String>, OffsetDateTime)| {
        let step = format!("{step:?}").to_lowercase();
        json!({ "step": step, "partner": partner, "time": at.to_string() })
    };
    Ok(steps.into_iter().map(show).collect())
}

/// Does it.
pub async fn notifications(connection: &mut PgConnection, command: NotificationsCommand) -> anyhow::Result<Value> {
    let NotificationsCommand::List { account } = command;
    let (tenant, partner) = find_account(connection, &account).await?;
    let show = |trace: notifications::Trace| {
        json!({
            "notification": trace.id.simple().to_string(),
            "written": trace.created_at.to_string(),
            "delivered": trace.delivered_at.map(|at| at.to_string()),
            "attempts": trace.attempts,
            "body": trace.body,
        })
    };
    Ok(notifications::traces(connection, tenant, partner).await?.into_iter().map(show).collect())
}

/// Does it.
pub async fn codes(connection: &mut PgConnection, command: CodesCommand, vault: &Vault) -> anyhow::Result<Value> {
    let receiver = |text: &str| Receiver::parse(text).context("that is neither a mobile phone nor an e-mail address");
    let (text, reserved) = match command {
        CodesCommand::Show { receiver: text } => {
            let rows = codes::readable(connection, vault, &receiver(&text)?).await?;
            let row = |(scene, code, expires_at): (i16, String, OffsetDateTime)| json!({ "scene": scene, "code": code, "expires_at": expires_at.to_string() });
            return Ok(rows.into_iter().map(row).collect());
        }
        CodesCommand::Reserve { receiver } => (receiver, true),
        CodesCommand::Release { receiver } => (receiver, false),
    };
    store::reserve_receiver(connection, &codes::receiver_hash(vault, &receiver(&text)?), reserved).await?;
    Ok(json!({ "receiver": text, "reserved": reserved }))
}
