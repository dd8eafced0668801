//! What the commands of operators read alike: texts, instants, currencies, files.

use crate::values::money::Currency;
use crate::values::time::parse_instant;
use anyhow::Context;
use std::io::Read;
use std::path::Path;
use time::OffsetDateTime;

/// A text of the command line by its type's rule.
pub fn given<T: TryFrom<String, Error = String>>(text: &str) -> Result<T, String> {
    T::try_from(text.to_owned())
}

/// An instant of the command line.
pub fn instant(text: &str) -> Result<OffsetDateTime, String> {
    parse_instant(text).ok_or_else(|| "must look like 2026-01-31T16:00:00Z".to_owned())
}

/// A currency of the command line.
pub fn currency(text: &str) -> Result<Currency, String> {
    Currency::ALL.into_iter().find(|known| known.code() == text).ok_or_else(|| "must be CNY or USD".to_owned())
}

/// What a file holds, or standard input where it is `-`.
pub fn contents(file: &Path) -> anyhow::Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("reading standard input")?;
        return Ok(text);
    }
    Ok(fs_err::read_to_string(file)?)
}
