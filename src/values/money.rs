//! Currencies.

use serde::{Deserialize, Serialize};
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

/// `measure_id` of a currency's main unit.
pub const MAIN_UNIT: i32 = 1;
