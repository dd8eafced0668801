//! The vendor runs two sites; most operations exist on both.

use serde::{Deserialize, Serialize};

/// Where an operation exists, or which site's operations a deployment serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Site {
    /// Both sites.
    #[default]
    Both,
    /// The Chinese site.
    Cn,
    /// The international site.
    Intl,
}

impl Site {
    /// Whether a deployment for `self` serves an operation marked `operation`.
    pub fn serves(self, operation: Self) -> bool {
        self == Self::Both || operation == Self::Both || self == operation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_serves_its_own_site_and_what_both_share() {
        assert!(Site::Both.serves(Site::Cn));
        assert!(Site::Cn.serves(Site::Both));
        assert!(Site::Cn.serves(Site::Cn));
        assert!(!Site::Intl.serves(Site::Cn));
    }
}
