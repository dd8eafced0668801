//! `bss-gateway admin …`: what operators do at the command line, on the database directly, so that the first account can be
//! made on an empty system.

use crate::accounts::command::{self as funds, FundsCommand};
use crate::api::audit;
use crate::arguments::given;
use crate::associations::command::{self as associations, AssociationCommand};
use crate::catalogue::command::{self as catalogue, CatalogueCommand};
use crate::clock::Clock;
use crate::config::Settings;
use crate::coupons::command::{self as coupons, CouponsCommand};
use crate::customers::command::{self as customers, CodesCommand, CustomerCommand, PartnerCommand, ResellerCommand};
use crate::database;
use crate::enterprises::administration::create_account;
use crate::enterprises::command::{self as enterprises, EnterpriseCommand};
use crate::events::command::{self as events, NotificationsCommand};
use crate::identity::administration as identity;
use crate::identity::kind::Kind;
use crate::identity::model::{AgencyName, LoginName};
use crate::identity::second_factor::{self, Enrolment};
use crate::identity::store::KeySummary;
use crate::metering::command::{self as usage, UsageCommand};
use crate::operator::command::{
    self as operator, AuditCommand, ClockCommand, ForkCommand, LimitsCommand, MaintenanceCommand, OperatorCommand,
    SnapshotCommand,
};
use crate::operator::limits::check_items;
use crate::operator::{accounts, users};
use crate::output::print;
use crate::personal::Vault;
use crate::pricing::command::{self as pricing, DiscountsCommand, IncentivesCommand, PricesCommand};
use crate::real_name::command::{self as real_name, RealNameCommand};
use crate::resources::administration::{self as resources, ResourcesCommand};
use crate::secrets::Sealer;
use crate::values::time::Instant;
use anyhow::{Context, anyhow, ensure};
use clap::Subcommand;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use std::io::Read;
use uuid::Uuid;

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Accounts: partners, distributors, resellers, customers
    #[command(subcommand)]
    Account(AccountCommand),
    /// Users of an account
    #[command(subcommand)]
    User(UserCommand),
    /// Access keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Agencies: letting the users of one account act for another
    #[command(subcommand)]
    Agency(AgencyCommand),
    /// Funds: top-ups, credit, stored-value cards
    #[command(subcommand)]
    Funds(FundsCommand),
    /// Coupons: quotas for partners, coupons of the vendor's own
    #[command(subcommand)]
    Coupons(CouponsCommand),
    /// Partners, distributors and resellers: standing, platform, who is told of bindings
    #[command(subcommand)]
    Partner(PartnerCommand),
    /// Resellers of a distributor
    #[command(subcommand)]
    Reseller(ResellerCommand),
    /// Customers: look, freeze
    #[command(subcommand)]
    Customer(CustomerCommand),
    /// Associations: invite, switch, unbind
    #[command(subcommand)]
    Association(AssociationCommand),
    /// Enterprises: organisations, members, how accounts divide their resources
    #[command(subcommand)]
    Enterprise(EnterpriseCommand),
    /// What partners were told
    #[command(subcommand)]
    Notifications(NotificationsCommand),
    /// Verification codes, and who they may be sent to
    #[command(subcommand)]
    Codes(CodesCommand),
    /// Real-name authentication: the review
    #[command(subcommand)]
    RealName(RealNameCommand),
    /// What is sold, and the units it is measured in
    #[command(subcommand)]
    Catalogue(CatalogueCommand),
    /// The price book
    #[command(subcommand)]
    Prices(PricesCommand),
    /// Who may use the operators' API
    #[command(subcommand)]
    Operator(OperatorCommand),
    /// Who changed what
    #[command(subcommand)]
    Audit(AuditCommand),
    /// What may be called, and how often
    #[command(subcommand)]
    Limits(LimitsCommand),
    /// A tenant's clock, movable in the sandbox
    #[command(subcommand)]
    Clock(ClockCommand),
    /// A tenant's state by name, in the sandbox
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Copies of a tenant, in the sandbox
    #[command(subcommand)]
    Fork(ForkCommand),
    /// The switch that lets the partner API answer 503
    #[command(subcommand)]
    Maintenance(MaintenanceCommand),
    /// Framework agreements and discounts of an account
    #[command(subcommand)]
    Discounts(DiscountsCommand),
    /// Which services count for partners' incentives
    #[command(subcommand)]
    Incentives(IncentivesCommand),
    /// Yearly and monthly resources of an account
    #[command(subcommand)]
    Resources(ResourcesCommand),
    /// What resources used
    #[command(subcommand)]
    Usage(UsageCommand),
}

