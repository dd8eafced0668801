//! Starts a real PostgreSQL of our own, for the sandbox and for the tests.
//!
//! It listens on a socket in a folder that only its user can enter, never on the network. A second process of this program,
//! the [`keeper`], holds it: it ends PostgreSQL when the process that asked for it ends, however that ends. As root, which
//! PostgreSQL refuses to run as, it runs as `postgres` or `nobody`.

mod binaries;
pub mod keeper;
mod owner;
mod place;
mod user;

use anyhow::{Context, bail};
use binaries::Binaries;
use fs_err as fs;
use owner::Owner;
pub use place::Options;
use place::{LOOK_EVERY, PORT, Place, end_orphan};
use sqlx::{Connection, PgConnection};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::process::Child;
use user::ServerUser;

const START_TIMEOUT: Duration = Duration::from_mins(1);

/// A running server.
#[derive(Debug)]
pub struct Cluster {
    place: Place,
    owner: Owner,
    keeper: Child,
}

impl Cluster {
    /// Makes the folder a database cluster if it is none yet, and starts it. A folder that another process uses is refused,
    /// with that process and its address.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        let user = ServerUser::choose()?;
        user.create_folder(&options.folder)?;
        let place = Place::new(&options.folder)?;
        let owner = Owner::of(&place.folder)?;
        user.own_private(&place.sockets)?;
        let binaries = Binaries::find(options.binaries.as_deref(), major_version_of(&place.data())?)?;
        let keeper = keeper::spawn(&place, &binaries, options)?;
        let mut cluster = Self { place, owner, keeper };
        cluster.wait_until_it_answers().await?;
        Ok(cluster)
    }

    /// Says in the folder where this process listens, for whoever wants the folder too.
    pub fn say_address(&mut self, address: &str) -> anyhow::Result<()> {
        self.owner.say_address(address)
    }

    /// The address of a database on this server, for its owner.
    pub fn url(&self, database: &str) -> String {
        self.url_of("postgres", database)
    }

    /// The address of a database on this server, for one of its users.
    pub fn url_of(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@localhost:{PORT}/{database}?host={}", self.place.sockets.display())
    }

    async fn connect(&self, database: &str) -> sqlx::Result<PgConnection> {
        PgConnection::connect(&self.url(database)).await
    }

    /// Creates a database unless it exists, after dropping it when `reset`. Names are our own, never a user's.
    pub async fn create_database(&self, name: &'static str, reset: bool) -> anyhow::Result<()> {
        let mut connection = self.connect("postgres").await?;
        if reset {
            let drop = format!("drop database if exists {name} with (force)");
            // SAFE: the name is a constant of this program.
            sqlx::query(sqlx::AssertSqlSafe(drop)).execute(&mut connection).await?;
        }
        let exists: Option<i32> = sqlx::query_scalar("select 1 from pg_database where datname = $1")
            .bind(name)
            .fetch_optional(&mut connection)
            .await?;
        if exists.is_none() {
            // SAFE: as above.
            sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}"))).execute(&mut connection).await?;
        }
        connection.close().await?;
        Ok(())
    }

    async fn wait_until_it_answers(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        while started.elapsed() < START_TIMEOUT {
            if self.connect("postgres").await.is_ok() {
                return Ok(());
            }
            if self.keeper.try_wait()?.is_some() {
                bail!("PostgreSQL could not be started; see {}", self.place.log().display());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let (seconds, log) = (START_TIMEOUT.as_secs(), self.place.log());
        bail!("PostgreSQL did not start within {seconds} seconds; see {}", log.display())
    }

    /// Stops the server, and waits until it has stopped.
    pub async fn stop(mut self) {
        // The keeper hears that nobody holds the other end any more.
        drop(self.keeper.stdin.take());
        self.keeper.wait().await.ok();
        // Somebody may have killed the keeper.
        end_orphan(&self.place).await;
    }
}

fn major_version_of(data: &Path) -> anyhow::Result<Option<u32>> {
    let file = data.join("PG_VERSION");
    if !file.exists() {
        return Ok(None);
    }
    let version = fs::read_to_string(&file)?.trim().parse();
    Ok(Some(version.with_context(|| format!("{} holds no version", file.display()))?))
}
