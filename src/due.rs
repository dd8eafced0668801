//! What falls due by itself as a tenant's time goes on, and the one place that moves a tenant's clock.
//!
//! [`crate::follow`] does what is due at each look. A clock that is advanced does it on the way: step by step, each at the
//! instant at which it falls due, before the clock shows the new time.

use crate::clock::{self, Clock, Movement, Setting};
use crate::coupons::jobs as coupons;
use crate::database;
use crate::values::id::TenantId;
use crate::values::time::Instant;
use anyhow::ensure;
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;
use utoipa::ToSchema;

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

/// Does all that falls due in a tenant until `until`, in order, each at its own instant.
pub async fn run(
    connection: &mut PgConnection,
    tenant: TenantId,
    until: OffsetDateTime,
) -> anyhow::Result<Vec<Happened>> {
    let mut happened = Vec::new();
    for (at, done) in coupons::expire_until(connection, tenant, until).await? {
        let counts = [("coupon.expiring", done.told), ("coupon.expired", done.expired)];
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        happened.extend(counts.map(|(kind, count)| Happened { at: Instant(at), kind, count }));
    }
    Ok(happened)
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

/// Moves a tenant's clock, and does what falls due on the way. In the sandbox only.
pub async fn move_clock(
    connection: &mut PgConnection,
    tenant: TenantId,
    movement: Movement,
    system: &Clock,
) -> anyhow::Result<(Setting, Vec<Happened>)> {
    ensure!(clock::is_movable(connection).await?, "clocks are moved in a sandbox only");
    let mut transaction = connection.begin().await?;
    let setting = clock::lock(&mut transaction, tenant).await?;
    let now = system.now();
    let moved = setting.moved(movement, now).map_err(anyhow::Error::msg)?;
    let happened = run(&mut transaction, tenant, moved.show(now)).await?;
    clock::set(&mut transaction, tenant, moved).await?;
    transaction.commit().await?;
    Ok((moved, happened))
}
