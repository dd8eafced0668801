//! `bss-gateway admin operator …`, `clock …`, `audit …`, `limits …`, `maintenance …`, `snapshot …` and `fork …`

use super::audit_events::{self, Search};
use super::limits;
use super::maintenance::MaintenanceView;
use super::snapshots::{ForkCreated, SnapshotName};
use crate::api::maintenance::{self, Maintenance, MaintenanceMessage, Scope};
use crate::arguments::{given, instant};
use crate::background::due;
use crate::clock::{self, Clock, Movement};
use crate::config::Settings;
use crate::identity::administration::find_account;
use crate::identity::model::LoginName;
use crate::operators::administration as operators;
use crate::operators::store;
use crate::operators::store::Role;
use crate::orders::desk::DeskWhenNeeded;
use crate::personal::Vault;
use crate::sandbox::snapshots::{self, Snapshot};
use crate::secrets::Sealer;
use crate::values::time::Instant;
use anyhow::{Context, ensure};
use clap::Subcommand;
use serde_json::{Value, json};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

/// `admin operator …`
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// Let someone use the operators' API; the token is shown this once
    Create {
        /// The operator's name
        #[arg(value_parser = given::<LoginName>)]
        name: LoginName,
        /// What it may do
        #[arg(long)]
        role: Role,
        /// How many days its token is valid; by default it does not end
        #[arg(long)]
        days: Option<u16>,
    },
    /// List the operators
    List,
    /// End an operator's token
    Delete {
        /// The operator's name
        name: String,
    },
}

/// `admin clock …`
#[derive(Debug, Subcommand)]
pub enum ClockCommand {
    /// Show the time of an account's tenant
    Show {
        /// The account
        account: String,
    },
    /// Let it stand still
    Freeze {
        /// The account
        account: String,
    },
    /// Let it run on from what it shows
    Run {
        /// The account
        account: String,
    },
    /// Let it run, ahead of the system's time
    Offset {
        /// The account
        account: String,
        /// How far ahead; below zero, behind
        #[arg(allow_hyphen_values = true)]
        seconds: i32,
    },
    /// Go ahead, and do what falls due on the way
    #[command(group = clap::ArgGroup::new("by").required(true))]
    Advance {
        /// The account
        account: String,
        /// By so many days
        #[arg(long, group = "by")]
        days: Option<u16>,
        /// To an instant, for instance 2026-01-31T16:00:00Z
        #[arg(long, group = "by", value_parser = instant)]
        to: Option<OffsetDateTime>,
    },
    /// Back to the system's time
    Reset {
        /// The account
        account: String,
    },
}

/// `admin maintenance …`
#[derive(Debug, Subcommand)]
pub enum MaintenanceCommand {
    /// Let the partner API answer 503
    On {
        /// What is refused: all, or writes only
        #[arg(long, default_value = "all")]
        scope: Scope,
        /// What callers are told
        #[arg(long, value_parser = given::<MaintenanceMessage>)]
        message: Option<MaintenanceMessage>,
        /// When it ends by itself, for instance 2026-01-31T16:00:00Z; by default when it is turned off
        #[arg(long, value_parser = instant)]
        until: Option<OffsetDateTime>,
    },
    /// End it
    Off,
    /// Say how it stands
    Show,
}

/// `admin audit …`
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List what was changed, the newest first
    List {
        /// By this account; by default what operators did
        #[arg(long)]
        account: Option<String>,
        /// With this operation only
        #[arg(long)]
        operation: Option<String>,
        /// To this only, by id
        #[arg(long)]
        subject: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

/// `admin limits …`
#[derive(Debug, Subcommand)]
pub enum LimitsCommand {
    /// List what may be called, and how often
    List {
        /// By this account; by default everything
        account: Option<String>,
    },
}

/// `admin snapshot …`
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// List a tenant's snapshots
    List {
        /// Any account of the tenant
        account: String,
    },
    /// Save all that a tenant has, in place of what was saved under the name
    Save {
        /// Any account of the tenant
        account: String,
        /// The snapshot's name
        #[arg(value_parser = given::<SnapshotName>)]
        name: SnapshotName,
    },
    /// Bring it back, row by row
    Restore {
        /// Any account of the tenant
        account: String,
        /// The snapshot's name
        #[arg(value_parser = given::<SnapshotName>)]
        name: SnapshotName,
    },
    /// Forget it
    Delete {
        /// Any account of the tenant
        account: String,
        /// The snapshot's name
        #[arg(value_parser = given::<SnapshotName>)]
        name: SnapshotName,
    },
}

