//! `bss-gateway sandbox`: a PostgreSQL of its own, a seeded world, and the keys to it.

use super::snapshots;
use super::welcome::welcome;
use super::world::{Scale, World};
use crate::app::App;
use crate::catalogue::memory::{self as catalogue, Catalogue};
use crate::clock::Clock;
use crate::config::{DatabaseUrl, Review, Secret, Settings, openable};
use crate::database::{self, Database};
use crate::output::print;
use crate::packages::sandbox as packages;
use crate::postgres::{Cluster, Options};
use crate::pricing::samples;
use crate::secrets;
use crate::server::Bound;
use crate::subscriptions::sandbox as subscriptions;
use crate::telemetry;
use crate::values::id;
use anyhow::Context;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use ipnet::{Ipv4Net, Ipv6Net};
use metrics_exporter_prometheus::PrometheusHandle;
use sqlx::{Connection, PgConnection};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use time::Time;

const DATABASE: &str = "bss";
/// The sandbox signs its notifications with a key that is no secret: the file says so. `serve` knows nothing of it.
const NOTIFICATION_KEY: &str = include_str!("notification_key.pem");
const NOTIFICATION_CERTIFICATE: &str = include_str!("notification_certificate.pem");
/// The gateway's own user, which may only append to history.
const DATABASE_USER: &str = "gateway";

/// What the command line says.
#[derive(Debug, clap::Args)]
pub struct SandboxArguments {
    #[command(subcommand)]
    question: Option<Question>,
    /// Where the data is kept between runs [default: /var/lib/bss-gateway/sandbox for root, else
    /// ~/.local/share/bss-gateway/sandbox]
    #[arg(long, global = true)]
    data: Option<PathBuf>,
    /// Forget the world and make a new one
    #[arg(long)]
    reset: bool,
    /// Keep nothing
    #[arg(long, conflicts_with_all = ["data", "reset"])]
    ephemeral: bool,
    /// The world's seed: the same seed gives the same accounts, keys and passwords
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How large the world is; one that exists keeps its seed and its scale
    #[arg(long, value_enum, default_value_t)]
    scale: Scale,
    /// The folder with PostgreSQL's initdb and postgres
    #[arg(long, env = "POSTGRES_BIN")]
    postgres_bin: Option<PathBuf>,
}

/// What can be asked of a sandbox that runs.
#[derive(Clone, Copy, Debug, clap::Subcommand)]
enum Question {
    /// Show once more what it printed: addresses, keys, passwords
    Keys,
}

/// What was printed, in the data folder.
const WELCOME: &str = "welcome";

/// Runs the sandbox until `stop` is done.
pub async fn run(
    arguments: SandboxArguments,
    mut settings: Settings,
    stop: impl Future<Output = ()> + Clone,
) -> anyhow::Result<()> {
    let folder = arguments.folder()?;
    if let Some(Question::Keys) = arguments.question {
        let welcome = fs::read_to_string(folder.join(WELCOME)).context("no sandbox has run on this folder")?;
        return Ok(print(&welcome)?);
    }
    // Before a world is made for minutes: a port that is taken is known now.
    let bound = Bound::new(&mut settings.server)?;
    let options = Options {
        folder: folder.clone(),
        binaries: arguments.postgres_bin.clone(),
        program: std::env::current_exe().context("finding this program")?,
        durable: !arguments.ephemeral,
        ephemeral: arguments.ephemeral,
    };
    let mut cluster = tokio::select! {
        cluster = Cluster::start(&options) => cluster?,
        () = stop.clone() => return Ok(()),
    };
    let served = async {
        cluster.say_address(&openable(settings.server.listen))?;
        let prepared = tokio::select! {
            prepared = prepare(&arguments, &cluster, &folder, settings) => prepared?,
            () = stop.clone() => return Ok(()),
        };
        let Prepared { app, metrics, url, world } = prepared;
        let listeners = bound.listen()?;
        let welcome = welcome(&listeners, &folder, &url, &world)?;
        keep_secret(&folder.join(WELCOME), &welcome)?;
        print(&welcome)?;
        listeners.serve(app, metrics, stop).await
    };
    let served = served.await;
    cluster.stop().await;
    served
}

/// All that there is to serve.
struct Prepared {
    app: App,
    metrics: PrometheusHandle,
    url: String,
    world: World,
}

