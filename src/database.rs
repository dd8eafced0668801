//! The way to PostgreSQL: one function gives the connection for a tenant, so that tenants can be placed elsewhere later.

use crate::config::DatabaseSettings;
use crate::values::id::TenantId;
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, PgTransaction, Postgres};
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use time::{Date, OffsetDateTime};

/// The migrations, part of the binary.
pub static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!();
    // While replicas are upgraded one by one, an older one may start on a newer database.
    migrator.set_ignore_missing(true);
    migrator
});

/// How the requests' statements are planned. A plan that is kept with its statement, made while a table was small, would
/// scan it for ever: so each execution is planned anew, and index scans are preferred. Compiling a plan pays for none.
pub(crate) const PLANNING: [(&str, &str); 3] =
    [("plan_cache_mode", "force_custom_plan"), ("enable_seqscan", "off"), ("jit", "off")];

/// Begins a transaction, each statement of which sees what was committed before it.
pub const BEGIN: &str = "begin";
/// Begins one that sees what was committed before its first statement, and nothing later.
pub const BEGIN_AT_ONE_MOMENT: &str = "begin isolation level repeatable read";

/// Connections.
#[derive(Clone, Debug)]
pub struct Database {
    pool: PgPool,
    /// One connection, for [`crate::background::invalidation`] to hear announcements on.
    announcements: PgPool,
}

impl Database {
    /// Connects, and fails if the server cannot be reached.
    pub async fn connect(settings: &DatabaseSettings) -> Result<Self, sqlx::Error> {
        // A replica that is frozen, or cut off, in a transaction would keep its locks, and who waits for them, for ever.
        let idle_transactions =
            ("idle_in_transaction_session_timeout", format!("{}s", settings.idle_transaction_seconds));
        // A statement that hangs would keep its connection after its request has been answered, until none is left.
        let statements = ("statement_timeout", format!("{}s", settings.statement_seconds));
        let pool = PgPoolOptions::new()
            .max_connections(settings.max_connections)
            .acquire_timeout(Duration::from_secs(settings.acquire_timeout_seconds))
            // A ping before each use would cost a round trip a request; a broken connection fails one request instead.
            .test_before_acquire(false)
            .connect_with(options(settings.url.reveal())?.options(PLANNING).options([idle_transactions, statements]))
            .await?;
        let announcements = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(settings.acquire_timeout_seconds))
            .connect_lazy_with(options(settings.control_url())?);
        Ok(Self { pool, announcements })
    }

    /// Takes over a pool.
    #[cfg(any(test, feature = "testing"))]
    pub fn from_pool(pool: PgPool) -> Self {
        Self { announcements: pool.clone(), pool }
    }

    /// The same database over `count` connections of one's own, for who runs on a runtime of their own: a connection belongs to
    /// the runtime that opened it.
    #[must_use]
    pub fn apart(&self, count: u32) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(count)
            .acquire_timeout(self.pool.options().get_acquire_timeout())
            .test_before_acquire(false)
            .connect_lazy_with((*self.pool.connect_options()).clone());
        Self { announcements: self.announcements.clone(), pool }
    }

    /// Hears what is announced on the control database.
    pub async fn listener(&self) -> Result<PgListener, sqlx::Error> {
        PgListener::connect_with(&self.announcements).await
    }

    /// A connection to where a tenant's rows are.
    pub async fn tenant(&self, _tenant: TenantId) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        self.acquire().await
    }

    /// A transaction where a tenant's rows are.
    pub async fn begin(&self, tenant: TenantId) -> Result<PgTransaction<'static>, sqlx::Error> {
        self.begin_with(tenant, BEGIN).await
    }

    /// The same, begun with this statement: [`BEGIN_AT_ONE_MOMENT`] for instance.
    pub async fn begin_with(
        &self,
        _tenant: TenantId,
        begin: &'static str,
    ) -> Result<PgTransaction<'static>, sqlx::Error> {
        let started = Instant::now();
        let transaction = Box::pin(self.pool.begin_with(begin)).await;
        metrics::histogram!("bss_pool_wait_seconds").record(started.elapsed().as_secs_f64());
        transaction
    }

    /// The same, with statements that may take as long as they need: for what no request waits for.
    pub async fn patient(&self, tenant: TenantId) -> Result<PgTransaction<'static>, sqlx::Error> {
        let mut transaction = self.begin(tenant).await?;
        sqlx::query!("select set_config('statement_timeout', '0', true) as timeout")
            .fetch_one(&mut *transaction)
            .await?;
        Ok(transaction)
    }

    /// A connection to the catalogue and to the tables that say which tenant a key, a name or a token belongs to.
    pub async fn control(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        self.acquire().await
    }

    async fn acquire(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        let started = Instant::now();
        // Boxed, since it takes 4 KB: what may ask the database but rarely does would be moved about at that size.
        let connection = Box::pin(self.pool.acquire()).await;
        metrics::histogram!("bss_pool_wait_seconds").record(started.elapsed().as_secs_f64());
        connection
    }

    /// Open and idle connections.
    pub fn connections(&self) -> (u32, usize) {
        (self.pool.size(), self.pool.num_idle())
    }

    /// Whether who wants a connection gets one at once.
    pub fn has_spare_connections(&self) -> bool {
        self.pool.num_idle() > 0 || self.pool.size() < self.pool.options().get_max_connections()
    }

    /// Waits for borrowed connections and closes all.
    pub async fn close(&self) {
        self.announcements.close().await;
        self.pool.close().await;
    }
}

