//! Sample prices and policies, for the sandbox and for tests: plausible, none of them the vendor's. A production system
//! starts with an empty book.

use super::administration::{NewDiscount, Span, add_agreement, add_discount};
use super::discounts::{DiscountKind, Scope};
use super::import::import;
use super::store;
use crate::seed;
use crate::sheet::ImportError;
use crate::values::id::{DomainId, TenantId};
use anyhow::anyhow;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

const PRICES: &str = include_str!("prices.csv");
const INCENTIVES: &str = include_str!("incentives.csv");

/// Fills the book. The catalogue must be there.
pub async fn load(connection: &mut PgConnection) -> Result<(), ImportError> {
    store::put_incentives(connection, &seed::json(INCENTIVES)).await?;
    import(connection, PRICES, false).await?;
    Ok(())
}

/// Gives a customer what the discount operations can be tried with: an agreement with a discount on databases.
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
    Ok(())
}
