//! Starts a real PostgreSQL of our own, for the sandbox and for the tests.
//!
//! It listens on a socket in a folder that only its user can enter, never on the network. A server that still runs after a
//! crash of ours is used again. As root, which PostgreSQL refuses to run as, it runs as `postgres` or `nobody`.

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, PgConnection};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

const PORT: u16 = 5432;
/// The longest path of a Unix socket.
const SOCKET_PATH_MAX: usize = 107;
const START_TIMEOUT: Duration = Duration::from_mins(1);
const DEBIAN_INSTALLATIONS: &str = "/usr/lib/postgresql";

/// Where it lives and how careful it is.
#[derive(Debug)]
pub struct Options {
    /// The folder that holds data, socket and log.
    pub folder: PathBuf,
    /// The folder with `initdb` and `postgres`; searched for when absent.
    pub binaries: Option<PathBuf>,
    /// Whether a commit survives a power cut. Tests do without.
    pub durable: bool,
}

/// A running server.
#[derive(Debug)]
pub struct Cluster {
    socket_folder: PathBuf,
    child: Option<Child>,
}

impl Cluster {
    /// Makes the folder a database cluster if it is none yet, and starts it unless it runs.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        let user = ServerUser::choose()?;
        fs::create_dir_all(&options.folder).with_context(|| format!("creating {}", options.folder.display()))?;
        let folder = fs::canonicalize(&options.folder)?;
        let data = folder.join("data");
        let socket_folder = socket_folder(&folder)?;
        user.own_private(&socket_folder)?;
        let mut cluster = Self { socket_folder, child: None };
        if cluster.connect("postgres").await.is_ok() {
            return Ok(cluster);
        }
        let binaries = Binaries::find(options.binaries.as_deref(), major_version_of(&data)?)?;
        if !data.exists() {
            binaries.initdb(&data, user).await?;
        }
        cluster.launch(&binaries, user, &folder, options.durable).await?;
        Ok(cluster)
    }

    /// The address of a database on this server, for its owner.
    pub fn url(&self, database: &str) -> String {
        self.url_of("postgres", database)
    }

    /// The address of a database on this server, for one of its users.
    pub fn url_of(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@localhost:{PORT}/{database}?host={}", self.socket_folder.display())
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

    /// Starts the server and waits until it answers. After a kill -9 the new one ends at once, for some seconds, while the
    /// old one's processes let go of its memory: then it is started again.
    async fn launch(
        &mut self,
        binaries: &Binaries,
        user: ServerUser,
        folder: &Path,
        durable: bool,
    ) -> anyhow::Result<()> {
        let started = Instant::now();
        let log = folder.join("postgres.log");
        let mut child = binaries.spawn(user, folder, &self.socket_folder, durable)?;
        while started.elapsed() < START_TIMEOUT {
            if self.connect("postgres").await.is_ok() {
                self.child = Some(child);
                return Ok(());
            }
            if child.try_wait()?.is_some() {
                tokio::time::sleep(Duration::from_millis(250)).await;
                child = binaries.spawn(user, folder, &self.socket_folder, durable)?;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        interrupt(&child);
        bail!("PostgreSQL did not start within {} seconds; see {}", START_TIMEOUT.as_secs(), log.display())
    }

    /// Stops the server if this process started it.
    pub async fn stop(mut self) {
        if let Some(mut child) = self.child.take() {
            interrupt(&child);
            child.wait().await.ok();
        }
    }
}

/// SIGINT ends the sessions, writes everything and stops.
fn interrupt(child: &Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        kill_process(pid, Signal::INT).ok();
    }
}

/// The folder of the socket: beside the data, or in /tmp where that path is too long for a socket.
fn socket_folder(folder: &Path) -> anyhow::Result<PathBuf> {
    let fits = |path: &Path| path.join(format!(".s.PGSQL.{PORT}")).as_os_str().len() <= SOCKET_PATH_MAX;
    let beside = folder.join("socket");
    let chosen = if fits(&beside) {
        beside
    } else {
        let digest = <sha2::Sha256 as sha2::Digest>::digest(folder.as_os_str().as_encoded_bytes());
        std::env::temp_dir().join(format!("bss-gateway-{}", hex::encode(&digest[..8])))
    };
    if !fits(&chosen) {
        bail!("{} is too long a path for a socket: set TMPDIR to a shorter one", chosen.display());
    }
    Ok(chosen)
}

fn major_version_of(data: &Path) -> anyhow::Result<Option<u32>> {
    let file = data.join("PG_VERSION");
    if !file.exists() {
        return Ok(None);
    }
    let version = fs::read_to_string(&file)?.trim().parse();
    Ok(Some(version.with_context(|| format!("{} holds no version", file.display()))?))
}

/// As whom PostgreSQL runs: ourselves, or somebody else if we are root.
#[derive(Clone, Copy, Debug)]
struct ServerUser(Option<(u32, u32)>);

impl ServerUser {
    fn choose() -> anyhow::Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self(None));
        }
        let accounts = fs::read_to_string("/etc/passwd")?;
        let found = ["postgres", "nobody"].iter().find_map(|name| {
            let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
            let mut numbers = line.split(':').skip(2);
            Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
        });
        let found = found.context("PostgreSQL does not run as root, and there is no user postgres or nobody")?;
        Ok(Self(Some(found)))
    }

    /// Makes `folder` one that only this user can enter.
    fn own_private(self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        // In a shared folder somebody else may have made it before us.
        let owner = fs::metadata(folder)?.uid();
        let (us, server) = (rustix::process::geteuid().as_raw(), self.0.map(|(uid, _)| uid));
        if owner != us && Some(owner) != server {
            bail!("{} belongs to another user", folder.display());
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        self.own(folder)
    }

    fn own(self, path: &Path) -> anyhow::Result<()> {
        if let Some((uid, gid)) = self.0 {
            chown(path, Some(uid), Some(gid))
                .with_context(|| format!("giving {} to PostgreSQL's user", path.display()))?;
        }
        Ok(())
    }

    fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // The working folder may be closed to this user.
        command.current_dir("/");
        if let Some((uid, gid)) = self.0 {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// `initdb` and `postgres` of one version.
#[derive(Debug)]
struct Binaries(PathBuf);

impl Binaries {
    /// From the explicit folder, `pg/bin` beside this program, PATH, and Debian's folders, newest first.
    fn find(explicit: Option<&Path>, major: Option<u32>) -> anyhow::Result<Self> {
        if let Some(folder) = explicit {
            return match version_in(folder) {
                Some(found) if major.is_none_or(|major| major == found) => Ok(Self(folder.to_owned())),
                Some(found) => {
                    bail!("the data is of PostgreSQL {}, {} of {found}", major.unwrap_or_default(), folder.display())
                }
                None => bail!("there is no PostgreSQL in {}", folder.display()),
            };
        }
        let fits = |folder: &PathBuf| version_in(folder).is_some_and(|found| major.is_none_or(|major| major == found));
        let wanted =
            major.map_or_else(|| "PostgreSQL".to_owned(), |major| format!("PostgreSQL {major}, of which the data is,"));
        let found = candidates().into_iter().find(fits);
        found.map(Self).with_context(|| {
            format!("{wanted} was not found: install it (Debian: apt-get install postgresql), or name its folder with --postgres-bin")
        })
    }

    async fn initdb(&self, data: &Path, user: ServerUser) -> anyhow::Result<()> {
        // Made under another name, so that a cut-short attempt leaves no half a cluster behind.
        let unfinished = data.with_extension("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        user.own_private(&unfinished)?;
        let output = user
            .command(&self.0.join("initdb"))
            .arg("--pgdata")
            .arg(&unfinished)
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"])
            .stdin(Stdio::null())
            .output()
            .await?;
        if !output.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        fs::rename(&unfinished, data)?;
        Ok(())
    }

    fn spawn(&self, user: ServerUser, folder: &Path, sockets: &Path, durable: bool) -> anyhow::Result<Child> {
        let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("postgres.log"))?;
        let mut command = user.command(&self.0.join("postgres"));
        command.arg("-D").arg(folder.join("data")).arg("-k").arg(sockets);
        command.args(["-c", "listen_addresses=", "-c", "lc_messages=C"]).args(["-p", &PORT.to_string()]);
        if !durable {
            command.args(["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // Ctrl-C in the terminal is for us; the server is stopped when we have finished with it.
        command.process_group(0);
        Ok(command.spawn()?)
    }
}

fn candidates() -> Vec<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("pg/bin")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut installed: Vec<(u32, PathBuf)> = fs::read_dir(DEBIAN_INSTALLATIONS)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    installed.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    beside.into_iter().chain(std::env::split_paths(&path)).chain(installed.into_iter().map(|(_, path)| path)).collect()
}

/// The major version of the PostgreSQL in this folder, if there is one that can also make a cluster.
fn version_in(folder: &Path) -> Option<u32> {
    if !folder.join("initdb").is_file() || !folder.join("postgres").is_file() {
        return None;
    }
    let output = std::process::Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

fn parse_version(text: &str) -> Option<u32> {
    let version = text.split_whitespace().find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()))?;
    version.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_postgres_prints() {
        assert_eq!(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(parse_version("postgres (PostgreSQL) 17beta1"), Some(17));
        assert_eq!(parse_version("something else"), None);
    }

    #[test]
    fn a_long_path_puts_the_socket_elsewhere() {
        let short = Path::new("/var/lib/bss-gateway");
        assert_eq!(socket_folder(short).expect("it fits"), short.join("socket"));
        let long = PathBuf::from(format!("/{}", "x".repeat(120)));
        let chosen = socket_folder(&long).expect("there is another place");
        assert!(!chosen.starts_with(&long));
        assert!(chosen.as_os_str().len() < SOCKET_PATH_MAX - 15);
    }
}
