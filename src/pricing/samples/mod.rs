//! Sample prices and policies, for the sandbox and for tests: plausible, none of them the vendor's. A production system
//! starts with an empty book.

use super::administration::{NewDiscount, Span, add_agreement, add_discount};
use super::discounts::{DiscountKind, Scope};
use super::import::import;
use super::model::Size;
use super::model::{Currency, Period, PeriodType};
use super::store;
use crate::identity;
use crate::seed;
use crate::sheet::ImportError;
use crate::subscriptions::model::{Subscription, SubscriptionState};
use crate::subscriptions::store as subscriptions;
use crate::values::id::{DomainId, TenantId};
use anyhow::{Context, anyhow};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

const PRICES: &str = include_str!("prices.csv");
const INCENTIVES: &str = include_str!("incentives.csv");
/// Where the sample resources are.
const REGION: &str = "cn-north-4";

/// Fills the book. The catalogue must be there.
pub async fn load(connection: &mut PgConnection) -> Result<(), ImportError> {
    store::put_incentives(connection, &seed::json(INCENTIVES)).await?;
    import(connection, PRICES, false).await?;
    Ok(())
}

/// Gives a customer what the renewal and the discount operations can be tried with: an agreement with a discount on
/// databases, and a server with a disk (its secondary) and an address (associated with it), paid for another month.
pub async fn furnish(
    connection: &mut PgConnection,
    customer: (TenantId, DomainId),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let text = |rule: String| anyhow!(rule);
    let span = Span { from: now - Duration::DAY, until: now + Duration::days(3650) };
    let code = "SANDBOX".to_owned().try_into().map_err(text)?;
    add_agreement(connection, customer, &code, span, now).await?;
    let databases = NewDiscount {
        kind: DiscountKind::Commercial,
        name: "Sandbox databases".to_owned().try_into().map_err(text)?,
        agreement: Some("SANDBOX".to_owned()),
        ratio: Decimal::new(85, 2),
        stacks: false,
        for_customers: false,
        scope: Scope { service_type: Some("hws.service.type.rds".to_owned()), ..Scope::default() },
        span: None,
    };
    add_discount(connection, customer, databases, now).await?;

    let projects = identity::store::projects(connection, customer.0, customer.1).await?;
    let project = projects.iter().find(|project| project.name == REGION).context("each account has every project")?;
    let parent = Some("demo-server".to_owned());
    for (id, kind, spec, size, is_main, parent_id) in [
        ("demo-server", "hws.resource.type.vm", "s6.large.2.linux", None, true, None),
        (
            "demo-disk",
            "hws.resource.type.volume",
            "SSD",
            Some(Size { size: 40, measure_id: 17 }),
            false,
            parent.clone(),
        ),
        ("demo-address", "hws.resource.type.ip", "5_bgp", None, true, parent),
    ] {
        let new = Subscription {
            resource_id: id.to_owned(),
            project_id: project.id.0,
            resource_type: kind.to_owned(),
            resource_spec: spec.to_owned(),
            region: REGION.to_owned(),
            size,
            currency: Currency::Cny,
            is_main,
            parent_id,
            period: Period { kind: PeriodType::Month, num: 1 },
            state: SubscriptionState::InUse,
            expires_at: now + Duration::days(30),
        };
        subscriptions::insert(connection, customer, &new, now).await?;
    }
    Ok(())
}
