//! What every request shares.

use crate::api::bodies::{self, Bodies};
use crate::api::faults::Faults;
use crate::api::lockout::Lockout;
use crate::api::maintenance::Switch;
use crate::api::recorder::RequestLog;
use crate::catalogue::memory::Catalogue;
use crate::clock::{Clock, Clocks};
use crate::config::Settings;
use crate::customers::directory::Directory as Customers;
use crate::database::{self, Database};
use crate::events::post::Notifier;
use crate::files::bucket::Buckets;
use crate::health::Health;
use crate::identity::directory::Directory;
use crate::identity::key_uses::KeyUses;
use crate::ledger::entries::Histories;
use crate::ledger::writer::Writers;
use crate::messages::Messenger;
use crate::orders::desk::Desk;
use crate::personal::Vault;
use crate::secrets::Sealer;
use crate::values::id::TenantId;
use arc_swap::ArcSwap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::sync::Notify;

/// The application's state; a clone is one more handle on it.
#[derive(Clone)]
pub struct App(Arc<State>);

/// The parts of an [`App`].
pub struct State {
    /// The configuration, as it was at start.
    pub settings: Settings,
    /// The system's time.
    pub clock: Clock,
    /// The tenants' times.
    pub clocks: Clocks,
    /// The database.
    pub database: Database,
    /// Seals and opens secrets.
    pub sealer: Sealer,
    /// Seals, opens and finds personal data.
    pub vault: Vault,
    /// Sends codes to phones and e-mail addresses.
    pub messenger: Messenger,
    /// Keys, users and tokens, in memory.
    pub directory: Directory,
    /// Who is whose customer, in memory.
    pub customers: Customers,
    /// Tells partners.
    pub notifier: Notifier,
    /// The way to the buckets of accounts.
    pub buckets: Buckets,
    /// Wakes who delivers events.
    pub notified: Notify,
    /// Wakes who writes exports.
    pub exported: Notify,
    /// Wakes who makes the associations of new customers.
    pub registered: Notify,
    /// Makes transfers.
    pub ledger: Writers,
    /// Reads what the ledger's accounts went through.
    pub histories: Histories,
    /// Uses of access keys that are not written yet.
    pub key_uses: KeyUses,
    /// The dictionaries, in memory.
    pub catalogue: ArcSwap<Catalogue>,
    /// Faults that tests of clients ask for; in the sandbox only.
    pub faults: Option<Faults>,
    /// Whether there is maintenance.
    pub maintenance: Switch,
    /// The last calls, for developers to look at; in the sandbox only.
    pub requests: Option<Arc<RequestLog>>,
    /// The memory for the bodies of requests.
    pub bodies: Bodies,
    /// Access keys and users that failed too often.
    pub lockout: Lockout,
    /// Which tasks are down, and how late scheduled work is.
    pub health: Health,
    /// Wakes who looks for changes that were announced.
    pub changed: Notify,
    /// Whether announced changes are heard at this moment.
    pub listening: AtomicBool,
    /// Set when the process is about to stop: not ready any more.
    pub stopping: AtomicBool,
}

impl Deref for App {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl App {
    /// The business time of a tenant.
    pub fn now(&self, tenant: TenantId) -> OffsetDateTime {
        self.clocks.now(tenant)
    }

    /// What orders are handled by, as it is at this moment.
    pub fn desk(&self) -> Desk {
        Desk::new(self.catalogue.load_full(), &self.settings)
    }

    /// An application on a migrated database.
    pub async fn start(settings: Settings, database: Database, clock: Clock) -> anyhow::Result<Self> {
        let catalogue = Arc::new(Catalogue::load(&mut *database.control().await?).await?);
        Self::start_with(settings, database, clock, catalogue).await
    }

    /// Likewise, with products and prices that were read before.
    pub async fn start_with(
        settings: Settings,
        database: Database,
        clock: Clock,
        catalogue: Arc<Catalogue>,
    ) -> anyhow::Result<Self> {
        let sealer = Sealer::from_settings(&settings.secrets)?;
        database::open_months_ahead(&mut *database.control().await?, clock.now()).await?;
        let clocks = Clocks::new(clock.clone());
        clocks.reload(&mut *database.control().await?).await?;
        let maintenance = Switch::default();
        maintenance.reload(&mut *database.control().await?).await?;
        let vault = Vault::load(&mut *database.control().await?, &sealer).await?;
        let notifier = Notifier::new(&settings.notifications, &settings.webhooks)?;
        let messenger = Messenger::new(&settings.messages)?;
        let identity = &settings.identity;
        let lockout = Lockout::new(identity.failures_before_lock, Duration::from_secs(identity.lock_seconds));
        let health = Health::default();
        let sandbox = &settings.sandbox;
        let keeps_requests = sandbox.enabled && sandbox.request_log_length > 0;
        Ok(Self(Arc::new(State {
            directory: Directory::new(database.clone(), sealer.clone(), Duration::from_secs(identity.max_age_seconds)),
            key_uses: KeyUses::default(),
            catalogue: ArcSwap::new(catalogue),
            faults: settings.sandbox.enabled.then(Faults::default),
            maintenance,
            requests: keeps_requests
                .then(|| Arc::new(RequestLog::new(settings.sandbox.request_log_length, clock.clone()))),
            bodies: Bodies::new(settings.server.max_body_bytes, settings.server.max_bodies_bytes, bodies::PATIENCE),
            lockout,
            sealer,
            vault,
            messenger,
            buckets: Buckets::new(&notifier.guard)?,
            notifier,
            notified: Notify::new(),
            exported: Notify::new(),
            customers: Customers::new(database.clone(), Duration::from_secs(identity.max_age_seconds)),
            registered: Notify::new(),
            ledger: Writers::start(&database, &clock, &clocks, (&settings.ledger, &health))?,
            health,
            histories: Histories::new(database.clone(), Duration::from_secs(settings.server.request_timeout_seconds)),
            clocks,
            database,
            clock,
            settings,
            changed: Notify::new(),
            listening: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        })))
    }
}
