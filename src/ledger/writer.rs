//! Transfers by the batch: commands queue in order, and whatever waits while a commit is under way goes into the next one.
//!
//! A lone command is not delayed; under load dozens share the round trips and the one write to disk. A command is answered
//! after its commit. Refusals are decided one by one in memory, under the locks, so a refused command spoils no other.
//! Several replicas may work on the same accounts: all lock in the order of ids. All commands of a tenant go through one
//! queue of a replica, so that they happen in the order of their arrival.

use super::books::{Books, Refusal, Transfer};
use super::{Posting, Purse, store};
use crate::api::error::ApiError;
use crate::api::write::{Answer, Key, Stored, Write};
use crate::audit::{self, Event};
use crate::clock::{Clock, Clocks};
use crate::config::LedgerSettings;
use crate::database::Database;
use crate::values::id::TenantId;
use axum::http::{StatusCode, header};
use sqlx::{Connection, PgConnection};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;
use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot};

/// How often a batch is tried again that met another transaction: a deadlock, or the same key at the same time.
const ATTEMPTS: u32 = 5;

/// Transfers to be made as one write of the API.
#[derive(Clone, Debug)]
pub struct Command {
    /// The write.
    pub write: Write,
    /// The transfers, all or none.
    pub postings: Vec<Posting>,
    /// What they are done to, for the audit.
    pub subject: String,
    /// Makes the answer's body.
    pub answer: fn(&[Transfer]) -> String,
}

/// What became of a command.
pub type Outcome = Result<Answer, Failure>;

/// Why a command was not done.
#[derive(Clone, Debug)]
pub enum Failure {
    /// A rule of the ledger forbids it.
    Refused(Refusal),
    /// The key it carries does, or the database failed.
    Error(ApiError),
}

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
    pub fn start(database: &Database, clock: &Clock, clocks: &Clocks, settings: &LedgerSettings) -> Self {
        let queues = (0..settings.writers.max(1)).map(|_| {
            let (queue, jobs) = mpsc::channel(settings.queue_length.max(1));
            let writer = Writer {
                database: database.clone(),
                clock: clock.clone(),
                clocks: clocks.clone(),
                batch_max: settings.batch_max.max(1),
                mixes_tenants: settings.mix_tenants,
            };
            tokio::spawn(writer.run(jobs));
            queue
        });
        Self { queues: queues.collect() }
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
        outcome.unwrap_or_else(|_| Err(Failure::Error(ApiError::internal("the ledger's writer has stopped"))))
    }
}

fn too_busy() -> ApiError {
    let message = "The throttling threshold has been reached: too many transfers are waiting";
    ApiError::gateway(StatusCode::TOO_MANY_REQUESTS, "APIGW.0308", message).with_header(header::RETRY_AFTER, 1)
}

struct Writer {
    database: Database,
    clock: Clock,
    clocks: Clocks,
    batch_max: usize,
    mixes_tenants: bool,
}

impl Writer {
    async fn run(self, mut jobs: mpsc::Receiver<Job>) {
        let mut waiting = Vec::with_capacity(self.batch_max);
        while jobs.recv_many(&mut waiting, self.batch_max).await > 0 {
            metrics::histogram!("bss_ledger_batch_size").record(u32::try_from(waiting.len()).unwrap_or(u32::MAX));
            for batch in self.batches(&mut waiting) {
                let (commands, replies): (Vec<Command>, Vec<_>) =
                    batch.into_iter().map(|job| (job.command, job.reply)).unzip();
                let outcomes = self.perform(&commands).await;
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    // Whoever asked may have gone; what was done stays done.
                    reply.send(outcome).ok();
                }
            }
        }
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

