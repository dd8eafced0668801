//! Whole numbers, from a query text or from JSON.
//!
//! The vendor's clients write them as they like: `2`, `"2"`, `2.0`, `2e0`. All of these are read, everywhere.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Deserializer, de};
use std::fmt;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

/// A whole number from `MIN` to `MAX`; given without a value it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Number<MIN, MAX> {
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Number<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole_number(deserializer, MIN, MAX)?.map(Self).ok_or_else(|| de::Error::custom("must not be empty"))
    }
}

impl<const MIN: u32, const MAX: u32> utoipa::PartialSchema for Number<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        number_schema(MIN, MAX, None)
    }
}

impl<const MIN: u32, const MAX: u32> utoipa::ToSchema for Number<MIN, MAX> {}

/// The schema of a whole number.
pub fn number_schema(min: u32, max: u32, default: Option<u32>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Integer))
        .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::Int32)))
        .minimum(Some(min))
        .maximum(Some(max))
        .default(default.map(Into::into))
        .examples([default.unwrap_or(min)])
        .into()
}

/// Reads a field that is any number of its type: `#[serde(deserialize_with = "number::any")]`.
pub fn any<'de, D: Deserializer<'de>, T: TryFrom<i64>>(deserializer: D) -> Result<T, D::Error> {
    any_or_none(deserializer)?.ok_or_else(|| de::Error::custom("must not be empty"))
}

/// Like [`any`], of a field that may be absent (`#[serde(default)]` says so), null or empty.
pub fn any_or_none<'de, D: Deserializer<'de>, T: TryFrom<i64>>(deserializer: D) -> Result<Option<T>, D::Error> {
    match given(deserializer)? {
        Given::Nothing => Ok(None),
        Given::Number(number) => {
            let number = T::try_from(number).map_err(|_| de::Error::custom("is too large or too small"))?;
            Ok(Some(number))
        }
        Given::Other => Err(de::Error::custom("must be an integer")),
    }
}

/// A number of a range; absent, null and the empty text are `None`, that is, the default.
pub fn whole_number<'de, D: Deserializer<'de>>(deserializer: D, min: u32, max: u32) -> Result<Option<u32>, D::Error> {
    let number = match given(deserializer)? {
        Given::Nothing => return Ok(None),
        Given::Number(number) => u32::try_from(number).ok(),
        Given::Other => None,
    };
    let number = number.filter(|number| (min..=max).contains(number));
    number.map(Some).ok_or_else(|| de::Error::custom(format_args!("must be an integer from {min} to {max}")))
}

/// What stands where a whole number is meant.
pub enum Given {
    /// Null, or the empty text.
    Nothing,
    /// One.
    Number(i64),
    /// None.
    Other,
}

/// Reads whatever stands where a whole number is meant.
pub fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Given, D::Error> {
    struct Visitor;

    impl<'de> de::Visitor<'de> for Visitor {
        type Value = Given;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an integer")
        }

        fn visit_u64<E>(self, number: u64) -> Result<Given, E> {
            Ok(i64::try_from(number).map_or(Given::Other, Given::Number))
        }

        fn visit_i64<E>(self, number: i64) -> Result<Given, E> {
            Ok(Given::Number(number))
        }

        fn visit_f64<E>(self, number: f64) -> Result<Given, E> {
            Ok(Decimal::from_f64_retain(number).map_or(Given::Other, whole))
        }

        fn visit_str<E>(self, text: &str) -> Result<Given, E> {
            Ok(if text.is_empty() { Given::Nothing } else { parse(text) })
        }

        fn visit_unit<E>(self) -> Result<Given, E> {
            Ok(Given::Nothing)
        }

        fn visit_none<E>(self) -> Result<Given, E> {
            Ok(Given::Nothing)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Given, D::Error> {
            deserializer.deserialize_any(self)
        }
    }

    deserializer.deserialize_any(Visitor)
}

fn whole(number: Decimal) -> Given {
    if number.is_integer() { number.to_i64().map_or(Given::Other, Given::Number) } else { Given::Other }
}

/// JSON's own spellings, inside a text: no sign before a positive number, no spaces.
fn parse(text: &str) -> Given {
    let is_json = text.strip_prefix('-').unwrap_or(text).starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    match text.parse() {
        Ok(number) if is_json => Given::Number(number),
        _ if !is_json => Given::Other,
        _ if text.contains(['e', 'E']) => Decimal::from_scientific(text).map_or(Given::Other, whole),
        _ => text.parse().map_or(Given::Other, whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Fields {
        #[serde(deserialize_with = "any")]
        required: i32,
        #[serde(default, deserialize_with = "any_or_none")]
        optional: Option<u32>,
    }

    fn read(required: &str) -> Result<i32, String> {
        let fields = serde_json::from_str::<Fields>(&format!(r#"{{"required": {required}}}"#));
        fields.map(|fields| fields.required).map_err(|error| error.to_string())
    }

    #[test]
    fn a_number_is_read_however_it_is_written() {
        for written in ["2", "\"2\"", "2.0", "\"2.00\"", "2e0", "\"2e0\"", "0.2e1", "\"20E-1\""] {
            assert_eq!(read(written), Ok(2), "{written}");
        }
        assert_eq!((read("-1"), read("\"-1\"")), (Ok(-1), Ok(-1)));
    }

    #[test]
    fn what_is_no_whole_number_of_the_type_is_refused() {
        for written in ["2.5", "\"2.5\"", "\"two\"", "\"+2\"", "\" 2\"", "\"0x2\"", "1e400", "\"1e400\"", "\"1_0\""] {
            assert!(read(written).is_err(), "{written}");
        }
        assert!(read("3000000000").expect_err("no i32").contains("too large"));
        assert!(read("true").is_err() && read("[]").is_err() && read("{}").is_err());
        assert!(read("\"\"").expect_err("nothing").contains("must not be empty"));
    }

    #[test]
    fn an_optional_one_may_be_absent_null_or_empty() {
        for rest in ["", r#", "optional": null"#, r#", "optional": """#] {
            let fields: Fields = serde_json::from_str(&format!(r#"{{"required": 1{rest}}}"#)).expect("it is read");
            assert_eq!(fields.optional, None, "{rest}");
        }
    }
}
