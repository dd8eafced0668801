//! The dictionaries and the price book at one version, in memory.

use crate::pricing::memory::Pricing;
use crate::products::store::Products;
use crate::reference::store::Reference;
use sqlx::{Connection, PgConnection};

/// Announces that the version has changed.
pub const CHANNEL: &str = "bss_catalogue";

/// Everything at one version.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// Which version it is.
    pub version: i64,
    /// Administrative divisions and units.
    pub reference: Reference,
    /// Services, resources, usage types, specifications.
    pub products: Products,
    /// Prices and what limits discounts.
    pub pricing: Pricing,
}

impl Catalogue {
    /// Reads all of it, as it stood at one instant.
    pub async fn load(connection: &mut PgConnection) -> sqlx::Result<Self> {
        let mut transaction = connection.begin_with("begin isolation level repeatable read read only").await?;
        let version = version(&mut transaction).await?;
        let reference = Reference::load(&mut transaction).await?;
        let products = Products::load(&mut transaction).await?;
        let pricing = Pricing::load(&mut transaction, &products, &reference).await?;
        transaction.commit().await?;
        Ok(Self { version, reference, products, pricing })
    }
}

/// The version in the database.
pub async fn version(connection: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar!("select version from catalogue_version where only_row").fetch_one(connection).await
}

/// Loads the dictionaries that are part of this binary: rows that exist are brought to its state, none is removed.
pub async fn load_seed(connection: &mut PgConnection) -> sqlx::Result<()> {
    let mut transaction = connection.begin().await?;
    crate::reference::store::load_seed(&mut transaction).await?;
    crate::products::store::load_seed(&mut transaction).await?;
    announce(&mut transaction).await?;
    transaction.commit().await
}

/// Gives what this transaction changes a version, and tells every replica when it commits. Transactions that do this follow
/// each other.
pub async fn announce(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("update catalogue_version set version = version + 1").execute(&mut *connection).await?;
    sqlx::query!("select pg_notify($1, '')", CHANNEL).execute(connection).await?;
    Ok(())
}
