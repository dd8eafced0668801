//! Filters of lists: what a parameter means that is absent, empty or null. The vendor says it parameter by parameter.
//!
//! A filter names its readings in its type: `Filter<CouponIdText, Refused, Taken>` is refused when empty, and null is a value
//! like any other. Absent is always "no filter". In a query "empty" is `name=` and "null" is the word `null`; the vendor's
//! texts also tell a parameter without a value from an empty text, which a query cannot, so what they say of the empty text
//! counts where they say it, and else what they say of no value.

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use std::marker::PhantomData;
use utoipa::openapi::{RefOr, Schema};

/// How an empty or null parameter, or one of an unknown value, is read.
pub trait Reading {
    /// The way.
    const WAY: Way;
}

/// The ways of reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// No filter.
    Ignore,
    /// A value like any other: usually nothing has it.
    Take,
    /// 400 `CBC.0100`.
    Refuse,
}

macro_rules! readings {
    ($($(#[$doc:meta])+ $name:ident: $way:ident;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        impl Reading for $name {
            const WAY: Way = Way::$way;
        }
    )+};
}

readings! {
    /// It is no filter.
    Ignored: Ignore;
    /// It is a value like any other.
    Taken: Take;
    /// It is refused.
    Refused: Refuse;
}

/// A filter; `Empty`, `Null` and `Unknown` say how the empty value, null, and what is no value of the type are read.
#[derive(Clone, Debug)]
pub struct Filter<T, Empty = Ignored, Null = Ignored, Unknown = Refused> {
    wanted: Option<T>,
    readings: PhantomData<(Empty, Null, Unknown)>,
}

impl<T, Empty, Null, Unknown> Filter<T, Empty, Null, Unknown> {
    /// What is asked for; nothing where it does not filter.
    pub fn wanted(&self) -> Option<&T> {
        self.wanted.as_ref()
    }
}

impl<T, Empty, Null, Unknown> Default for Filter<T, Empty, Null, Unknown> {
    fn default() -> Self {
        Self { wanted: None, readings: PhantomData }
    }
}

impl<'de, T, Empty, Null, Unknown> Deserialize<'de> for Filter<T, Empty, Null, Unknown>
where
    T: for<'any> Deserialize<'any>,
    Empty: Reading,
    Null: Reading,
    Unknown: Reading,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let (way, what) = match &value {
            Value::Null => (Null::WAY, "null"),
            Value::String(text) if text == "null" => (Null::WAY, "null"),
            Value::String(text) if text.is_empty() => (Empty::WAY, "empty"),
            Value::Array(values) if values.is_empty() => (Empty::WAY, "empty"),
            _ => (Way::Take, ""),
        };
        match way {
            Way::Ignore => return Ok(Self::default()),
            Way::Refuse => return Err(de::Error::custom(format_args!("must not be {what}"))),
            Way::Take => {}
        }
        let value = if value.is_null() { Value::from("null") } else { value };
        match T::deserialize(value) {
            Ok(wanted) => Ok(Self { wanted: Some(wanted), readings: PhantomData }),
            Err(_) if Unknown::WAY == Way::Ignore => Ok(Self::default()),
            Err(error) => Err(de::Error::custom(error)),
        }
    }
}

impl<T: utoipa::PartialSchema, Empty, Null, Unknown> utoipa::PartialSchema for Filter<T, Empty, Null, Unknown> {
    fn schema() -> RefOr<Schema> {
        T::schema()
    }
}

impl<T: utoipa::PartialSchema, Empty, Null, Unknown> utoipa::ToSchema for Filter<T, Empty, Null, Unknown> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::extract::{parse_json, parse_query};
    use crate::values::list::List;

    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Query {
        ignored: Filter<String>,
        taken: Filter<String, Taken, Taken>,
        refused: Filter<u8, Refused, Refused>,
        known: Filter<bool, Ignored, Ignored, Ignored>,
        list: Filter<List<String, 2>, Taken, Ignored>,
    }

    fn refusal(outcome: Result<Query, crate::api::error::ApiError>) -> String {
        outcome.err().expect("it is refused").message.into_owned()
    }

    #[test]
    fn absent_is_no_filter() {
        let query = parse_query::<Query>("").expect("it is read");
        assert!(query.ignored.wanted().is_none() && query.taken.wanted().is_none());
        assert!(query.refused.wanted().is_none() && query.list.wanted().is_none());
    }

    #[test]
    fn a_query_and_a_body_are_read_alike() {
        for (body, query, taken) in [
            (r#"{"ignored":"","taken":"","known":7}"#, "ignored=&taken=&known=7", ""),
            (r#"{"ignored":null,"taken":null}"#, "ignored=null&taken=null", "null"),
        ] {
            for read in [parse_json::<Query>(body.as_bytes()), parse_query(query)] {
                let read = read.expect("it is read");
                assert!(read.ignored.wanted().is_none() && read.known.wanted().is_none(), "{query}");
                assert_eq!(read.taken.wanted().map(String::as_str), Some(taken));
            }
        }
        let list = parse_json::<Query>(br#"{"list":[]}"#).expect("it is read").list;
        assert_eq!(list.wanted().map(List::as_slice), Some([].as_slice()));
    }

    #[test]
    fn what_is_refused_is_named() {
        assert_eq!(refusal(parse_query("refused=")), "Parameter error. refused: must not be empty.");
        assert!(refusal(parse_json(br#"{"refused":null}"#)).starts_with("Parameter error. refused: must not be null"));
        assert!(refusal(parse_query("refused=x")).starts_with("Parameter error. refused: "));
    }
}
