//! The folder that the server has for files: where they go without a bucket. A file appears there under its name once it is whole.

use super::refusal::Trouble;
use crate::exports::model::Holder;
use futures_util::{Stream, TryStreamExt};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tokio::fs;
use tokio::io::AsyncWriteExt;

/// Writes a file of these pieces.
pub async fn write(
    path: &Path,
    pieces: impl Stream<Item = sqlx::Result<Vec<u8>>>,
    holder: Holder,
) -> Result<(), Trouble> {
    let failed = |error: std::io::Error| {
        tracing::warn!(path = %path.display(), %error, "a file could not be written into the server's folder");
        Trouble::Store("the server's folder cannot be written".to_owned())
    };
    let begun = begun(path, holder);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).await.map_err(failed)?;
    }
    let mut file = fs::File::create(&begun).await.map_err(failed)?;
    let mut pieces = std::pin::pin!(pieces);
    while let Some(piece) = pieces.try_next().await? {
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.sync_all().await.map_err(failed)?;
    fs::rename(&begun, path).await.map_err(failed)
}

/// What it is called until it is whole; by each replica otherwise, since one may be late and still write.
fn begun(path: &Path, Holder(holder): Holder) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{}.part", holder.simple()));
    name.into()
}
