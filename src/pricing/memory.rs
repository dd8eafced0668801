//! The price book and the policies that limit discounts, in memory.

use super::book::PriceBook;
use super::discounts::Incentives;
use super::store;
use crate::products::store::Products;
use crate::reference::store::Reference;
use sqlx::PgConnection;

/// What all customers' prices depend on.
#[derive(Debug, Default)]
pub struct Pricing {
    /// Prices.
    pub book: PriceBook,
    /// What limits discounts.
    pub incentives: Incentives,
}

impl Pricing {
    /// Reads the tables.
    pub async fn load(connection: &mut PgConnection, products: &Products, reference: &Reference) -> sqlx::Result<Self> {
        let rows = store::prices(connection).await?;
        let service_of = |resource_type: &str| products.resource(resource_type).service_type_code.clone();
        let conversions = reference.conversions.iter();
        let conversions = conversions.map(|row| (row.measure_id, row.ref_measure_id, row.conversion_ratio));
        Ok(Self {
            book: PriceBook::new(rows, service_of, conversions),
            incentives: store::incentives(connection).await?,
        })
    }
}
