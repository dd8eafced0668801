//! Taking reports of usage: a batch record by record. What is wrong with one keeps none of the others out.

use super::model::{Interval, NewUsage};
use super::store::{self, Aside, Fate};
use crate::catalogue::memory::Catalogue;
use crate::pricing::model::{Currency, ProductCodes, Size};
use crate::pricing::rating::{self, Rounding, Trace, UsageItem};
use crate::values::id::TenantId;
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;

/// How far back usage is taken: as long as bills are kept.
pub const OLDEST: Duration = Duration::days(3 * 366);
/// How many records are taken at once.
pub const BATCH_MAX: usize = 10_000;
/// A record is of at most so long.
const LONGEST: Duration = Duration::days(31);
/// Far above any real quantity, and still exact in the database.
const QUANTITY_MAX: Decimal = Decimal::from_parts(2_764_472_320, 232_830, 0, false, 0);

/// What became of a batch.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct UsageReport {
    /// How many records were taken, those kept aside included.
    #[schema(example = 9_998)]
    pub taken: usize,
    /// How many were there already.
    #[schema(example = 0)]
    pub repeated: usize,
    /// Those that are kept aside and not charged.
    pub aside: Vec<UsageAside>,
    /// Those that were refused.
    pub refused: Vec<UsageRefused>,
}

/// A record that is kept aside.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct UsageAside {
    /// The record.
    #[schema(example = "cdr-000001")]
    pub record_id: String,
    /// Why: nobody has its resource (it is charged once somebody has), or another record says what was used at that time.
    pub reason: Aside,
}

/// A record that was refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct UsageRefused {
    /// The record.
    #[schema(example = "cdr-000002")]
    pub record_id: String,
    /// Why, with the field.
    #[schema(example = "quantity: must not be below 0")]
    pub reason: String,
}

/// Takes a batch.
pub async fn take(
    connection: &mut PgConnection,
    (tenant, catalogue): (TenantId, &Catalogue),
    records: Vec<NewUsage>,
    (default, now): (Currency, OffsetDateTime),
) -> sqlx::Result<UsageReport> {
    let ids: Vec<String> = records.iter().map(|record| record.resource_id.clone()).collect();
    let resources = store::resources(connection, tenant, &ids).await?;
    let mut report = UsageReport::default();
    let mut good = Vec::with_capacity(records.len());
    for mut record in records {
        let resource = resources.get(&record.resource_id);
        // In one spelling: in two, the same use would be charged twice.
        let known = resource.and_then(|of| catalogue.products.find_usage(&of.resource_type, &record.usage_type));
        if let Some(known) = known {
            record.usage_type.clone_from(&known.code);
        }
        let fault = fault(&record, now).or_else(|| {
            let resource = resource?;
            let codes = ProductCodes {
                service_type: &resource.service_type,
                resource_type: &resource.resource_type,
                spec: &resource.spec,
                region: &resource.region,
            };
            let size = resource.size.map(|(size, measure_id)| Size { size, measure_id });
            unpriced(catalogue, &record, (codes, size), (default, now))
        });
        if let Some(reason) = fault {
            report.refused.push(UsageRefused { record_id: record.record_id, reason });
            continue;
        }
        let settle_at = interval(catalogue, &record.usage_type, record.measure_id).settled_at(record.until).max(now);
        let fate = match resource {
            Some(resource) => Fate { customer: Some(resource.customer), aside: None, settle_at: Some(settle_at) },
            None => Fate { customer: None, aside: Some(Aside::Unknown), settle_at: None },
        };
        good.push((record, fate));
    }
    let written = store::insert(connection, tenant, &good, now).await?;
    report.taken = written.len();
    report.repeated = good.len() - written.len();
    let aside = written.into_iter().filter_map(|((_, record_id), aside)| Some((record_id, aside?)));
    report.aside = aside.map(|(record_id, reason)| UsageAside { record_id, reason }).collect();
    Ok(report)
}

/// How often usage is settled, by the unit it is measured in.
pub fn interval(catalogue: &Catalogue, usage_type: &str, measure_id: i32) -> Interval {
    let unit = catalogue.reference.units.iter().find(|unit| unit.measure_id == measure_id);
    Interval::of(usage_type, unit.map_or(0, |unit| unit.measure_type))
}

/// What is wrong with a record by itself.
fn fault(record: &NewUsage, now: OffsetDateTime) -> Option<String> {
    let wrong = |text: &str| Some(text.to_owned());
    if record.quantity < Decimal::ZERO {
        return wrong("quantity: must not be below 0");
    }
    if record.quantity > QUANTITY_MAX || record.quantity.normalize().scale() > 8 {
        return Some(format!("quantity: must be at most {QUANTITY_MAX}, with at most 8 decimals"));
    }
    if record.until < record.from {
        return wrong("until: must not be before from");
    }
    if record.until - record.from > LONGEST {
        return wrong("until: must be at most 31 days after from");
    }
    if record.until > now {
        return wrong("until: must not be later than now");
    }
    if record.from < now - OLDEST {
        return wrong("from: must be within the last three years");
    }
    None
}

/// Why a record could not be charged: its resource is of no product that is sold by such use.
fn unpriced(
    catalogue: &Catalogue,
    record: &NewUsage,
    (codes, size): (ProductCodes<'_>, Option<Size>),
    (currency, now): (Currency, OffsetDateTime),
) -> Option<String> {
    let item = UsageItem {
        codes,
        size,
        factor: &record.usage_type,
        value: record.quantity,
        measure_id: record.measure_id,
        count: 1,
    };
    let book = &catalogue.pricing.book;
    let rated = rating::rate_usage(book, currency, now, &item, Rounding::Metered, &mut Trace::default());
    let fault = rated.err()?;
    Some(format!("usage_type: the resource has no price for it in this unit ({fault:?})"))
}
