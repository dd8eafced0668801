//! Sample prices and policies, for the sandbox and for tests: plausible, none of them the vendor's. A production system
//! starts with an empty book.

use super::import::{ImportError, import};
use super::store;
use sqlx::PgConnection;

const PRICES: &str = include_str!("prices.csv");
const INCENTIVES: &str = include_str!("incentives.csv");

/// Fills the book. The catalogue must be there.
pub async fn load(connection: &mut PgConnection) -> Result<(), ImportError> {
    store::put_incentives(connection, INCENTIVES).await?;
    import(connection, PRICES, false).await?;
    Ok(())
}
