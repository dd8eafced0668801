//! Lists are answered in pages. Where one goes on is the key of the last row that was answered, as a text that clients only
//! hand back.

use crate::api::error::ApiError;
use crate::api::extract::refuse_nul;
use crate::api::page::Limit;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::IntoParams;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

const NOT_OURS: &str = "is not the next_cursor of an answer to this list";

/// Which part of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many to answer.
    #[serde(default)]
    #[param(inline)]
    pub limit: Limit<1000, 100>,
    /// Where to go on.
    #[param(inline)]
    pub cursor: Option<Cursor>,
}

/// The place behind a row.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// The place behind the row with this key.
    pub fn behind(key: &impl Serialize) -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).expect("a key is plain numbers and texts")))
    }

    /// The key.
    pub fn key<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let json = BASE64_URL_SAFE_NO_PAD.decode(&self.0).ok().filter(|json| refuse_nul(json).is_ok());
        let key = json.and_then(|json| serde_json::from_slice(&json).ok());
        key.ok_or_else(|| ApiError::parameter("cursor", NOT_OURS))
    }

    /// The key of a list whose rows are told apart by an instant, and by an id among those of one instant.
    pub fn moment<Id: DeserializeOwned>(&self) -> Result<(OffsetDateTime, Id), ApiError> {
        let (at, id): (i128, Id) = self.key()?;
        // The database knows fewer years before the first than we do.
        let at = OffsetDateTime::from_unix_timestamp_nanos(at).ok().filter(|at| at.year() > 0);
        Ok((at.ok_or_else(|| ApiError::parameter("cursor", NOT_OURS))?, id))
    }

    /// Like [`cut`](Self::cut), with an instant and an id as the key.
    pub fn cut_at_moment<R, Id: Serialize>(
        rows: &mut Vec<R>,
        limit: usize,
        key: impl Fn(&R) -> (OffsetDateTime, Id),
    ) -> Option<String> {
        Self::cut(rows, limit, |row| {
            let (at, id) = key(row);
            (at.unix_timestamp_nanos(), id)
        })
    }

    /// Keeps `limit` of `rows`, of which one more than that was asked for; where the list goes on, if it does.
    pub fn cut<R, K: Serialize>(rows: &mut Vec<R>, limit: usize, key: impl Fn(&R) -> K) -> Option<String> {
        let goes_on = rows.len() > limit;
        rows.truncate(limit);
        rows.last().filter(|_| goes_on).map(|last| Self::behind(&key(last)).0)
    }
}

impl utoipa::PartialSchema for Cursor {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .max_length(Some(512))
            .examples(["WzE3NjcyMjU2MDAwMDAwMDAsIjAxOTc4ZDZhIl0"])
            .into()
    }
}

impl utoipa::ToSchema for Cursor {}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;
    use uuid::Uuid;

    #[test]
    fn a_list_goes_on_behind_its_last_row_and_ends_without_a_cursor() {
        let mut rows = vec![1, 2, 3];
        let next = Cursor::cut(&mut rows, 2, |row| *row).expect("there is more");
        assert_eq!(rows, [1, 2]);
        assert_eq!(Cursor(next).key::<i32>().expect("it reads back"), 2);
        assert_eq!(Cursor::cut(&mut vec![3], 2, |row| *row), None);
        assert!(Cursor("nonsense".to_owned()).key::<i32>().is_err());
        assert!(Cursor::behind(&"\0").key::<String>().is_err(), "a NUL never reaches the database");
    }

    #[test]
    fn a_moment_keeps_all_of_its_digits_and_one_that_is_none_is_refused() {
        let row = (datetime!(2026-01-31 15:59:59.123456 UTC), Uuid::from_u128(7));
        let next = Cursor::cut_at_moment(&mut vec![row, row], 1, |row| *row).expect("there is more");
        assert_eq!(Cursor(next).moment().expect("it reads back"), row);
        for wrong in [serde_json::json!([i64::MAX, Uuid::nil(), 1]), serde_json::json!(["1", Uuid::nil()])] {
            assert!(Cursor::behind(&wrong).moment::<Uuid>().is_err(), "{wrong}");
        }
        for far in [i128::from(i64::MAX) * 1000, -70_000_000_000_000_000_000] {
            assert!(Cursor::behind(&(far, Uuid::nil())).moment::<Uuid>().is_err(), "{far}");
        }
    }
}
