//! Transfers by the batch: commands queue in order, and whatever waits while a commit is under way goes into the next one.
//!
//! A lone command is not delayed; under load dozens share the round trips and the one write to disk. A command is answered
//! after its commit. Refusals are decided one by one in memory, under the locks, so a refused command spoils no other.
//! Several replicas may work on the same accounts: all lock in the order of ids. All commands of a tenant go through one
//! queue of a replica, so that they happen in the order of their arrival.
//!
//! The writers have a thread of their own: among the requests, which are many under load, they would wait for their turn
//! while the database waits for them.
//!
//! A writer remembers the accounts it wrote. What it can do by that it writes in one statement, which has no effect unless
//! all of them still are as remembered. Whatever that cannot decide is decided under locks: refusals, keys that were used
//! before, accounts that somebody else changed.

mod batch;
mod command;
mod contested;
mod keys;
mod known;
mod not_done;

pub use command::{Command, Failure, Outcome};

use super::books::Books;
use super::model::Purse;
use super::store;
use crate::api::error::ApiError;
use crate::api::write::Answer;
use crate::clock::{Clock, Clocks};
use crate::config::LedgerSettings;
use crate::database::Database;
use crate::health::Health;
use crate::supervisor::Task;
use crate::values::id::TenantId;
use axum::http::{StatusCode, header};
use batch::Batch;
use contested::Contested;
use keys::Keys;
use known::Known;
use not_done::NotDone;
use sqlx::pool::PoolConnection;
use sqlx::{Connection, PgConnection, Postgres};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};
use tokio::runtime;
use tokio::sync::{Mutex, mpsc, oneshot};

/// How often a batch is tried again that met another transaction: a deadlock, or the same key at the same time.
const ATTEMPTS: u32 = 5;
/// When a batch had this many commands there are callers in plenty, ...
const BUSY: usize = 8;
/// ... and the next one waits until it has as many as this, ...
const FULL: usize = 16;
/// ... but no longer than this. To begin a batch costs PostgreSQL what six transfers do.
const FILLING: Duration = Duration::from_millis(1);
/// How often commands are tried without locks, when somebody else has changed an account that the writer knew: the second time
/// by what it has just looked at.
const UNLOCKED_ATTEMPTS: u32 = 2;
/// A writer, as `/readyz` and the metrics name it.
pub const TASK: &str = "ledger writer";
/// Its turn between the commit and the answers.
pub const TASK_TOLD: &str = "ledger writer after the commit";

struct Job {
    command: Command,
    reply: oneshot::Sender<Outcome>,
}

/// The queues.
#[derive(Clone, Debug)]
pub struct Writers {
    queues: Arc<[mpsc::Sender<Job>]>,
}

impl Writers {
    /// Starts the writers; they end when the last handle is dropped.
    pub fn start(
        database: &Database,
        clock: &Clock,
        clocks: &Clocks,
        (settings, health): (&LedgerSettings, &Health),
    ) -> io::Result<Self> {
        let count = settings.writers.max(1);
        let (queues, jobs): (Vec<_>, Vec<_>) = (0..count).map(|_| mpsc::channel(settings.queue_length.max(1))).unzip();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let database = {
            let _entered = runtime.enter();
            database.apart(u32::try_from(count).unwrap_or(u32::MAX))
        };
        let writers: Vec<_> = jobs
            .into_iter()
            .map(|jobs| {
                let (database, clock, clocks) = (database.clone(), clock.clone(), clocks.clone());
                let (batch_max, mixes_tenants, turns) =
                    (settings.batch_max.max(1), settings.mix_tenants, health.clone());
                // Whoever holds the queue takes from it: the writer or, while it is down, who answers in its place.
                let jobs = Arc::new(Mutex::new(jobs));
                let left = jobs.clone();
                let write = move || {
                    let writer = Writer {
                        database: database.clone(),
                        connection: None,
                        clock: clock.clone(),
                        clocks: clocks.clone(),
                        batch_max,
                        mixes_tenants,
                        known: Known::default(),
                        contested: Contested::default(),
                        health: turns.clone(),
                    };
                    let jobs = jobs.clone();
                    async move { writer.run(&mut *jobs.lock().await).await }
                };
                let refuse = move || refuse_all(left.clone());
                runtime.spawn(Task::new(TASK, write).meanwhile(refuse).supervise(health.clone()))
            })
            .collect();
        let run = async move {
            for writer in writers {
                writer.await.ok();
            }
        };
        thread::Builder::new().name("ledger".to_owned()).spawn(move || runtime.block_on(run))?;
        Ok(Self { queues: queues.into() })
    }