    /// Does a batch in one transaction; if the database refuses it as a whole, each command in one of its own.
    async fn perform(&self, commands: &[Command]) -> Vec<Outcome> {
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

    async fn perform_alone(&self, command: &Command) -> Outcome {
        let mut attempt = 1;
        loop {
            match self.attempt(std::slice::from_ref(command)).await {
                Ok(mut outcomes) => return outcomes.pop().expect("one command has one outcome"),
                Err(NotDone { may_retry: true, .. }) if attempt < ATTEMPTS => attempt += 1,
                Err(NotDone { error, .. }) => return Err(Failure::Error(error.into())),
            }
        }
    }

    /// One transaction. After a failed commit nobody knows whether it happened, so it is never tried again.
    async fn attempt(&self, commands: &[Command]) -> Result<Vec<Outcome>, NotDone> {
        let mut connection = self.database.tenant(commands[0].write.caller.tenant).await?;
        let mut transaction = connection.begin().await?;
        let (outcomes, is_changed) = self.work(&mut transaction, commands).await?;
        let end = if is_changed { transaction.commit().await } else { transaction.rollback().await };
        end.map_err(|error| NotDone { error, may_retry: false })?;
        Ok(outcomes)
    }

    async fn work(&self, transaction: &mut PgConnection, commands: &[Command]) -> sqlx::Result<(Vec<Outcome>, bool)> {
        let first = commands[0].write.caller.tenant;
        let tenant = commands.iter().all(|command| command.write.caller.tenant == first).then_some(first);
        let now = self.clock.now();
        let purses: Vec<Purse> = commands
            .iter()
            .flat_map(|command| command.postings.iter().flat_map(|posting| [posting.from, posting.to]))
            .collect();
        let accounts = store::lock(transaction, tenant, &purses, self.clocks.now(first)).await?;
        // Whoever used a key on these accounts has committed: we hold their locks.
        let mut keys = Keys::load(transaction, commands).await?;
        let mut done = Done::default();
        let mut books = Books::new(accounts);
        let outcomes: Vec<Outcome> =
            commands.iter().map(|command| self.decide(command, &mut books, &mut keys, &mut done)).collect();
        let is_changed = !done.commands.is_empty();
        if is_changed {
            store::write(transaction, tenant, &books, &done.transfers).await?;
            done.record(transaction, now).await?;
        }
        Ok((outcomes, is_changed))
    }

    fn decide<'a>(&self, command: &'a Command, books: &mut Books, keys: &mut Keys<'a>, done: &mut Done<'a>) -> Outcome {
        if let Some(stored) = keys.stored(command) {
            return stored.map_err(Failure::Error);
        }
        let now = self.clocks.now(command.write.caller.tenant);
        let transfers = books.post(&command.postings, now).map_err(Failure::Refused)?;
        let answer = Answer { status: StatusCode::OK, body: (command.answer)(&transfers), mark: None };
        keys.remember(command, &answer);
        done.commands.push((command, answer.body.clone()));
        done.transfers.extend(transfers);
        Ok(answer)
    }
}

/// A transaction that failed.
struct NotDone {
    error: sqlx::Error,
    may_retry: bool,
}

/// Before the commit the server's own refusal, a deadlock or the same key at the same time for instance, leaves nothing
/// behind. A lost connection leaves nothing either, but the next attempt would fail as well.
impl From<sqlx::Error> for NotDone {
    fn from(error: sqlx::Error) -> Self {
        let may_retry = error.as_database_error().is_some();
        Self { error, may_retry }
    }
}

/// The commands of a batch that are being done.
#[derive(Default)]
struct Done<'a> {
    commands: Vec<(&'a Command, String)>,
    transfers: Vec<Transfer>,
}

impl Done<'_> {
    async fn record(&self, connection: &mut PgConnection, now: OffsetDateTime) -> sqlx::Result<()> {
        let events: Vec<Event<'_>> = self
            .commands
            .iter()
            .map(|(command, _)| Event {
                caller: &command.write.caller,
                call: &command.write.call,
                subject: &command.subject,
                status: 200,
                error_code: "",
            })
            .collect();
        audit::append(connection, &events, now).await?;
        let keyed: Vec<(&Write, &Key, &str)> = self
            .commands
            .iter()
            .filter_map(|(command, body)| Some((&command.write, command.write.key.as_ref()?, body.as_str())))
            .collect();
        if keyed.is_empty() { Ok(()) } else { insert_keys(connection, &keyed, now).await }
    }
}