fn options(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
    Ok(PgConnectOptions::from_str(url)?.application_name("bss-gateway"))
}

/// A connection of one's own, planned like those of the requests: for who fills tables that were empty when it began.
pub async fn connect_planning(url: &str) -> Result<PgConnection, sqlx::Error> {
    PgConnection::connect_with(&options(url)?.options(PLANNING)).await
}

/// Applies what is missing, on a connection of its own: SQLx's advisory lock, under which replicas wait for each other,
/// outlives a failed run until its connection is closed.
pub async fn migrate(url: &str) -> Result<(), sqlx::Error> {
    // Harmless on plain PostgreSQL; on Citus it lets one transaction both create and alter distributed tables.
    let options = options(url)?.options([("citus.multi_shard_modify_mode", "sequential")]);
    let mut connection = PgConnection::connect_with(&options).await?;
    let outcome = MIGRATOR.run(&mut connection).await;
    connection.close().await.ok();
    Ok(outcome?)
}

/// Whether every migration of this binary has been applied.
pub async fn is_current(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let newest = MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or_default();
    let exists = sqlx::query_scalar!("select to_regclass('_sqlx_migrations') is not null as \"exists!\"");
    if !exists.fetch_one(&mut *connection).await? {
        return Ok(false);
    }
    // The table is the migrator's own, so the statement cannot be checked before the first migration.
    let applied: Option<i64> =
        sqlx::query_scalar("select max(version) from _sqlx_migrations where success").fetch_one(connection).await?;
    Ok(applied.unwrap_or_default() >= newest)
}

/// Creates a user that may do what the gateway does, unless there is one of that name.
pub async fn create_user(connection: &mut PgConnection, name: &'static str) -> sqlx::Result<()> {
    let exists = sqlx::query_scalar!("select exists(select 1 from pg_roles where rolname = $1) as \"exists!\"", name);
    if !exists.fetch_one(&mut *connection).await? {
        // SAFE: the name is a constant of this program.
        let create = AssertSqlSafe(format!("create role {name} login in role bss_gateway"));
        sqlx::query(create).execute(connection).await?;
    }
    Ok(())
}

/// How long who opens a month waits for a lock. It keeps nobody waiting meanwhile but others who open months.
const WAIT_FOR_A_LOCK: &str = "500ms";
/// How often a month is tried to be opened, and how long between two tries.
const OPENINGS_MAX: u32 = 20;
const BETWEEN_OPENINGS: Duration = Duration::from_millis(100);

