//! The command line.

use crate::admin::{self, AdminCommand};
use crate::app::App;
use crate::catalogue::memory as catalogue;
use crate::clock::Clock;
use crate::config::Settings;
use crate::database::{self, Database};
use crate::doctor::{self, DoctorCommand};
use crate::ledger;
use crate::postgres::{Cluster, Options};
use crate::sandbox::command::{self as sandbox, SandboxArguments};
use crate::server::Listeners;
use crate::{secrets, telemetry};
use anyhow::{Context, bail, ensure};
use clap::{Parser, Subcommand};
use sqlx::{Connection, PgConnection};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};

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
    /// Find out what is wrong with a request, without a server
    #[command(subcommand)]
    Doctor(DoctorCommand),
    /// Ask a running server whether it is alive, for containers
    Healthcheck,
    /// Print the effective configuration, secrets hidden
    Config,
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
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads can be started");
    match runtime.block_on(execute(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bss-gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
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
            telemetry::start_logs(&settings.log)?;
            sandbox::run(arguments, settings, stop_signal()?).await?;
        }
        Command::Migrate { catalogue } => migrate(&settings()?, catalogue).await?,
        Command::Openapi { folder } => write_documents(&folder)?,
        Command::Admin { json, command } => admin::run(&settings()?, command, json).await?,
        Command::VerifyLedger => return verify_ledger(&settings()?).await,
        Command::Doctor(command) => return doctor::run(&command, Clock::default().now()),
        Command::Healthcheck => healthcheck(settings()?.server.listen).await?,
        Command::Config => print!("{}", settings()?.to_toml()),
        Command::WithPostgres { postgres_bin, durable, command } => {
            return with_postgres(postgres_bin, durable, &command).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Done when the process is asked to stop.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    telemetry::start_logs(&settings.log)?;
    let stop = stop_signal()?;
    ensure!(!settings.database.url.reveal().is_empty(), "DATABASE_URL is not set");
    if settings.database.migrate_on_start {
        database::migrate(settings.database.control_url()).await.context("applying migrations")?;
    }
    let database = Database::connect(&settings.database).await.context("connecting to the database")?;
    let metrics = telemetry::start_metrics()?;
    let app = App::start(settings, database, Clock::default()).await?;
    let listeners = Listeners::bind(&app).await?;
    tracing::info!(api = %listeners.api_address()?, operator = %listeners.operator_address()?, "serving");
    listeners.serve(app, metrics, stop).await
}

async fn migrate(settings: &Settings, with_catalogue: bool) -> anyhow::Result<()> {
    let url = settings.database.control_url();
    ensure!(!url.is_empty(), "DATABASE_URL is not set");
    database::migrate(url).await.context("applying migrations")?;
    if with_catalogue {
        let mut connection = PgConnection::connect(url).await?;
        catalogue::load_seed(&mut connection).await?;
        connection.close().await?;
    }
    Ok(())
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
    std::fs::create_dir_all(folder)?;
    for (name, text) in documents() {
        std::fs::write(folder.join(name), text).with_context(|| format!("writing {name}"))?;
    }
    Ok(())
}

/// One request over a bare socket: an HTTP client for this alone would double the size of the binary's dependencies.
async fn healthcheck(listen: SocketAddr) -> anyhow::Result<()> {
    let local = if listen.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { listen.ip() };
    let address = SocketAddr::new(local, listen.port());
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer = tokio::time::timeout(Duration::from_secs(3), ask).await.context("no answer within 3 seconds")??;
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
    for wrong in &report.wrong {
        println!("{wrong}");
    }
    let ledger::verify::Report { tenants, accounts, transfers, wrong } = report;
    println!("{tenants} tenants, {accounts} accounts, {transfers} transfers, {} wrong", wrong.len());
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn with_postgres(binaries: Option<PathBuf>, durable: bool, command: &[String]) -> anyhow::Result<ExitCode> {
    let stop = stop_signal()?;
    let folder = std::env::temp_dir().join(format!("bss-gateway-{}", hex::encode(secrets::random::<8>())));
    let cluster = Cluster::start(&Options { folder: folder.clone(), binaries, durable }).await?;
    let mut child = tokio::process::Command::new(&command[0])
        .args(&command[1..])
        .env("DATABASE_URL", cluster.url("postgres"))
        .spawn()
        .with_context(|| format!("running {}", command[0]))?;
    let status = tokio::select! {
        status = child.wait() => status,
        () = stop => child.wait().await,
    };
    cluster.stop().await;
    std::fs::remove_dir_all(&folder).ok();
    let code = status?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