type Scope<'a> = (TenantId, uuid::Uuid, &'static str, &'a str);

fn scope<'a>(write: &Write, key: &'a str) -> Scope<'a> {
    (write.caller.tenant, write.caller.domain.0, write.call.operation, key)
}

/// What the keys of a batch were used for, in the database and earlier in the batch.
struct Keys<'a> {
    known: HashMap<Scope<'a>, (Vec<u8>, i16, String)>,
}

impl<'a> Keys<'a> {
    async fn load(connection: &mut PgConnection, commands: &'a [Command]) -> sqlx::Result<Self> {
        let mut known = HashMap::new();
        let keyed: Vec<Scope<'a>> = commands
            .iter()
            .filter_map(|command| Some(scope(&command.write, &command.write.key.as_ref()?.key)))
            .collect();
        if keyed.is_empty() {
            return Ok(Self { known });
        }
        let rows = sqlx::query!(
            r#"select k.tenant_id as "tenant_id: TenantId", k.domain_id, k.operation, k.key, k.request_hash, k.status, k.answer
               from idempotency_keys k
               join unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) as u (tenant_id, domain_id, operation, key)
                    on k.tenant_id = u.tenant_id and k.domain_id = u.domain_id and k.operation = u.operation and k.key = u.key"#,
            &keyed.iter().map(|scope| scope.0.0).collect::<Vec<_>>(),
            &keyed.iter().map(|scope| scope.1).collect::<Vec<_>>(),
            &keyed.iter().map(|scope| scope.2.to_owned()).collect::<Vec<_>>(),
            &keyed.iter().map(|scope| scope.3.to_owned()).collect::<Vec<_>>()
        )
        .fetch_all(connection)
        .await?;
        for row in rows {
            let found = keyed.iter().find(|scope| {
                (scope.0, scope.1, scope.2, scope.3) == (row.tenant_id, row.domain_id, &*row.operation, &*row.key)
            });
            if let Some(scope) = found {
                known.insert(*scope, (row.request_hash, row.status, row.answer));
            }
        }
        Ok(Self { known })
    }

    fn stored(&self, command: &'a Command) -> Option<Result<Answer, ApiError>> {
        let key = command.write.key.as_ref()?;
        let (request_hash, status, answer) = self.known.get(&scope(&command.write, &key.key))?.clone();
        let stored =
            Stored { request_hash, status, answer, request_id: String::new(), created_at: OffsetDateTime::UNIX_EPOCH };
        Some(stored.repeat(key))
    }

    fn remember(&mut self, command: &'a Command, answer: &Answer) {
        if let Some(key) = &command.write.key {
            let first = (key.request_hash.clone(), answer.status.as_u16().cast_signed(), answer.body.clone());
            self.known.insert(scope(&command.write, &key.key), first);
        }
    }
}

async fn insert_keys(
    connection: &mut PgConnection,
    keyed: &[(&Write, &Key, &str)],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into idempotency_keys
             (tenant_id, domain_id, operation, key, request_hash, status, answer, request_id, created_at)
         select t.tenant_id, u.domain_id, u.operation, u.key, u.request_hash, 200, u.answer, u.request_id, $8
         from tenants t
         join unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::text[])
              as u (tenant_id, domain_id, operation, key, request_hash, answer, request_id) on u.tenant_id = t.tenant_id",
        &keyed.iter().map(|(write, ..)| write.caller.tenant.0).collect::<Vec<_>>(),
        &keyed.iter().map(|(write, ..)| write.caller.domain.0).collect::<Vec<_>>(),
        &keyed.iter().map(|(write, ..)| write.call.operation.to_owned()).collect::<Vec<_>>(),
        &keyed.iter().map(|(_, key, _)| key.key.clone()).collect::<Vec<_>>(),
        &keyed.iter().map(|(_, key, _)| key.request_hash.clone()).collect::<Vec<_>>(),
        &keyed.iter().map(|(.., body)| (*body).to_owned()).collect::<Vec<_>>(),
        &keyed.iter().map(|(write, ..)| write.call.request_id.clone()).collect::<Vec<_>>(),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
