//! What several operations share.

use crate::values::text::texts;

texts! {
    /// The code of a province.
    ProvinceCode, 1..=64, "CN-13";
    /// The code of a city.
    CityCode, 1..=64, "CN-13-001";
}

/// A province, city or county.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    /// Its code.
    pub code: String,
    /// Its Chinese name; the vendor has no other.
    pub name: String,
}
