//! What commands print. The macros of the standard library panic where nobody reads or a disk is full; these do not.

use std::io::{self, Write};

/// What was to be printed was not.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct NotPrinted(#[from] pub io::Error);

/// Writes to standard output, to the last byte.
pub fn print(text: &str) -> Result<(), NotPrinted> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    Ok(output.flush()?)
}

/// Writes a line to standard error. Where that cannot be read there is nobody left to tell.
pub fn complain(line: &str) {
    writeln!(io::stderr(), "{line}").ok();
}

/// Whether the reader of standard output went away, having read what it wanted: `… | head -1`.
pub fn has_no_reader(error: &anyhow::Error) -> bool {
    error.downcast_ref::<NotPrinted>().is_some_and(|error| error.0.kind() == io::ErrorKind::BrokenPipe)
}