/// Makes the monthly partitions that hold history from `first` to `last`, each in a transaction of its own: who held the locks
/// of several tables would wait in a circle with those who write to several. So the connection must be in none.
pub async fn open_months(connection: &mut PgConnection, first: Date, last: Date) -> sqlx::Result<()> {
    let missing =
        sqlx::query!(r#"select parent as "parent!", month as "month!" from missing_months($1, $2)"#, first, last);
    for row in missing.fetch_all(&mut *connection).await? {
        let mut tries = 1;
        while let Err(error) = open_month(connection, &row.parent, row.month).await {
            if tries == OPENINGS_MAX || !(found_locked(&error) || Trouble::of(&error) == Some(Trouble::GivenUp)) {
                return Err(error);
            }
            tries += 1;
            tokio::time::sleep(BETWEEN_OPENINGS).await;
        }
    }
    Ok(())
}

async fn open_month(connection: &mut PgConnection, parent: &str, month: Date) -> sqlx::Result<()> {
    // Fails where a transaction is open, instead of becoming a part of it.
    let mut transaction = connection.begin_with(BEGIN).await?;
    sqlx::query!("select set_config('lock_timeout', $1, true) as limit", WAIT_FOR_A_LOCK)
        .fetch_one(&mut *transaction)
        .await?;
    sqlx::query!("select open_month($1, $2) as \"done: ()\"", parent, month).execute(&mut *transaction).await?;
    transaction.commit().await
}

/// How long before a month begins its partitions are made.
const AHEAD: time::Duration = time::Duration::days(62);

/// Makes the partitions for what will happen soon.
pub async fn open_months_ahead(connection: &mut PgConnection, now: OffsetDateTime) -> sqlx::Result<()> {
    open_months(connection, now.date(), now.saturating_add(AHEAD).date()).await
}

/// Why the database did not do what was asked, where that is no fault of the statement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// It ended the statement, which took too long.
    TookTooLong,
    /// It gave the transaction up for the sake of another: nothing is left of it, and it may well succeed if it is begun again.
    GivenUp,
    /// It can do nothing at this moment, for this cause.
    Away(&'static str),
}

impl Trouble {
    /// Of a failed statement, or of a connection.
    pub fn of(error: &sqlx::Error) -> Option<Self> {
        match error {
            sqlx::Error::PoolTimedOut => Some(Self::Away("no connection became free")),
            sqlx::Error::PoolClosed => Some(Self::Away("the connections are closed")),
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) => Some(Self::Away("the connection failed")),
            sqlx::Error::Database(error) => Self::of_code(&error.code()?),
            _ => None,
        }
    }

    /// Of PostgreSQL's SQLSTATE.
    fn of_code(code: &str) -> Option<Self> {
        Some(match code {
            "57014" => Self::TookTooLong,
            "40001" | "40P01" => Self::GivenUp,
            "53100" => Self::Away("the disk is full"),
            "53200" => Self::Away("the memory is used up"),
            "53300" => Self::Away("all connections of the server are taken"),
            "57P01" | "57P02" | "57P03" => Self::Away("the server stops or starts"),
            "25P03" | "57P05" => Self::Away("the connection had been idle for too long"),
            "25006" => Self::Away("the server is read-only"),
            "58030" => Self::Away("the server cannot read or write its files"),
            _ if code.starts_with("08") => Self::Away("the connection failed"),
            _ if code.starts_with("53") => Self::Away("a resource of the server is used up"),
            _ => return None,
        })
    }

    /// Of whatever the database caused, however deep it lies.
    pub fn within(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let mut causes = std::iter::successors(Some(error), |error| error.source());
        causes.find_map(|error| error.downcast_ref().and_then(Self::of))
    }

    /// What the log says, and what lines of one cause are told together by.
    pub fn cause(self) -> &'static str {
        match self {
            Self::TookTooLong => "a statement took too long",
            Self::GivenUp => "a transaction was given up for another",
            Self::Away(cause) => cause,
        }
    }
}

/// `lock_not_available`.
const LOCK_TIMEOUT: &str = "55P03";

/// Whether a lock was not free for as long as the transaction wanted to wait.
pub fn found_locked(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() == Some(LOCK_TIMEOUT)
}