    /// Has a command done. A full queue refuses it at once.
    pub async fn submit(&self, command: Command) -> Outcome {
        let mut hasher = DefaultHasher::new();
        command.write.caller.tenant.hash(&mut hasher);
        let queue = usize::try_from(hasher.finish() % self.queues.len() as u64).expect("it is below a length");
        let (reply, outcome) = oneshot::channel();
        let started = Instant::now();
        self.queues[queue].try_send(Job { command, reply }).map_err(|_| Failure::Error(too_busy()))?;
        let outcome = outcome.await;
        metrics::histogram!("bss_ledger_wait_seconds").record(started.elapsed().as_secs_f64());
        outcome.unwrap_or_else(|_| Err(Failure::Error(writer_died())))
    }
}

/// Whether the transfers were made nobody can say; with an `Idempotency-Key` a repeat is harmless and tells.
fn writer_died() -> ApiError {
    let message = "The transfers could not be confirmed; repeat the request with the same Idempotency-Key";
    ApiError::gateway(StatusCode::SERVICE_UNAVAILABLE, "APIGW.0201", message).with_header(header::RETRY_AFTER, 1)
}

/// Answers what waits for a writer that is down: nothing of it has been begun.
async fn refuse_all(jobs: Arc<Mutex<mpsc::Receiver<Job>>>) {
    let mut jobs = jobs.lock().await;
    while let Some(job) = jobs.recv().await {
        job.reply.send(Err(Failure::Error(writer_died()))).ok();
    }
}

fn too_busy() -> ApiError {
    let message = "The throttling threshold has been reached: too many transfers are waiting";
    ApiError::gateway(StatusCode::TOO_MANY_REQUESTS, "APIGW.0308", message).with_header(header::RETRY_AFTER, 1)
}

struct Writer {
    database: Database,
    /// Kept from batch to batch: handing it back would cost a round trip.
    connection: Option<PoolConnection<Postgres>>,
    clock: Clock,
    clocks: Clocks,
    batch_max: usize,
    mixes_tenants: bool,
    known: Known,
    contested: Contested,
    health: Health,
}

impl Writer {
    async fn run(mut self, jobs: &mut mpsc::Receiver<Job>) {
        let mut waiting = Vec::with_capacity(self.batch_max);
        let mut is_busy = false;
        while jobs.recv_many(&mut waiting, self.batch_max).await > 0 {
            if is_busy {
                self.fill(jobs, &mut waiting).await;
            }
            is_busy = waiting.len() >= BUSY;
            metrics::histogram!("bss_ledger_batch_size").record(u32::try_from(waiting.len()).unwrap_or(u32::MAX));
            for batch in self.batches(&mut waiting) {
                let (commands, replies): (Vec<Command>, Vec<_>) =
                    batch.into_iter().map(|job| (job.command, job.reply)).unzip();
                self.health.turn(TASK);
                let outcomes = self.perform(&commands).await;
                self.health.turn(TASK_TOLD);
                // Told while this writer waits for the database again, which has been given the next batch by then.
                tokio::spawn(async move {
                    for (reply, outcome) in replies.into_iter().zip(outcomes) {
                        // Whoever asked may have gone; what was done stays done.
                        reply.send(outcome).ok();
                    }
                });
            }
            if jobs.is_empty() {
                // An idle connection is the pool's to look after.
                self.connection = None;
            }
        }
    }

    /// Waits for more commands, briefly.
    async fn fill(&self, jobs: &mut mpsc::Receiver<Job>, waiting: &mut Vec<Job>) {
        let more = async {
            while waiting.len() < FULL.min(self.batch_max) {
                let room = self.batch_max - waiting.len();
                if jobs.recv_many(waiting, room).await == 0 {
                    break;
                }
            }
        };
        tokio::time::timeout(FILLING, more).await.ok();
    }

