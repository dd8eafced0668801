//! The folders of a server, and what its processes leave in them.

use anyhow::bail;
use fs_err as fs;
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Names the socket; nothing listens on the network.
pub const PORT: u16 = 5432;
/// The longest path of a Unix socket.
const SOCKET_PATH_MAX: usize = 107;
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two looks at what another process does.
pub const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Where it lives and how careful it is.
#[derive(Debug)]
pub struct Options {
    /// The folder that holds data, socket and log.
    pub folder: PathBuf,
    /// The folder with `initdb` and `postgres`; searched for when absent.
    pub binaries: Option<PathBuf>,
    /// This program, which is run once more as the keeper.
    pub program: PathBuf,
    /// Whether a commit survives a power cut. Tests do without.
    pub durable: bool,
    /// Whether the folder is removed at the end.
    pub ephemeral: bool,
}

/// The folders of a server.
#[derive(Clone, Debug)]
pub struct Place {
    /// Holds all.
    pub folder: PathBuf,
    /// Where the socket is.
    pub sockets: PathBuf,
}

impl Place {
    /// Of a folder that is there.
    pub fn new(folder: &Path) -> anyhow::Result<Self> {
        let folder = fs::canonicalize(folder)?;
        Ok(Self { sockets: socket_folder(&folder)?, folder })
    }

    /// The database cluster.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What PostgreSQL says.
    pub fn log(&self) -> PathBuf {
        self.folder.join("postgres.log")
    }

    /// The process that serves the data, as its file says.
    pub fn postmaster(&self) -> Option<Pid> {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        file.lines().next()?.trim().parse().ok().and_then(Pid::from_raw)
    }
}

/// Stops a server whose keeper was killed.
pub async fn end_orphan(place: &Place) {
    let Some(postmaster) = place.postmaster() else { return };
    let started = Instant::now();
    // A file that a crash left names nobody, or a stranger, another PostgreSQL perhaps: only one that works on these data is
    // meant. SIGINT ends its sessions, writes everything and stops it.
    if serves(postmaster, place) && kill_process(postmaster, Signal::INT).is_ok() {
        while started.elapsed() < STOP_TIMEOUT && place.postmaster() == Some(postmaster) && serves(postmaster, place) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Whether a process is the server of these data: it works in their folder.
fn serves(process: Pid, place: &Place) -> bool {
    let folder = fs::read_link(format!("/proc/{}/cwd", process.as_raw_nonzero()));
    folder.is_ok_and(|folder| folder == place.data())
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

#[cfg(test)]
mod tests {
    use super::*;

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