/// Whether the constraint of this name refused the statement.
///
/// On a cluster the driver does not learn the name: it stands in the message alone, with a shard's number behind it.
pub fn violates(error: &sqlx::Error, constraint: &str) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    error.constraint().or_else(|| constraint_in(error.message())) == Some(constraint)
}

fn constraint_in(message: &str) -> Option<&str> {
    let name = message.split_once("constraint \"")?.1.split('"').next()?;
    match name.rsplit_once('_') {
        Some((stem, shard)) if shard.len() >= 6 && shard.bytes().all(|byte| byte.is_ascii_digit()) => Some(stem),
        _ => Some(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::error::ApiError;
    use crate::config::Settings;
    use sqlx::ConnectOptions;

    #[test]
    fn no_migration_changes_once_it_has_landed() {
        // A changed comment is enough, and no database that has it would start the new binary.
        let sums = MIGRATOR
            .iter()
            .map(|migration| format!("{:04} {}\n", migration.version, &hex::encode(&*migration.checksum)[..32]));
        let all: String = sums.collect();
        assert_eq!(
            all,
            include_str!("../migrations/landed.txt"),
            "a new migration goes with a line to migrations/landed.txt; a landed one is never edited"
        );
    }

    #[sqlx::test(migrations = false)]
    async fn a_replica_that_stops_in_a_transaction_keeps_its_locks_for_a_while_only(pool: PgPool) {
        let mut settings = Settings::defaults().database;
        settings.url = pool.connect_options().to_url_lossy().to_string().into();
        settings.idle_transaction_seconds = 1;
        let database = Database::connect(&settings).await.expect("it connects");
        let tenant = TenantId::new(OffsetDateTime::UNIX_EPOCH);
        sqlx::query("create table locked (row integer)").execute(&pool).await.expect("it is made");
        sqlx::query("insert into locked values (1)").execute(&pool).await.expect("it is filled");
        let mut stopped = database.begin(tenant).await.expect("it begins");
        sqlx::query("select row from locked for update").execute(&mut *stopped).await.expect("it locks");
        let waits = sqlx::query("update locked set row = 2").execute(&pool);
        let waited = tokio::time::timeout(Duration::from_secs(20), waits).await;
        waited.expect("it does not wait for ever").expect("it gets the lock");
        let row: i32 = sqlx::query_scalar("select row from locked").fetch_one(&pool).await.expect("it is there");
        assert_eq!(row, 2);
        assert!(stopped.commit().await.is_err(), "what it had not committed is gone");
    }

    #[sqlx::test(migrations = false)]
    async fn a_statement_that_hangs_is_ended_and_its_connection_is_as_good_as_before(pool: PgPool) {
        let mut settings = Settings::defaults().database;
        settings.url = pool.connect_options().to_url_lossy().to_string().into();
        (settings.statement_seconds, settings.max_connections) = (1, 1);
        let database = Database::connect(&settings).await.expect("it connects");
        let tenant = TenantId::new(OffsetDateTime::UNIX_EPOCH);
        let mut patient = database.patient(tenant).await.expect("it begins");
        sqlx::query("select pg_sleep(1.2)").execute(&mut *patient).await.expect("it may take what it needs");
        patient.commit().await.expect("it ends");
        for _ in 0..2 {
            let mut connection = database.tenant(tenant).await.expect("the only one is there");
            let hangs = sqlx::query("select pg_sleep(60)").execute(&mut *connection).await.expect_err("it is ended");
            assert_eq!(Trouble::of(&hangs), Some(Trouble::TookTooLong), "{hangs}");
            let answer = ApiError::from(hangs);
            assert_eq!((answer.status.as_u16(), answer.code, answer.cause.is_some()), (504, "APIGW.0201", true));
        }
    }

    #[test]
    fn a_constraints_name_is_found_in_the_message_with_and_without_a_shards_number() {
        let plain = "duplicate key value violates unique constraint \"users_name_key\"";
        let shard = "duplicate key value violates unique constraint \"users_name_key_102242\"";
        assert_eq!(constraint_in(plain), Some("users_name_key"));
        assert_eq!(constraint_in(shard), Some("users_name_key"));
        assert_eq!(constraint_in("something else"), None);
    }
}
