//! What falls due by itself as a tenant's time goes on, and the one place that moves a tenant's clock.
//!
//! Each kind of it is a source, which says when something is due next and does what is due at an instant. [`run`] takes
//! always the earliest of all, so that they happen in true order, each at its own instant: at each look, and on the way when a
//! clock is advanced, before it shows the new time. What several replicas find due at once is done by one of them, since a
//! source passes over rows that another has locked, and what was done is due no more.

use crate::app::App;
use crate::clock::{self, Clock, Movement, Setting};
use crate::coupons::jobs as coupons;
use crate::database;
use crate::files::{jobs as files, store as subscribed};
use crate::metering;
use crate::orders::desk::DeskWhenNeeded;
use crate::orders::jobs as orders;
use crate::orders::store::due::{self as due_orders, Due};
use crate::resources::{arrears, jobs as resources};
use crate::subscriptions::store as subscriptions;
use crate::values::id::TenantId;
use crate::values::time::Instant;
use anyhow::{bail, ensure};
use futures_util::future::BoxFuture;
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// How often the background looks for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Sources that can wait for minutes are looked at once in so many looks.
const LOOKS_OF_THE_PATIENT: u32 = 600;

/// Something that fell due and was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Happened {
    /// When it fell due, by the tenant's time.
    pub at: Instant,
    /// What it is.
    #[schema(example = "coupon.expired")]
    pub kind: &'static str,
    /// How many of it.
    #[schema(example = 3)]
    pub count: usize,
}

type Tenants =
    for<'a> fn(&'a mut PgConnection, OffsetDateTime, &'a Moved) -> BoxFuture<'a, sqlx::Result<BTreeSet<TenantId>>>;
type NextDue =
    for<'a> fn(&'a mut PgConnection, TenantId, OffsetDateTime) -> BoxFuture<'a, sqlx::Result<Option<OffsetDateTime>>>;
type RunAt = for<'a> fn(
    &'a mut PgConnection,
    &'a DeskWhenNeeded,
    TenantId,
    OffsetDateTime,
) -> BoxFuture<'a, anyhow::Result<usize>>;

/// A kind of work that falls due.
struct Source {
    /// Its name, in the metrics and in what happened.
    kind: &'static str,
    /// Whether it can wait for minutes.
    is_patient: bool,
    /// Tenants in which something may be due, by the system's time and by those of moved clocks; more may follow at the next
    /// look.
    tenants: Tenants,
    /// When something is due next in a tenant; what is due later than the instant may be left out.
    next_due: NextDue,
    /// Does what is due at an instant; how much it was.
    run_at: RunAt,
}

/// The tenants whose clocks are moved, with what they show.
type Moved = [(TenantId, OffsetDateTime)];

