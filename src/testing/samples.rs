//! The sample prices on one database after the other: made of their sheets once, which takes seconds, then copied.

use crate::catalogue::memory::{self as catalogue, Catalogue};
use crate::pricing::samples;
use futures_util::TryStreamExt;
use sqlx::{Connection, PgConnection};
use std::sync::{Arc, OnceLock};

/// The tables that they lie in.
const TABLES: [&str; 2] = ["prices", "incentive_policies"];

/// What the first databases got. Two tests that come first at once both make them, which harms nothing.
static SAMPLES: OnceLock<Samples> = OnceLock::new();

struct Samples {
    /// The rows of each table, as COPY writes them.
    rows: Vec<Vec<u8>>,
    catalogue: Arc<Catalogue>,
}

/// Loads them into a database that has the catalogue and no prices; the catalogue with them.
pub async fn load(connection: &mut PgConnection) -> anyhow::Result<Arc<Catalogue>> {
    if let Some(samples) = SAMPLES.get() {
        samples.copy_to(connection).await?;
        return Ok(Arc::clone(&samples.catalogue));
    }
    samples::load(connection).await?;
    let catalogue = Arc::new(Catalogue::load(connection).await?);
    let mut rows = Vec::new();
    for table in TABLES {
        let chunks = connection.copy_out_raw(&format!("copy {table} to stdout (format binary)")).await?;
        rows.push(chunks.try_collect::<Vec<_>>().await?.concat());
    }
    SAMPLES.set(Samples { rows, catalogue: Arc::clone(&catalogue) }).ok();
    Ok(catalogue)
}

impl Samples {
    async fn copy_to(&self, connection: &mut PgConnection) -> anyhow::Result<()> {
        let mut transaction = connection.begin().await?;
        catalogue::announce(&mut transaction).await?;
        // What they refer to was checked when they were made of their sheets; row by row it takes longer than all the rest.
        sqlx::query("set local session_replication_role = replica").execute(&mut *transaction).await?;
        for (table, rows) in TABLES.iter().zip(&self.rows) {
            let mut copy = transaction.copy_in_raw(&format!("copy {table} from stdin (format binary)")).await?;
            copy.send(rows.as_slice()).await?;
            copy.finish().await?;
        }
        transaction.commit().await?;
        let version = catalogue::version(connection).await?;
        anyhow::ensure!(version == self.catalogue.version, "the databases of the tests are not born alike");
        Ok(())
    }
}