async fn prepare(
    arguments: &SandboxArguments,
    cluster: &Cluster,
    folder: &Path,
    mut settings: Settings,
) -> anyhow::Result<Prepared> {
    cluster.create_database(DATABASE, arguments.reset).await?;
    let url = cluster.url(DATABASE);
    database::migrate(&url).await?;
    let mut owner = PgConnection::connect(&url).await?;
    database::create_user(&mut owner, DATABASE_USER).await?;
    snapshots::install(&mut owner).await?;
    owner.close().await?;
    settings.database.url = DatabaseUrl::from(cluster.url_of(DATABASE_USER, DATABASE));
    settings.database.control_url = DatabaseUrl::default();
    settings.messages.readable_codes = true;
    settings.real_name.review = Review::Automatic;
    if settings.notifications.signing_key.is_empty() {
        settings.notifications.signing_key = Secret::from(NOTIFICATION_KEY.to_owned());
        NOTIFICATION_CERTIFICATE.clone_into(&mut settings.notifications.certificate);
    }
    // Developers' receivers are on this machine.
    settings.webhooks.schemes = vec!["http".to_owned(), "https".to_owned()];
    settings.webhooks.allowed_networks = vec![Ipv4Net::default().into(), Ipv6Net::default().into()];
    if settings.files.folder.is_empty() {
        let files = folder.join("files");
        settings.files.folder = files.to_str().context("the data folder's name must be UTF-8")?.into();
    }
    settings.secrets.master_key = master_key(&folder.join("master.key"))?;

    settings.identity.explain_refusals = true;
    settings.sandbox.enabled = true;
    // There are no services that would provide what is paid for.
    if settings.orders.provision_seconds == 0 {
        settings.orders.provision_seconds = 5;
    }

    let clock = Clock::default();
    let (world, catalogue) = make_world(&url, (arguments.seed, arguments.scale), &settings, &clock).await?;
    let demo = world.demo();
    settings.explorer.demo_access_key.clone_from(&demo.access_key);
    settings.explorer.demo_secret_key = Secret::from(demo.secret_key.clone());

    let database = Database::connect(&settings.database).await?;
    let metrics = telemetry::start_metrics()?;
    let app = match catalogue {
        Some(catalogue) => App::start_with(settings, database, clock, catalogue).await?,
        None => App::start(settings, database, clock).await?,
    };
    Ok(Prepared { app, metrics, url, world })
}

/// The world that is there, or a new one, with the products and prices if they were read for it.
async fn make_world(
    url: &str,
    (seed, scale): (u64, Scale),
    settings: &Settings,
    clock: &Clock,
) -> anyhow::Result<(World, Option<Arc<Catalogue>>)> {
    let mut connection = database::connect_planning(url).await?;
    let recorded = sqlx::query!(r#"select seed, scale as "scale: Scale" from sandbox_world where only_row"#)
        .fetch_optional(&mut connection);
    // A world that exists keeps its seed: the keys printed are the keys stored.
    if let Some(recorded) = recorded.await? {
        connection.close().await?;
        return Ok((World::new(recorded.seed.cast_unsigned(), recorded.scale), None));
    }
    let world = World::new(seed, scale);
    catalogue::load_seed(&mut connection).await?;
    samples::load(&mut connection).await?;
    // The day's first instant: two worlds of one seed, scale and day are the same in every row, but for what has fallen due since.
    let until = clock.now();
    let now = until.replace_time(Time::MIDNIGHT);
    let making = async {
        let catalogue = world.store(&mut connection, settings, (now, until)).await?;
        let customer = world.account("demo-customer").ids();
        samples::furnish(&mut connection, customer, now).await?;
        subscriptions::furnish(&mut connection, customer, now).await?;
        packages::furnish(&mut connection, customer, now).await?;
        Ok::<_, anyhow::Error>(catalogue)
    };
    // Boxed: it is large, and part of what the whole program waits for.
    let catalogue = id::seeded(seed, Box::pin(making)).await?;
    connection.close().await?;
    Ok((world, catalogue))
}

/// Writes a file that nobody else reads.
fn keep_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.create(true).truncate(true).write(true).mode(0o600).open(path)?;
    Ok(std::io::Write::write_all(&mut file, text.as_bytes())?)
}

/// The sandbox's own master key, made once and kept beside its data.
fn master_key(file: &Path) -> anyhow::Result<Secret> {
    if !file.exists() {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(file)?;
        std::io::Write::write_all(&mut file, hex::encode(secrets::random::<32>()).as_bytes())?;
    }
    let key = fs::read_to_string(file)?;
    Ok(Secret::from(key))
}

impl SandboxArguments {
    fn folder(&self) -> anyhow::Result<PathBuf> {
        if self.ephemeral {
            let name = format!("bss-gateway-{}", hex::encode(secrets::random::<8>()));
            return Ok(std::env::temp_dir().join(name));
        }
        match &self.data {
            Some(folder) => Ok(folder.clone()),
            // PostgreSQL runs as another user then, to whom root's home is closed.
            None if rustix::process::geteuid().is_root() => Ok(PathBuf::from("/var/lib/bss-gateway/sandbox")),
            None => {
                let base = std::env::var_os("XDG_DATA_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
                let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
                let base = base.or_else(home).context("HOME is not set: name a folder with --data")?;
                Ok(base.join("bss-gateway/sandbox"))
            }
        }
    }
}
