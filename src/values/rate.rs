//! How often something may happen.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// A limit and its window; `10/1` in the configuration is 10 calls in 1 second.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rate {
    /// Calls in one window.
    pub limit: NonZeroU32,
    /// Length of the window, in seconds.
    pub window_seconds: NonZeroU32,
}

impl Rate {
    /// `limit` calls each second.
    pub fn per_second(limit: u32) -> Self {
        let limit = NonZeroU32::new(limit).expect("a quota of zero would be no operation at all");
        Self { limit, window_seconds: NonZeroU32::MIN }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.limit, self.window_seconds)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rate = text.split_once('/').and_then(|(limit, window)| {
            Some(Self { limit: limit.trim().parse().ok()?, window_seconds: window.trim().parse().ok()? })
        });
        rate.ok_or_else(|| format!("`{text}` is no quota: write calls/seconds, for instance 10/1"))
    }
}
