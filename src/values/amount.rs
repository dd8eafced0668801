//! Money: exact from the wire to the disk and back. No float is in between, not even for a moment.
//!
//! The vendor writes amounts as JSON numbers in most operations and as texts in some; requests may use either. Arithmetic
//! is checked: an amount that would not fit is an error, never another amount.

use rust_decimal::{Decimal, MathematicalOps};
use serde::de;
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};
use serde_json::value::RawValue;
use std::fmt;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

/// The largest amount of one request; far above any real one, far below what a balance can hold.
const REQUEST_MAX: Decimal = Decimal::from_parts(1_874_919_423, 2_328_306, 0, false, 2);
/// Longest text of an amount.
const TEXT_MAX: usize = 40;

/// An amount in the unit of its currency, as a JSON number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Amount(Decimal);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// The number.
    pub fn decimal(self) -> Decimal {
        self.0
    }

    /// The sum, if it fits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, if it fits.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The other direction.
    #[must_use]
    pub fn negated(self) -> Self {
        Self(-self.0)
    }
}

impl From<Decimal> for Amount {
    fn from(decimal: Decimal) -> Self {
        Self(decimal)
    }
}

/// At least two decimals, more only where there are more.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.normalize();
        if shown.scale() < 2 {
            shown.rescale(2);
        }
        write!(f, "{shown}")
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.normalize().to_string();
        RawValue::from_string(text).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl utoipa::PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(SchemaType::Type(Type::Number)).examples([120.5]).into()
    }
}

impl utoipa::ToSchema for Amount {}

/// An amount in the unit of its currency, as a JSON text with at least two decimals.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AmountText(pub Amount);

impl Serialize for AmountText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl utoipa::PartialSchema for AmountText {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).examples(["120.50"]).into()
    }
}

impl utoipa::ToSchema for AmountText {}

/// What a request asks to move: above zero, at most two decimals; a JSON number or a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PositiveAmount(Amount);

impl PositiveAmount {
    /// The amount.
    pub fn get(self) -> Amount {
        self.0
    }
}

impl TryFrom<&str> for PositiveAmount {
    type Error = String;

    fn try_from(text: &str) -> Result<Self, String> {
        // Also of a number that no decimal holds, such as 1E400.
        let none = || format!("must be a number of at most {REQUEST_MAX} with at most 2 decimals");
        let decimal = parse(text).ok_or_else(none)?.normalize();
        if decimal <= Decimal::ZERO || decimal > REQUEST_MAX {
            return Err(format!("must be greater than 0 and at most {REQUEST_MAX}"));
        }
        if decimal.scale() > 2 {
            return Err("must have at most 2 decimals".to_owned());
        }
        Ok(Self(Amount(decimal)))
    }
}

/// Exactly what is written, or nothing: what does not fit is not rounded.
fn parse(text: &str) -> Option<Decimal> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let begins_well = text.trim_start_matches('-').starts_with(|first: char| first.is_ascii_digit());
    if text.len() > TEXT_MAX || !is_number || !begins_well {
        return None;
    }
    let Some((digits, exponent)) = text.split_once(['e', 'E']) else { return Decimal::from_str_exact(text).ok() };
    let (digits, exponent) = (Decimal::from_str_exact(digits).ok()?, exponent.parse::<i32>().ok()?);
    // Below a hundred decimals or above as many digits nothing is left that an amount could be.
    let factor = Decimal::TEN.checked_powu(u64::from(exponent.unsigned_abs()).min(100))?;
    if exponent < 0 {
        let quotient = digits.checked_div(factor)?;
        (quotient.checked_mul(factor)? == digits).then_some(quotient)
    } else {
        digits.checked_mul(factor)
    }
}

impl<'de> Deserialize<'de> for PositiveAmount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The number as it is written: reading it as a float would already lose digits.
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let text = match raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(text) => text,
            None if raw.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => raw,
            None => return Err(de::Error::custom("must be a number")),
        };
        Self::try_from(text).map_err(de::Error::custom)
    }
}

impl utoipa::PartialSchema for PositiveAmount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Number))
            .exclusive_minimum(Some(0))
            .examples([100.5])
            .into()
    }
}

impl utoipa::ToSchema for PositiveAmount {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::extract::parse_json;

    #[derive(Deserialize, Debug)]
    struct Request {
        amount: PositiveAmount,
    }

    fn read(written: &str) -> Result<String, String> {
        parse_json::<Request>(format!(r#"{{"amount":{written}}}"#).as_bytes())
            .map(|request| request.amount.get().to_string())
            .map_err(|error| error.message.into_owned())
    }

    #[test]
    fn what_is_written_is_what_is_meant_to_the_last_digit() {
        for (written, meant) in [
            ("0.1", "0.10"),
            ("1e2", "100.00"),
            ("1E+2", "100.00"),
            ("0.30", "0.30"),
            ("1.000", "1.00"),
            ("12.5e-1", "1.25"),
            ("99999999999999.99", "99999999999999.99"),
            ("\"12.34\"", "12.34"),
            ("\"0.01\"", "0.01"),
        ] {
            assert_eq!(read(written).as_deref(), Ok(meant), "{written}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_by_the_fields_name() {
        for written in [
            "-1",
            "0",
            "0.00",
            "1.001",
            "1E400",
            "1e-400",
            "1e-3",
            "100000000000000",
            "\"\"",
            "\"+1\"",
            "\".5\"",
            "\"1,5\"",
            "\"NaN\"",
            "\"0x10\"",
            "\" 1\"",
            "true",
            "null",
            "[1]",
            "{}",
            "\"1e99999999999\"",
            "\"--1\"",
            "\"1e\"",
        ] {
            let message = read(written).expect_err(written);
            assert!(message.starts_with("Parameter error. amount: must "), "{written}: {message}");
        }
        let too_much = read("1E400").expect_err("more than a decimal holds");
        assert!(too_much.contains("at most 99999999999999.99"), "{too_much}");
    }

    #[test]
    fn an_amount_is_written_without_noise() {
        let amount = |text: &str| Amount(text.parse().expect("a number"));
        assert_eq!(serde_json::to_string(&amount("120.50000000")).expect("written"), "120.5");
        assert_eq!(serde_json::to_string(&AmountText(amount("120.50000000"))).expect("written"), "\"120.50\"");
        assert_eq!(amount("0.12345678").to_string(), "0.12345678");
        assert_eq!(Amount::ZERO.to_string(), "0.00");
    }
}