/// `admin account …`
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Create an account, with a user of its own name who may do everything
    Create {
        /// Its name, unique over all accounts
        #[arg(value_parser = given::<LoginName>)]
        name: LoginName,
        /// What it is
        #[arg(long)]
        kind: Kind,
        /// The account it hangs below: a reseller's distributor, a customer's partner
        #[arg(long)]
        parent: Option<String>,
    },
    /// Show an account: what it is, where it hangs, who its users are
    Show {
        /// The account
        account: String,
    },
    /// List the accounts at the top of all trees, or those of one tree, the oldest first
    List {
        /// Any account of the tree
        #[arg(long)]
        tree_of: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

/// `admin user …`
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Create an operator
    Create {
        /// The account
        account: String,
        /// The user's name, unique in the account
        #[arg(value_parser = given::<LoginName>)]
        name: LoginName,
        /// What it may do, can be repeated: a partner's user a permission item, for instance `BPC_ITEM_FINANCE_030100`, a
        /// customer's user an action, for instance `billing:order:view`
        #[arg(long = "item")]
        items: Vec<String>,
    },
    /// List the users of an account
    List {
        /// The account
        account: String,
    },
    /// Give a user these permission items or actions and no others
    SetItems {
        /// The account
        account: String,
        /// The user
        name: String,
        /// The items
        items: Vec<String>,
    },
    /// Set a user's password, read from standard input; ends its tokens
    SetPassword {
        /// The account
        account: String,
        /// The user
        name: String,
    },
    /// Demand passcodes of a user beside its password, and end its tokens; prints once what its authenticator app reads
    EnableTotp {
        /// The account
        account: String,
        /// The user
        name: String,
    },
    /// Let a user in by its password alone again
    DisableTotp {
        /// The account
        account: String,
        /// The user
        name: String,
    },
    /// Let a user in again
    Enable {
        /// The account
        account: String,
        /// The user
        name: String,
    },
    /// Keep a user out, and end its tokens
    Disable {
        /// The account
        account: String,
        /// The user
        name: String,
    },
}

/// `admin key …`
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Create an access key; its secret is shown this once
    Create {
        /// The account
        account: String,
        /// The user; by default the one of the account's name
        user: Option<String>,
    },
    /// List a user's access keys, with the minute of their last use
    List {
        /// The account
        account: String,
        /// The user; by default the one of the account's name
        user: Option<String>,
    },
    /// Accept a key again
    Enable {
        /// The key
        access_key: String,
    },
    /// Refuse a key
    Disable {
        /// The key
        access_key: String,
    },
    /// Accept a key at once that signed wrongly too often, before its time is over
    Unlock {
        /// The key
        access_key: String,
    },
    /// Delete a key
    Delete {
        /// The key
        access_key: String,
    },
}

/// `admin agency …`
#[derive(Debug, Subcommand)]
pub enum AgencyCommand {
    /// Let the users of another account act for this one
    Grant {
        /// The account that grants
        account: String,
        /// The agency's name
        #[arg(value_parser = given::<AgencyName>)]
        name: AgencyName,
        /// The account whose users may act
        #[arg(long)]
        to: String,
    },
    /// End it, and whatever was given for it
    Withdraw {
        /// The account that granted
        account: String,
        /// The agency's name
        name: String,
    },
}