/// `admin fork …`
#[derive(Debug, Subcommand)]
pub enum ForkCommand {
    /// Copy a tenant; the secrets of the copy's keys are shown this once
    Create {
        /// Any account of the tenant
        account: String,
        /// The copy's name
        #[arg(value_parser = given::<SnapshotName>)]
        name: SnapshotName,
    },
    /// Delete a copy
    Delete {
        /// Any account of the copy
        account: String,
    },
}

/// Does it.
pub async fn run_audit(connection: &mut PgConnection, command: AuditCommand) -> anyhow::Result<Value> {
    let AuditCommand::List { account, operation, subject, limit } = command;
    let of = match account {
        Some(account) => find_account(connection, &account).await?,
        None => audit_events::EVERY_OPERATOR,
    };
    let search = Search { operation: operation.as_deref(), subject: subject.as_deref(), ..Search::default() };
    Ok(serde_json::to_value(audit_events::events(connection, of, &search, (None, limit)).await?)?)
}

/// Does it.
pub async fn run_limits(
    connection: &mut PgConnection,
    command: LimitsCommand,
    settings: &Settings,
) -> anyhow::Result<Value> {
    let LimitsCommand::List { account } = command;
    Ok(serde_json::to_value(limits::limits(connection, settings, account.as_deref()).await?)?)
}

/// Does it.
pub async fn run_snapshot(
    connection: &mut PgConnection,
    command: SnapshotCommand,
    vault: &Vault,
) -> anyhow::Result<Value> {
    match command {
        SnapshotCommand::List { account } => {
            let (tenant, _) = find_account(connection, &account).await?;
            let row = |one: Snapshot| json!({ "name": one.name, "taken_at": Instant(one.taken_at) });
            Ok(snapshots::list(connection, tenant).await?.into_iter().map(row).collect())
        }
        SnapshotCommand::Save { account, name } => {
            let (tenant, _) = find_account(connection, &account).await?;
            let rows = snapshots::save(connection, tenant, name.as_str(), Clock::default().now()).await?;
            Ok(json!({ "tenant_id": tenant, "rows": rows }))
        }
        SnapshotCommand::Restore { account, name } => {
            let (tenant, _) = find_account(connection, &account).await?;
            let rows = snapshots::restore(connection, tenant, name.as_str(), vault).await?;
            Ok(json!({ "tenant_id": tenant, "rows": rows }))
        }
        SnapshotCommand::Delete { account, name } => {
            let (tenant, _) = find_account(connection, &account).await?;
            let is_gone = snapshots::delete(connection, tenant, name.as_str()).await?;
            ensure!(is_gone, "there is no snapshot {}", name.as_str());
            Ok(json!({ "tenant_id": tenant }))
        }
    }
}

/// Does it.
pub async fn run_fork(
    connection: &mut PgConnection,
    command: ForkCommand,
    sealers: (&Sealer, &Vault),
) -> anyhow::Result<Value> {
    match command {
        ForkCommand::Create { account, name } => {
            let (tenant, _) = find_account(connection, &account).await?;
            let fork = snapshots::fork(connection, tenant, name.as_str(), sealers, Clock::default().now()).await?;
            Ok(serde_json::to_value(ForkCreated::of(&fork, true))?)
        }
        ForkCommand::Delete { account } => {
            let (tenant, _) = find_account(connection, &account).await?;
            ensure!(snapshots::delete_fork(connection, tenant).await?, "{account} is no copy");
            Ok(json!({ "tenant_id": tenant }))
        }
    }
}