/// All that falls due. Of two at one instant the one that stands first here is done first.
static SOURCES: [Source; 10] = [
    Source {
        kind: "coupon.expiring",
        is_patient: true,
        tenants: |connection, _, _| Box::pin(coupons::tenants_with_notices(connection)),
        next_due: |connection, tenant, until| Box::pin(coupons::next_notice(connection, tenant, until)),
        run_at: |connection, _, tenant, at| Box::pin(async move { Ok(coupons::tell(connection, tenant, at).await?) }),
    },
    Source {
        kind: "coupon.expired",
        is_patient: false,
        tenants: |connection, now, moved| Box::pin(coupons::tenants_with_expired(connection, now, moved)),
        next_due: |connection, tenant, _| Box::pin(coupons::next_expiry(connection, tenant)),
        run_at: |connection, _, tenant, at| Box::pin(async move { Ok(coupons::expire(connection, tenant, at).await?) }),
    },
    Source {
        kind: "order.provided",
        is_patient: false,
        tenants: |connection, now, moved| Box::pin(due_orders::tenants(connection, Due::Provision, now, moved)),
        next_due: |connection, tenant, _| Box::pin(due_orders::next(connection, Due::Provision, tenant)),
        run_at: |connection, desk, tenant, at| Box::pin(orders::provide(connection, desk, tenant, at)),
    },
    Source {
        kind: "resource.changed",
        is_patient: false,
        tenants: |connection, now, moved| Box::pin(subscriptions::tenants_with_due(connection, now, moved)),
        next_due: |connection, tenant, _| Box::pin(subscriptions::next_due(connection, tenant)),
        run_at: |connection, desk, tenant, at| Box::pin(resources::run(connection, desk, tenant, at)),
    },
    Source {
        kind: "order.expired",
        is_patient: false,
        tenants: |connection, now, moved| Box::pin(due_orders::tenants(connection, Due::Payment, now, moved)),
        next_due: |connection, tenant, _| Box::pin(due_orders::next(connection, Due::Payment, tenant)),
        run_at: |connection, desk, tenant, at| Box::pin(orders::expire(connection, desk, tenant, at)),
    },
    Source {
        kind: "usage.settled",
        is_patient: false,
        tenants: |connection, now, moved| Box::pin(metering::store::tenants_to_settle(connection, now, moved)),
        next_due: |connection, tenant, _| Box::pin(metering::store::next_settlement(connection, tenant)),
        run_at: |connection, desk, tenant, at| Box::pin(metering::jobs::run(connection, desk, tenant, at)),
    },
    Source {
        kind: "resource.arrears",
        is_patient: false,
        tenants: |connection, now, moved| Box::pin(arrears::tenants(connection, now, moved)),
        next_due: |connection, tenant, _| Box::pin(arrears::next_due(connection, tenant)),
        run_at: |connection, desk, tenant, at| Box::pin(arrears::run(connection, desk, tenant, at)),
    },
    Source {
        kind: "bill.closed",
        is_patient: false,
        tenants: |connection, now, moved| Box::pin(metering::closing::tenants(connection, now, moved)),
        next_due: |connection, tenant, _| Box::pin(metering::closing::next_due(connection, tenant)),
        run_at: |connection, desk, tenant, at| Box::pin(metering::closing::run(connection, desk, tenant, at)),
    },
    Source {
        kind: "debt.paid",
        is_patient: false,
        tenants: |connection, _, _| Box::pin(metering::store::tenants_in_debt(connection)),
        next_due: |connection, tenant, until| Box::pin(metering::debts::next_due(connection, tenant, until)),
        run_at: |connection, _, tenant, at| Box::pin(metering::debts::run(connection, tenant, at)),
    },
    Source {
        kind: "file.due",
        is_patient: false,
        tenants: |connection, now, moved| Box::pin(subscribed::tenants_with_due(connection, now, moved)),
        next_due: |connection, tenant, _| Box::pin(subscribed::next_due(connection, tenant)),
        run_at: |connection, _, tenant, at| Box::pin(async move { Ok(files::run(connection, tenant, at).await?) }),
    },
];

/// Does all that falls due in a tenant until `until`, in order, each at its own instant. What another replica is doing at the
/// same time is left to it.
pub async fn run(
    connection: &mut PgConnection,
    desk: &DeskWhenNeeded,
    tenant: TenantId,
    until: OffsetDateTime,
) -> anyhow::Result<Vec<Happened>> {
    let mut happened = Vec::new();
    // All sources are asked each time: what one does can make work for another, or take it away.
    while let Some((at, source)) = earliest(connection, tenant, until).await? {
        let count = (source.run_at)(connection, desk, tenant, at).await?;
        if count > 0 {
            happened.push(Happened { at: Instant(at), kind: source.kind, count });
        } else if (source.next_due)(connection, tenant, until).await?.is_some_and(|next| next <= at) {
            // Another replica is about to do it. What falls due later is left to it as well, or the order would be lost.
            break;
        }
    }
    Ok(happened)
}