/// Does it, and prints what came of it.
pub async fn run(settings: &Settings, command: AdminCommand, as_json: bool) -> anyhow::Result<()> {
    let url = settings.database.control_url();
    ensure!(!url.is_empty(), "DATABASE_URL is not set");
    let mut connection = PgConnection::connect(url).await.context("connecting to the database")?;
    // The server may never have run, or not for months.
    let now = Clock::default().now();
    database::open_months_ahead(&mut connection, now).await?;
    let words = words(std::env::args());
    let show = |result: &Value| print(&if as_json { format!("{result}\n") } else { for_people(result) });
    if LOOKS.iter().any(|look| words.ends_with(look)) {
        show(&perform(&mut connection, command, settings).await?)?;
    } else {
        let begin = match &command {
            AdminCommand::Clock(command) => {
                operator::make_room(&mut connection, command).await?;
                database::BEGIN
            }
            AdminCommand::Snapshot(SnapshotCommand::Save { .. }) | AdminCommand::Fork(ForkCommand::Create { .. }) => {
                database::BEGIN_AT_ONE_MOMENT
            }
            _ => database::BEGIN,
        };
        let mut transaction = connection.begin_with(begin).await?;
        let result = perform(&mut transaction, command, settings).await?;
        audit::append_command(&mut transaction, &words, now).await?;
        // Shown before it is kept: nobody could ever learn a secret that was kept and not shown.
        show(&result).map_err(|error| anyhow!("the result could not be shown, so nothing was changed: {error}"))?;
        transaction.commit().await.context("keeping what was just shown: it was not kept")?;
    }
    connection.close().await?;
    Ok(())
}

/// Commands that change nothing.
const LOOKS: [&str; 6] = [" explain", " export", " list", " list-cards", " quotas", " show"];

/// The command without what it is given, which may be personal: `admin funds top-up`.
fn words(arguments: impl Iterator<Item = String>) -> String {
    let words = arguments.skip_while(|word| word != "admin").filter(|word| !word.starts_with('-'));
    words.take(3).collect::<Vec<_>>().join(" ")
}

async fn perform(connection: &mut PgConnection, command: AdminCommand, settings: &Settings) -> anyhow::Result<Value> {
    match command {
        AdminCommand::Account(command) => account(connection, command).await,
        AdminCommand::User(command) => user(connection, command, settings).await,
        AdminCommand::Key(command) => key(connection, command, settings).await,
        AdminCommand::Agency(command) => agency(connection, command).await,
        AdminCommand::Funds(command) => funds::run(connection, command).await,
        AdminCommand::Partner(command) => {
            let vault = vault(connection, settings).await?;
            customers::partner(connection, command, &vault).await
        }
        AdminCommand::Reseller(command) => customers::reseller(connection, command).await,
        AdminCommand::Customer(command) => customers::customer(connection, command).await,
        AdminCommand::Association(command) => associations::association(connection, command).await,
        AdminCommand::Enterprise(command) => {
            let vault = vault(connection, settings).await?;
            enterprises::run(connection, command, &vault).await
        }
        AdminCommand::Notifications(command) => events::notifications(connection, command).await,
        AdminCommand::Codes(command) => {
            let vault = vault(connection, settings).await?;
            customers::codes(connection, command, &vault).await
        }
        AdminCommand::RealName(command) => {
            let vault = vault(connection, settings).await?;
            real_name::run(connection, command, &vault, settings).await
        }
        AdminCommand::Coupons(command) => coupons::run(connection, command).await,
        AdminCommand::Catalogue(command) => catalogue::run(connection, command).await,
        AdminCommand::Prices(command) => pricing::run_prices(connection, command, settings).await,
        AdminCommand::Discounts(command) => pricing::run_discounts(connection, command).await,
        AdminCommand::Incentives(command) => pricing::run_incentives(connection, command).await,
        AdminCommand::Operator(command) => operator::run_operator(connection, command).await,
        AdminCommand::Audit(command) => operator::run_audit(connection, command).await,
        AdminCommand::Limits(command) => operator::run_limits(connection, command, settings).await,
        AdminCommand::Clock(command) => operator::run_clock(connection, command, settings).await,
        AdminCommand::Snapshot(command) => {
            let vault = vault(connection, settings).await?;
            operator::run_snapshot(connection, command, &vault).await
        }
        AdminCommand::Fork(command) => {
            let vault = vault(connection, settings).await?;
            let sealer = Sealer::from_settings(&settings.secrets)?;
            operator::run_fork(connection, command, (&sealer, &vault)).await
        }
        AdminCommand::Maintenance(command) => operator::run_maintenance(connection, command).await,
        AdminCommand::Resources(command) => resources::run(connection, command).await,
        AdminCommand::Usage(command) => usage::run(connection, command, settings).await,
    }
}

