//! The time. Everything that needs "now" is handed it; the ambient clock is banned by lint outside this file.
//!
//! [`Clock`] is the system's, by which signatures and tokens are judged. Business happens in a tenant's time, [`Clocks`]:
//! the same unless the sandbox has moved it. Which tenants' clocks are moved stands in the database, so that all replicas
//! agree, and in memory.

use crate::values::id::TenantId;
use arc_swap::ArcSwap;
use sqlx::{PgConnection, PgExecutor};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use time::{Duration, OffsetDateTime};

/// Tells the time: the system's, moved by an offset that only tests set.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
}

impl Clock {
    /// The instant, in UTC.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the ambient clock")]
    pub fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + Duration::milliseconds(self.offset_ms.load(Ordering::Relaxed))
    }

    /// Moves this clock, and every clone of it, so that it now shows `instant`.
    #[cfg(any(test, feature = "testing"))]
    pub fn set(&self, instant: OffsetDateTime) {
        let difference = (instant - self.now()).whole_milliseconds();
        let difference = i64::try_from(difference).expect("test instants lie within millions of years");
        self.offset_ms.fetch_add(difference, Ordering::Relaxed);
    }
}

/// How far a tenant's clock is from the system's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// Added to the system's time while the clock runs.
    pub offset: Duration,
    /// Where it stands still.
    pub frozen_at: Option<OffsetDateTime>,
}

impl Setting {
    /// What the clock shows when the system's shows `system`; to the microsecond, which is what the database keeps.
    pub fn show(self, system: OffsetDateTime) -> OffsetDateTime {
        let shown = self.frozen_at.unwrap_or_else(|| system.saturating_add(self.offset));
        shown.replace_nanosecond(shown.microsecond() * 1000).expect("a microsecond is whole nanoseconds")
    }
}

/// How far from the system's time a clock can be moved.
pub const DISTANCE_MAX: Duration = Duration::days(5 * 366);

/// A way to move a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Movement {
    /// It stands still.
    Freeze,
    /// It runs on from what it shows.
    Run,
    /// It runs, this far ahead of the system's.
    Offset(Duration),
    /// It shows this later instant, and stands or runs as before.
    Advance(OffsetDateTime),
    /// It shows this much more, and stands or runs as before.
    AdvanceBy(Duration),
    /// It is the system's again.
    Reset,
}

impl Setting {
    /// The setting after a movement at the system's time `system`.
    pub fn moved(self, movement: Movement, system: OffsetDateTime) -> Result<Self, &'static str> {
        let shown = self.show(system);
        let advanced = |to: OffsetDateTime| match self.frozen_at {
            Some(_) => Self { frozen_at: Some(to), ..self },
            None => Self { offset: to - system, frozen_at: None },
        };
        let setting = match movement {
            Movement::Freeze => Self { frozen_at: Some(shown), ..self },
            Movement::Run if self.frozen_at.is_none() => self,
            Movement::Run => Self { offset: shown - system, frozen_at: None },
            Movement::Offset(offset) => Self { offset, frozen_at: None },
            Movement::Advance(to) if to <= shown => return Err("a clock can only be advanced to a later instant"),
            Movement::Advance(to) => advanced(to),
            Movement::AdvanceBy(duration) => advanced(shown.saturating_add(duration)),
            Movement::Reset => Self::default(),
        };
        if (setting.show(system) - system).abs() > DISTANCE_MAX {
            return Err("a clock can be moved by five years at most");
        }
        Ok(setting)
    }
}

/// Announces that a tenant's clock was moved.
pub const CHANNEL: &str = "bss_clock";

/// The tenants' clocks.
#[derive(Clone, Debug)]
pub struct Clocks {
    system: Clock,
    moved: Arc<ArcSwap<HashMap<TenantId, Setting>>>,
}

impl Clocks {
    /// All at the system's time.
    pub fn new(system: Clock) -> Self {
        Self { system, moved: Arc::default() }
    }

    /// The business time of a tenant.
    pub fn now(&self, tenant: TenantId) -> OffsetDateTime {
        self.setting(tenant).show(self.system.now())
    }

    /// The tenants whose clocks are moved, with what they show. All others show the system's time.
    pub fn moved(&self) -> Vec<(TenantId, OffsetDateTime)> {
        let system = self.system.now();
        self.moved.load().iter().map(|(tenant, setting)| (*tenant, setting.show(system))).collect()
    }

    /// How a tenant's clock is set.
    pub fn setting(&self, tenant: TenantId) -> Setting {
        self.moved.load().get(&tenant).copied().unwrap_or_default()
    }

    /// Reads again which clocks are moved.
    pub async fn reload(&self, executor: impl PgExecutor<'_>) -> sqlx::Result<()> {
        let rows = sqlx::query!(
            r#"select tenant_id as "tenant_id: TenantId", clock_offset_us, clock_frozen_at from tenants
               where clock_offset_us <> 0 or clock_frozen_at is not null"#
        );
        let rows = rows.fetch_all(executor).await?.into_iter().map(|row| {
            let offset = Duration::microseconds(row.clock_offset_us);
            (row.tenant_id, Setting { offset, frozen_at: row.clock_frozen_at })
        });
        let moved: HashMap<TenantId, Setting> = rows.collect();
        if **self.moved.load() != moved {
            self.moved.store(Arc::new(moved));
        }
        Ok(())
    }
}

