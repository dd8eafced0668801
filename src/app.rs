//! What every request shares.

use crate::api::lockout::Lockout;
use crate::catalogue::Catalogue;
use crate::clock::Clock;
use crate::config::Settings;
use crate::database::Database;
use crate::identity::directory::Directory;
use crate::identity::key_uses::KeyUses;
use crate::secrets::Sealer;
use arc_swap::ArcSwap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The application's state; a clone is one more handle on it.
#[derive(Clone)]
pub struct App(Arc<State>);

/// The parts of an [`App`].
pub struct State {
    /// The configuration, as it was at start.
    pub settings: Settings,
    /// The time.
    pub clock: Clock,
    /// The database.
    pub database: Database,
    /// Seals and opens secrets.
    pub sealer: Sealer,
    /// Keys, users and tokens, in memory.
    pub directory: Directory,
    /// Uses of access keys that are not written yet.
    pub key_uses: KeyUses,
    /// The dictionaries, in memory.
    pub catalogue: ArcSwap<Catalogue>,
    /// Access keys and users that failed too often.
    pub lockout: Lockout,
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
    /// An application on a migrated database.
    pub async fn start(settings: Settings, database: Database, clock: Clock) -> anyhow::Result<Self> {
        let sealer = Sealer::from_settings(&settings.secrets)?;
        let catalogue = Catalogue::load(&mut *database.control().await?).await?;
        let identity = &settings.identity;
        let lockout = Lockout::new(identity.failures_before_lock, Duration::from_secs(identity.lock_seconds));
        Ok(Self(Arc::new(State {
            directory: Directory::new(database.clone(), sealer.clone(), Duration::from_secs(identity.max_age_seconds)),
            key_uses: KeyUses::default(),
            catalogue: ArcSwap::from_pointee(catalogue),
            lockout,
            sealer,
            database,
            clock,
            settings,
            listening: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        })))
    }
}
