//! Decimal numbers as JSON writes them, digit by digit: never through a binary fraction, not even between two conversions.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;
use std::borrow::Cow;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

/// A decimal number: a JSON number out, a JSON number or its text in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WireDecimal(pub Decimal);

/// Reads plain and scientific notation; `None` where it is no number, or one with more than 28 digits.
pub fn parse_decimal(text: &str) -> Option<Decimal> {
    // The library also takes `_` between digits.
    if !text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
        return None;
    }
    if text.contains(['e', 'E']) { Decimal::from_scientific(text).ok() } else { Decimal::from_str_exact(text).ok() }
}

/// Without zeros at its end, as the vendor writes amounts: `0.5`, `100`.
pub fn plain(number: Decimal) -> String {
    number.normalize().to_string()
}

impl<'de> Deserialize<'de> for WireDecimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = match raw.get().strip_prefix('"') {
            Some(_) => serde_json::from_str(raw.get()).map(Cow::Owned).map_err(de::Error::custom)?,
            None => Cow::<str>::Borrowed(raw.get()),
        };
        parse_decimal(&text).map(Self).ok_or_else(|| de::Error::custom("must be a decimal number of at most 28 digits"))
    }
}

impl Serialize for WireDecimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(plain(self.0)).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl utoipa::PartialSchema for WireDecimal {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(SchemaType::Type(Type::Number)).examples([serde_json::json!(12.34)]).into()
    }
}

impl utoipa::ToSchema for WireDecimal {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::extract::parse_json;

    #[derive(Serialize, Deserialize, Debug)]
    struct Body {
        value: WireDecimal,
    }

    #[test]
    fn numbers_and_texts_are_read_and_written_digit_by_digit() {
        for (body, written) in [
            (r#"{"value":0.1234567890123456789}"#, r#"{"value":0.1234567890123456789}"#),
            (r#"{"value":"12.30"}"#, r#"{"value":12.3}"#),
            (r#"{"value":1e3}"#, r#"{"value":1000}"#),
            (r#"{"value":-0.0}"#, r#"{"value":0}"#),
            (r#"{"value":79228162514264337593543950335}"#, r#"{"value":79228162514264337593543950335}"#),
        ] {
            let read: Body = parse_json(body.as_bytes()).expect(body);
            assert_eq!(serde_json::to_string(&read).expect("it is written"), written);
        }
    }

    #[test]
    fn what_is_no_decimal_number_is_refused_by_name() {
        for body in ["true", "null", "[1]", "{}", r#""""#, r#""1_000""#, r#""ten""#, "1e40", r#""NaN""#] {
            let refusal = parse_json::<Body>(format!(r#"{{"value":{body}}}"#).as_bytes()).expect_err(body);
            assert!(refusal.message.starts_with("Parameter error. value: must be a decimal"), "{}", refusal.message);
        }
    }
}