    /// What shares a commit: everything, or where tenants live on several machines a tenant's commands.
    fn batches(&self, waiting: &mut Vec<Job>) -> Vec<Vec<Job>> {
        if self.mixes_tenants {
            return vec![std::mem::take(waiting)];
        }
        let mut batches: Vec<Vec<Job>> = Vec::new();
        for job in waiting.drain(..) {
            let tenant = job.command.write.caller.tenant;
            match batches.iter_mut().find(|batch| batch[0].command.write.caller.tenant == tenant) {
                Some(batch) => batch.push(job),
                None => batches.push(vec![job]),
            }
        }
        batches
    }

    /// Does a batch: without locks what can be done so, the rest with them.
    async fn perform(&mut self, commands: &[Command]) -> Vec<Outcome> {
        let mut outcomes = self.perform_unlocked(commands).await;
        let left: Vec<usize> = (0..commands.len()).filter(|&position| outcomes[position].is_none()).collect();
        if !left.is_empty() {
            let commands: Vec<&Command> = left.iter().map(|&position| &commands[position]).collect();
            for (position, outcome) in left.into_iter().zip(self.perform_locked(&commands).await) {
                outcomes[position] = Some(outcome);
            }
        }
        outcomes.into_iter().map(|outcome| outcome.expect("what was left has been done")).collect()
    }

    /// Does what it can of a batch by what this writer knows, together or not at all. `None` is what has to be decided under
    /// locks.
    async fn perform_unlocked(&mut self, commands: &[Command]) -> Vec<Option<Outcome>> {
        let mut outcomes = vec![None; commands.len()];
        // Over several machines a statement names one tenant, which this one's does not.
        if !self.mixes_tenants {
            return outcomes;
        }
        let now = Instant::now();
        let is_free = |command: &Command| {
            let accounts = command.postings.iter().flat_map(|posting| [posting.from.id(), posting.to.id()]);
            !self.contested.has_any(accounts, now)
        };
        let free: Vec<usize> = (0..commands.len()).filter(|&position| is_free(&commands[position])).collect();
        if free.is_empty() {
            return outcomes;
        }
        let chosen: Vec<&Command> = free.iter().map(|&position| &commands[position]).collect();
        for (position, outcome) in free.into_iter().zip(self.try_unlocked(&chosen).await) {
            outcomes[position] = outcome;
        }
        outcomes
    }

    async fn try_unlocked(&mut self, commands: &[&Command]) -> Vec<Option<Outcome>> {
        let purses = purses(commands.iter().copied());
        for attempt in 1..=UNLOCKED_ATTEMPTS {
            let not_done = match self.attempt_unlocked(commands, &purses).await {
                Ok(outcomes) => return outcomes,
                Err(not_done) => not_done,
            };
            let relied_on = self.known.forget(&purses);
            if !not_done.may_retry {
                let failure = Failure::Error(not_done.error.into());
                return vec![Some(Err(failure)); commands.len()];
            }
            if !not_done.is_not_as_known() {
                break;
            }
            if attempt == UNLOCKED_ATTEMPTS {
                self.contested.suspect(relied_on);
            }
        }
        vec![None; commands.len()]
    }