async fn vault(connection: &mut PgConnection, settings: &Settings) -> anyhow::Result<Vault> {
    Vault::load(connection, &Sealer::from_settings(&settings.secrets)?).await
}

async fn account(connection: &mut PgConnection, command: AccountCommand) -> anyhow::Result<Value> {
    match command {
        AccountCommand::Create { name, kind, parent } => {
            let now = Clock::default().now();
            let id = create_account(connection, &name, kind.into(), parent.as_deref(), now).await?;
            Ok(json!({ "account": name, "domain_id": id }))
        }
        AccountCommand::Show { account } => {
            let shown = accounts::account(connection, &account).await?;
            let mut shown = serde_json::to_value(shown)?;
            let users = serde_json::to_value(users::users(connection, &account).await?)?;
            shown["users"] = users.as_array().into_iter().flatten().map(|user| user["name"].clone()).collect();
            Ok(shown)
        }
        AccountCommand::List { tree_of, limit } => {
            let listed = accounts::accounts(connection, tree_of.as_deref(), (Uuid::nil(), limit)).await?;
            Ok(serde_json::to_value(listed)?)
        }
    }
}

async fn user(connection: &mut PgConnection, command: UserCommand, settings: &Settings) -> anyhow::Result<Value> {
    let now = Clock::default().now();
    let (account, name) = match command {
        UserCommand::Create { account, name, items } => {
            check_items(&items).map_err(anyhow::Error::msg)?;
            identity::create_user(connection, &account, &name, &items, now).await?;
            (account, name.as_str().to_owned())
        }
        UserCommand::List { account } => return Ok(serde_json::to_value(users::users(connection, &account).await?)?),
        UserCommand::SetItems { account, name, items } => {
            check_items(&items).map_err(anyhow::Error::msg)?;
            identity::set_permission_items(connection, &account, &name, &items).await?;
            (account, name)
        }
        UserCommand::SetPassword { account, name } => {
            let mut password = String::new();
            std::io::stdin().read_to_string(&mut password).context("reading the password")?;
            identity::set_password(connection, &account, &name, password.trim_end_matches('\n'), now).await?;
            (account, name)
        }
        UserCommand::EnableTotp { account, name } => {
            let sealer = Sealer::from_settings(&settings.secrets)?;
            let Enrolment { user, uri } = second_factor::enable(connection, &account, &name, &sealer, now).await?;
            return Ok(json!({ "account": account, "user": name, "user_id": user, "otpauth": uri }));
        }
        UserCommand::DisableTotp { account, name } => {
            second_factor::disable(connection, &account, &name).await?;
            (account, name)
        }
        UserCommand::Enable { account, name } => {
            identity::set_user_enabled(connection, &account, &name, true, now).await?;
            (account, name)
        }
        UserCommand::Disable { account, name } => {
            identity::set_user_enabled(connection, &account, &name, false, now).await?;
            (account, name)
        }
    };
    Ok(json!({ "account": account, "user": name }))
}

async fn key(connection: &mut PgConnection, command: KeyCommand, settings: &Settings) -> anyhow::Result<Value> {
    let access_key = match command {
        KeyCommand::Create { account, user } => {
            let sealer = Sealer::from_settings(&settings.secrets)?;
            let user = user.unwrap_or_else(|| account.clone());
            let key = identity::create_key(connection, &account, &user, &sealer, Clock::default().now()).await?;
            return Ok(json!({ "access_key": key.access_key, "secret_key": key.secret_key }));
        }
        KeyCommand::List { account, user } => {
            let user = user.unwrap_or_else(|| account.clone());
            let keys = identity::list_keys(connection, &account, &user).await?;
            let row = |key: KeySummary| {
                let last_used_at = key.last_used_at.map(Instant);
                json!({ "access_key": key.access_key, "enabled": key.enabled, "last_used_at": last_used_at })
            };
            return Ok(keys.into_iter().map(row).collect());
        }
        KeyCommand::Enable { access_key } => {
            identity::set_key_enabled(connection, &access_key, true).await?;
            access_key
        }
        KeyCommand::Disable { access_key } => {
            identity::set_key_enabled(connection, &access_key, false).await?;
            access_key
        }
        KeyCommand::Unlock { access_key } => {
            identity::unlock_key(connection, &access_key).await?;
            access_key
        }
        KeyCommand::Delete { access_key } => {
            identity::delete_key(connection, &access_key).await?;
            access_key
        }
    };
    Ok(json!({ "access_key": access_key }))
}

