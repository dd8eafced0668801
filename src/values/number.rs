//! Whole numbers with a range, from a query text or from JSON.

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

/// A number from a query text or a JSON number; absent, null and the empty text are `None`, that is, the default.
pub fn whole_number<'de, D: Deserializer<'de>>(deserializer: D, min: u32, max: u32) -> Result<Option<u32>, D::Error> {
    struct Visitor(u32, u32);

    impl Visitor {
        fn in_range<E: de::Error>(&self, number: Option<u32>) -> Result<Option<u32>, E> {
            match number {
                Some(number) if (self.0..=self.1).contains(&number) => Ok(Some(number)),
                _ => Err(E::custom(format_args!("must be an integer from {} to {}", self.0, self.1))),
            }
        }
    }

    impl de::Visitor<'_> for Visitor {
        type Value = Option<u32>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "an integer from {} to {}", self.0, self.1)
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
            self.in_range(u32::try_from(number).ok())
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
            self.in_range(u32::try_from(number).ok())
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            // Rust would also take a sign.
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            if text.is_empty() { Ok(None) } else { self.in_range(text.parse().ok().filter(|_| digits)) }
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }

    deserializer.deserialize_any(Visitor(min, max))
}
