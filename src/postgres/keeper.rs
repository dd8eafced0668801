//! The keeper: a process that holds PostgreSQL for another one, and ends it when that one has ended.
//!
//! A process that is killed can clean nothing up. Its keeper can: it reads from a pipe whose other end only that process
//! holds, and the system closes that end however the process ends.

use super::binaries::Binaries;
use super::place::{LOOK_EVERY, Options, Place, end_orphan};
use super::user::ServerUser;
use crate::output::complain;
use anyhow::Context;
use clap::Args;
use fs_err as fs;
use rustix::process::{Pid, Signal, kill_process};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

/// The keeper's command, which nobody gives by hand.
pub const COMMAND: &str = "keep-postgres";
/// Between two starts of a server that ends by itself, at first and at most.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// `keep-postgres …`
#[derive(Debug, Args)]
pub struct KeeperArguments {
    /// The folder with data, socket and log
    #[arg(long)]
    folder: PathBuf,
    /// The folder with PostgreSQL's initdb and postgres
    #[arg(long)]
    binaries: PathBuf,
    /// Keep what a power cut must not lose
    #[arg(long)]
    durable: bool,
    /// Remove the folder at the end
    #[arg(long)]
    ephemeral: bool,
}

/// Starts one. It ends when its standard input does.
pub(super) fn spawn(place: &Place, binaries: &Binaries, options: &Options) -> anyhow::Result<Child> {
    let mut command = Command::new(&options.program);
    command.arg(COMMAND).arg("--folder").arg(&place.folder).arg("--binaries").arg(binaries.folder());
    command.args(options.durable.then_some("--durable"));
    command.args(options.ephemeral.then_some("--ephemeral"));
    // Ctrl-C in the terminal, and its end, are for who asked; the keeper ends after it.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null());
    command.spawn().with_context(|| format!("running {}", options.program.display()))
}

/// Keeps PostgreSQL until standard input ends.
pub async fn run(arguments: &KeeperArguments) -> anyhow::Result<()> {
    let place = Place::new(&arguments.folder)?;
    let (input, mut terminate) = (std::io::stdin().as_fd().try_clone_to_owned()?, signal(SignalKind::terminate())?);
    let mut input = Receiver::from_owned_fd(input).context("standard input is no pipe")?;
    let end = async {
        let mut nothing = [0; 64];
        let input_ends = async { while input.read(&mut nothing).await.is_ok_and(|read| read > 0) {} };
        tokio::select! {
            () = input_ends => {}
            _ = terminate.recv() => {}
        }
    };
    let kept = keep(arguments, &place, end).await;
    if arguments.ephemeral {
        fs::remove_dir_all(&place.folder).ok();
        fs::remove_dir_all(&place.sockets).ok();
    }
    kept
}

/// Starts the server, again whenever it ends by itself.
async fn keep(arguments: &KeeperArguments, place: &Place, end: impl Future<Output = ()>) -> anyhow::Result<()> {
    let mut end = std::pin::pin!(end);
    let prepare = async {
        let alone = alone(place).await?;
        // One that a keeper left which was itself killed.
        end_orphan(place).await;
        let binaries = Binaries::find(Some(&arguments.binaries), None)?;
        let user = ServerUser::choose()?;
        if !place.data().exists() {
            binaries.initdb(&place.data(), user).await?;
        }
        anyhow::Ok((alone, binaries, user))
    };
    let (_alone, binaries, user) = tokio::select! {
        prepared = prepare => prepared?,
        () = &mut end => return Ok(()),
    };
    let mut pause = PAUSE_MIN;
    loop {
        let (mut server, began) = (binaries.spawn(user, place, arguments.durable)?, Instant::now());
        let status = tokio::select! {
            status = server.wait() => status?,
            () = &mut end => return stop(server).await,
        };
        // After a kill -9 a new one ends at once, for some seconds, while the old one's processes let go of its memory.
        let is_news = began.elapsed() > PAUSE_MAX;
        pause = if is_news { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) };
        if is_news {
            let log = place.log();
            complain(&format!(
                "bss-gateway: PostgreSQL has ended ({status}), and is started again; see {}",
                log.display()
            ));
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = &mut end => return Ok(()),
        }
    }
}

/// SIGINT ends the sessions, writes everything and stops.
async fn stop(mut server: Child) -> anyhow::Result<()> {
    let process = server.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(process) = process {
        kill_process(process, Signal::INT).ok();
    }
    server.wait().await?;
    Ok(())
}

/// Waits for the keeper before us, which may still be ending its server.
async fn alone(place: &Place) -> anyhow::Result<fs::File> {
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(place.folder.join("keeper"))?;
    while file.file().try_lock().is_err() {
        sleep(LOOK_EVERY).await;
    }
    Ok(file)
}
