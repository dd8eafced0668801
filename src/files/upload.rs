//! A file's way into a bucket, part by part: what was brought is not brought again, whoever goes on.

use crate::database::Database;
use crate::exports::model::Export;
use crate::exports::store as exports;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, Result};
use serde::{Deserialize, Serialize};

/// How long a part is. Stores ask for 5 MiB at least, and some that all but the last are equally long.
pub const PART: usize = 8 * 1024 * 1024;

/// Where in a file's pieces something begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Place {
    /// The piece.
    piece: i32,
    /// How many of its bytes stand before it.
    skip: usize,
}

/// How far a file is that takes several parts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Progress {
    /// What the store calls the upload.
    pub id: String,
    /// What it calls the parts that it has.
    parts: Vec<String>,
    /// Where the next one begins.
    pub next: Place,
}

/// A part of a file.
#[derive(Debug)]
pub struct Part {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Where the next one begins; nothing behind the last.
    pub next: Option<Place>,
}

/// The part of a file that begins at a place. No connection is held once it is read.
pub async fn part(database: &Database, export: &Export, from: Place, length: usize) -> sqlx::Result<Part> {
    let (tenant, mut bytes) = (export.request.account.0, Vec::new());
    let Place { mut piece, mut skip } = from;
    while piece < export.pieces {
        let content = exports::piece(&mut *database.tenant(tenant).await?, (tenant, export.id), piece).await?;
        let content = content.ok_or(sqlx::Error::RowNotFound)?;
        let rest = content.get(skip..).unwrap_or_default();
        let missing = length - bytes.len();
        if rest.len() > missing {
            bytes.extend_from_slice(&rest[..missing]);
            return Ok(Part { bytes, next: Some(Place { piece, skip: skip + missing }) });
        }
        bytes.extend_from_slice(rest);
        (piece, skip) = (piece + 1, 0);
    }
    Ok(Part { bytes, next: None })
}

/// Brings the next part; how far the file is then, or nothing once all of it is there. One that is a single part is put as it is.
pub async fn step<S: ObjectStore + MultipartStore>(
    store: &S,
    path: &Path,
    progress: Option<Progress>,
    part: Part,
) -> Result<Option<Progress>> {
    let mut progress = match (progress, part.next) {
        (None, None) => {
            store.put(path, part.bytes.into()).await?;
            return Ok(None);
        }
        (None, Some(_)) => {
            let id = store.create_multipart(path).await?;
            Progress { id, parts: Vec::new(), next: Place::default() }
        }
        (Some(progress), _) => progress,
    };
    let brought = store.put_part(path, &progress.id, progress.parts.len(), part.bytes.into()).await?;
    progress.parts.push(brought.content_id);
    if let Some(next) = part.next {
        return Ok(Some(Progress { next, ..progress }));
    }
    let parts = progress.parts.into_iter().map(|content_id| PartId { content_id }).collect();
    store.complete_multipart(path, &progress.id, parts).await?;
    Ok(None)
}
