//! Packages for a sandbox's customer.

use super::model::{Bundle, NewItem, NewPackage, Quantity, Reset, ResetBy, ResetCycle, Scope, Span, Usage};
use super::store;
use crate::database;
use crate::values::id::{DomainId, PackageId, PackageItemId, TenantId};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

const REGION: &str = "cn-north-4";
const BUCKETS: &str = "hws.resource.type.obs";
const GIGABYTE: i32 = 10;
const PIECE: i32 = 14;

/// What a sample package has, and what was taken out of it: how much, so many days ago.
struct Sample {
    product: (&'static str, &'static str),
    reset: Option<Reset>,
    is_promotional: bool,
    days: i64,
    usage_type: &'static str,
    amount: i64,
    measure_id: i32,
    used: [(i64, i64); 2],
}

const SAMPLES: [Sample; 2] = [
    Sample {
        product: ("demo-traffic", "Outbound traffic, 40 GB a month"),
        reset: Some(Reset { cycle: ResetCycle::Month, by: ResetBy::Calendar }),
        is_promotional: false,
        days: 365,
        usage_type: "downloadexternal",
        amount: 40,
        measure_id: GIGABYTE,
        used: [(12, 25), (1, 3)],
    },
    Sample {
        product: ("demo-requests", "A million read requests"),
        reset: None,
        is_promotional: true,
        days: 180,
        usage_type: "get",
        amount: 1_000_000,
        measure_id: PIECE,
        used: [(7, 120_000), (2, 30_000)],
    },
];
/// For how long the customer has had them.
const SINCE: Duration = Duration::days(20);

/// Gives a customer two packages, one that is whole again each month and one that is not, both used a little.
pub async fn furnish(
    connection: &mut PgConnection,
    customer: (TenantId, DomainId),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let from = now - SINCE;
    database::open_months(connection, from.date(), now.date()).await?;
    open(connection, customer, from).await?;
    for sample in &SAMPLES {
        for (days_ago, quantity) in sample.used {
            let then = now - Duration::days(days_ago);
            store::deduct(connection, customer, &usage(sample, quantity, then), then).await?;
        }
    }
    Ok(())
}

/// Gives a customer the same packages, whole.
pub async fn open(
    connection: &mut PgConnection,
    customer: (TenantId, DomainId),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    for sample in &SAMPLES {
        store::open(connection, customer.0, &package(sample, customer.1, now), now).await?;
    }
    Ok(())
}

fn package(sample: &Sample, owner: DomainId, from: OffsetDateTime) -> NewPackage {
    let item = NewItem {
        id: PackageItemId::new(from),
        resource_type: BUCKETS.to_owned(),
        usage_type: sample.usage_type.to_owned(),
        amount: quantity(sample.amount),
        measure_id: sample.measure_id,
    };
    NewPackage {
        id: PackageId::new(from),
        owner,
        order: None,
        product_id: sample.product.0.to_owned(),
        product_name: sample.product.1.to_owned(),
        service_type: "hws.service.type.obs".to_owned(),
        scope: Scope { region: REGION.to_owned(), ..Scope::default() },
        is_promotional: sample.is_promotional,
        bundle: Bundle::Atomic,
        reset: sample.reset,
        life: Span { from, until: from + Duration::days(sample.days) },
        items: vec![item],
    }
}

fn usage(sample: &Sample, used: i64, then: OffsetDateTime) -> Usage {
    Usage {
        resource_id: "demo-bucket".to_owned(),
        resource_tag: String::new(),
        resource_type: BUCKETS.to_owned(),
        usage_type: sample.usage_type.to_owned(),
        quantity: quantity(used),
        measure_id: sample.measure_id,
        region: REGION.to_owned(),
        enterprise_project: None,
        scenario: None,
        span: Span { from: then - Duration::HOUR, until: then },
    }
}

fn quantity(number: i64) -> Quantity {
    Quantity::try_from(Decimal::from(number)).expect("the samples are quantities")
}
