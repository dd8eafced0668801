//! `offset` and `limit`: which part of a list is answered.

use crate::values::number::{number_schema, whole_number};
use serde::{Deserialize, Deserializer, de};
use utoipa::openapi::{RefOr, Schema};

/// How many records are answered at most. A limit without a value is the default where `MAY_BE_EMPTY`, else refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit<const MAX: u32, const DEFAULT: u32 = 10, const MAY_BE_EMPTY: bool = true>(u32);

impl<const MAX: u32, const DEFAULT: u32, const MAY_BE_EMPTY: bool> Limit<MAX, DEFAULT, MAY_BE_EMPTY> {
    /// The number.
    pub fn get(self) -> usize {
        self.0 as usize
    }
}

impl<const MAX: u32, const DEFAULT: u32, const MAY_BE_EMPTY: bool> Default for Limit<MAX, DEFAULT, MAY_BE_EMPTY> {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl<'de, const MAX: u32, const DEFAULT: u32, const MAY_BE_EMPTY: bool> Deserialize<'de>
    for Limit<MAX, DEFAULT, MAY_BE_EMPTY>
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match whole_number(deserializer, 1, MAX)? {
            Some(number) => Ok(Self(number)),
            None if MAY_BE_EMPTY => Ok(Self::default()),
            None => Err(de::Error::custom("must not be empty")),
        }
    }
}

impl<const MAX: u32, const DEFAULT: u32, const MAY_BE_EMPTY: bool> utoipa::PartialSchema
    for Limit<MAX, DEFAULT, MAY_BE_EMPTY>
{
    fn schema() -> RefOr<Schema> {
        number_schema(1, MAX, Some(DEFAULT))
    }
}

impl<const MAX: u32, const DEFAULT: u32, const MAY_BE_EMPTY: bool> utoipa::ToSchema
    for Limit<MAX, DEFAULT, MAY_BE_EMPTY>
{
}

/// How many records are skipped. Without a value it is 0 where `MAY_BE_EMPTY`, else refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offset<const MAY_BE_EMPTY: bool = true>(u32);

const OFFSET_MAX: u32 = i32::MAX.unsigned_abs();

impl<const MAY_BE_EMPTY: bool> Offset<MAY_BE_EMPTY> {
    /// The number.
    pub fn get(self) -> usize {
        self.0 as usize
    }
}

impl<'de, const MAY_BE_EMPTY: bool> Deserialize<'de> for Offset<MAY_BE_EMPTY> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match whole_number(deserializer, 0, OFFSET_MAX)? {
            Some(number) => Ok(Self(number)),
            None if MAY_BE_EMPTY => Ok(Self::default()),
            None => Err(de::Error::custom("must not be empty")),
        }
    }
}

impl<const MAY_BE_EMPTY: bool> utoipa::PartialSchema for Offset<MAY_BE_EMPTY> {
    fn schema() -> RefOr<Schema> {
        number_schema(0, OFFSET_MAX, Some(0))
    }
}

impl<const MAY_BE_EMPTY: bool> utoipa::ToSchema for Offset<MAY_BE_EMPTY> {}

/// A page of a list whose length is known, read from whichever end is nearer: so the last page costs what the first does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whether it is read from the end; its rows come in the reverse order then.
    pub is_from_the_end: bool,
    /// How many rows are skipped there.
    pub skipped: i64,
    /// How many are read.
    pub read: i64,
}

impl Part {
    /// The page that begins at `offset`; nothing if the list ends before.
    pub fn of(total: i64, offset: usize, limit: usize) -> Option<Self> {
        let offset = i64::try_from(offset).ok().filter(|offset| *offset < total)?;
        let read = i64::try_from(limit).unwrap_or(i64::MAX).min(total - offset);
        let behind = total - offset - read;
        Some(if behind < offset {
            Self { is_from_the_end: true, skipped: behind, read }
        } else {
            Self { is_from_the_end: false, skipped: offset, read }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::extract::{parse_json, parse_query};

    #[derive(Deserialize, Debug)]
    struct Page {
        #[serde(default)]
        limit: Limit<1000>,
        #[serde(default)]
        offset: Offset,
    }

    #[test]
    fn absent_empty_and_null_take_the_default() {
        for page in [parse_query::<Page>(""), parse_query("limit=&offset="), parse_json(br#"{"limit":null}"#)] {
            let page = page.expect("it is read");
            assert_eq!((page.limit.get(), page.offset.get()), (10, 0));
        }
    }

    #[test]
    fn the_range_is_kept_and_named() {
        for query in [
            "limit=0",
            "limit=1001",
            "limit=-1",
            "limit=1.5",
            "limit=+5",
            "limit=ten",
            "limit=99999999999",
            "offset=-1",
        ] {
            let refusal = parse_query::<Page>(query).expect_err(query);
            let field = query.split('=').next().expect("the query has a name");
            assert!(
                refusal.message.starts_with(&format!("Parameter error. {field}: must be an integer from")),
                "{query}"
            );
        }
        assert_eq!(parse_query::<Page>("limit=1000").expect("the bound is inside").limit.get(), 1000);
    }

    #[test]
    fn some_parameters_refuse_the_empty_text() {
        #[derive(Deserialize, Debug)]
        struct Strict {
            #[serde(rename = "limit")]
            _limit: Limit<1000, 10, false>,
        }
        assert!(parse_query::<Strict>("limit=").is_err());
    }

    #[test]
    fn a_page_is_read_from_the_nearer_end() {
        let part = |offset, limit| Part::of(95, offset, limit);
        let from = |is_from_the_end, skipped, read| Some(Part { is_from_the_end, skipped, read });
        assert_eq!(part(0, 10), from(false, 0, 10));
        assert_eq!(part(40, 10), from(false, 40, 10));
        assert_eq!(part(50, 10), from(true, 35, 10));
        assert_eq!(part(90, 10), from(true, 0, 5));
        assert_eq!(part(0, 100), from(false, 0, 95));
        assert_eq!((part(95, 10), part(usize::MAX, 10)), (None, None));
    }
}
