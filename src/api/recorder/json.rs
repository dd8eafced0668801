//! JSON taken apart as it stands: the order of fields and the digits of numbers stay as they came.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// What lies deeper is not looked at.
pub const DEPTH_MAX: usize = 64;

/// A value, one level deep.
pub enum Node<'a> {
    /// Fields, in their order; a name may repeat.
    Object(Vec<(String, &'a RawValue)>),
    /// Elements.
    Array(Vec<&'a RawValue>),
    /// A text.
    Text(String),
    /// A number, a truth value or null, as it is written.
    Plain(&'a str),
}

impl<'a> Node<'a> {
    /// One level of a value.
    pub fn of(value: &'a RawValue) -> Self {
        let text = value.get();
        let taken_apart = match text.as_bytes().first() {
            Some(b'{') => serde_json::Deserializer::from_str(text).deserialize_map(Pairs).map(Self::Object).ok(),
            Some(b'[') => serde_json::from_str(text).map(Self::Array).ok(),
            Some(b'"') => serde_json::from_str(text).map(Self::Text).ok(),
            _ => None,
        };
        // A text with half a surrogate, for instance, is well-formed and yet no text.
        taken_apart.unwrap_or(Self::Plain(text))
    }
}

/// Writes a text as JSON does.
pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("every text can be written as JSON")
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}