    /// The connection kept, or another. One that failed is not put back.
    async fn connection(&mut self, tenant: TenantId) -> sqlx::Result<PoolConnection<Postgres>> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.database.tenant(tenant).await,
        }
    }

    async fn attempt_unlocked(
        &mut self,
        commands: &[&Command],
        purses: &[Purse],
    ) -> Result<Vec<Option<Outcome>>, NotDone> {
        let first = commands[0].write.caller.tenant;
        let mut connection = self.connection(first).await?;
        let mut books = self.known.books(&mut connection, purses, self.clocks.now(first)).await?;
        let (mut keys, mut batch) = (Keys::default(), Batch::default());
        let outcomes =
            commands.iter().map(|command| self.decide(command, &mut books, &mut keys, &mut batch).ok().map(Ok));
        let outcomes: Vec<Option<Outcome>> = outcomes.collect();
        if !batch.is_empty() {
            let written = batch.write_at_once(&mut connection, (&self.known, &books), self.clock.now()).await;
            written.map_err(NotDone::at_once)?;
            self.known.remember(&books);
        }
        self.connection = Some(connection);
        Ok(outcomes)
    }

    /// Does commands in one transaction under locks; if the database refuses it as a whole, each in one of its own.
    async fn perform_locked(&mut self, commands: &[&Command]) -> Vec<Outcome> {
        match self.attempt(commands).await {
            Ok(outcomes) => return outcomes,
            Err(NotDone { error, may_retry: false }) => {
                let failure = Failure::Error(error.into());
                return commands.iter().map(|_| Err(failure.clone())).collect();
            }
            Err(_) => {}
        }
        let mut outcomes = Vec::with_capacity(commands.len());
        for command in commands {
            outcomes.push(self.perform_alone(command).await);
        }
        outcomes
    }

    async fn perform_alone(&mut self, command: &Command) -> Outcome {
        let mut attempt = 1;
        loop {
            match self.attempt(&[command]).await {
                Ok(mut outcomes) => return outcomes.pop().expect("one command has one outcome"),
                Err(NotDone { may_retry: true, .. }) if attempt < ATTEMPTS => attempt += 1,
                Err(NotDone { error, .. }) => return Err(Failure::Error(error.into())),
            }
        }
    }

    /// One transaction. After a failed commit nobody knows whether it happened, so it is never tried again.
    async fn attempt(&mut self, commands: &[&Command]) -> Result<Vec<Outcome>, NotDone> {
        let purses = purses(commands.iter().copied());
        self.known.forget(&purses);
        let mut connection = self.connection(commands[0].write.caller.tenant).await?;
        let mut transaction = connection.begin().await?;
        let (outcomes, books) = self.work(&mut transaction, commands, &purses).await?;
        let is_changed = books.changed().next().is_some();
        let end = if is_changed { transaction.commit().await } else { transaction.rollback().await };
        end.map_err(|error| NotDone { error, may_retry: false })?;
        self.known.remember(&books);
        self.connection = Some(connection);
        Ok(outcomes)
    }

    async fn work(
        &mut self,
        transaction: &mut PgConnection,
        commands: &[&Command],
        purses: &[Purse],
    ) -> sqlx::Result<(Vec<Outcome>, Books)> {
        let first = commands[0].write.caller.tenant;
        let tenant = commands.iter().all(|command| command.write.caller.tenant == first).then_some(first);
        let accounts = store::lock(transaction, tenant, purses, self.clocks.now(first)).await?;
        self.contested.compare(&accounts, Instant::now());
        // Whoever used a key on these accounts has committed: we hold their locks.
        let mut keys = Keys::load(transaction, commands).await?;
        let mut batch = Batch::default();
        let mut books = Books::new(accounts);
        let outcomes: Vec<Outcome> =
            commands.iter().map(|command| self.decide(command, &mut books, &mut keys, &mut batch)).collect();
        if !batch.is_empty() {
            batch.write(transaction, tenant, &books, self.clock.now()).await?;
        }
        Ok((outcomes, books))
    }

    fn decide<'a>(
        &self,
        command: &'a Command,
        books: &mut Books,
        keys: &mut Keys<'a>,
        batch: &mut Batch<'a>,
    ) -> Outcome {
        if let Some(stored) = keys.stored(command) {
            return stored.map_err(Failure::Error);
        }
        let now = self.clocks.now(command.write.caller.tenant);
        let transfers = books.post(&command.postings, now).map_err(Failure::Refused)?;
        let answer = Answer { status: StatusCode::OK, body: (command.answer)(&transfers), mark: None };
        keys.remember(command, &answer);
        batch.add(command, answer.body.clone(), transfers);
        Ok(answer)
    }
}

/// The accounts that commands touch.
fn purses<'a>(commands: impl IntoIterator<Item = &'a Command>) -> Vec<Purse> {
    let postings = commands.into_iter().flat_map(|command| &command.postings);
    postings.flat_map(|posting| [posting.from, posting.to]).collect()
}
