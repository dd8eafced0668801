//! Whose a data folder is: one process at a time.

use anyhow::bail;
use fs_err as fs;
use fs_err::File;
use std::fs::TryLockError;
use std::io::{Read, Seek, Write};
use std::path::Path;

/// The folder, held: the system gives it free when the process ends, however that ends.
#[derive(Debug)]
pub struct Owner {
    file: File,
}

impl Owner {
    /// Takes the folder, or says who has it.
    pub fn of(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("owner");
        let mut file = fs::OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
        match file.file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut who = String::new();
                file.read_to_string(&mut who)?;
                let who = if who.is_empty() { "another process".to_owned() } else { who.trim().to_owned() };
                bail!(
                    "{} is used by {who}: stop that, or name another folder with --data, or keep nothing with --ephemeral",
                    folder.display()
                );
            }
            Err(TryLockError::Error(error)) => bail!("locking {}: {error}", path.display()),
        }
        let mut owner = Self { file };
        owner.say(&format!("process {}", std::process::id()))?;
        Ok(owner)
    }

    /// Adds the address where the process listens.
    pub fn say_address(&mut self, address: &str) -> anyhow::Result<()> {
        self.say(&format!("process {}, which listens on {address}", std::process::id()))
    }

    fn say(&mut self, who: &str) -> anyhow::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        writeln!(self.file, "{who}")?;
        Ok(())
    }
}