/// Does it.
pub async fn run_operator(connection: &mut PgConnection, command: OperatorCommand) -> anyhow::Result<Value> {
    let now = Clock::default().now();
    match command {
        OperatorCommand::Create { name, role, days } => {
            let expires_at = days.map(|days| now.saturating_add(Duration::days(days.into())));
            let token = operators::create(connection, &name, role, expires_at, now).await?;
            Ok(json!({ "operator": name, "token": token }))
        }
        OperatorCommand::List => {
            let row = |operator: store::Operator| {
                let expires_at = operator.expires_at.map(Instant);
                json!({ "operator": operator.name, "role": operator.role, "expires_at": expires_at })
            };
            Ok(store::all(connection).await?.into_iter().map(row).collect())
        }
        OperatorCommand::Delete { name } => {
            ensure!(store::delete(connection, &name).await?, "there is no operator {name}");
            Ok(json!({ "operator": name }))
        }
    }
}

impl ClockCommand {
    /// Whose clock, and how it is to be moved.
    fn wanted(&self) -> anyhow::Result<(&str, Option<Movement>)> {
        Ok(match self {
            Self::Show { account } => (account, None),
            Self::Freeze { account } => (account, Some(Movement::Freeze)),
            Self::Run { account } => (account, Some(Movement::Run)),
            Self::Offset { account, seconds } => {
                (account, Some(Movement::Offset(Duration::seconds((*seconds).into()))))
            }
            Self::Advance { account, days, to } => {
                let by = days.map(|days| Movement::AdvanceBy(Duration::days(days.into())));
                (account, Some(by.or(to.map(Movement::Advance)).context("by how much?")?))
            }
            Self::Reset { account } => (account, Some(Movement::Reset)),
        })
    }
}

/// Opens the months that a moved clock needs, before the transaction that moves it.
pub async fn make_room(connection: &mut PgConnection, command: &ClockCommand) -> anyhow::Result<()> {
    let (account, movement) = command.wanted()?;
    let Some(movement) = movement else { return Ok(()) };
    let (tenant, _) = find_account(connection, account).await?;
    due::make_room(connection, tenant, movement, &Clock::default()).await
}

/// Does it.
pub async fn run_clock(
    connection: &mut PgConnection,
    command: ClockCommand,
    settings: &Settings,
) -> anyhow::Result<Value> {
    let (account, movement) = command.wanted()?;
    let (tenant, _) = find_account(connection, account).await?;
    let system = Clock::default();
    let (setting, happened) = match movement {
        Some(movement) => {
            due::move_clock(connection, &DeskWhenNeeded::new(settings), tenant, movement, &system).await?
        }
        None => (clock::setting(connection, tenant).await?, Vec::new()),
    };
    let happened: Vec<String> =
        happened.iter().map(|event| format!("{}  {} {}", event.at, event.count, event.kind)).collect();
    Ok(json!({
        "account": account,
        "time": Instant(setting.show(system.now())),
        "frozen": setting.frozen_at.is_some(),
        "happened": happened,
    }))
}

/// Does it.
pub async fn run_maintenance(connection: &mut PgConnection, command: MaintenanceCommand) -> anyhow::Result<Value> {
    let now = Clock::default().now();
    match command {
        MaintenanceCommand::On { scope, message, until } => {
            let message = message.map(|message| message.as_str().to_owned()).unwrap_or_default();
            let wanted = Maintenance { scope, message, begun_at: now, ends_at: until };
            maintenance::turn_on(connection, &wanted).await?;
        }
        MaintenanceCommand::Off => maintenance::turn_off(connection).await?,
        MaintenanceCommand::Show => {}
    }
    let found = maintenance::find(connection).await?;
    Ok(serde_json::to_value(MaintenanceView::of(found.filter(|maintenance| maintenance.is_on(now))))?)
}