/// A tenant's time as the database says, for who keeps nothing in memory.
pub async fn business_time(
    connection: &mut PgConnection,
    tenant: TenantId,
    system: &Clock,
) -> sqlx::Result<OffsetDateTime> {
    Ok(setting(connection, tenant).await?.show(system.now()))
}

/// How a tenant's clock is set, as the database says.
pub async fn setting(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Setting> {
    let row = sqlx::query!("select clock_offset_us, clock_frozen_at from tenants where tenant_id = $1", tenant.0);
    let row = row.fetch_one(connection).await?;
    Ok(Setting { offset: Duration::microseconds(row.clock_offset_us), frozen_at: row.clock_frozen_at })
}

/// Like [`setting`], and nobody else moves it until the transaction ends.
pub async fn lock(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Setting> {
    // A tenant that was brought back while this waited has a new row, which only the next statement sees.
    for _ in 0..2 {
        let row = sqlx::query!(
            "select clock_offset_us, clock_frozen_at from tenants where tenant_id = $1 for no key update",
            tenant.0
        );
        if let Some(row) = row.fetch_optional(&mut *connection).await? {
            return Ok(Setting { offset: Duration::microseconds(row.clock_offset_us), frozen_at: row.clock_frozen_at });
        }
    }
    Err(sqlx::Error::RowNotFound)
}

/// Sets a tenant's clock, and tells all replicas with the commit.
pub async fn set(connection: &mut PgConnection, tenant: TenantId, setting: Setting) -> sqlx::Result<()> {
    let offset = i64::try_from(setting.offset.whole_microseconds()).unwrap_or(i64::MAX);
    sqlx::query!(
        "update tenants set clock_offset_us = $2, clock_frozen_at = $3 where tenant_id = $1",
        tenant.0,
        offset,
        setting.frozen_at
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("select pg_notify($1, $2) as \"sent: ()\"", CHANNEL, tenant.to_string()).execute(connection).await?;
    Ok(())
}

/// When the last thing after an instant happened to a tenant, in a sandbox: lists and balances would disagree about it if the
/// tenant's clock went back there.
pub async fn latest_after(
    connection: &mut PgConnection,
    tenant: TenantId,
    instant: OffsetDateTime,
) -> sqlx::Result<Option<OffsetDateTime>> {
    let latest = sqlx::query_scalar("select sandbox.latest_after($1, $2)").bind(tenant.0).bind(instant);
    latest.fetch_one(connection).await
}

/// Whether time can be moved: the database is a sandbox's.
pub async fn is_movable(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar!("select exists(select 1 from sandbox_world where only_row) as \"exists!\"")
        .fetch_one(connection)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_tenants_clock_runs_shifted_or_stands_still() {
        let system = datetime!(2026-01-31 10:00:00.123456789 UTC);
        assert_eq!(Setting::default().show(system), datetime!(2026-01-31 10:00:00.123456 UTC));
        let ahead = Setting { offset: Duration::days(40), frozen_at: None };
        assert_eq!(ahead.show(system), datetime!(2026-03-12 10:00:00.123456 UTC));
        let frozen = Setting { offset: Duration::days(40), frozen_at: Some(datetime!(2030-01-01 00:00 UTC)) };
        assert_eq!(frozen.show(system), datetime!(2030-01-01 00:00 UTC));
    }

    #[test]
    fn a_clock_is_frozen_advanced_released_and_reset() {
        let system = datetime!(2026-01-31 10:00 UTC);
        let later = system + Duration::HOUR;
        let moved = |setting: Setting, movement, at| setting.moved(movement, at).expect("it can be moved");
        let frozen = moved(Setting::default(), Movement::Freeze, system);
        assert_eq!(frozen.show(later), system);
        let advanced = moved(frozen, Movement::AdvanceBy(Duration::days(40)), later);
        assert_eq!(advanced.show(later + Duration::HOUR), system + Duration::days(40));
        let runs = moved(advanced, Movement::Run, later);
        assert_eq!(runs.show(later + Duration::HOUR), system + Duration::days(40) + Duration::HOUR);
        assert_eq!(moved(runs, Movement::Run, later), runs);
        let to = datetime!(2027-01-01 00:00 UTC);
        assert_eq!(moved(runs, Movement::Advance(to), later).show(later), to);
        assert_eq!(moved(runs, Movement::Offset(-Duration::DAY), later).show(later), later - Duration::DAY);
        assert_eq!(moved(runs, Movement::Reset, later), Setting::default());
        assert!(runs.moved(Movement::Advance(system), later).is_err());
        assert!(runs.moved(Movement::AdvanceBy(DISTANCE_MAX), later).is_err());
    }

    #[test]
    fn a_moved_clock_shows_the_new_instant_in_every_clone() {
        let clock = Clock::default();
        let clone = clock.clone();
        clock.set(datetime!(2030-01-02 03:04:05 UTC));
        assert!((clone.now() - datetime!(2030-01-02 03:04:05 UTC)).abs() < Duration::seconds(1));
    }
}
