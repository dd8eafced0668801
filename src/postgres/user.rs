//! As whom PostgreSQL runs, and whose its folders are.

use anyhow::{Context, bail};
use fs_err as fs;
use fs_err::os::unix::fs::chown;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use tokio::process::Command;

const WITHOUT_CAPABILITIES: &str = "root may not act as PostgreSQL's user here, since capabilities were dropped: keep CHOWN, \
    DAC_OVERRIDE, SETGID, SETUID and KILL (docker run --cap-add), or run as another user than root (docker run --user)";

/// As whom PostgreSQL runs: ourselves, or somebody else if we are root, as whom it refuses to run.
#[derive(Clone, Copy, Debug)]
pub struct ServerUser(Option<(u32, u32)>);

impl ServerUser {
    /// Root chooses `postgres` or `nobody`.
    pub fn choose() -> anyhow::Result<Self> {
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

    /// Makes `folder` with all above it. What is made can be entered by PostgreSQL's user, whatever the umask says.
    pub fn create_folder(self, folder: &Path) -> anyhow::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
            self.create_folder(above)?;
        }
        fs::create_dir(folder)?;
        if self.0.is_some() {
            fs::set_permissions(folder, Permissions::from_mode(0o755))?;
        }
        Ok(())
    }

    /// Makes `folder` one that only this user can enter.
    pub fn own_private(self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        // In a shared folder somebody else may have made it before us.
        let owner = fs::metadata(folder)?.uid();
        let (us, server) = (rustix::process::geteuid().as_raw(), self.0.map(|(uid, _)| uid));
        if owner != us && Some(owner) != server {
            bail!("{} belongs to another user", folder.display());
        }
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        self.own(folder)
    }

    fn own(self, path: &Path) -> anyhow::Result<()> {
        if let Some((uid, gid)) = self.0 {
            chown(path, Some(uid), Some(gid)).map_err(Self::explained).context("giving it to PostgreSQL's user")?;
        }
        Ok(())
    }

    /// A failure with what to do about it, where root lacks the powers of root.
    pub fn explained(error: std::io::Error) -> anyhow::Error {
        let is_bound = error.kind() == std::io::ErrorKind::PermissionDenied && rustix::process::geteuid().is_root();
        let error = anyhow::Error::from(error);
        if is_bound { error.context(WITHOUT_CAPABILITIES) } else { error }
    }

    /// What to do about what PostgreSQL's programs say of their user.
    pub fn advice(told: &str) -> Option<String> {
        let user = rustix::process::geteuid().as_raw();
        told.contains("could not look up effective user ID").then(|| {
            format!(
                "PostgreSQL does not run as a user without a name, and the user id {user} has none: add one to /etc/passwd, run \
                 as a user that has one (docker run --user postgres), or use a PostgreSQL that runs elsewhere (bss-gateway \
                 serve, with DATABASE_URL)."
            )
        })
    }

    /// Runs `program` as this user.
    pub fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // The working folder may be closed to this user.
        command.current_dir("/");
        if let Some((uid, gid)) = self.0 {
            command.uid(uid).gid(gid);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_without_a_name_is_told_what_to_do() {
        let told = "initdb: error: could not look up effective user ID 12345: user does not exist";
        assert!(ServerUser::advice(told).is_some_and(|advice| advice.contains("/etc/passwd")));
        assert_eq!(ServerUser::advice("initdb: error: could not create directory"), None);
    }
}
