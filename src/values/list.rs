//! Lists of a request, with a largest length.

use super::words::rule;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::{RefOr, Schema};

/// Up to `MAX` values: a JSON array; in a query the name repeated, or texts divided by commas.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> List<T, MAX> {
    /// The values.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: for<'any> Deserialize<'any>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = match Value::deserialize(deserializer)? {
            Value::Array(values) => values,
            Value::String(text) => vec![Value::String(text)],
            _ => return Err(de::Error::custom("must be a list")),
        };
        if values.len() > MAX {
            return Err(de::Error::custom(format_args!("must have at most {MAX} entries")));
        }
        let read = |(place, value)| {
            T::deserialize(value).map_err(|error: serde_json::Error| {
                de::Error::custom(format_args!("entry {place}: {}", rule(&error.to_string())))
            })
        };
        values.into_iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }
}

impl<T: utoipa::PartialSchema, const MAX: usize> utoipa::PartialSchema for List<T, MAX> {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new().items(T::schema()).max_items(Some(MAX)).into()
    }
}

impl<T: utoipa::PartialSchema, const MAX: usize> utoipa::ToSchema for List<T, MAX> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_largest_length_and_a_wrong_entry_is_named() {
        let read = |json: &str| serde_json::from_str::<List<u8, 2>>(json).map_err(|error| error.to_string());
        assert_eq!(read("[1,2]").map(|list| list.as_slice().to_vec()), Ok(vec![1, 2]));
        assert_eq!(read("[1,2,3]"), Err("must have at most 2 entries".to_owned()));
        assert!(read("[1,-2]").expect_err("it is none").starts_with("entry 1: "));
        assert_eq!(read("7"), Err("must be a list".to_owned()));
    }
}
