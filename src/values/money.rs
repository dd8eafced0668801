//! Currencies.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// A currency.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize, sqlx::Type, ToSchema,
)]
#[serde(rename_all = "UPPERCASE")]
#[sqlx(type_name = "text", rename_all = "UPPERCASE")]
#[schema(example = "CNY")]
pub enum Currency {
    /// The yuan.
    #[default]
    Cny,
    /// The dollar.
    Usd,
}

impl Currency {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Cny, Self::Usd];

    /// Its ISO 4217 code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Cny => "CNY",
            Self::Usd => "USD",
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// `measure_id` of a currency's main unit.
pub const MAIN_UNIT: i32 = 1;