/// What falls due first in a tenant until `until`, and when.
async fn earliest(
    connection: &mut PgConnection,
    tenant: TenantId,
    until: OffsetDateTime,
) -> sqlx::Result<Option<(OffsetDateTime, &'static Source)>> {
    let mut earliest: Option<(OffsetDateTime, &'static Source)> = None;
    for source in &SOURCES {
        let at = (source.next_due)(connection, tenant, until).await?;
        if let Some(at) = at.filter(|at| *at <= until && earliest.is_none_or(|(first, _)| *at < first)) {
            earliest = Some((at, source));
        }
    }
    Ok(earliest)
}

/// Does what is due, look by look, until the task is dropped.
pub async fn watch(app: App) {
    for look in 0_u32.. {
        tokio::time::sleep(LOOK_EVERY).await;
        app.health.turn("due");
        if let Err(error) = run_all(&app, look.is_multiple_of(LOOKS_OF_THE_PATIENT)).await {
            tracing::warn!(%error, "what is due could not be looked for");
        }
    }
}

/// Does what is due in all tenants, each by its own clock; with `patient`, also what can wait for minutes. In a tenant that
/// fails it is tried again at the next look.
pub async fn run_all(app: &App, patient: bool) -> sqlx::Result<()> {
    let moved = app.clocks.moved();
    let mut tenants = BTreeSet::new();
    {
        let mut control = app.database.control().await?;
        for source in SOURCES.iter().filter(|source| patient || !source.is_patient) {
            tenants.extend((source.tenants)(&mut control, app.clock.now(), &moved).await?);
        }
    }
    let mut lags: BTreeMap<&str, Duration> = SOURCES.iter().map(|source| (source.kind, Duration::ZERO)).collect();
    let desk = DeskWhenNeeded::from(app.desk());
    for tenant in tenants {
        let now = app.now(tenant);
        let mut connection = app.database.tenant(tenant).await?;
        match run(&mut connection, &desk, tenant, now).await {
            Ok(happened) if happened.is_empty() => {}
            Ok(happened) => tracing::info!(%tenant, count = happened.len(), "what was due is done"),
            Err(error) => tracing::error!(%tenant, %error, "what is due could not be done"),
        }
        for source in &SOURCES {
            let left = (source.next_due)(&mut connection, tenant, now).await?.filter(|at| *at <= now);
            let lag = left.map_or(Duration::ZERO, |at| (now - at).unsigned_abs());
            lags.entry(source.kind).and_modify(|known| *known = lag.max(*known));
        }
    }
    for (kind, lag) in lags {
        app.health.set_lag(kind, lag);
    }
    Ok(())
}

/// Makes the partitions that a moved clock needs. Not in the transaction that moves it: that takes locks on the tables.
pub async fn make_room(
    connection: &mut PgConnection,
    tenant: TenantId,
    movement: Movement,
    system: &Clock,
) -> anyhow::Result<()> {
    let (setting, now) = (clock::setting(connection, tenant).await?, system.now());
    let moved = setting.moved(movement, now).map_err(anyhow::Error::msg)?;
    let (from, to) = (setting.show(now), moved.show(now));
    database::open_months(connection, from.min(to).date(), to.date()).await?;
    Ok(database::open_months_ahead(connection, to).await?)
}

/// Moves a tenant's clock, and does what falls due on the way. In the sandbox only. Back it goes only as far as nothing has
/// happened: what is dated later than now stands in no list, and its amount in the balance.
pub async fn move_clock(
    connection: &mut PgConnection,
    desk: &DeskWhenNeeded,
    tenant: TenantId,
    movement: Movement,
    system: &Clock,
) -> anyhow::Result<(Setting, Vec<Happened>)> {
    ensure!(clock::is_movable(connection).await?, "clocks are moved in a sandbox only");
    let mut transaction = connection.begin().await?;
    let setting = clock::lock(&mut transaction, tenant).await?;
    let now = system.now();
    let moved = setting.moved(movement, now).map_err(anyhow::Error::msg)?;
    let then = moved.show(now);
    if then < setting.show(now)
        && let Some(latest) = clock::latest_after(&mut transaction, tenant, then).await?
    {
        bail!(
            "the clock would go back behind what happened at {}: restore a snapshot from before that (bss-gateway admin \
             snapshot restore), or work in a copy of the tenant that has its own clock (bss-gateway admin fork create)",
            Instant(latest)
        );
    }
    let happened = run(&mut transaction, desk, tenant, then).await?;
    clock::set(&mut transaction, tenant, moved).await?;
    transaction.commit().await?;
    Ok((moved, happened))
}
