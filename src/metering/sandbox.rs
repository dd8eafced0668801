//! Usage in the sandbox's world, as services would report it.

use super::intake;
use super::model::{NewUsage, full_hour};
use crate::orders::desk::Desk;
use crate::values::id::TenantId;
use anyhow::ensure;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

/// What is measured, and in which unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// How long a server ran, in seconds.
    Seconds,
    /// What was loaded down from a bucket, in GB.
    Traffic,
    /// How often a bucket was read.
    Reads,
    /// The bandwidth of a content delivery network, in Mbps: a point each five minutes.
    Bandwidth,
}

impl Measure {
    /// Its usage type and its unit.
    fn code(self) -> (&'static str, i32) {
        match self {
            Self::Seconds => ("Duration", 6),
            Self::Traffic => ("downloadexternal", 10),
            Self::Reads => ("get", 14),
            Self::Bandwidth => ("95Peak", 15),
        }
    }

    /// How long a record of it is.
    fn span(self) -> Duration {
        if self == Self::Bandwidth { Duration::minutes(5) } else { Duration::HOUR }
    }

    /// How much of it there is in a record: more in the afternoon than in the morning.
    fn quantity(self, from: OffsetDateTime) -> Decimal {
        let hour = i64::from(from.hour());
        match self {
            Self::Seconds => Decimal::from(1_800 + 75 * hour),
            Self::Traffic => Decimal::new(200 + 5 * hour, 3),
            Self::Reads => Decimal::from(1_000 + 111 * hour),
            Self::Bandwidth => Decimal::from(2 + hour + i64::from(from.minute()) / 10),
        }
    }
}

/// Reports what a resource used in the full hours before an instant, so many.
pub async fn report(
    connection: &mut PgConnection,
    desk: &Desk,
    tenant: TenantId,
    (resource, measures, hours): (&str, &[Measure], i64),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let end = full_hour(now);
    let record = |measure: Measure, from: OffsetDateTime| {
        let (usage_type, measure_id) = measure.code();
        NewUsage {
            record_id: format!("{resource}-{usage_type}-{}", from.unix_timestamp()),
            resource_id: resource.to_owned(),
            usage_type: usage_type.to_owned(),
            quantity: measure.quantity(from),
            measure_id,
            scenario: None,
            from,
            until: from + measure.span(),
        }
    };
    let instants = |measure: Measure| {
        let first = end - Duration::hours(hours);
        std::iter::successors(Some(first), move |from| Some(*from + measure.span())).take_while(|from| *from < end)
    };
    let records = measures.iter().flat_map(|measure| instants(*measure).map(|from| record(*measure, from)));
    let of = (tenant, &*desk.catalogue);
    let taken = intake::take(connection, of, records.collect(), (desk.currency(), now)).await?;
    ensure!(taken.refused.is_empty() && taken.aside.is_empty(), "{taken:?}");
    Ok(())
}
