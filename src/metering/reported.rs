//! The records of usage that a charge is of.

use crate::values::id::{ChargeId, TenantId};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::ops::RangeInclusive;
use time::OffsetDateTime;

/// A record that a charge is of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reported {
    /// The service's id for it.
    pub record_id: String,
    /// From when on.
    pub from: OffsetDateTime,
    /// Until when.
    pub until: OffsetDateTime,
    /// How much.
    pub quantity: Decimal,
    /// In which unit.
    pub measure_id: i32,
    /// When it was reported.
    pub reported_at: OffsetDateTime,
}

/// The records that a charge is of, the first one first: of its resource, and begun while it was used.
pub async fn of_charge(
    connection: &mut PgConnection,
    (tenant, charge): (TenantId, ChargeId),
    resource: &str,
    used: &RangeInclusive<OffsetDateTime>,
) -> sqlx::Result<Vec<Reported>> {
    sqlx::query_as!(
        Reported,
        r#"select record_id, used_from as "from", used_until as "until", quantity, measure_id, reported_at from usages
           where tenant_id = $1 and resource_id = $2 and used_from >= $3 and used_from <= $4 and charge_id = $5
           order by used_from, record_id"#,
        tenant.0,
        resource,
        used.start(),
        used.end(),
        charge.0
    )
    .fetch_all(connection)
    .await
}
