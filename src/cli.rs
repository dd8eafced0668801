//! The command line.

use crate::admin::{self, AdminCommand};
use crate::app::App;
use crate::catalogue::memory as catalogue;
use crate::clock::Clock;
use crate::config::Settings;
use crate::database::{self, Database};
use crate::doctor::{self, DoctorCommand};
use crate::ledger;
use crate::metering;
use crate::output::{self, NotPrinted, complain, print};
use crate::postgres::keeper::{self, KeeperArguments};
use crate::postgres::{Cluster, Options};
use crate::sandbox::command::{self as sandbox, SandboxArguments};
use crate::server::Bound;
use crate::{secrets, telemetry};
use anyhow::{Context, bail, ensure};
use clap::{Arg, CommandFactory, FromArgMatches, Parser, Subcommand};
use futures_util::FutureExt;
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, PgConnection};
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::sync::oneshot;

/// The exit status of who was told twice to stop.
const ENDED_AT_ONCE: i32 = 130;

/// Self-hosted server for the partner and customer BSS API of Huawei Cloud
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    /// A file that overrides the default settings
    #[arg(long, global = true, env = "BSS_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API; needs DATABASE_URL
    Serve,
    /// Serve a seeded world on a PostgreSQL of its own
    Sandbox(SandboxArguments),
    /// Bring the database to this version, and exit
    Migrate {
        /// Also load the catalogue that is part of this version: divisions, units, services, resources, specifications
        #[arg(long)]
        catalogue: bool,
    },
    /// Write openapi.json, operators.json and operations.txt
    Openapi {
        /// Into this folder
        #[arg(default_value = "openapi")]
        folder: PathBuf,
    },
    /// Accounts, users, keys, agencies, funds, coupons, prices, discounts and resources, on the database directly
    Admin {
        /// Print JSON, for scripts
        #[arg(long, global = true)]
        json: bool,
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// Prove that every balance is what its transfers say; exit status 1 if not
    VerifyLedger,
    /// Check that usage is charged once, that bills add up, and that what they say was paid is in the ledger
    VerifyBills,
    /// Find out what is wrong with a request, without a server
    #[command(subcommand)]
    Doctor(DoctorCommand),
    /// Ask a running server whether it is alive, for containers
    Healthcheck,
    /// Print the effective configuration, secrets hidden
    Config,
    /// Hold PostgreSQL for the sandbox, which starts this itself
    #[command(name = keeper::COMMAND, hide = true)]
    KeepPostgres(KeeperArguments),
    /// Run a command with DATABASE_URL naming a fresh PostgreSQL that is thrown away afterwards, for tests
    WithPostgres {
        /// The folder with PostgreSQL's initdb and postgres
        #[arg(long, env = "POSTGRES_BIN")]
        postgres_bin: Option<PathBuf>,
        /// Keep what a power cut must not lose: slower, for measurements
        #[arg(long)]
        durable: bool,
        /// The command and its arguments
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

/// Runs what the command line asks for.
pub fn run() -> ExitCode {
    let matches = taking_negative_numbers(Cli::command()).try_get_matches();
    let result = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => start(cli),
        Err(answer) => answer.print().map(|()| exit_code(answer.exit_code())).map_err(|error| NotPrinted(error).into()),
    };
    match result {
        Ok(code) => code,
        Err(error) if output::has_no_reader(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("bss-gateway: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Every argument that has a value takes `-5` for one: what is wrong with it is said by the rule that it breaks, and not that no
/// such option is known.
fn taking_negative_numbers(command: clap::Command) -> clap::Command {
    let takes_values = |arg: &Arg| arg.get_action().takes_values();
    command
        .mut_args(|arg| if takes_values(&arg) { arg.allow_negative_numbers(true) } else { arg })
        .mut_subcommands(taking_negative_numbers)
}

fn exit_code(code: i32) -> ExitCode {
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn start(cli: Cli) -> anyhow::Result<ExitCode> {
    if matches!(cli.command, Command::Sandbox(_) | Command::WithPostgres { .. }) {
        without_foreign_settings()?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting threads")?;
    runtime.block_on(execute(cli))
}

/// What a developer's environment tells PostgreSQL's own tools (`PGOPTIONS`, `PGSSLMODE`, …) is about another server, so this
/// program is run once more without.
fn without_foreign_settings() -> anyhow::Result<()> {
    let foreign: Vec<_> = std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")).collect();
    if foreign.is_empty() {
        return Ok(());
    }
    let mut again = std::process::Command::new(std::env::current_exe().context("finding this program")?);
    again.args(std::env::args_os().skip(1));
    for (name, _) in foreign {
        again.env_remove(name);
    }
    Err(again.exec()).context("running this program again without the settings of PostgreSQL's tools")
}

async fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    let environment = || std::env::vars().filter(|(name, _)| name != "BSS_CONFIG");
    let settings = || Settings::load(cli.config.as_deref(), environment());
    match cli.command {
        Command::Serve => serve(settings()?).await?,
        Command::Sandbox(arguments) => {
            let mut settings = settings()?;
            // For a person at a terminal, unless they said otherwise.
            if std::env::var_os("BSS_LOG_FORMAT").is_none() && cli.config.is_none() {
                settings.log.format = crate::config::LogFormat::Pretty;
            }
            let _logs = telemetry::start_logs(&settings.log)?;
            sandbox::run(arguments, settings, stop_signal()?).await?;
        }
        Command::Migrate { catalogue } => migrate(&settings()?, catalogue).await?,
        Command::Openapi { folder } => write_documents(&folder)?,
        Command::Admin { json, command } => admin::run(&settings()?, command, json).await?,
        Command::VerifyLedger => return verify_ledger(&settings()?).await,
        Command::VerifyBills => return verify_bills(&settings()?).await,
        Command::Doctor(command) => return doctor::run(&command, Clock::default().now()),
        Command::Healthcheck => healthcheck(settings()?.server.listen).await?,
        Command::Config => print(&settings()?.to_toml())?,
        Command::KeepPostgres(arguments) => keeper::run(&arguments).await?,
        Command::WithPostgres { postgres_bin, durable, command } => {
            return with_postgres(postgres_bin, durable, &command).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Done when the process is asked to stop. Whoever asks once more does not want to wait: the process ends at once.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Clone> {
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    // Who is run by `nohup` lives on when the terminal closes.
    let kinds = kinds.into_iter().filter(|kind| *kind != SignalKind::hangup() || !ignores_hangup());
    let mut signals = kinds.map(signal).collect::<Result<Vec<_>, _>>()?;
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        any(&mut signals).await;
        tell.send(()).ok();
        any(&mut signals).await;
        std::process::exit(ENDED_AT_ONCE);
    });
    Ok(async move { told.await.unwrap_or_default() }.shared())
}

async fn any(signals: &mut [SignalStream]) {
    poll_fn(|context| {
        if signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready()) {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
}

/// Whether whoever started this process told it to: the mask of ignored signals says so, whose lowest bit is this one's.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

async fn serve(mut settings: Settings) -> anyhow::Result<()> {
    let _logs = telemetry::start_logs(&settings.log)?;
    let stop = stop_signal()?;
    ensure!(!settings.database.url.reveal().is_empty(), "DATABASE_URL is not set");
    if settings.database.migrate_on_start {
        database::migrate(settings.database.control_url()).await.context("applying migrations")?;
    }
    let database = Database::connect(&settings.database).await.context("connecting to the database")?;
    let metrics = telemetry::start_metrics()?;
    let bound = Bound::new(&mut settings.server)?;
    let app = App::start(settings, database, Clock::default()).await?;
    let listeners = bound.listen()?;
    tracing::info!(api = %listeners.api_address()?, operator = %listeners.operator_address()?, "serving");
    listeners.serve(app, metrics, stop).await
}

async fn migrate(settings: &Settings, with_catalogue: bool) -> anyhow::Result<()> {
    let url = settings.database.control_url();
    ensure!(!url.is_empty(), "DATABASE_URL is not set");
    database::migrate(url).await.context("applying migrations")?;
    let mut connection = PgConnection::connect(url).await?;
    // A new table has its months before the replicas that write to it start.
    database::open_months_ahead(&mut connection, Clock::default().now()).await?;
    if with_catalogue {
        catalogue::load_seed(&mut connection).await?;
    }
    Ok(connection.close().await?)
}

/// The files in openapi/ that are generated; a test compares them with the committed ones.
pub fn documents() -> Vec<(&'static str, String)> {
    let (operations, operators) = (crate::operations(), crate::operator::operations());
    let text = |document: &utoipa::openapi::OpenApi| {
        format!("{}\n", document.to_pretty_json().expect("the document serialises"))
    };
    vec![
        ("openapi.json", text(operations.document())),
        ("operations.txt", operations.table()),
        ("operators.json", text(operators.document())),
    ]
}

fn write_documents(folder: &Path) -> anyhow::Result<()> {
    fs_err::create_dir_all(folder)?;
    for (name, text) in documents() {
        fs_err::write(folder.join(name), text)?;
    }
    Ok(())
}

/// One request over a bare socket: an HTTP client for this alone would double the size of the binary's dependencies.
async fn healthcheck(listen: SocketAddr) -> anyhow::Result<()> {
    // Where all addresses are listened on, one of this machine's own of that family answers.
    let local: IpAddr = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    let address = SocketAddr::new(local, listen.port());
    let ask = async {
        let mut stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer = tokio::time::timeout(Duration::from_secs(3), ask).await;
    let answer = answer.with_context(|| format!("no answer from {address} within 3 seconds"))??;
    if !answer.starts_with("HTTP/1.1 200") {
        bail!("the server is not healthy: {}", answer.lines().next().unwrap_or_default());
    }
    Ok(())
}

/// Exit status 1 if anything is wrong.
async fn verify_ledger(settings: &Settings) -> anyhow::Result<ExitCode> {
    let url = settings.database.control_url();
    ensure!(!url.is_empty(), "DATABASE_URL is not set");
    let mut connection = PgConnection::connect(url).await.context("connecting to the database")?;
    let report = ledger::verify::all(&mut connection).await?;
    connection.close().await?;
    let ledger::verify::Report { tenants, accounts, transfers, wrong } = report;
    let lines = wrong.iter().fold(String::new(), |lines, wrong| lines + wrong + "\n");
    print(&format!("{lines}{tenants} tenants, {accounts} accounts, {transfers} transfers, {} wrong\n", wrong.len()))?;
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Exit status 1 if anything is wrong.
async fn verify_bills(settings: &Settings) -> anyhow::Result<ExitCode> {
    let url = settings.database.control_url();
    ensure!(!url.is_empty(), "DATABASE_URL is not set");
    let mut connection = PgConnection::connect(url).await.context("connecting to the database")?;
    let mut moment = connection.begin_with(database::BEGIN_AT_ONE_MOMENT).await?;
    let report = metering::verify::all(&mut moment).await?;
    moment.rollback().await?;
    connection.close().await?;
    let metering::verify::Report { charges, usages, aside, wrong } = report;
    let lines = wrong.iter().fold(String::new(), |lines, wrong| lines + wrong + "\n");
    print(&format!(
        "{lines}{charges} charges, {usages} records of usage, {aside} kept aside, {} wrong\n",
        wrong.len()
    ))?;
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn with_postgres(binaries: Option<PathBuf>, durable: bool, command: &[String]) -> anyhow::Result<ExitCode> {
    let stop = stop_signal()?;
    let folder = std::env::temp_dir().join(format!("bss-gateway-{}", hex::encode(secrets::random::<8>())));
    let program = std::env::current_exe().context("finding this program")?;
    let options = Options { folder, binaries, program, durable, ephemeral: true };
    let cluster = tokio::select! {
        cluster = Cluster::start(&options) => cluster?,
        () = stop.clone() => return Ok(ExitCode::FAILURE),
    };
    let run = async {
        let mut child = tokio::process::Command::new(&command[0])
            .args(&command[1..])
            .env("DATABASE_URL", cluster.url("postgres"))
            .spawn()
            .with_context(|| format!("running {}", command[0]))?;
        let status = tokio::select! {
            status = child.wait() => status,
            () = stop => {
                let process = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
                process.map(|process| kill_process(process, Signal::TERM).ok());
                child.wait().await
            }
        };
        anyhow::Ok(status?)
    };
    let status = run.await;
    cluster.stop().await;
    Ok(status?.code().map_or(ExitCode::FAILURE, exit_code))
}
