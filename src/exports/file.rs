//! A file as it is fetched: piece by piece, so that no more of it is in memory, however slowly it is read.

use super::model::Export;
use super::store;
use crate::database::Database;
use futures_util::Stream;
use futures_util::stream::try_unfold;

/// The pieces of a file that is whole. One that has gone meanwhile ends the stream badly.
pub fn stream(database: Database, export: &Export) -> impl Stream<Item = sqlx::Result<Vec<u8>>> + Send + use<> {
    let (tenant, id, pieces) = (export.request.account.0, export.id, export.pieces);
    try_unfold((database, 0), move |(database, number)| async move {
        if number == pieces {
            return Ok(None);
        }
        // No connection is held while a client reads.
        let mut connection = database.tenant(tenant).await?;
        let piece = store::piece(&mut connection, (tenant, id), number).await?;
        drop(connection);
        Ok(Some((piece.ok_or(sqlx::Error::RowNotFound)?, (database, number + 1))))
    })
}
