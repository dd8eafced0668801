//! Truth values, from a query text or from JSON: `true`, `"true"`, `"True"`. Some clients quote them.

use serde::{Deserialize, Deserializer, de};

/// Reads a field: `#[serde(default, deserialize_with = "truth::value")]`. Null and the empty text are `false`.
pub fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    value_or_none(deserializer).map(Option::unwrap_or_default)
}

/// Reads a field that must be there.
pub fn required<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    value_or_none(deserializer)?.ok_or_else(|| de::Error::custom("must be true or false"))
}

/// Like [`value`], where it matters whether there is one.
pub fn value_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given<'a> {
        Truth(bool),
        #[serde(borrow)]
        Text(std::borrow::Cow<'a, str>),
        Nothing,
        Other(de::IgnoredAny),
    }

    match Given::deserialize(deserializer)? {
        Given::Truth(truth) => Ok(Some(truth)),
        Given::Nothing => Ok(None),
        Given::Text(text) if text.is_empty() => Ok(None),
        Given::Text(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Given::Text(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Given::Text(_) | Given::Other(_) => Err(de::Error::custom("must be true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truth_is_read_with_and_without_quotes() {
        #[derive(Deserialize)]
        struct Field {
            #[serde(default, deserialize_with = "value_or_none")]
            field: Option<bool>,
        }
        let read = |json: &str| serde_json::from_str::<Field>(json).map(|read| read.field).map_err(|e| e.to_string());
        for (json, expected) in [
            (r#"{"field": true}"#, Some(true)),
            (r#"{"field": "TRUE"}"#, Some(true)),
            (r#"{"field": "false"}"#, Some(false)),
            (r#"{"field": ""}"#, None),
            (r#"{"field": null}"#, None),
            ("{}", None),
        ] {
            assert_eq!(read(json), Ok(expected), "{json}");
        }
        for wrong in [r#"{"field": 1}"#, r#"{"field": "yes"}"#, r#"{"field": []}"#] {
            assert!(read(wrong).expect_err(wrong).contains("must be true or false"), "{wrong}");
        }
    }
}