async fn agency(connection: &mut PgConnection, command: AgencyCommand) -> anyhow::Result<Value> {
    match command {
        AgencyCommand::Grant { account, name, to } => {
            identity::grant_agency(connection, &account, &name, &to, Clock::default().now()).await?;
            Ok(json!({ "account": account, "agency": name, "trusted": to }))
        }
        AgencyCommand::Withdraw { account, name } => {
            identity::withdraw_agency(connection, &account, &name).await?;
            Ok(json!({ "account": account, "agency": name }))
        }
    }
}

/// A line for each value of an object, a table of a list of objects.
fn for_people(result: &Value) -> String {
    let plain = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        value => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    };
    match result {
        Value::Array(rows) => {
            let rows: Vec<_> = rows.iter().filter_map(Value::as_object).collect();
            // What a row does not say it leaves out.
            let mut names: Vec<&String> = Vec::new();
            for name in rows.iter().flat_map(|row| row.keys()) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            names.sort_by_key(|name| NAMES.iter().position(|first| first == *name).unwrap_or(NAMES.len()));
            let cells = |row: &serde_json::Map<String, Value>| {
                names.iter().map(|name| plain(row.get(*name).unwrap_or(&Value::Null))).collect()
            };
            let header = names.iter().map(|name| (*name).clone()).collect();
            table(&std::iter::once(header).chain(rows.iter().map(|row| cells(row))).collect::<Vec<_>>())
        }
        Value::Object(fields) => fields.iter().fold(String::new(), |text, (name, value)| match value {
            Value::Array(lines) if LINES.contains(&name.as_str()) => {
                lines.iter().fold(text, |text, line| format!("{text}{}\n", plain(line)))
            }
            Value::Array(texts) if texts.iter().all(Value::is_string) => {
                format!("{text}{name:<12} {}\n", texts.iter().map(plain).collect::<Vec<_>>().join(", "))
            }
            value => format!("{text}{name:<12} {}\n", plain(value)),
        }),
        // A file that is written to standard output.
        Value::String(text) if text.ends_with('\n') => text.clone(),
        other => format!("{}\n", plain(other)),
    }
}

/// Fields whose texts are lines of their own.
const LINES: [&str; 2] = ["happened", "rows"];
/// The columns by which people know a row, which come first.
const NAMES: [&str; 6] = ["name", "account", "user", "operator", "access_key", "id"];

/// Rows whose columns stand below each other.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    if columns == 0 { String::new() } else { rows.iter().map(line).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_of_a_command_has_no_argument() {
        let arguments = "bss-gateway admin --json funds top-up somebody 5.00".split(' ').map(str::to_owned);
        assert_eq!(words(arguments), "admin funds top-up");
    }

    #[test]
    fn people_get_a_line_for_each_value_or_row() {
        assert_eq!(for_people(&json!({"access_key": "A1"})), "access_key   A1\n");
        let list = json!([{"name": "one", "b": true}, {"name": "a longer one", "b": null}]);
        assert_eq!(for_people(&list), "name          b\none           true\na longer one  -\n");
        assert_eq!(for_people(&json!([])), "");
        let unequal = json!([{"name": "top"}, {"name": "below", "parent": "top"}, {"parent": "top"}]);
        assert_eq!(for_people(&unequal), "name   parent\ntop    -\nbelow  top\n-      top\n");
    }
}
