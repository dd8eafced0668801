//! PostgreSQL's programs: where they are, and how they are run.

use super::place::{PORT, Place};
use super::user::ServerUser;
use anyhow::{Context, bail};
use fs_err as fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Child;

const DEBIAN_INSTALLATIONS: &str = "/usr/lib/postgresql";

/// `initdb` and `postgres` of one version.
#[derive(Debug)]
pub struct Binaries(PathBuf);

impl Binaries {
    /// From the explicit folder, `pg/bin` beside this program, PATH, and Debian's folders, newest first.
    pub fn find(explicit: Option<&Path>, major: Option<u32>) -> anyhow::Result<Self> {
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

    /// The folder they are in.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Makes a database cluster.
    pub async fn initdb(&self, data: &Path, user: ServerUser) -> anyhow::Result<()> {
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
            .kill_on_drop(true)
            .output()
            .await
            .map_err(ServerUser::explained)
            .with_context(|| format!("running initdb of {}", self.0.display()))?;
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            let advice = ServerUser::advice(&told).map_or_else(String::new, |advice| format!("{advice}\n"));
            bail!("{advice}initdb failed: {told}");
        }
        fs::rename(&unfinished, data)?;
        Ok(())
    }

    /// Starts the server; its output goes to a file of the folder.
    pub fn spawn(&self, user: ServerUser, place: &Place, durable: bool) -> anyhow::Result<Child> {
        let log = fs::OpenOptions::new().create(true).append(true).open(place.log())?.into_file();
        let mut command = user.command(&self.0.join("postgres"));
        command.arg("-D").arg(place.data()).arg("-k").arg(&place.sockets);
        command.args(["-c", "listen_addresses=", "-c", "lc_messages=C"]).args(["-p", &PORT.to_string()]);
        if !durable {
            command.args(["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command
            .spawn()
            .map_err(ServerUser::explained)
            .with_context(|| format!("running postgres of {}", self.0.display()))
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
}
